"""What kind of market it is: inputs, scores, overrides and persistence, every term visible.

Four scores are added up from published comparisons; the highest wins, its margin over the second is the confidence.
Overrides come first: near the open or the close, in a news window and on dead volume nothing is traded.
A new regime takes effect after two classifications in a row; NO_TRADE begins and ends at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.session import MINUTE_NS
from orderflow_tui.domain.signal import Regime, RegimeReading, RegimeTerm
from orderflow_tui.market.indicators import Indicators

ORDER = (Regime.TRENDING_UP, Regime.TRENDING_DOWN, Regime.RANGING, Regime.VOLATILE)
UP, DOWN, RANGE, WILD = ORDER
NEEDED_BARS = 32  # ADX-14 is first known at the 28th bar, its five-value slope four bars later


@dataclass(frozen=True, slots=True)
class RegimeParams:
    """`min_score` a winner needs; `min_bars` classifications before a change; overrides in minutes and shares."""

    min_score: float = 4.0
    min_bars: int = 2
    skip_open_min: int = 5
    skip_close_min: int = 15
    min_volume_ratio: float = 0.3
    vwap_unit: str = "atr"  # | "points" | "percent" | "sigma"


@dataclass(slots=True)  # made once a bar: building a frozen one costs more than all that reads it
class RegimeInputs:
    """Everything the scores compare. Prices and ranges in ticks, slopes per bar, `price_vs_vwap` in ATR.

    None marks what is not known: indicators while warming up, cumulative delta while it is partial, VWAP before the
    first trade. `delta_cold` says that too few bars with sides stood behind `delta_slope`.
    """

    adx: float | None
    adx_slope: float | None
    ema_trend: float | None
    price_vs_vwap: float | None
    atr: float | None
    atr_percentile: float
    bar_range_avg: float
    volume_vs_average: float
    cumulative_delta: int | None
    delta_slope: float
    higher_highs: bool
    lower_highs: bool
    higher_lows: bool
    lower_lows: bool
    range_bound_bars: int
    minutes_since_open: int
    minutes_to_close: int
    news: bool
    delta_cold: bool = False

    def as_dict(self) -> dict[str, float | bool | None]:
        """By name, for the reading."""
        return {
            "adx": self.adx,
            "adx_slope": self.adx_slope,
            "ema_trend": self.ema_trend,
            "price_vs_vwap": self.price_vs_vwap,
            "atr": self.atr,
            "atr_percentile": self.atr_percentile,
            "bar_range_avg": self.bar_range_avg,
            "volume_vs_average": self.volume_vs_average,
            "cumulative_delta": self.cumulative_delta,
            "delta_slope": self.delta_slope,
            "higher_highs": self.higher_highs,
            "lower_highs": self.lower_highs,
            "higher_lows": self.higher_lows,
            "lower_lows": self.lower_lows,
            "range_bound_bars": self.range_bound_bars,
            "minutes_since_open": self.minutes_since_open,
            "minutes_to_close": self.minutes_to_close,
            "news": self.news,
            "delta_cold": self.delta_cold,
        }


@dataclass(frozen=True, slots=True)
class Classified:
    """One bar's verdict before persistence. `scores` in order UP, DOWN, RANGING, VOLATILE."""

    regime: Regime
    confidence: float
    scores: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    terms: tuple[RegimeTerm, ...] = ()
    reason: str = ""


def override(i: RegimeInputs, p: RegimeParams) -> str:
    """Why nothing may be traded whatever the scores say, empty when nothing stands against it."""
    if i.minutes_since_open == 0 and i.minutes_to_close == 0:
        return "outside regular hours"
    if i.minutes_to_close < p.skip_close_min:
        return f"{i.minutes_to_close} min to the close < {p.skip_close_min}"
    if i.news:
        return "news window"
    if i.minutes_since_open < p.skip_open_min:
        return f"{i.minutes_since_open} min since the open < {p.skip_open_min}"
    if i.volume_vs_average < p.min_volume_ratio:
        return f"volume {i.volume_vs_average:.2f} of average < {p.min_volume_ratio}"
    return ""


def classify(i: RegimeInputs, p: RegimeParams) -> Classified:
    """Overrides, warm-up, then the scores. Ties go to the earlier of UP, DOWN, RANGING, VOLATILE."""
    reason = override(i, p)
    if reason:
        return Classified(Regime.NO_TRADE, 1.0, reason=reason)
    if i.adx is None or i.adx_slope is None or i.ema_trend is None or i.atr is None:
        return Classified(Regime.NO_TRADE, 1.0, reason=f"warming up: the indicators need {NEEDED_BARS} bars of regular hours")
    terms = (
        *_direction_terms(i, i.adx, i.adx_slope, i.ema_trend),
        *_range_terms(i, i.adx),
        *_volatile_terms(i, i.adx, i.adx_slope, i.atr),
    )
    scores = _scores(terms)
    best = scores.index(max(scores))
    if scores[best] == 0:
        return Classified(Regime.NO_TRADE, 0.5, scores, terms, "no condition holds")
    if scores[best] < p.min_score:
        return Classified(Regime.VOLATILE, 0.5, scores, terms, f"best score {scores[best]:.1f} < {p.min_score}")
    return Classified(ORDER[best], confidence_of(ORDER[best], scores), scores, terms)


def _scores(terms: Sequence[RegimeTerm]) -> tuple[float, float, float, float]:
    up = down = ranging = wild = 0.0
    for term in terms:
        if term.regime is UP:
            up += term.points
        elif term.regime is DOWN:
            down += term.points
        elif term.regime is RANGE:
            ranging += term.points
        else:
            wild += term.points
    return up, down, ranging, wild


def confidence_of(regime: Regime, scores: Sequence[float]) -> float:
    """0.5 + half the margin over the best other score, in shares of the own; 0.5 for a regime that did not win."""
    place = ORDER.index(regime)
    own = scores[place]
    rival = max(*scores[:place], *scores[place + 1 :])
    return 0.5 if own <= 0 else min(0.5 + 0.5 * max(0.0, (own - rival) / own), 1.0)


def _direction_terms(i: RegimeInputs, adx: float, adx_slope: float, ema: float) -> list[RegimeTerm]:
    """What speaks for a trend up, and its mirror."""
    found: list[RegimeTerm] = []
    for regime, sign in ((UP, 1), (DOWN, -1)):
        relation = ">" if sign > 0 else "<"
        if adx > 25:
            found.append(RegimeTerm(regime, 2.0, f"ADX {adx:.1f} > 25"))
        elif adx > 20:
            found.append(RegimeTerm(regime, 1.0, f"ADX {adx:.1f} > 20"))
        if sign * ema > 0:
            found.append(RegimeTerm(regime, 1.5, f"EMA9 - EMA21 {ema:+.2f} {relation} 0"))
        if i.price_vs_vwap is not None and sign * i.price_vs_vwap > 0:
            found.append(RegimeTerm(regime, 1.0, f"price to VWAP {i.price_vs_vwap:+.2f} ATR {relation} 0"))
        moving, holding = (i.higher_highs, i.higher_lows) if sign > 0 else (i.lower_lows, i.lower_highs)
        if moving and holding:
            found.append(RegimeTerm(regime, 2.0, "higher highs and higher lows" if sign > 0 else "lower highs and lower lows"))
        elif holding:
            found.append(RegimeTerm(regime, 1.0, "higher lows" if sign > 0 else "lower highs"))
        delta = i.cumulative_delta
        if delta is not None and sign * delta > 0:
            if sign * i.delta_slope > 0:
                found.append(RegimeTerm(regime, 1.5, f"CD {delta:+d} and delta slope {i.delta_slope:+.1f} {relation} 0"))
            else:
                found.append(RegimeTerm(regime, 0.5, f"CD {delta:+d} {relation} 0"))
        if adx_slope > 0:
            found.append(RegimeTerm(regime, 0.5, f"ADX slope {adx_slope:+.2f} > 0"))
    return found


def _range_terms(i: RegimeInputs, adx: float) -> list[RegimeTerm]:
    """What speaks for a range."""
    found: list[RegimeTerm] = []
    if adx < 20:
        found.append(RegimeTerm(RANGE, 2.0, f"ADX {adx:.1f} < 20"))
    elif adx < 25:
        found.append(RegimeTerm(RANGE, 1.0, f"ADX {adx:.1f} < 25"))
    if i.price_vs_vwap is not None and abs(i.price_vs_vwap) < 0.5:
        found.append(RegimeTerm(RANGE, 1.0, f"|price to VWAP| {abs(i.price_vs_vwap):.2f} ATR < 0.5"))
    if not (i.higher_highs or i.lower_lows):
        found.append(RegimeTerm(RANGE, 1.5, "neither higher highs nor lower lows"))
    if i.range_bound_bars >= 3:
        found.append(RegimeTerm(RANGE, 2.0, f"{i.range_bound_bars} bars in a box >= 3"))
    elif i.range_bound_bars >= 2:
        found.append(RegimeTerm(RANGE, 1.0, f"{i.range_bound_bars} bars in a box >= 2"))
    if i.cumulative_delta is not None and abs(i.cumulative_delta) < 500:
        found.append(RegimeTerm(RANGE, 1.0, f"|CD| {abs(i.cumulative_delta)} < 500"))
    if i.atr_percentile < 50:
        found.append(RegimeTerm(RANGE, 1.0, f"ATR percentile {i.atr_percentile:.0f} < 50"))
    return found


def _volatile_terms(i: RegimeInputs, adx: float, adx_slope: float, atr: float) -> list[RegimeTerm]:
    """What speaks for a wild market."""
    found: list[RegimeTerm] = []
    if i.atr_percentile > 80:
        found.append(RegimeTerm(WILD, 2.5, f"ATR percentile {i.atr_percentile:.0f} > 80"))
    elif i.atr_percentile > 60:
        found.append(RegimeTerm(WILD, 1.5, f"ATR percentile {i.atr_percentile:.0f} > 60"))
    if i.bar_range_avg > 1.5 * atr:
        found.append(RegimeTerm(WILD, 1.5, f"mean bar range {i.bar_range_avg:.1f} > 1.5 ATR {1.5 * atr:.1f}"))
    if i.volume_vs_average > 2.0:
        found.append(RegimeTerm(WILD, 1.0, f"volume {i.volume_vs_average:.2f} of average > 2.0"))
    if 20 <= adx <= 30 and adx_slope < 0:
        found.append(RegimeTerm(WILD, 1.0, f"ADX {adx:.1f} in 20..30 and falling"))
    if abs(i.delta_slope) > 100:
        found.append(RegimeTerm(WILD, 1.0, f"|delta slope| {abs(i.delta_slope):.0f} > 100"))
    return found


class RegimeTracker:
    """Turns classifications into the regime in force."""

    __slots__ = ("_params", "_pending", "_pending_count", "current")

    def __init__(self, params: RegimeParams) -> None:
        self._params = params
        self.current: Regime | None = None
        self._pending: Regime | None = None
        self._pending_count = 0

    def read(self, ts_ns: int, inputs: RegimeInputs) -> RegimeReading:
        """Classify, and let persistence decide what is in force.

        The confidence is that of the regime in force: 0.5 while another one is winning but not confirmed yet.
        """
        verdict = classify(inputs, self._params)
        regime = self._settle(verdict.regime)
        confidence, reason = verdict.confidence, verdict.reason
        if regime is not verdict.regime:
            confidence = confidence_of(regime, verdict.scores)
            reason = f"{verdict.regime.value} {self._pending_count} of {self._params.min_bars} bars"
        return RegimeReading(
            ts_ns, regime, verdict.regime, confidence, verdict.scores, verdict.terms, inputs.as_dict(), reason
        )  # fmt: skip

    def no_trade(self, ts_ns: int, reason: str) -> RegimeReading:
        """The session ended: NO_TRADE at once."""
        self._settle(Regime.NO_TRADE)
        return RegimeReading(ts_ns, Regime.NO_TRADE, Regime.NO_TRADE, 1.0, (0.0, 0.0, 0.0, 0.0), reason=reason)

    def _settle(self, candidate: Regime) -> Regime:
        at_once = candidate is Regime.NO_TRADE or self.current in (None, Regime.NO_TRADE, candidate)
        self._pending_count = self._pending_count + 1 if candidate is self._pending else 1
        self._pending = candidate
        if at_once or self._pending_count >= self._params.min_bars:
            self.current = candidate
        assert self.current is not None
        return self.current


def minutes(now_ns: int, open_ns: int | None, close_ns: int | None) -> tuple[int, int]:
    """Whole minutes since the open and to the close of regular hours; (0, 0) outside them."""
    if open_ns is None or close_ns is None or not open_ns <= now_ns <= close_ns:
        return 0, 0
    return (now_ns - open_ns) // MINUTE_NS, (close_ns - now_ns) // MINUTE_NS


def regime_inputs(
    bar: FootprintBar,
    indicators: Indicators,
    vwap: float | None,
    delta: tuple[float, bool],
    clock: tuple[int, int],
    news: bool,
    partial: bool,
    unit: str = "atr",
    vwap_sigma: float | None = None,
    point: float = 1.0,
) -> RegimeInputs:
    """The inputs at a bar's close. `delta` is (slope, cold), `clock` minutes (since open, to close), `partial` whether
    cumulative delta misses part of the session, `point` what a tick is worth in points."""
    atr = indicators.atr14.value
    shape = indicators.structure()
    return RegimeInputs(
        adx=indicators.adx14.value,
        adx_slope=indicators.adx_slope(),
        ema_trend=indicators.ema_trend(),
        price_vs_vwap=_distance(bar.close, vwap, atr, vwap_sigma, unit, point),
        atr=atr,
        atr_percentile=_or(indicators.atr_percentile(), 50.0),
        bar_range_avg=_or(indicators.bar_range_avg(), 0.0),
        volume_vs_average=_or(indicators.volume_vs_average(), 1.0),
        cumulative_delta=None if partial else bar.cvd_rth,
        delta_slope=delta[0],
        higher_highs=shape is not None and shape.higher_highs,
        lower_highs=shape is not None and shape.lower_highs,
        higher_lows=shape is not None and shape.higher_lows,
        lower_lows=shape is not None and shape.lower_lows,
        range_bound_bars=indicators.range_bound_bars() or 0,
        minutes_since_open=clock[0],
        minutes_to_close=clock[1],
        news=news,
        delta_cold=delta[1],
    )


def _or(value: float | None, instead: float) -> float:
    return instead if value is None else value


def _distance(
    close: int, vwap: float | None, atr: float | None, sigma: float | None, unit: str, point: float
) -> float | None:  # fmt: skip
    """Price to VWAP in ATR, points, percent of VWAP or standard deviations; None where the unit is not known."""
    scale = {"atr": atr, "points": 1 / point, "percent": None if vwap is None else vwap / 100, "sigma": sigma}[unit]
    return None if vwap is None or not scale else (close - vwap) / scale
