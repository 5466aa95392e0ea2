"""Signals, setups and regime: the analytics' part of the view."""

from __future__ import annotations

from orderflow_tui.domain.session import MINUTE_NS
from orderflow_tui.domain.signal import Decision, Pattern, SetupReading, Signal
from orderflow_tui.engine import Engine
from orderflow_tui.signals.catalogue import LETTERS
from orderflow_tui.view.clock import et_clock
from orderflow_tui.view.model import RegimeView, SetupRow, SignalRow, SignalsView

ROWS_SHOWN = 60
AN_INSTANT_NS = 10**15  # larger than any price or volume
EvidenceValue = int | float | str | list[int] | list[list[int]]
HISTORY_SHOWN = 12


def signals_view(engine: Engine) -> SignalsView:
    """Newest first, each with the verdict of the router."""
    analyst = engine.analyst
    decisions = {decision.source_id: decision for decision in analyst.decisions}
    rows = [signal_row(engine, signal, decisions.get(signal.id)) for signal in list(analyst.signals)[-ROWS_SHOWN:]]
    rows.reverse()
    return SignalsView(
        rows=tuple(rows),
        setups=tuple(setup_row(setup, engine.params.signals.score.context_weight) for setup in analyst.setups),
        pressure_60=engine.market.pressure(60),
        pressure_300=engine.market.pressure(300),
        empty_reason="" if rows else "no signal yet: patterns are read when a bar closes",
    )


def signal_row(engine: Engine, signal: Signal, decision: Decision | None) -> SignalRow:
    """One line: what, where, how strong, and what became of it."""
    if decision is None:
        verdict, reason, regime = "noted", "", ""
    else:
        verdict, reason = ("accepted", decision.reason) if decision.accepted else ("refused", decision.reason or decision.rule)
        regime = decision.regime.value
    detail = [evidence_text(engine, name, value) for name, value in signal.evidence.items()]
    return SignalRow(
        id=signal.id,
        ts_ns=signal.ts_ns,
        et_clock=et_clock(engine.params.table, signal.ts_ns),
        pattern=signal.pattern.value,
        letter=LETTERS[signal.pattern],
        direction=int(signal.direction),
        price=signal.ref_price,
        strength=signal.strength,
        regime=regime,
        verdict=verdict,
        reason=reason,
        detail=(f"trigger {engine.params.analysis.text(signal.trigger_price)}", f"quality {signal.quality.value}", *detail),
    )


def evidence_text(engine: Engine, name: str, value: EvidenceValue) -> str:
    """A piece of evidence as a trader reads it: shares with two decimals, levels as prices with their numbers."""
    words = name.replace("_", " ")
    if isinstance(value, float):
        return f"{words} {value:.2f}"
    if isinstance(value, list):
        return f"{words} " + " · ".join(_level_text(engine, level) for level in value)
    return f"{words} {value}"


def _level_text(engine: Engine, level: int | list[int]) -> str:
    """`6693.00 21 5` of a tick with numbers behind it; an instant among them becomes a time."""
    if isinstance(level, int):
        return str(level)
    tick, *numbers = level
    table = engine.params.table
    told = (et_clock(table, number) if number > AN_INSTANT_NS else str(number) for number in numbers)
    return " ".join((engine.params.analysis.text(tick), *told))


def setup_row(setup: SetupReading, context_weight: float) -> SetupRow:
    """A setup with its parts as points of 100."""
    return SetupRow(
        id=setup.id,
        name=setup.setup.value,
        direction=int(setup.direction),
        level=setup.level,
        confidence=setup.confidence,
        context=setup.context,
        flow=setup.flow,
        context_weight=context_weight,
        parts=tuple((name, 100 * weight * value) for name, weight, value in setup.parts),
        tradable=setup.tradable,
        reason=setup.reason,
    )


def regime_view(engine: Engine) -> RegimeView:
    """The reading in force, its surroundings and its history, newest last."""
    analyst, day, now = engine.analyst, engine.market.day, engine.now_ns
    reading, opened, closes = analyst.regime, None, None
    if day is not None and day.rth_open_ns is not None and day.rth_close_ns is not None:
        opened, closes = (now - day.rth_open_ns) // MINUTE_NS, (day.rth_close_ns - now) // MINUTE_NS
    context = analyst.context
    enabled = analyst.enabled_patterns() if reading else ()
    return RegimeView(
        reading=reading,
        auction=(context.auction or "") if context else "",
        minutes_since_open=opened,
        minutes_to_close=closes,
        news=analyst.news_state(now),
        size_factor=None if reading is None else analyst.size_factor(),
        enabled=enabled,
        letters=" ".join(dict.fromkeys(LETTERS[Pattern(name)] for name in enabled)),
        history=tuple(r.regime.value for r in list(analyst.regime_history)[-HISTORY_SHOWN:]),
        empty_reason="" if reading else "warming up: the regime needs 32 closed bars of regular hours",
    )
