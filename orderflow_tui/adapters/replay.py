"""A recording as a feed: files or the tape, at the pace somebody sets.

The events and their order are those of `Sources.recording`, so a replay concludes what an analysis of the same files
does; the pace only decides when. Files are read ahead on a worker thread, always further than one beat can reach: when
the clock has moved, everything due is handed over without another wait, so no timer can overtake an event.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from math import isfinite

import numpy as np

from orderflow_tui.adapters.importers.merged import Sources
from orderflow_tui.adapters.pace import LONGEST_BEAT_S, RUSH_NS, Pace
from orderflow_tui.adapters.tape_log import first_stamp
from orderflow_tui.domain.event import MarketEvent, stamp_of
from orderflow_tui.domain.market import Bars, FeedState, FeedStatus, Trades
from orderflow_tui.domain.session import MINUTE_NS, SECOND_NS

DEAD_NS = 30 * MINUTE_NS  # a longer silence is a closed market: it is skipped, not waited through
_EVENTS_AT_ONCE = 256


class ReplayFeed:
    """Implements `ports.Feed` over opened sources. The bad end of a bad file raises ImportFault out of `events`."""

    def __init__(self, sources: Sources, pace: Pace) -> None:
        self.sources = sources
        self._pace = pace
        self._closed = False
        self._ahead: deque[MarketEvent] = deque()
        self._exhausted = False
        self._reading = False

    async def events(self) -> AsyncIterator[MarketEvent]:
        """The recording from its start. One consumer at a time."""
        recording = self.sources.recording()
        self._ahead.clear()
        self._exhausted = False
        started = False
        try:
            while not self._closed:
                await self._read_ahead(recording)
                if not self._ahead:
                    return
                due_ns = known_at(self._ahead[0])
                if isinstance(self._ahead[0], FeedStatus) and self._ahead[0].state is FeedState.ENDED:
                    self._pace.start(due_ns)  # nothing is waited for any more
                    yield self._ahead.popleft()
                    return
                if not started or due_ns - self._pace.now_ns > DEAD_NS:
                    self._pace.start(due_ns - SECOND_NS if started else first_stamp(self._ahead[0]))
                    started = True
                    continue
                until_ns = self._pace.now_ns if due_ns < self._pace.now_ns else await self._pace.beat()
                for event in self._due(until_ns):
                    yield event
        finally:
            if not self._reading:  # a cancelled reading goes on in its thread, and closes with its last reference
                recording.close()

    def next_trade_ns(self) -> int | None:
        """The stamp of the next trade that was read ahead but not played, None when none is in hand."""
        return next((first_stamp(event) for event in self._ahead if isinstance(event, Trades)), None)

    async def close(self) -> None:
        """Stop after the current beat. Idempotent."""
        self._closed = True

    async def _read_ahead(self, recording: Iterator[MarketEvent]) -> None:
        """Hold everything the next beat could release."""
        speed = self._pace.speed
        reach_ns = max(RUSH_NS, int(LONGEST_BEAT_S * speed * SECOND_NS) if isfinite(speed) else 0)
        while not self._exhausted and (not self._ahead or first_stamp(self._ahead[-1]) <= self._pace.now_ns + reach_ns):
            self._reading = True
            more = await asyncio.to_thread(lambda: list(islice(recording, _EVENTS_AT_ONCE)))
            self._reading = False
            self._exhausted = len(more) < _EVENTS_AT_ONCE
            self._ahead.extend(more)

    def _due(self, until_ns: int) -> Iterator[MarketEvent]:
        """The events known before `until_ns`; the last of them may be the first part of a block."""
        while self._ahead and known_at(self._ahead[0]) < until_ns:
            event = self._ahead.popleft()
            if isinstance(event, Trades | Bars) and stamp_of(event) >= until_ns:
                stop = _known_rows(event, until_ns)
                self._ahead.appendleft(event.cut(stop, len(event)))
                event = event.cut(0, stop)
            yield event


def known_at(event: MarketEvent) -> int:
    """When the first row of an event could be known: a bar at its end."""
    return first_stamp(event) + (event.seconds * SECOND_NS if isinstance(event, Bars) else 0)


def _known_rows(block: Trades | Bars, until_ns: int) -> int:
    if isinstance(block, Trades):
        return int(np.searchsorted(block.ts_ns, until_ns, side="left"))
    return int(np.searchsorted(block.start_ns, until_ns - block.seconds * SECOND_NS, side="left"))
