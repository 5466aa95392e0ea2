"""Volume climax: a huge, wide bar that made a new extreme and could not hold it. Informational, no direction."""

from __future__ import annotations

from dataclasses import dataclass

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.signal import Direction, Evidence, Pattern
from orderflow_tui.signals.detector import BarContext, Finding, Stateless, c01


@dataclass(frozen=True, slots=True)
class ClimaxParams:
    """Volume against the mean of `volume_bars` earlier bars, range against ATR14, extreme of `extreme_bars` bars."""

    volume_ratio: float = 2.5
    range_ratio: float = 1.5
    volume_bars: int = 20
    extreme_bars: int = 10


class ClimaxDetector(Stateless):
    """VOLUME_CLIMAX: new high with the close in the lower third, or new low with the close in the upper third."""

    __slots__ = ("_params",)

    def __init__(self, params: ClimaxParams) -> None:
        self._params = params

    def on_bar(self, bar: FootprintBar, view: BarContext) -> list[Finding]:
        """At most one finding, about the extreme. Nothing while the means are not warm."""
        p, earlier = self._params, view.earlier
        height = bar.high - bar.low
        if bar.partial or view.atr is None or height < p.range_ratio * view.atr or len(earlier) < p.volume_bars:
            return []
        mean = sum(b.volume for b in earlier[-p.volume_bars :]) / p.volume_bars
        if mean <= 0 or bar.volume < p.volume_ratio * mean or view.atr <= 0:
            return []
        window = earlier[-p.extreme_bars :]
        kind = ""
        if bar.high > max(b.high for b in window) and 3 * (bar.close - bar.low) <= height:
            kind, ref = "high", bar.high
        elif bar.low < min(b.low for b in window) and 3 * (bar.high - bar.close) <= height:
            kind, ref = "low", bar.low
        if not kind:
            return []
        volume_ratio, range_ratio = bar.volume / mean, height / view.atr
        excess = c01((volume_ratio - p.volume_ratio) / 2.5) + c01((range_ratio - p.range_ratio) / 1.5)
        evidence: Evidence = {
            "kind": kind,
            "volume_ratio": volume_ratio,
            "range_ratio": range_ratio,
        }
        return [Finding(Pattern.VOLUME_CLIMAX, Direction.NONE, 0.5 + 0.25 * excess, ref, evidence)]
