"""Absorption seen on a closed bar: heavy one-sided selling into the low that did not take price down, and the mirror.

The name says who absorbs: BUYING_ABSORPTION is resting bids taking aggressive selling, so it points LONG. Many texts
name the side being absorbed; their labels must never be imported.
"""

from __future__ import annotations

from dataclasses import dataclass

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.signal import Direction, Evidence, Pattern
from orderflow_tui.signals.detector import BarContext, Finding, Stateless, c01, has_levels


@dataclass(frozen=True, slots=True)
class AbsorptionParams:
    """`min_volume` in the zone (None takes the instrument's), `zone_ticks` at the extreme, aggressor's `share` there."""

    min_volume: int | None = None
    zone_ticks: int = 3
    share: float = 0.60


class AbsorptionDetector(Stateless):
    """BUYING_ABSORPTION at the low (LONG), SELLING_ABSORPTION at the high (SHORT)."""

    __slots__ = ("_min_volume", "_params")

    def __init__(self, params: AbsorptionParams, min_volume: int) -> None:
        self._params = params
        self._min_volume = min_volume if params.min_volume is None else params.min_volume

    def on_bar(self, bar: FootprintBar, view: BarContext) -> list[Finding]:  # noqa: ARG002
        """A close in the exact middle rejects neither extreme, so it gives neither signal."""
        zone = self._params.zone_ticks
        height = bar.high - bar.low
        if not has_levels(bar) or height + 1 < zone or height == 0:
            return []
        above, below = bar.close - bar.low, bar.high - bar.close
        if above > below:
            bid, ask = sum(bar.bid[:zone]), sum(bar.ask[:zone])
            return self._finding(Pattern.BUYING_ABSORPTION, Direction.LONG, bar.low, bid, ask, above / height)
        if below > above:
            bid, ask = sum(bar.bid[-zone:]), sum(bar.ask[-zone:])
            return self._finding(Pattern.SELLING_ABSORPTION, Direction.SHORT, bar.high, ask, bid, below / height)
        return []

    def _finding(
        self, pattern: Pattern, direction: Direction, ref: int, absorbed: int, other: int, rejection: float
    ) -> list[Finding]:
        volume, least = absorbed + other, self._min_volume
        if volume < least or volume == 0 or absorbed / volume < self._params.share:
            return []
        share = absorbed / volume
        parts = c01((volume / max(least, 1) - 1) / 3) + c01((share - self._params.share) / 0.4) + c01((rejection - 0.5) / 0.5)
        evidence: Evidence = {
            "volume": volume,
            "share": share,
            "rejection": rejection,
        }
        return [Finding(pattern, direction, 0.5 + 0.5 * parts / 3, ref, evidence)]
