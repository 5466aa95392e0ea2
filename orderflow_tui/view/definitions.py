"""The definitions in force: what every number on the screen means, with the values this engine was told.

Made once from the engine's parameters; a definition that would not be true under the configuration is never printed.
What limits money and orders stands in `limits`.
"""

from __future__ import annotations

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.session import MINUTE_NS, SessionTable
from orderflow_tui.domain.signal import Direction, Regime, Setup
from orderflow_tui.engine import EngineParams
from orderflow_tui.market.imbalance import ZeroPolicy
from orderflow_tui.signals.catalogue import LETTERS
from orderflow_tui.signals.params import SignalParams, Strategy
from orderflow_tui.signals.regime import NEEDED_BARS
from orderflow_tui.signals.router import RouterParams, RouterRow
from orderflow_tui.signals.rule80 import Acceptance
from orderflow_tui.signals.scoring import PATTERN_WEIGHT, WEIGHTS
from orderflow_tui.signals.stacking import CLUSTER_TICKS, HIGH_CONVICTION
from orderflow_tui.view.footprint import bar_label
from orderflow_tui.view.limits import money_chapters, unknowns
from orderflow_tui.view.model import Chapter

_UNITS = {"atr": "in ATR14", "ticks": "in ticks", "percent": "in per cent of VWAP", "sigma": "in σ of VWAP"}
_EMPTY_SIDE = {
    ZeroPolicy.ONE: "an empty opposite side counts as one contract",
    ZeroPolicy.SKIP: "an empty opposite side is no imbalance",
    ZeroPolicy.INF: "an empty opposite side is an imbalance at any volume",
}
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
    (Regime.TRENDING_UP, "ADX > 25 2.0, > 20 1.0 · EMA9 > EMA21 1.5 · price above VWAP 1.0 · higher highs and lows 2.0, lows alone "
     "1.0 · cumulative delta > 0 and rising 1.5, > 0 0.5 · ADX rising 0.5"),
    (Regime.TRENDING_DOWN, "the mirror"),
    (Regime.RANGING, "ADX < 20 2.0, < 25 1.0 · |price to VWAP| < 0.5 1.0 · no higher highs, no lower lows 1.5 · bars in a box ≥ 3 2.0, "
     "≥ 2 1.0 · |cumulative delta| < 500 1.0 · ATR percentile < 50 1.0"),
    (Regime.VOLATILE, "ATR percentile > 80 2.5, > 60 1.5 · mean range > 1.5 ATR 1.5 · volume > 2.0 of average 1.0 · ADX 20..30 and "
     "falling 1.0 · |delta slope| > 100 1.0"),
)  # fmt: skip


def definitions(params: EngineParams) -> tuple[Chapter, ...]:
    """All chapters, in the order a trader meets them on the screen."""
    return (
        _tape(params),
        _footprint(params),
        _value(params),
        _patterns(params.signals, params.analysis),
        _regime(params.signals),
        _router(params.signals.router, params.signals.strategy),
        _setups(params.signals),
        *money_chapters(params),
        unknowns(params),
    )


def _tape(params: EngineParams) -> Chapter:
    market, analysis, execution = params.market, params.analysis, params.execution
    cut = "" if market.bar_kind != "time" else ", closed by a timer and cut at the open, the close and 17:00 ET"
    judged = "" if market.bar_kind == "time" else "; shown, not judged: detectors and regime are made for time bars"
    return Chapter(
        "Tape and bars",
        (
            ("instrument", f"{_traded(analysis)} is analysed, {_traded(execution)} is traded"),
            ("regular hours", f"{_hours(params.table)} ET; the trade date runs 18:00–17:00 ET; overnight is 18:00 to the open"),
            ("bars", f"{bar_label(market)}{cut}{judged}"),
            ("side of a trade", "the feed's own flag; else at or above the ask buys, at or below the bid sells; in the middle or with a "
             "stale quote the tick rule. UNKNOWN counts in volume, never in delta"),
            ("feed grade", "A flagged ≥ 99 % · B flag or quote ≥ 95 % and unknown < 1 % · C guessed or unknown ≤ 20 % · D worse: no setup "
             "is tradable · ~n% is the share that was not flagged"),
            ("delta, CVD", "volume that lifted the ask minus volume that hit the bid; CVD adds it up from the open (CVDg: from 18:00)"),
            ("DOM columns", "Δ@px session delta at the price · ±rest how much the resting size changed since it last traded there "
             "(+ stacked, − pulled) · sold/bght trades there, cleared 5 s after price left · P&L if closed there"),
            ("pressure", "buyers' share of the volume with a known side in the last 60 s and 5 min; ≥ 60 % bullish, ≤ 40 % bearish"),
        ),
    )  # fmt: skip


def _traded(instrument: Instrument) -> str:
    return f"{instrument.symbol} (tick {instrument.price(1):g} = {instrument.tick_cents / 100:.2f})"


def _hours(table: SessionTable) -> str:
    """Regular hours of an ordinary day of the calendar, exchange time."""
    for day in table.days:
        if day.rth_open_ns is not None and day.rth_close_ns is not None and not day.half_day:
            opens, closes = ((at - day.midnight_ns) // MINUTE_NS for at in (day.rth_open_ns, day.rth_close_ns))
            return f"{opens // 60:02d}:{opens % 60:02d}–{closes // 60:02d}:{closes % 60:02d}"
    return "?"


def _footprint(params: EngineParams) -> Chapter:
    rules, market = params.market.imbalance, params.market
    least = params.analysis.imbalance_min_volume if rules.min_volume is None else rules.min_volume
    differs = f", {rules.min_diff} more than it" if rules.min_diff else ""
    rest = "up to" if market.unfinished_thin else "more than"
    return Chapter(
        "Footprint",
        (
            ("cell", "left of × hit the bid, right of it lifted the ask; [ ] is the bar's POC, the shade its value area"),
            ("imbalance", f"diagonal, ≥ {rules.ratio_percent / 100:.1f} × the neighbour and ≥ {least} contracts of {params.analysis.symbol}"
             f"{differs}; {_EMPTY_SIDE[rules.zero_policy]}"),
            ("stacked zone", f"≥ {rules.stacked_min} imbalances of one side on consecutive ticks; the bracket stands until a bar closes beyond "
             f"the far side, at most {market.level_sessions} sessions"),
            ("unfinished", f"{rest} {market.unfinished_max_volume} contracts on the opposite side of the bar's extreme; the ray ends "
             f"when price comes back; {market.unfinished_keep} are kept, extremes of the day {market.level_sessions} sessions"),
            ("letters", f"A absorption · X exhaustion · S stack · D divergence · U unfinished{_other_letters()}; the arrow is its direction"),
            ("footer", "V volume · Δ delta · Δ% of volume · ↕ min/max delta inside the bar · n trades · side? unknown share above 5 %"),
        ),
    )  # fmt: skip


def _other_letters() -> str:
    names = {"I": "imbalance", "C": "climax", "R": "unfinished revisited", "L": "lack of participation"}
    return "".join(f" · {letter} {names[letter]}" for letter in dict.fromkeys(LETTERS.values()) if letter in names)


def _value(params: EngineParams) -> Chapter:
    market = params.market
    rows = {
        "two_row": "the two rows above or the two below, whichever hold more",
        "one_row": "the row above or the one below, whichever holds more",
    }
    return Chapter(
        "Value",
        (
            ("value area", f"{market.value_permille / 10:g} % of volume, grown from the POC by {rows[market.value_method]} "
             f"({market.value_method.replace('_', '-')}); a row is {market.row_ticks} tick{'s'[: market.row_ticks > 1]}; ties go up"),
            ("POC", "the price with most volume; ties: nearest to the middle of the range"),
            ("DVA, PVA", "today's developing area (used from 10:00 ET on) and the previous session's"),
            ("CVA", f"the area of the merged profiles of the last {market.cva_days} sessions; fewer are PARTIAL and no setup is traded on them"),
            ("migration", "DVA (PVA before 10:00) against CVA: HIGHER, OVERLAPPING_HIGHER, INSIDE, OUTSIDE, OVERLAPPING_LOWER, LOWER"),
            ("aligned", f"daily areas in a row that moved one way; {HIGH_CONVICTION} or more are high conviction"),
            ("naked POC", "a session's POC that nobody traded since" + (" in regular hours" if market.npoc_rth_only else "")),
            ("stacked level", f"edges and POCs of earlier composites and naked POCs within {CLUSTER_TICKS} ticks, from ≥ 2 dates (stk×dates); "
             f"{market.archive_days} sessions are kept"),
            ("VWAP, ±σ", "volume-weighted from the open of regular hours; σ is volume-weighted too"),
            ("IB, TPO", f"initial balance: the first {market.ib_minutes} min; a TPO period is {market.tpo_minutes} min"),
        ),
    )  # fmt: skip


def _patterns(signals: SignalParams, instrument: Instrument) -> Chapter:
    fade, absorb, gap = signals.exhaustion, signals.absorption, signals.divergence
    thin, climax, dom = signals.participation, signals.climax, signals.dom
    base = instrument.imbalance_min_volume if fade.min_base is None else fade.min_base
    zone = instrument.absorption_min_volume if absorb.min_volume is None else absorb.min_volume
    book = instrument.absorption_min_volume if dom.min_exec is None else dom.min_exec
    return Chapter(
        "Patterns, on closed bars (strength .50 just qualifies, 1.00 is saturated)",
        (
            ("X exhaustion", f"aggressors fade towards the extreme over ≥ {fade.min_levels} levels (≤ {fade.max_levels}), losing ≥ "
             f"{fade.min_decline:.0%}, from ≥ {base} contracts"),
            ("A absorption", f"named after the absorber: ≥ {zone} contracts in the {absorb.zone_ticks} ticks at the extreme, ≥ {absorb.share:.0%} "
             "from the losing side, close in the other half"),
            ("A in the book", f"≥ {book} contracts and ≥ {dom.k:g} × the shown size executed at the best price in {dom.window_s:g} s, held "
             f"{dom.hold_s:g} s, confirmed {dom.confirm_ticks} ticks away"),
            ("D divergence", f"new extreme of {gap.lookback} bars, CVD short of its own by ≥ {gap.min_gap:g} mean |delta|"),
            ("L participation", f"new extreme of {thin.lookback} bars on ≤ {thin.max_volume_ratio:g} of usual volume and ≤ "
             f"{thin.max_delta_ratio:.0%} delta behind it"),
            ("C climax", f"volume ≥ {climax.volume_ratio:g} × the last {climax.volume_bars} bars, range ≥ {climax.range_ratio:g} ATR, new "
             f"{climax.extreme_bars}-bar extreme, close in the far third; informational"),
            ("quality", "more than 20 % of guessed sides make a signal LOW and cost strength"),
        ),
    )  # fmt: skip


def _regime(signals: SignalParams) -> Chapter:
    p = signals.regime
    return Chapter(
        "Regime, at each bar's close of regular hours",
        (
            ("NO_TRADE first", f"< {p.skip_close_min} min to the close, a news window, < {p.skip_open_min} min since the open, volume < "
             f"{p.min_volume_ratio:g} of average, or fewer than {NEEDED_BARS} bars"),
            *((regime.value, words) for regime, words in POINTS),
            ("winner", f"most points; under {p.min_score:g} it is VOLATILE 0.50; confidence = .5 + .5 × lead / own points"),
            ("change", f"after {p.min_bars} bars in a row; NO_TRADE begins and ends at once"),
            ("price to VWAP", _UNITS[p.vwap_unit]),
        ),
    )  # fmt: skip


def _router(router: RouterParams, strategy: Strategy) -> Chapter:
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


def _setups(signals: SignalParams) -> Chapter:
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
            ("score", f"{score.context_weight:.2f} × context + {flow:.2f} × order flow; traded from {score.threshold:g} on, never without "
             "confirmation, in NO_TRADE, with a PARTIAL CVA or feed grade D"),
            ("context", parts),
            ("order flow", f"best weight × strength of the last {score.of_window_bars} bars, +10 for each further pattern: {weights}"),
            ("veto", f"an opposite signal of weighted strength ≥ {score.veto:g}, unless outweighed by {score.overrule:g}"),
            (Setup.VA_BREAKOUT.value, f"two closes ≥ {p.beyond_ticks} ticks beyond PVA and CVA, or one on {p.strong_volume:g} × usual volume; "
             f"≤ {p.extended_ticks} ticks away"),
            (Setup.MEAN_REVERSION.value, f"rotational, an edge or VWAP ± {p.band_sigmas:g}σ within {p.near_ticks} ticks, target ≥ "
             f"{p.least_target_ticks} ticks"),
            (Setup.OPENING_DRIVE.value, f"a drive, {p.drive_from_min}–{p.drive_until_min} min after the open, first pullback of "
             f"{p.pullback_least:.0%}–{p.pullback_most:.0%}"),
            (Setup.RULE_80.value, f"PVA ≥ {rule.min_width_ticks} ticks wide, opened outside, {_ACCEPTED[rule.acceptance]}, until "
             f"{rule.latest_min} min after the open"),
            ("hold", f"a setup must stand {hold.hold_s:g} s; again only after {hold.rearm_ticks} ticks to the other side, or gone "
             f"{hold.rearm_gone_s:g} s and {hold.rearm_after_min:g} min later"),
        ),
    )  # fmt: skip
