"""The past is folded beside the running engine and put in its place without losing or doubling a trade."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from orderflow_tui.adapters.ib_history import _bars
from orderflow_tui.domain.market import Bars, Quote, Trades, trades_of
from orderflow_tui.driver import Driver
from orderflow_tui.engine import Engine
from orderflow_tui.wiring import past as past_module
from orderflow_tui.wiring.paced import table_around
from orderflow_tui.wiring.params import engine_params
from orderflow_tui.wiring.past import Past, TooMuchToKeep
from orderflow_tui.wiring.plan import Wish, plan_of
from tests.gateway import past as gateway_past

START = datetime(2026, 11, 16, 23, tzinfo=UTC)
NOW = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)
NOW_NS = int(NOW.timestamp()) * 1_000_000_000


@pytest.fixture(scope="module")
def idle() -> Engine:
    """An engine that has seen nothing."""
    plan = plan_of(Wish(mode="paper"))
    return Engine(engine_params(plan.loaded, table_around(plan.loaded, date(2026, 11, 18)), plan.mode))


def fresh(idle: Engine) -> Engine:
    return Engine(idle.params)


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
    engine = fresh(idle)
    driver = Driver(engine, lambda _: [], None)
    past = Past(engine, lambda: 0, lambda: None)
    past.begin()
    for second in (-5, 1, 2):  # the first is in the bars already
        past.hear(trade(second))
        driver.step(trade(second))
    desk, before = engine.desk, engine.market
    asyncio.run(past.fold(bars(engine)))
    assert engine.market is not before
    assert engine.desk is desk
    driver.step(trade(3))
    alone = fresh(idle)
    reference = Driver(alone, lambda _: [], None)
    reference.step(bars(alone))
    assert engine.market.rth_profile.total == alone.market.rth_profile.total + 3
    assert len(engine.market.bars) == len(alone.market.bars)
    assert engine.market.last_price == 20_001


def test_the_exchange_waits_until_nothing_is_on_its_way(idle: Engine) -> None:
    engine = fresh(idle)
    waiting = [3, 2, 1, 0]
    settled: list[int] = []
    past = Past(engine, lambda: waiting.pop(0), lambda: settled.append(len(waiting)))
    past.begin()
    past.hear(Quote("ES", NOW_NS + 1, 20_000, 20_001, 5, 5))
    asyncio.run(past.fold(bars(engine)))
    assert waiting == []
    assert settled == [0]


def test_more_than_can_be_kept_is_said(idle: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_module, "MOST_KEPT", 2)
    engine = fresh(idle)
    before = engine.market
    past = Past(engine, lambda: 0, lambda: None)
    past.begin()
    for second in range(3):
        past.hear(trade(second))
    with pytest.raises(TooMuchToKeep, match="more than 2 live events"):
        asyncio.run(past.fold(bars(engine)))
    assert engine.market is before
