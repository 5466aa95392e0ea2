"""The slow lane: everything that is not an order waits its turn, so that an order never waits behind it.

The client library sends first come first served and holds back beyond 45 messages a second; whatever is queued there
delays a cancel by seconds and is lost silently when the socket drops. So other traffic is limited here to 20 a second
and orders go around this lane.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

PER_SECOND = 20
MOST_WAITING = 2_000


class LaneFull(Exception):
    """Too many requests are waiting already."""


class Lane:
    """At most `per_second` calls in any second; the rest waits in order. `close` drops what waits."""

    def __init__(self, per_second: int = PER_SECOND) -> None:
        self._per_second = per_second
        self._recent: deque[float] = deque()
        self._waiting: deque[Callable[[], None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def call(self, request: Callable[[], None]) -> None:
        """Make the request now or in its turn. Raises LaneFull beyond 2,000 waiting."""
        if self._closed:
            return
        if len(self._waiting) >= MOST_WAITING:
            raise LaneFull(f"{MOST_WAITING} requests wait for the broker already; something asks without end")
        self._waiting.append(request)
        if self._timer is None:
            self._run()

    def _run(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._recent and self._recent[0] + 1.0 <= now:  # the same sum as the timer's: a difference may round the other way
            self._recent.popleft()
        while self._waiting and len(self._recent) < self._per_second:
            self._recent.append(now)
            self._waiting.popleft()()
        if self._waiting:
            self._timer = loop.call_at(self._recent[0] + 1.0, self._run)

    def close(self) -> None:
        """Nothing more goes out."""
        self._closed = True
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
