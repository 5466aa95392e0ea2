"""One clock for all panels: when to draw the next frame, and which panels belong to it.

The rate adapts between 5 and 30: it halves its ambition when frames cost too much or the terminal has not taken the
last ones, and recovers slowly. A frame for which the terminal still owes the last ones is not drawn at all.
"""

from __future__ import annotations

from collections import deque

MIN_FPS = 5
MAX_FPS = 30
BACKLOG_LIMIT = 3  # writes the terminal has not taken; the writer's own queue holds 30 and then blocks
COST_SHARE = 0.35  # of a frame's period that painting may take before the rate drops
CALM_FRAMES = 40  # good frames before the rate rises by one
KEPT_COSTS = 512


class FrameClock:
    """Paces frames. Times are seconds of one monotonic clock that the caller reads."""

    def __init__(self, fps: int) -> None:
        self.wanted = min(max(fps, MIN_FPS), MAX_FPS)
        self.fps = float(self.wanted)
        self.frame = 0
        self.skipped = 0
        self.costs_ms: deque[float] = deque(maxlen=KEPT_COSTS)
        self._calm = 0

    @property
    def period(self) -> float:
        """Seconds between frames now."""
        return 1.0 / self.fps

    def begin(self, backlog: int) -> bool:
        """Whether to draw now. False: the terminal has not taken the last frames, so this one is dropped."""
        if backlog >= BACKLOG_LIMIT:
            self.skipped += 1
            self._slow_down()
            return False
        self.frame += 1
        return True

    def end(self, cost: float) -> None:
        """Tell what the frame cost in seconds; the rate follows."""
        self.costs_ms.append(cost * 1000)
        if cost > COST_SHARE * self.period:
            self._slow_down()
            return
        self._calm += 1
        if self._calm >= CALM_FRAMES and self.fps < self.wanted:
            self._calm = 0
            self.fps = min(self.fps + 1, self.wanted)

    def _slow_down(self) -> None:
        self._calm = 0
        self.fps = max(self.fps * 0.8, MIN_FPS)

    def due(self, every: int, phase: int = 0) -> bool:
        """Whether a panel drawn every n-th frame belongs to this one; phases spread the slow panels over frames."""
        return (self.frame + phase) % every == 0
