"""The market of the simulation: it trades on while the feed says nothing, and locked it has nobody for one side."""

from __future__ import annotations

import itertools
from random import Random

from orderflow_tui.domain.market import NO_PRICE
from orderflow_tui.domain.order import Side
from orderflow_tui.domain.session import SECOND_NS
from tests.simulation.faults import Dose, Plan
from tests.simulation.house import setting
from tests.simulation.market import Market
from tests.simulation.run import run_plan


def market() -> Market:
    house = setting(3)
    return Market(Random(3), house.table, house.start_ns, 1.0, 3.0)


def test_a_silent_feed_does_not_stop_the_market() -> None:
    tape = market()
    begin_ns, before = tape.next_ns, tape.price
    tape.mood.silent_ns = begin_ns + 20 * SECOND_NS
    (untold, first), (told, second) = tape.blocks(begin_ns + 40 * SECOND_NS)
    assert (first, second) == (False, True)
    assert int(untold.ts_ns[-1]) < tape.mood.silent_ns <= int(told.ts_ns[0])
    assert len({*untold.price.tolist()}) > 1
    assert tape.price != before


def test_what_fills_while_the_feed_is_silent_is_told() -> None:
    silent_s, filled = 20.0, 0
    for seed in range(20):
        lines = run_plan(Plan(seed, (Dose("feed_silence", 4.0),)), keep=True).lines
        times = [(float(line.split()[0]), line) for line in lines]
        trades = [at_s for at_s, line in times if " trades " in line]
        gaps = [(a, b) for a, b in itertools.pairwise(trades) if 5.0 < b - a < silent_s * 2]
        filled += sum(" Fill(" in line and any(a < at_s < b for a, b in gaps) for at_s, line in times)
    assert filled


def test_a_locked_market_prints_one_price_and_quotes_one_side() -> None:
    tape = market()
    tape.mood.locked = Side.BUY
    ((block, told),) = tape.blocks(tape.next_ns + 20 * SECOND_NS)
    assert told
    assert {*block.price.tolist()} == {tape.price}
    assert {*block.aggressor.tolist()} == {Side.SELL}
    assert block.ask is not None
    assert {*block.ask.tolist()} == {NO_PRICE}
