"""A run that left its journal and its tape on disk, cut anywhere; and everything of the analytics that can matter later."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.adapters.journal import Journal, Run
from orderflow_tui.adapters.pace import Pace
from orderflow_tui.adapters.rows import row_of
from orderflow_tui.adapters.sim_market import SimMarket
from orderflow_tui.adapters.tape import TapeRecorder
from orderflow_tui.closed_loop import ClosedLoop
from orderflow_tui.config import Places, config_dir, load
from orderflow_tui.domain.action import Observation, Row
from orderflow_tui.domain.event import ClockTick, MarketEvent, stamp_of
from orderflow_tui.domain.history import DayState, History
from orderflow_tui.domain.market import Trades
from orderflow_tui.domain.signal import Signal
from orderflow_tui.engine import Engine
from orderflow_tui.modes import mode_named
from orderflow_tui.wiring.memory import Memory, folders_of, remember
from orderflow_tui.wiring.params import engine_params
from tests.adapters.test_calendar import ns

TABLE = session_table(date(2025, 6, 2), date(2026, 12, 30))
PARAMS = engine_params(load(Places(config_dir())), TABLE, mode_named("monitor"))
START = ns("2026-03-05T15:20")
BEFORE = date(2026, 3, 4)
KEEP = 30


@dataclass
class Recorded:
    """Events in order and what was concluded at each instant, ready to be cut."""

    history: History
    events: list[MarketEvent]
    rows: list[Row] = field(default_factory=list)


def recorded(history: History, events: list[MarketEvent]) -> Recorded:
    """Live through the events once, writing down what a house writes down."""
    run = Recorded(history, events)
    engine = Engine(PARAMS, history)

    def observe(item: Observation) -> None:
        live = isinstance(item, Signal) and item.ts_ns == engine.market.last_trade_ns
        run.rows.append(row_of(item, engine.market.trades_at_stamp if live else None))

    loop = ClosedLoop(engine, observe=observe)
    for event in events:
        loop.feed(event)
    return run


def simulated(until: str, depth_hz: float, next_day: str | None = None) -> tuple[History, list[MarketEvent]]:
    """Thirty sessions behind it, an afternoon over the bell, perhaps the next morning."""
    sim = SimMarket(PARAMS.analysis, TABLE, seed=5, start_ns=START, clock=Pace(), depth_hz=depth_hz)
    history = sim.history()
    events = [*sim.warm_events(), *sim.generate(ns(until))]
    if next_day is not None:
        events += sim.generate(ns(next_day))
    return history, events


def lived(run: Recorded, until_ns: int) -> Engine:
    """The engine of a house that was never interrupted."""
    engine = Engine(PARAMS, run.history)
    loop = ClosedLoop(engine)
    for event in run.events:
        if isinstance(event, Trades) and stamp_of(event) > until_ns:
            stop = int(event.ts_ns.searchsorted(until_ns, side="right"))
            if stop:
                loop.feed(event.cut(0, stop))
        elif stamp_of(event) <= until_ns:
            loop.feed(event)
    loop.feed(ClockTick(until_ns))
    return engine


async def left_behind(run: Recorded, folder: Path, until_ns: int) -> None:
    """Journal and tape of a house that was killed at this instant."""
    journal = await Journal.open(folder / "journal", Run("r1", "monitor"))
    day = TABLE.day_of(BEFORE)
    assert day is not None
    journal.record(row_of(DayState(BEFORE, day.close_ns, "ES", run.history)))
    for row in run.rows:
        if row.ts_ns <= until_ns or row.kind == "profile":
            journal.record(row)
            await asyncio.sleep(0)
    await journal.close()
    tape = TapeRecorder(folder / "tape", "ES", TABLE, queue_events=10_000_000)
    for event in run.events:
        if isinstance(event, Trades) and stamp_of(event) > until_ns:
            stop = int(event.ts_ns.searchsorted(until_ns, side="right"))
            if stop:
                tape.write(event.cut(0, stop))
        elif stamp_of(event) <= until_ns:
            tape.write(event)
    await tape.close()
    assert (tape.lost, tape.fault) == (0, None)


async def remembered(folder: Path, now_ns: int, symbol: str = "ES") -> Memory:
    """What the next life finds."""
    journal = await Journal.open(folder / "journal", Run("r2", "monitor"))
    reader = journal.reader()
    try:
        folders = folders_of(folder / "tape", symbol)
        return await remember(reader, symbol, TABLE, KEEP, now_ns, folders)
    finally:
        await reader.close()
        await journal.close()


def known(engine: Engine) -> dict[str, object]:
    """Everything of the analytics that can influence a later decision, and what the screen reads."""
    state, analyst = engine.market, engine.analyst
    opened = state.day.open_ns if state.day else 0
    return {
        "archive": state.archive,
        "zones": state.zones,
        "unfinished": state.unfinished,
        "naked": state.naked_pocs,
        "bars today": [bar for bar in state.bars if bar.start_ns >= opened],
        "open bar": state.open_bar(),
        "cvd": (state.cvd_rth, state.cvd_globex, state.cvd_rth_partial),
        "value": (state.pva, state.dva(), state.cva()),
        "vwap": (state.vwap_rth.value(), state.vwap_globex.value(), state.vwap_1h.value(), state.vwap_4h.value()),
        "ranges": (state.rth_open_price, state.rth_high, state.rth_low, state.ib_high, state.ib_low, state.on_high, state.on_low),
        "last": (state.last_price, state.phase, state.grade),
        "indicators": (state.indicators.ema_trend(), state.indicators.adx_slope(), state.indicators.atr_percentile()),
        "regime": analyst.regime,
        "regimes": list(analyst.regime_history),
        "signals today": [s for s in analyst.signals if s.ts_ns >= opened],
        "decisions today": [d for d in analyst.decisions if d.ts_ns >= opened],
        "setups": analyst.setups,
        "setup ids": analyst.setup_ids,
        "hypothesis": analyst.hypothesis,
        "context": analyst.context,
        "history": engine.history(),
    }


def differences(found: Engine, expected: Engine, leaving_out: Sequence[str] = ()) -> list[str]:
    """Names of what is not the same."""
    here, there = known(found), known(expected)
    return [name for name in there if name not in leaving_out and here[name] != there[name]]
