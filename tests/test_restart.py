"""A restart knows what an uninterrupted run would know: state of the last closed day, then the tape since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.adapters.pace import Pace
from orderflow_tui.adapters.rows import observation_of, row_of
from orderflow_tui.adapters.sim_market import SimMarket
from orderflow_tui.closed_loop import ClosedLoop
from orderflow_tui.config import Places, config_dir, load
from orderflow_tui.domain.action import Observation
from orderflow_tui.domain.event import ClockTick, MarketEvent, stamp_of
from orderflow_tui.domain.history import DayState, History
from orderflow_tui.domain.market import Trades
from orderflow_tui.domain.session import MINUTE_NS
from orderflow_tui.driver import Driver
from orderflow_tui.engine import Engine
from orderflow_tui.modes import mode_named
from orderflow_tui.wiring.params import engine_params
from tests.adapters.test_calendar import ns

TABLE = session_table(date(2025, 6, 2), date(2026, 12, 30))
START = ns("2026-03-05T15:20")


def core(history: History | None = None) -> Engine:
    return Engine(engine_params(load(Places(config_dir())), TABLE, mode_named("replay")), history)


@pytest.fixture(scope="module")
def market() -> tuple[History, list[MarketEvent]]:
    """A past of thirty sessions, an afternoon over the bell into the next morning, as trades only."""
    sim = SimMarket(core().params.analysis, TABLE, seed=5, start_ns=START, clock=Pace(), depth_hz=0.2)
    history = sim.history()
    events = [*sim.warm_events(), *sim.generate(ns("2026-03-05T17:00")), *sim.generate(ns("2026-03-06T10:20"))]
    return history, [event for event in events if isinstance(event, Trades)]


def known(engine: Engine) -> dict[str, object]:
    """Everything of the analytics that can influence a later decision."""
    state, analyst = engine.market, engine.analyst
    return {
        "archive": state.archive,
        "zones": state.zones,
        "unfinished": state.unfinished,
        "naked": state.naked_pocs,
        "bars today": [bar for bar in state.bars if bar.start_ns >= (state.day.open_ns if state.day else 0)],
        "cvd": (state.cvd_rth, state.cvd_globex),
        "value": (state.pva, state.dva(), state.cva()),
        "indicators": (state.indicators.ema_trend(), state.indicators.adx_slope(), state.indicators.atr_percentile()),
        "regime": analyst.regime,
        "regimes today": [r for r in analyst.regime_history if state.day and r.ts_ns >= state.day.open_ns],
        "hypothesis": analyst.hypothesis,
        "setup ids": analyst.setup_ids,
        "context": analyst.context,
    }


def lived(history: History, events: Sequence[MarketEvent], until_ns: int) -> tuple[Engine, list[Observation]]:
    seen: list[Observation] = []
    engine = core(history)
    loop = ClosedLoop(engine, observe=seen.append)
    for event in events:
        if stamp_of(event) <= until_ns:
            loop.feed(event)
    loop.feed(ClockTick(until_ns))
    return engine, seen


@pytest.mark.parametrize(
    "cut", ["2026-03-05T17:30", "2026-03-05T21:07", "2026-03-06T09:26", "2026-03-06T09:33", "2026-03-06T10:11"]
)
def test_a_restart_anywhere_continues_as_if_nothing_had_happened(market: tuple[History, list[MarketEvent]], cut: str) -> None:
    history, events = market
    cut_ns, end_ns = ns(cut), ns("2026-03-06T10:20")
    whole, _ = lived(history, events, end_ns)
    _, before = lived(history, events, cut_ns)

    states = [item for item in before if isinstance(item, DayState)]
    assert states, "a day closed before the cut"
    stored = observation_of(row_of(states[-1]))
    assert isinstance(stored, DayState)

    again = core(stored.history)
    folding = Driver(again, lambda _: [])
    for event in events:
        if stored.ts_ns < stamp_of(event) <= cut_ns:
            folding.step(event)
    folding.step(ClockTick(cut_ns))
    loop = ClosedLoop(again)
    for event in events:
        if stamp_of(event) > cut_ns:
            loop.feed(event)
    loop.feed(ClockTick(end_ns))
    found, expected = known(again), known(whole)
    for name in expected:
        assert found[name] == expected[name], name


def test_a_day_state_survives_its_row(market: tuple[History, list[MarketEvent]]) -> None:
    history, events = market
    _, seen = lived(history, events, ns("2026-03-05T17:00") + MINUTE_NS)
    (state,) = [item for item in seen if isinstance(item, DayState)]
    assert observation_of(row_of(state)) == state
    assert state.trade_date == date(2026, 3, 5)
