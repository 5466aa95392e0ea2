"""The traffic lights: one word each for what must stand before anybody trades."""

from __future__ import annotations

from collections.abc import Sequence

from orderflow_tui.domain.account import Link
from orderflow_tui.domain.event import Automation
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.domain.signal import Direction, Regime
from orderflow_tui.engine import Engine
from orderflow_tui.view.model import Light, LightState

FRESH_NS = 60 * SECOND_NS
ON_SCREEN = "on screen"  # what the runtime says of an alert that no messenger has taken


def lights(engine: Engine, alerts: Sequence[str]) -> tuple[Light, ...]:
    """In the order of the screen. `alerts` says of each alert what became of it."""
    return (
        _cva(engine),
        _dva(engine),
        _vwap(engine),
        _hypothesis(engine),
        _signals(engine),
        _regime(engine),
        _link(engine),
        _alerts(alerts),
        _auto(engine),
    )


def _cva(engine: Engine) -> Light:
    _, days = engine.market.cva()
    needed = engine.params.market.cva_days
    state = LightState.GREEN if days >= needed else LightState.RED
    return Light("CVA", state, f"{days}/{needed}")


def _dva(engine: Engine) -> Light:
    context = engine.analyst.context
    if engine.market.dva() is None:
        return Light("DVA", LightState.OFF, "pre-open")
    ready = context is not None and context.dva_ready
    return Light("DVA", LightState.GREEN if ready else LightState.AMBER, "ready" if ready else "from 10:00")


def _vwap(engine: Engine) -> Light:
    known = engine.market.vwap_rth.value() is not None
    return Light("VWAP", LightState.GREEN if known else LightState.OFF, "RTH" if known else "pre-open")


def _hypothesis(engine: Engine) -> Light:
    plan = engine.analyst.hypothesis
    if plan is None:
        return Light("HYP", LightState.OFF, "from 09:25")
    if plan.bias is None:
        return Light("HYP", LightState.RED, "unknown")
    word = {Direction.LONG: "long", Direction.SHORT: "short", Direction.NONE: "neutral"}[plan.bias]
    state = LightState.GREEN if plan.frozen else LightState.AMBER
    return Light("HYP", state, f"{word} {plan.confidence}" + (f" · {plan.grade}" if plan.grade else ""))


def _signals(engine: Engine) -> Light:
    fresh = 0
    for signal in reversed(engine.analyst.signals):
        if engine.now_ns - signal.ts_ns > FRESH_NS:
            break
        fresh += 1
    return Light("SIGNALS", LightState.GREEN if fresh else LightState.OFF, f"{fresh} new" if fresh else "quiet", pulse=fresh > 0)


def _regime(engine: Engine) -> Light:
    reading = engine.analyst.regime
    if reading is None:
        return Light("REGIME", LightState.OFF, "warming up")
    state = LightState.RED if reading.regime is Regime.NO_TRADE else LightState.GREEN
    if reading.regime is Regime.VOLATILE:
        state = LightState.AMBER
    return Light("REGIME", state, f"{reading.regime.value} {reading.confidence:.2f}")


def _link(engine: Engine) -> Light:
    ready = engine.link is Link.READY
    return Light("LINK", LightState.GREEN if ready else LightState.RED, "ready" if ready else engine.link.value.lower())


def _alerts(states: Sequence[str]) -> Light:
    """Whether whoever is away was told: the worst of what became of them."""
    for word, state in (("failed", LightState.RED), ("waiting", LightState.AMBER)):
        if count := sum(told.startswith(word) for told in states):
            return Light("ALERTS", state, f"{count} {word}")
    if count := sum(told.startswith("repeat") for told in states):
        return Light("ALERTS", LightState.AMBER, f"{count} held back")
    if all(told == ON_SCREEN for told in states):  # nobody but the screen is told here
        return Light("ALERTS", LightState.OFF, f"{len(states)} on screen" if states else "none")
    return Light("ALERTS", LightState.GREEN, "sent")


def _auto(engine: Engine) -> Light:
    mode = engine.desk.automation
    state = {Automation.OFF: LightState.OFF, Automation.AUTO: LightState.GREEN}.get(mode, LightState.AMBER)
    return Light("AUTO", state, mode.value.lower())
