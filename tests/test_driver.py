"""The loop: a watch met exactly, whatever the cutting; simultaneous things in their order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_tui.domain.action import Action
from orderflow_tui.domain.event import ClockTick, Event, HouseHealth
from orderflow_tui.domain.market import Depth, Quote, Trades, trades_of
from orderflow_tui.domain.order import Commission
from orderflow_tui.domain.watch import NEVER, GiveBack, Watch, merge
from orderflow_tui.driver import Driver, horizon


def block(prices: Sequence[int], stamps: Sequence[int] | None = None, sizes: Sequence[int] | None = None) -> Trades:
    n = len(prices)
    return trades_of("ES", stamps or list(range(n)), prices, sizes or [1] * n, [1] * n)


def test_a_piece_ends_with_the_trade_that_touches_the_band() -> None:
    assert horizon(Watch(below=98), block([100, 99, 98, 97]), 0) == 3
    assert horizon(Watch(above=101), block([100, 99, 101, 97]), 0) == 3
    assert horizon(Watch(), block([100, 99, 101, 97]), 1) == 3


def test_a_due_time_comes_before_the_trade_of_the_same_instant() -> None:
    tape = block([1, 2, 3, 4], [10, 20, 20, 30])
    assert horizon(Watch(due_ns=20), tape, 0) == 1
    assert horizon(Watch(due_ns=20), tape, 1) == 0
    assert horizon(Watch(due_ns=10), tape, 0) == 0


def test_every_wakes_on_the_next_trade_but_not_before_a_timer() -> None:
    tape = block([1, 2, 3], [10, 20, 30])
    assert horizon(Watch(every=True), tape, 1) == 1
    assert horizon(Watch(every=True, due_ns=20), tape, 1) == 0


def test_volume_wakes_on_the_crossing_trade() -> None:
    tape = block([1, 1, 1, 1], sizes=[4, 5, 8, 2])
    assert horizon(Watch(volume=10), tape, 0) == 3
    assert horizon(Watch(volume=9), tape, 0) == 2


def test_a_give_back_counts_from_the_running_best() -> None:
    tape = block([100, 105, 103, 101, 99])
    assert horizon(Watch(give_back=(GiveBack(1, 100, 4),)), tape, 0) == 4
    assert horizon(Watch(give_back=(GiveBack(-1, -100, 4),)), tape, 0) == 2


def brute_force(watch: Watch, tape: Trades, start: int) -> int:
    bests = [g.best for g in watch.give_back]
    traded = 0
    for k in range(start, len(tape)):
        if int(tape.ts_ns[k]) >= watch.due_ns:
            return k - start
        price = int(tape.price[k])
        traded += int(tape.size[k])
        hit = watch.every or price <= watch.below or price >= watch.above or (watch.volume is not None and traded >= watch.volume)
        for i, g in enumerate(watch.give_back):
            bests[i] = max(bests[i], g.sign * price)
            hit = hit or bests[i] - g.sign * price >= g.drop
        if hit:
            return k + 1 - start
    return len(tape) - start


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(90, 110), st.integers(1, 9)), min_size=1, max_size=60),
    st.integers(0, 80),
    st.integers(85, 100),
    st.integers(100, 115),
    st.none() | st.integers(1, 80),
    st.none() | st.tuples(st.sampled_from([1, -1]), st.integers(1, 12)),
    st.integers(0, 59),
)
def test_the_horizon_equals_a_walk_trade_by_trade(
    rows: list[tuple[int, int, int]],
    due: int,
    below: int,
    above: int,
    volume: int | None,
    give: tuple[int, int] | None,
    start: int,
) -> None:
    stamps = np.cumsum([r[0] for r in rows])
    tape = trades_of("ES", stamps, [r[1] for r in rows], [r[2] for r in rows], [1] * len(rows))
    start = min(start, len(rows) - 1)
    watch = Watch(due, below, above, () if give is None else (GiveBack(give[0], give[0] * 100, give[1]),), volume)
    assert horizon(watch, tape, start) == brute_force(watch, tape, start)


def test_a_long_quiet_block_is_searched_beyond_the_first_chunk() -> None:
    prices = np.full(20_000, 100)
    prices[15_000] = 90
    assert horizon(Watch(below=95), block(prices.tolist()), 0) == 15_001


class Alarm:
    """A core that logs what it is told and wants a timer every ten units of time and any trade at or below 95."""

    def __init__(self) -> None:
        self.log: list[tuple[str, int, int]] = []
        self.due = 10
        self.total = 0

    @property
    def watch(self) -> Watch:
        return Watch(due_ns=self.due, below=95)

    def on(self, event: Event) -> list[Action]:
        if isinstance(event, ClockTick):
            if event.ts_ns >= self.due:
                self.log.append(("timer", event.ts_ns, self.total))
                self.due += 10
        elif isinstance(event, Trades):
            self.total += int(event.size.sum())
            if int(event.price[-1]) <= 95:
                self.log.append(("touch", int(event.ts_ns[-1]), self.total))
        elif isinstance(event, HouseHealth):
            self.log.append(("health", event.ts_ns, self.total))
        elif isinstance(event, Commission):
            self.log.append(("report", event.ts_ns, event.cents))
        return []


class Partner:
    """A matching broker that reports on each piece and has a timer of its own at multiples of fifteen."""

    def __init__(self) -> None:
        self.due, self.seen = 15, 0

    @property
    def watch(self) -> Watch:
        return Watch(due_ns=self.due, above=105)

    def on_market(self, event: Trades | Quote | Depth) -> list[Event]:
        assert isinstance(event, Trades)
        self.seen += int(event.size.sum())
        return [Commission("x", int(event.ts_ns[-1]), self.seen)] if int(event.price[-1]) >= 105 else []

    def on_time(self, now_ns: int) -> list[Event]:
        self.due += 15
        return [Commission("t", now_ns, self.seen)]

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the driver never calls {name}")


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(93, 107)), min_size=1, max_size=60),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_how_a_stream_is_cut_never_changes_what_happens(rows: list[tuple[int, int]], cuts: list[int]) -> None:
    stamps = np.cumsum([r[0] for r in rows])
    tape = trades_of("ES", stamps, [r[1] for r in rows], [1] * len(rows), [1] * len(rows))

    def run(edges: list[int]) -> list[tuple[str, int, int]]:
        core = Alarm()
        driver = Driver(core, lambda actions: [], Partner())  # type: ignore[arg-type]
        for a, b in pairwise(edges):
            if b > a:
                driver.step(tape.cut(a, b))
        driver.step(ClockTick(200))
        return core.log

    n = len(rows)
    whole = run([0, n])
    assert run([0, *sorted(min(c, n) for c in cuts), n]) == whole
    assert run(list(range(n + 1))) == whole


def test_engine_timers_fire_before_broker_timers_and_both_before_the_trade() -> None:
    core = Alarm()
    driver = Driver(core, lambda actions: [], Partner())  # type: ignore[arg-type]
    driver.step(block([100, 95], [1, 30]))
    assert core.log == [
        ("timer", 10, 1),
        ("report", 15, 1),
        ("timer", 20, 1),
        ("timer", 30, 1),
        ("report", 30, 1),
        ("touch", 30, 2),
    ]


def test_news_of_the_house_overtakes_timers_and_nothing_else_does() -> None:
    """Who slept must know it before anything is done because time went by."""
    core = Alarm()
    driver = Driver(core, lambda actions: [])
    driver.step(HouseHealth(25, loop_late_ms=20))
    assert core.log == [("health", 25, 0)]
    driver.step(ClockTick(25))
    assert core.log[1:] == [("timer", 10, 0), ("timer", 20, 0)]


def test_merging_watches_wakes_for_any_of_them() -> None:
    merged = merge(Watch(due_ns=5, below=90), Watch(below=95, above=110, volume=7), Watch(above=105, volume=3, every=True))
    assert merged == Watch(due_ns=5, below=95, above=105, volume=3, every=True)
    assert merge() == Watch(due_ns=NEVER)
