"""After a day of corrections, busts and deaths the journal's newest word on each trade is the ledger's, and a replay's too."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from orderflow_tui.domain.action import Row
from orderflow_tui.trading.floor import Floor
from orderflow_tui.trading.replay import replay
from orderflow_tui.trading.trade import RoundTrip, trip_of
from tests.simulation import chaos, people
from tests.simulation.faults import Dose, Plan
from tests.simulation.world import World

SEEDS = range(24)
WRONG = ("exec_corrected", "exec_busted", "crash", "crash_torn_tail", "disk_full", "hand_trade", "link_drop")


def told(rows: list[Row]) -> Mapping[str, RoundTrip | None]:
    """By trade, None where it is said to be gone."""
    return {row.ref: trip_of(row) for row in rows if row.kind == "trade"}


@pytest.mark.parametrize("wrong", [WRONG, WRONG[:2], ()], ids=["with deaths", "without", "honest"])
def test_the_trade_journal_says_what_the_executions_say(wrong: tuple[str, ...]) -> None:
    trades = gone = again = 0
    for seed in SEEDS:
        world = World(Plan(seed, tuple(Dose(kind, 0.3 if kind in WRONG[:2] else 1.5) for kind in wrong)))
        outcome = world.run(people.schedule, chaos.schedule)
        assert outcome.failure is None, f"seed {seed}: {outcome.failure}"
        floor, said = world.oracle.floor, told(world.disk.rows)
        day = floor.ledger.trade_date
        held = {trip.id: trip for trip in floor.ledger.trips}
        assert {name: trip for name, trip in said.items() if trip is not None and trip.trade_date == day} == held, f"seed {seed}"
        next_one = Floor(floor.params, floor.instruments, floor.execution, floor.account, floor.install, floor.tiered)
        replay(next_one, world.disk.rows)
        if next_one.ledger.trade_date == day:  # a day that began without a row is not known yet
            assert next_one.ledger.trips == floor.ledger.trips, f"seed {seed}"
        trades += len(held)
        gone += sum(trip is None for trip in said.values())
        again += sum(row.kind == "trade" for row in world.disk.rows) - len(said)
    assert trades
    assert bool(gone) is bool(again) is bool(wrong), "and that it has something to say"
