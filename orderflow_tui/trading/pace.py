"""How long the journal's commits take: a slow disk keeps entries waiting before it makes them fail."""

from __future__ import annotations

from collections import deque

from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.trading.fences import SLOW_COMMIT_MS

RECENT_NS = 60 * SECOND_NS
COMMITS_KEPT = 1_000
FEWEST = 100  # one outlier among fewer is not yet a slow disk


class CommitPace:
    """The commits of the last minute and what each took."""

    __slots__ = ("_slow_ns", "_took")

    def __init__(self) -> None:
        self._took: deque[tuple[int, int]] = deque(maxlen=COMMITS_KEPT)
        self._slow_ns: int | None = None  # when the last slow one was answered

    def took(self, now_ns: int, ms: int) -> None:
        """A commit was answered after so many ms."""
        self._took.append((now_ns, ms))
        if ms > SLOW_COMMIT_MS:
            self._slow_ns = now_ns

    def p99_ms(self, now_ns: int) -> int | None:
        """Nearest-rank p99 in ms of the last minute's commits, counted as a hundred where they are fewer: then it is the
        second longest. None where none was slow or there was but one."""
        if self._slow_ns is None or now_ns - self._slow_ns >= RECENT_NS:
            return None
        longest = sorted((ms for when_ns, ms in self._took if now_ns - when_ns < RECENT_NS), reverse=True)
        beyond = max(len(longest), FEWEST) // 100  # how many may take longer
        return longest[beyond] if beyond < len(longest) else None
