"""Lack of participation: a new extreme on thin volume that its own side did not push. Confirms, never trades alone."""

from __future__ import annotations

from dataclasses import dataclass

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.signal import Direction, Evidence, Pattern
from orderflow_tui.signals.detector import BarContext, Finding, Stateless, c01

MEAN_BARS = 20  # when no mean for the time of day is known yet


@dataclass(frozen=True, slots=True)
class ParticipationParams:
    """Extreme of `lookback` earlier bars of the session; volume and delta ratios at most these."""

    lookback: int = 10
    max_volume_ratio: float = 0.7
    max_delta_ratio: float = 0.05


class ParticipationDetector(Stateless):
    """LACK_OF_PARTICIPATION_HIGH (SHORT), LACK_OF_PARTICIPATION_LOW (LONG)."""

    __slots__ = ("_params",)

    def __init__(self, params: ParticipationParams) -> None:
        self._params = params

    def on_bar(self, bar: FootprintBar, view: BarContext) -> list[Finding]:
        """Volume is compared with this time of day (lunch is thin every day), else with the last 20 bars."""
        p = self._params
        if bar.partial or bar.delta is None or bar.volume <= 0 or view.in_session < p.lookback:
            return []
        window = view.earlier[-p.lookback :]
        up, down = bar.high > max([b.high for b in window]), bar.low < min([b.low for b in window])
        if not up and not down:
            return []
        reference = self._reference(view)
        if reference is None or bar.volume > p.max_volume_ratio * reference:
            return []
        volume_ratio, delta_ratio = bar.volume / reference, bar.delta / bar.volume
        found = []
        if up and delta_ratio <= p.max_delta_ratio:
            found.append(self._finding(Pattern.LACK_OF_PARTICIPATION_HIGH, Direction.SHORT, bar.high, volume_ratio, delta_ratio))
        if down and -delta_ratio <= p.max_delta_ratio:
            found.append(self._finding(Pattern.LACK_OF_PARTICIPATION_LOW, Direction.LONG, bar.low, volume_ratio, delta_ratio))
        return found

    def _reference(self, view: BarContext) -> float | None:
        if view.slot_volume is not None:
            return view.slot_volume if view.slot_volume > 0 else None
        earlier = view.earlier[-MEAN_BARS:]
        mean = sum(b.volume for b in earlier) / MEAN_BARS
        return mean if len(earlier) == MEAN_BARS and mean > 0 else None

    def _finding(self, pattern: Pattern, direction: Direction, ref: int, volume_ratio: float, delta_ratio: float) -> Finding:
        p = self._params
        pushed = -direction * delta_ratio  # delta towards the extreme
        parts = c01((p.max_volume_ratio - volume_ratio) / 0.4) + c01((p.max_delta_ratio - pushed) / 0.25)
        evidence: Evidence = {
            "volume_ratio": volume_ratio,
            "delta_ratio": delta_ratio,
        }
        return Finding(pattern, direction, 0.5 + 0.25 * parts, ref, evidence)
