"""Delta divergence: a new price extreme that the session's cumulative delta does not confirm.

Price extremes are cumulative, so the series compared with them is too: CVD since the open of regular hours, never the
delta of single bars, and never across a reset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.signal import Direction, Pattern
from orderflow_tui.signals.detector import BarContext, Finding, Stateless, ramp


@dataclass(frozen=True, slots=True)
class DivergenceParams:
    """`lookback` bars, the newest included; `min_gap` in mean absolute bar deltas."""

    lookback: int = 5
    min_gap: float = 0.5


def divergence(
    high: Sequence[float], low: Sequence[float], cvd: Sequence[int], delta: Sequence[int], min_gap: float
) -> list[tuple[Direction, int, float]]:
    """(direction, gap, gap in mean |delta|) for the last of N bars; equal extremes and a mean of 0 give nothing."""
    mean = sum(map(abs, delta)) / len(delta)
    if mean == 0:
        return []
    found = []
    gap = max(cvd[:-1]) - cvd[-1]
    if high[-1] > max(high[:-1]) and gap > 0 and gap >= min_gap * mean:
        found.append((Direction.SHORT, gap, gap / mean))
    gap = cvd[-1] - min(cvd[:-1])
    if low[-1] < min(low[:-1]) and gap > 0 and gap >= min_gap * mean:
        found.append((Direction.LONG, gap, gap / mean))
    return found


class DivergenceDetector(Stateless):
    """BEARISH_DIVERGENCE (SHORT) at a new high, BULLISH_DIVERGENCE (LONG) at a new low. Regular hours only."""

    __slots__ = ("_params",)

    def __init__(self, params: DivergenceParams) -> None:
        self._params = params

    def on_bar(self, bar: FootprintBar, view: BarContext) -> list[Finding]:
        """Needs the whole look-back inside one session, every bar with known sides and no lost data."""
        back = self._params.lookback - 1
        if bar.cvd_rth is None or not bar.rth or view.in_session < back:
            return []
        earlier = view.earlier[-back:]
        if bar.high <= max([b.high for b in earlier]) and bar.low >= min([b.low for b in earlier]):
            return []
        bars = [*earlier, bar]
        cvd = [b.cvd_rth for b in bars if b.cvd_rth is not None]
        delta = [b.delta for b in bars if b.delta is not None]
        if len(cvd) != len(bars) or len(delta) != len(bars) or any(b.partial for b in bars):
            return []
        found = divergence([b.high for b in bars], [b.low for b in bars], cvd, delta, self._params.min_gap)
        return [self._finding(bar, *part) for part in found]

    def _finding(self, bar: FootprintBar, direction: Direction, gap: int, ratio: float) -> Finding:
        short = direction is Direction.SHORT
        pattern = Pattern.BEARISH_DIVERGENCE if short else Pattern.BULLISH_DIVERGENCE
        strength = ramp(ratio, self._params.min_gap, self._params.min_gap + 2.0)
        return Finding(pattern, direction, strength, bar.high if short else bar.low, {"gap": gap, "ratio": ratio})
