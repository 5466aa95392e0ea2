"""The method in force: patterns, regime, router and setups, with the values this engine was told."""

from __future__ import annotations

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.signal import Direction, Regime, Setup
from orderflow_tui.signals.catalogue import LETTERS
from orderflow_tui.signals.params import SignalParams, Strategy
from orderflow_tui.signals.regime import NEEDED_BARS
from orderflow_tui.signals.router import RouterParams, RouterRow
from orderflow_tui.signals.rule80 import Acceptance
from orderflow_tui.signals.scoring import PATTERN_WEIGHT, WEIGHTS
from orderflow_tui.view.model import Chapter

_UNITS = {"atr": "in ATR14", "ticks": "in ticks", "percent": "in per cent of VWAP", "sigma": "in σ of VWAP"}
_STRATEGIES = {
    Strategy.SETUPS: "setups: the 90/10 score decides, patterns confirm",
    Strategy.PATTERNS: "patterns: every signal the table lets through is traded, setups are not",
    Strategy.SMA_CROSSOVER: "sma_crossover: the example strategy",
}
_ACCEPTED = {
    Acceptance.TWO_CLOSES: "two half hours in a row close inside",
    Acceptance.CLOSE_OPEN: "a half hour closes and the next opens inside",
    Acceptance.TOUCH: "two half hours in a row trade inside",
}
# what scores in `signals.regime`, in words; the numbers there are part of the method, not of the configuration
POINTS = (
    (
        Regime.TRENDING_UP,
        "+2.0 ADX > 25 (+1.0 > 20) · +1.5 EMA9 above EMA21 · +1.0 price above VWAP · +2.0 higher highs and lows (+1.0 lows "
        "alone) · +1.5 cumulative delta > 0 and rising (+0.5 > 0) · +0.5 ADX rising",
    ),
    (Regime.TRENDING_DOWN, "the mirror"),
    (
        Regime.RANGING,
        "+2.0 ADX < 20 (+1.0 < 25) · +1.0 |price to VWAP| < 0.5 · +1.5 neither higher highs nor lower lows · +2.0 ≥ 3 bars in a "
        "box (+1.0 ≥ 2) · +1.0 |cumulative delta| < 500 · +1.0 ATR percentile < 50",
    ),
    (
        Regime.VOLATILE,
        "+2.5 ATR percentile > 80 (+1.5 > 60) · +1.5 mean range > 1.5 ATR · +1.0 volume > 2.0 of average · +1.0 ADX 20..30 and "
        "falling · +1.0 |delta slope| > 100",
    ),
)


def patterns(signals: SignalParams, instrument: Instrument) -> Chapter:
    """What the detectors look for, with the thresholds of this instrument."""
    fade, absorb, gap = signals.exhaustion, signals.absorption, signals.divergence
    thin, climax, dom = signals.participation, signals.climax, signals.dom
    base = instrument.imbalance_min_volume if fade.min_base is None else fade.min_base
    zone = instrument.absorption_min_volume if absorb.min_volume is None else absorb.min_volume
    book = instrument.absorption_min_volume if dom.min_exec is None else dom.min_exec
    return Chapter(
        "Patterns, on closed bars (strength .50 just qualifies, 1.00 is saturated)",
        (
            (
                "X exhaustion",
                f"aggressors fade towards the extreme over ≥ {fade.min_levels} levels (≤ "
                f"{fade.max_levels}), losing ≥ "
                f"{fade.min_decline:.0%}, from ≥ {base} contracts",
            ),
            (
                "A absorption",
                f"named after the absorber: ≥ {zone} contracts in the {absorb.zone_ticks} ticks at the "
                f"extreme, ≥ {absorb.share:.0%} "
                "from the losing side, close in the other half",
            ),
            (
                "A in the book",
                f"≥ {book} contracts and ≥ {dom.k:g} × the shown size executed at the best price in "
                f"{dom.window_s:g} s, held "
                f"{dom.hold_s:g} s, confirmed {dom.confirm_ticks} ticks away",
            ),
            ("D divergence", f"new extreme of {gap.lookback} bars, CVD short of its own by ≥ {gap.min_gap:g} mean |delta|"),
            (
                "L participation",
                f"new extreme of {thin.lookback} bars on ≤ {thin.max_volume_ratio:g} of usual volume and ≤ "
                f"{thin.max_delta_ratio:.0%} delta behind it",
            ),
            (
                "C climax",
                f"volume ≥ {climax.volume_ratio:g} × the last {climax.volume_bars} bars, range ≥ "
                f"{climax.range_ratio:g} ATR, new "
                f"{climax.extreme_bars}-bar extreme, close in the far third; informational",
            ),
            ("quality", "more than 20 % of guessed sides make a signal LOW and cost strength"),
        ),
    )


def regime(signals: SignalParams) -> Chapter:
    """What scores, what wins, what overrules."""
    p = signals.regime
    return Chapter(
        "Regime, at each bar's close of regular hours",
        (
            (
                "NO_TRADE first",
                f"< {p.skip_close_min} min to the close, a news window, < {p.skip_open_min} min since "
                f"the open, volume < "
                f"{p.min_volume_ratio:g} of average, or fewer than {NEEDED_BARS} bars",
            ),
            *((regime.value, words) for regime, words in POINTS),
            ("winner", f"most points; under {p.min_score:g} it is VOLATILE 0.50; confidence = .5 + .5 × lead / own points"),
            ("change", f"after {p.min_bars} bars in a row; NO_TRADE begins and ends at once"),
            ("price to VWAP", _UNITS[p.vwap_unit]),
        ),
    )


def router(router: RouterParams, strategy: Strategy) -> Chapter:
    """Which pattern may be acted on in which regime."""
    off = ", ".join(pattern.value for pattern in router.disabled) or "none"
    return Chapter(
        "Router: what may be acted on",
        (
            ("strategy", _STRATEGIES[strategy]),
            *((regime.value, _row(row)) for regime, row in router.table),
            (
                "minima",
                f"strength ≥ {router.min_strength:.2f}, regime confidence ≥ {router.min_confidence:.2f}; switched off: {off}",
            ),
        ),
    )


def _row(row: RouterRow) -> str:
    if not row.enabled:
        return "nothing"
    bias = "both ways" if row.bias is Direction.NONE else f"{row.bias.name} only"
    return f"{', '.join(pattern.value for pattern in row.enabled)} · {bias} · size ×{row.size_factor:g}"


def setups(signals: SignalParams) -> Chapter:
    """The 90/10 score and the four ideas it judges."""
    score, p, hold, rule = signals.score, signals.setups, signals.hold, signals.rule_80
    parts = " + ".join(f"{100 * weight:g} {name}" for name, weight in WEIGHTS)
    by_weight: dict[float, list[str]] = {}
    for pattern, weight in PATTERN_WEIGHT.items():
        by_weight.setdefault(weight, []).append(LETTERS[pattern] + (" book" if "DOM" in pattern.name else ""))
    weights = " · ".join(f"{' '.join(dict.fromkeys(letters))} {weight:g}" for weight, letters in by_weight.items())
    flow = 1 - score.context_weight
    return Chapter(
        "Setups",
        (
            (
                "score",
                f"{score.context_weight:.2f} × context + {flow:.2f} × order flow; traded from "
                f"{score.threshold:g} on, never without "
                "confirmation, in NO_TRADE, with a PARTIAL CVA or feed grade D",
            ),
            ("context", parts),
            (
                "order flow",
                f"best weight × strength of the last {score.of_window_bars} bars, +10 for each further pattern: {weights}",
            ),
            ("veto", f"an opposite signal of weighted strength ≥ {score.veto:g}, unless outweighed by {score.overrule:g}"),
            (
                Setup.VA_BREAKOUT.value,
                f"two closes ≥ {p.beyond_ticks} ticks beyond PVA and CVA, or one on "
                f"{p.strong_volume:g} × usual volume; "
                f"≤ {p.extended_ticks} ticks away",
            ),
            (
                Setup.MEAN_REVERSION.value,
                f"rotational, an edge or VWAP ± {p.band_sigmas:g}σ within {p.near_ticks} "
                f"ticks, target ≥ "
                f"{p.least_target_ticks} ticks",
            ),
            (
                Setup.OPENING_DRIVE.value,
                f"a drive, {p.drive_from_min}–{p.drive_until_min} min after the open, first "
                f"pullback of "
                f"{p.pullback_least:.0%}–{p.pullback_most:.0%}",
            ),
            (
                Setup.RULE_80.value,
                f"PVA ≥ {rule.min_width_ticks} ticks wide, opened outside, "
                f"{_ACCEPTED[rule.acceptance]}, until "
                f"{rule.latest_min} min after the open",
            ),
            (
                "hold",
                f"a setup must stand {hold.hold_s:g} s; again only after {hold.rearm_ticks} ticks to the other "
                f"side, or gone "
                f"{hold.rearm_gone_s:g} s and {hold.rearm_after_min:g} min later",
            ),
        ),
    )
