"""How a stream is cut never changes what the simulated broker tells, honest or hostile."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_tui.adapters.sim_broker import SimBroker
from orderflow_tui.adapters.sim_broker_faults import Fault, SimFaults
from orderflow_tui.adapters.sim_broker_orders import FillRules
from orderflow_tui.domain.account import AccountReport
from orderflow_tui.domain.action import Action, Cancel, Send
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.market import NO_PRICE, Depth, Quote, Trades, trades_of
from orderflow_tui.domain.order import Commission, Fill, OrderType, Side
from orderflow_tui.domain.watch import NEVER, Watch
from orderflow_tui.driver import Driver
from orderflow_tui.ports import NotSent
from tests.adapters.test_sim_broker import MS, PARITY
from tests.contract.broker_contract import ES, MES, bracket

EVERYTHING = SimFaults(**{kind.value: 0.12 for kind in Fault}, longest_delay_ns=30 * MS)


class EveryFewTrades:
    """A core that enters on a price band, cancels on a timer, and writes down everything it is told."""

    def __init__(self, period_ns: int) -> None:
        self.period_ns = period_ns
        self.due_ns = period_ns
        self.number = 1
        self.log: list[Event] = []
        self.live: list[str] = []

    @property
    def watch(self) -> Watch:
        return Watch(due_ns=self.due_ns)

    def on(self, event: Event) -> list[Action]:
        if isinstance(event, Trades | Quote | Depth):
            return []
        if not hasattr(event, "order_id") and not isinstance(event, Commission | AccountReport):
            return self._timer()
        self.log.append(event)
        return []

    def _timer(self) -> list[Action]:
        self.due_ns += self.period_ns
        if self.live and self.number % 5 == 0:
            cancelled, self.live = tuple(self.live), []
            self.number += 1
            return [Cancel(cancelled)]
        side = Side.BUY if self.number % 2 else Side.SELL
        orders = bracket(self.number, side, 1 + self.number % 3, None, 20_000 - 6 * side, 20_000 + 8 * side)
        if self.number % 3 == 0:
            orders = (replace(orders[0], type=OrderType.LIMIT, limit_ticks=20_000 - side), *orders[1:])
        self.number += 4
        self.live = [o.id for o in orders]
        return [Send(orders)]


def run(block: Trades, cuts: Sequence[int], seed: int | None, rules: FillRules) -> list[Event]:
    faults = SimFaults() if seed is None else EVERYTHING
    broker = SimBroker([ES, MES], "ES", rules=rules, faults=faults, rng=None if seed is None else Random(seed))
    core = EveryFewTrades(7 * MS)

    def act(actions: Sequence[Action]) -> list[Event]:
        for action in actions:
            now = core.due_ns - core.period_ns
            with suppress(NotSent):
                if isinstance(action, Send):
                    broker.send(action.orders, now)
                elif isinstance(action, Cancel):
                    broker.cancel(action.order_ids, now)
                    broker.ask_report(now)
        return []

    driver = Driver(core, act, broker)
    edges = [0, *sorted(set(cuts)), len(block)]
    for a, b in pairwise(edges):
        if a < b:
            driver.step(block.cut(a, b))
    truth = broker.truth()
    booked = sum(f.side * f.quantity for f in truth.fills)
    assert dict(truth.positions).get("MES", 0) == booked
    return core.log


@st.composite
def tapes(draw: st.DrawFn) -> tuple[Trades, list[int]]:
    count = draw(st.integers(30, 250))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    stamps = np.cumsum(rng.integers(0, 4, count) * MS // draw(st.sampled_from([1, 2])))
    price = 20_000 + np.cumsum(rng.integers(-3, 4, count))
    bid: list[int] | None = None
    ask: list[int] | None = None
    if draw(st.booleans()):
        gone = rng.random(count) < 0.1
        bid, ask = np.where(gone, NO_PRICE, price - 1).tolist(), np.where(gone, NO_PRICE, price + 1).tolist()
    cuts = draw(st.lists(st.integers(1, count - 1), max_size=25))
    return trades_of("ES", stamps, price, np.ones(count), np.zeros(count), bid=bid, ask=ask), cuts


@settings(max_examples=100, deadline=None)
@given(tapes(), st.one_of(st.none(), st.integers(0, 50)), st.sampled_from([PARITY, FillRules(2 * MS), FillRules(5 * MS, 2)]))
def test_any_cutting_gives_the_same_reports(tape: tuple[Trades, list[int]], seed: int | None, rules: FillRules) -> None:
    block, cuts = tape
    whole = run(block, [], seed, rules)
    assert run(block, cuts, seed, rules) == whole
    assert run(block, range(1, len(block)), seed, rules) == whole


def test_the_cutting_property_really_exercises_fills() -> None:
    rng = np.random.default_rng(3)
    price = 20_000 + np.cumsum(rng.integers(-3, 4, 400))
    block = trades_of("ES", np.arange(400) * MS, price, np.ones(400), np.zeros(400))
    log = run(block, [], 1, FillRules(2 * MS))
    assert {o.order_id[-1] for o in log if isinstance(o, Fill) and o.order_id} == {"E", "S", "T"}


def test_an_idle_broker_never_cuts_a_block() -> None:
    assert SimBroker([ES, MES], "ES").watch == Watch(due_ns=NEVER)
