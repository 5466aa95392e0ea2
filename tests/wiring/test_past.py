"""The past is folded beside the running engine and put in its place without losing or doubling a trade."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from orderflow_tui.adapters.ib_history import _bars
from orderflow_tui.domain.event import MarketEvent
from orderflow_tui.domain.market import Bars, FeedState, FeedStatus, Quote, Trades, trades_of
from orderflow_tui.driver import Driver
from orderflow_tui.engine import Engine
from orderflow_tui.wiring import past as past_module
from orderflow_tui.wiring.memory import Memory
from orderflow_tui.wiring.paced import table_around
from orderflow_tui.wiring.params import engine_params
from orderflow_tui.wiring.past import HeardTape, Past, TooMuchToKeep
from orderflow_tui.wiring.plan import Wish, plan_of
from orderflow_tui.wiring.timeline import AWAY, GivenUp, folded_past, holes
from tests.gateway import past as gateway_past

START = datetime(2026, 11, 16, 23, tzinfo=UTC)
NOW = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 1_000_000_000


@pytest.fixture(scope="module")
def idle() -> Engine:
    """An engine that has seen nothing."""
    plan = plan_of(Wish(mode="paper"))
    return Engine(engine_params(plan.loaded, table_around(plan.loaded, date(2026, 11, 18)), plan.mode))


class World:
    """An engine that runs, the past beside it, nothing remembered."""

    def __init__(self, idle: Engine) -> None:
        self.engine = Engine(idle.params)
        self.driver = Driver(self.engine, lambda _: [], None)
        self.settled = 0
        self.while_settling: Callable[[], None] = lambda: None
        self.past = Past(self.engine, self._settle)
        self.memory = Memory("ES", idle.params.table, NOW_NS)

    def _settle(self) -> None:
        self.settled += 1
        self.while_settling()

    def see(self, event: MarketEvent) -> None:
        """What the runtime does with every market event."""
        HeardTape(None, self.past.hear).write(event)
        self.driver.step(event)

    def fold(self, rows: Bars | None) -> None:
        asyncio.run(self.past.fold(self.memory, self.past.now(NOW_NS), rows, "ESZ6"))


def bars(engine: Engine) -> Bars:
    """A day and a half of one-minute bars."""
    rows = gateway_past.bars(20_000, START, NOW, 60, regular_only=False)
    prices = [
        SimpleNamespace(
            date=r.start_s, open=r.open / 4, high=r.high / 4, low=r.low / 4, close=r.close / 4, volume=r.volume, barCount=r.count
        )
        for r in rows
    ]
    return _bars(engine.params.analysis, prices)


def trade(second: int, size: int = 1) -> Trades:
    return trades_of("ES", [NOW_NS + second * 1_000_000_000], [20_001], [size], [1], [1], None, None)


def test_bars_and_the_trades_that_came_meanwhile_stand_in_the_running_engine(idle: Engine) -> None:
    world = World(idle)
    for second in (1, 2):
        world.see(trade(second))
    desk, before = world.engine.desk, world.engine.market
    world.fold(bars(world.engine))
    assert world.engine.market is not before
    assert world.engine.desk is desk
    world.see(trade(3))
    alone = Engine(idle.params)
    Driver(alone, lambda _: [], None).step(bars(alone))
    assert world.engine.market.rth_profile.total == alone.market.rth_profile.total + 3
    assert len(world.engine.market.bars) == len(alone.market.bars)
    assert world.engine.market.last_price == 20_001


def test_bars_end_where_the_first_trade_of_this_life_begins(idle: Engine) -> None:
    world = World(idle)
    world.see(trade(-90))  # inside the last minute but one
    world.fold(bars(world.engine))
    alone = Engine(idle.params)
    rows = bars(alone)
    Driver(alone, lambda _: [], None).step(rows.cut(0, len(rows) - 2))
    assert world.engine.market.rth_profile.total == alone.market.rth_profile.total + 1


def test_trades_that_come_in_the_last_moment_are_not_lost(idle: Engine) -> None:
    world = World(idle)
    world.see(trade(1))
    late = [trade(2, 5)]

    def one_more() -> None:
        while late:
            world.see(late.pop())

    world.while_settling = one_more
    world.fold(bars(world.engine))
    alone = Engine(idle.params)
    Driver(alone, lambda _: [], None).step(bars(alone))
    assert world.engine.market.rth_profile.total == alone.market.rth_profile.total + 6
    assert world.settled >= 1


def test_many_single_trades_are_kept_as_blocks_and_none_is_lost(idle: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_module, "SEALED_AT", 4)
    world = World(idle)
    for second in range(1, 11):
        world.see(trade(second))
        world.see(Quote("ES", NOW_NS + second * 1_000_000_000, 20_000, 20_001, 5, 5))
    world.fold(None)
    assert world.engine.market.rth_profile.total == 10


def test_a_second_fold_begins_again_with_everything_this_life_saw(idle: Engine) -> None:
    world = World(idle)
    world.see(trade(1))
    world.fold(None)
    world.see(trade(2))
    world.fold(bars(world.engine))
    alone = Engine(idle.params)
    Driver(alone, lambda _: [], None).step(bars(alone))
    assert world.engine.market.rth_profile.total == alone.market.rth_profile.total + 2


def test_more_than_can_be_kept_is_said(idle: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_module, "MOST_KEPT", 2)
    world = World(idle)
    before = world.engine.market
    for second in range(3):
        world.see(trade(second))
    with pytest.raises(TooMuchToKeep, match="more than 2 trades"):
        world.fold(bars(world.engine))
    assert world.engine.market is before


def test_a_house_that_ends_does_not_wait_for_its_past(idle: Engine) -> None:
    world = World(idle)
    rows = bars(world.engine)
    looked: list[int] = []

    def ended() -> bool:
        looked.append(1)
        return len(looked) > 1

    with pytest.raises(GivenUp):
        folded_past(idle.params, world.memory, world.past.now(NOW_NS), rows, "ESZ6", ended)
    assert len(looked) == 2


def test_a_first_start_has_one_hole_and_a_start_without_anything_missing_none(idle: Engine) -> None:
    world = World(idle)
    world.see(FeedStatus("ES", NOW_NS, FeedState.GAP, AWAY))
    world.see(trade(1))
    (hole,) = holes(world.memory, world.past.now(NOW_NS))
    assert hole.start_ns is None
    assert hole.end_ns == NOW_NS


def test_the_time_until_the_gateway_came_is_a_hole_too(idle: Engine) -> None:
    world = World(idle)
    world.see(FeedStatus("ES", NOW_NS - 3_600 * 10**9, FeedState.GAP, AWAY))
    world.see(trade(1))
    first, second = holes(world.memory, world.past.now(NOW_NS))
    assert (second.start_ns, second.end_ns) == (first.end_ns, NOW_NS + 10**9)
