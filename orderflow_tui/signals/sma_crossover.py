"""The shortest strategy there is: two moving averages cross. An example to read, switched off as shipped.

A strategy is a class with one method: it sees closed bars and returns a candidate or nothing. Everything after that
(router, sizing, gate) is the same for all of them. Select it with `strategy = "sma_crossover"`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.signal import Direction
from orderflow_tui.signals.router import Candidate

LABEL = "SMA_CROSSOVER"


@dataclass(frozen=True, slots=True)
class SmaParams:
    """Lengths of the two averages in bars."""

    fast: int = 9
    slow: int = 21


class SmaCrossover:
    """LONG when the fast average rises above the slow one, SHORT when it falls below."""

    def __init__(self, params: SmaParams) -> None:
        self._params = params
        self._closes: deque[int] = deque(maxlen=params.slow)
        self._side = 0

    def on_bar(self, bar: FootprintBar) -> Candidate | None:
        """A candidate on the bar that crosses; the first comparison only sets the side."""
        self._closes.append(bar.close)
        if len(self._closes) < self._params.slow:
            return None
        closes = list(self._closes)
        gap = sum(closes[-self._params.fast :]) * self._params.slow - sum(closes) * self._params.fast
        side, before = (gap > 0) - (gap < 0) or self._side, self._side
        self._side = side
        if before in (0, side):
            return None
        source = f"{LABEL}|{bar.start_ns}|{bar.close}"
        return Candidate(source, LABEL, None, Direction(side), 1.0, bar.close)

    def shift(self, ticks: int) -> None:
        """The contract rolled: the series moves with it."""
        self._closes = deque((close + ticks for close in self._closes), maxlen=self._params.slow)
