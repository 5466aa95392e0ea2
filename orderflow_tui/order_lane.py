"""The order lane: how an intent's rows become durable before anything of it is sent.

Where time is real, a commit takes its place in the journal's order at once and is awaited one after the other, nothing else
on its connection; `Committed` comes back through the inbox. In simulated time it is done on the spot.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine

from orderflow_tui.domain.action import Commit
from orderflow_tui.domain.event import Committed, Event, JournalFailed
from orderflow_tui.ports import Journal, JournalError, Post


class OrderLane:
    """Commits for `Hands`. `stamp` is the time of an event made now, `now` the instant the engine is at."""

    def __init__(self, journal: Journal, post: Post, *, stamp: Callable[[], int], now: Callable[[], int]) -> None:
        self._journal, self._post, self._stamp, self._now = journal, post, stamp, now
        self._waiting: deque[tuple[Commit, Coroutine[object, object, None], int]] = deque()
        self._ready = asyncio.Event()

    def commit(self, action: Commit) -> list[Event]:
        """Begin to write; what came of it is posted later, a refusal is known at once."""
        began = time.monotonic_ns()
        try:
            written = self._journal.commit(action.rows)  # takes its place in the order of rows now
        except JournalError as fault:
            return [JournalFailed(self._now(), action.ids, str(fault))]
        self._waiting.append((action, written, began))
        self._ready.set()
        return []

    def commit_now(self, action: Commit) -> list[Event]:
        """Done at the instant the engine is at, which may lie before the event that revealed it: no time passes meanwhile."""
        now_ns = self._now()
        try:
            self._journal.commit_now(action.rows)
        except JournalError as fault:
            return [JournalFailed(now_ns, action.ids, str(fault))]
        return [Committed(now_ns, action.ids, 0)]

    async def run(self) -> None:
        """Write and tell, for ever."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._waiting:
                action, written, began = self._waiting.popleft()
                try:
                    await written
                except JournalError as fault:
                    self._post(JournalFailed(self._stamp(), action.ids, str(fault)))
                else:
                    took_ms = (time.monotonic_ns() - began) // 1_000_000
                    self._post(Committed(self._stamp(), action.ids, took_ms))

    async def finish(self) -> None:
        """Write what still waits. Raises JournalError."""
        while self._waiting:
            await self._waiting.popleft()[1]
