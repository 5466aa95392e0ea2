"""The 90/10 score: what context is worth, what order flow adds, and what vetoes.

`confidence = 0.90·C + 0.10·F`, both 0..100, rounded to a tenth. A trade needs 75 and an order-flow confirmation: a
perfect context without one is not traded. The weights are ours; they are configuration of the method, not facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orderflow_tui.domain.market import Grade
from orderflow_tui.domain.signal import Direction, Migration, Pattern, Regime, RegimeReading, Setup, Signal
from orderflow_tui.signals.openings import OpeningType
from orderflow_tui.signals.router import Router
from orderflow_tui.signals.stacking import HIGH_CONVICTION
from orderflow_tui.signals.value import sign

WEIGHTS = (("location", 0.30), ("value", 0.25), ("regime", 0.20), ("alignment", 0.15), ("hypothesis", 0.10))

PATTERN_WEIGHT = {
    Pattern.STACKED_BUY: 1.0,
    Pattern.STACKED_SELL: 1.0,
    Pattern.BUYING_ABSORPTION: 1.0,
    Pattern.SELLING_ABSORPTION: 1.0,
    Pattern.DOM_ABSORPTION_BUY: 1.0,
    Pattern.DOM_ABSORPTION_SELL: 1.0,
    Pattern.BUYING_EXHAUSTION: 0.9,
    Pattern.SELLING_EXHAUSTION: 0.9,
    Pattern.BEARISH_DIVERGENCE: 0.8,
    Pattern.BULLISH_DIVERGENCE: 0.8,
    Pattern.LACK_OF_PARTICIPATION_HIGH: 0.7,
    Pattern.LACK_OF_PARTICIPATION_LOW: 0.7,
    Pattern.BUY_IMBALANCE: 0.6,
    Pattern.SELL_IMBALANCE: 0.6,
    Pattern.UNFINISHED_HIGH: 0.4,
    Pattern.UNFINISHED_LOW: 0.4,
}
DOM = frozenset({Pattern.DOM_ABSORPTION_BUY, Pattern.DOM_ABSORPTION_SELL})
UNROUTED = DOM | {Pattern.LACK_OF_PARTICIPATION_HIGH, Pattern.LACK_OF_PARTICIPATION_LOW}  # the table does not know them
PUSH = DOM | {Pattern.STACKED_BUY, Pattern.STACKED_SELL, Pattern.BUY_IMBALANCE, Pattern.SELL_IMBALANCE}
FADE = frozenset(PATTERN_WEIGHT) - (PUSH - DOM)
FAMILY = {Setup.VA_BREAKOUT: PUSH, Setup.OPENING_DRIVE: PUSH, Setup.MEAN_REVERSION: FADE, Setup.RULE_80: FADE}

TREND = {Regime.TRENDING_UP: 1, Regime.TRENDING_DOWN: -1}


@dataclass(frozen=True, slots=True)
class ScoreParams:
    """`threshold` of 100; weights of context and flow; a veto's weighted strength and how much more overrules it;
    `retest_ticks` around a broken edge in which DOM absorption confirms; `of_window_bars` completed bars whose signals
    count."""

    threshold: float = 75.0
    context_weight: float = 0.90
    veto: float = 0.7
    overrule: float = 0.2
    retest_ticks: int = 4
    of_window_bars: int = 2


@dataclass(frozen=True, slots=True)
class Flow:
    """Order flow for one direction: `score` 0..100, patterns that confirm, and what vetoes (empty: nothing)."""

    score: float
    confirming: tuple[Pattern, ...]
    veto: str = ""


def confidence(context: float, flow: float, params: ScoreParams) -> float:
    """0.9 C + 0.1 F, rounded half up to a tenth."""
    return round(params.context_weight * context + (1 - params.context_weight) * flow + 1e-9, 1)


def flow(
    signals: Iterable[Signal], setup: Setup, direction: Direction, level: int, router: Router,
    reading: RegimeReading | None, params: ScoreParams,
) -> Flow:  # fmt: skip
    """What the signals of the last two bars and of the moment say for and against a setup.

    A pattern the regime's table refuses does not confirm; any pattern can veto.
    """
    best, against, opponent = 0.0, 0.0, ""
    confirming: list[Pattern] = []
    for signal in signals:
        weighted = PATTERN_WEIGHT.get(signal.pattern, 0.0) * signal.strength
        if weighted == 0.0 or signal.direction is Direction.NONE:
            continue
        if signal.direction is not direction:
            if weighted > against:
                against, opponent = weighted, signal.pattern.value
        elif _confirms(signal, setup, level, router, reading, params):
            best = max(best, weighted)
            if signal.pattern not in confirming:
                confirming.append(signal.pattern)
    score = min(100.0, 100 * best + 10 * (len(confirming) - 1)) if confirming else 0.0
    veto = ""
    if against >= params.veto and best - against < params.overrule - 1e-9:
        veto = f"{opponent} against: {against:.2f} >= {params.veto:.2f}, confirmed by {best:.2f}"
    return Flow(score, tuple(confirming), veto)


def _confirms(
    signal: Signal, setup: Setup, level: int, router: Router, reading: RegimeReading | None, params: ScoreParams
) -> bool:
    if signal.pattern not in FAMILY[setup]:
        return False
    if signal.pattern in DOM and FAMILY[setup] is PUSH and abs(signal.ref_price - level) > params.retest_ticks:
        return False
    return signal.pattern in UNROUTED or router.refusal(signal.pattern, signal.direction, signal.strength, reading) is None


def value_part(setup: Setup, kind: Migration | None, d: int) -> float:
    """How today's value against the composite speaks for a setup in direction d; 0 while it is not known."""
    if kind is None:
        return 0.0
    toward, wholly = sign(kind) * d, kind in (Migration.HIGHER, Migration.LOWER)
    if kind in (Migration.INSIDE, Migration.OUTSIDE):
        inside = kind is Migration.INSIDE
        if setup in (Setup.VA_BREAKOUT, Setup.OPENING_DRIVE):
            return 0.4 if inside else 0.5
        return 1.0 if inside else 0.7
    if setup in (Setup.VA_BREAKOUT, Setup.OPENING_DRIVE):
        return 0.0 if toward < 0 else 1.0 if wholly else 0.8
    if setup is Setup.RULE_80:
        return 0.8 if toward > 0 else 0.3
    return 0.6 if toward > 0 else 0.1 if wholly else 0.4


def regime_part(setup: Setup, reading: RegimeReading | None, d: int) -> float:
    """How the regime speaks for it; 0 in NO_TRADE and while it is not known."""
    if reading is None or reading.regime is Regime.NO_TRADE:
        return 0.0
    trend, sure = TREND.get(reading.regime, 0) * d, reading.confidence
    if trend < 0:
        return 0.0
    if reading.regime is Regime.VOLATILE:
        return {Setup.VA_BREAKOUT: 0.5, Setup.MEAN_REVERSION: 0.3, Setup.OPENING_DRIVE: 0.6, Setup.RULE_80: 0.4}[setup]
    if reading.regime is Regime.RANGING:
        return {Setup.VA_BREAKOUT: 0.2, Setup.OPENING_DRIVE: 0.3}.get(setup, sure)
    return 0.6 if setup is Setup.MEAN_REVERSION else sure


def alignment_part(setup: Setup, aligned_vas: int, d: int) -> float:
    """How the run of aligned daily areas speaks for it."""
    count, toward = abs(aligned_vas), aligned_vas * d > 0
    if setup in (Setup.VA_BREAKOUT, Setup.OPENING_DRIVE):
        if count >= HIGH_CONVICTION:
            return 1.0 if toward else 0.0
        return 0.4 if count <= 1 else 0.6 if toward else 0.2
    if count <= 1:
        return 1.0
    if toward:
        return 0.8
    return 0.0 if count >= HIGH_CONVICTION else 0.5


def hypothesis_part(setup: Setup, bias: Direction | None, opening: OpeningType | None, d: int) -> float:
    """How the morning's plan speaks for it; an UNKNOWN plan says nothing."""
    if bias is None or bias * d < 0:
        return 0.0
    if setup is Setup.OPENING_DRIVE:
        return 1.0 if opening is OpeningType.OPEN_DRIVE else 0.7
    return 1.0 if bias * d > 0 else 0.5


def untradable(
    regime: RegimeReading | None, cva: tuple[int, int], grade: Grade, found: Flow, sure: float, params: ScoreParams
) -> str:
    """The first reason a standing setup may not be traded, with its numbers; empty when it may.

    `cva` is (sessions in the composite, sessions it needs).
    """
    if regime is None or regime.regime is Regime.NO_TRADE:
        return f"regime NO_TRADE: {regime.reason if regime is not None else 'none known yet'}"
    if cva[0] < cva[1]:
        return f"CVA is partial: {cva[0]} of {cva[1]} sessions"
    if grade is Grade.D or grade is Grade.SNAPSHOT:
        return f"feed grade {grade.value}"
    if found.score <= 0:
        return f"no order-flow confirmation: flow {found.score:.0f} of 100"
    if found.veto:
        return f"veto: {found.veto}"
    if sure < params.threshold:
        return f"confidence {sure:.1f} < {params.threshold:.1f}"
    return ""


def parts_text(parts: Sequence[tuple[str, float, float]]) -> str:
    """`loc 30.0 val 20.0 …`: what each part contributed, of 100."""
    return " ".join(f"{name[:3]} {100 * weight * value:.1f}" for name, weight, value in parts)
