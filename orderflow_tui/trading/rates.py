"""How often. Entry intents are bounded: 4 in 10 s, 60 an hour, and a breach halts. Protective traffic is never refused:
more than 20 messages in 10 s raise an alert.

A window of w holds what is younger than w: an intent exactly w old no longer counts.
"""

from __future__ import annotations

from collections import deque

from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.trading import caps

SHORT_NS = 10 * SECOND_NS
HOUR_NS = 3_600 * SECOND_NS


class Rates:
    """Counts entry intents and protective messages. Both memories are bounded by their windows' limits."""

    __slots__ = ("_alerted_ns", "_entries", "_protective")

    def __init__(self) -> None:
        self._entries: deque[int] = deque(maxlen=caps.ENTRIES_PER_HOUR)
        self._protective: deque[int] = deque(maxlen=caps.PROTECTIVE_PER_10_S + 1)
        self._alerted_ns: int | None = None

    def used_up(self, now_ns: int) -> str | None:
        """Why no further entry intent fits, None while one does."""
        short = sum(1 for ts_ns in self._entries if now_ns - ts_ns < SHORT_NS)
        if short >= caps.ENTRIES_PER_10_S:
            return f"{short} entry intents in 10 s, {caps.ENTRIES_PER_10_S} allowed"
        hour = sum(1 for ts_ns in self._entries if now_ns - ts_ns < HOUR_NS)
        if hour >= caps.ENTRIES_PER_HOUR:
            return f"{hour} entry intents in an hour, {caps.ENTRIES_PER_HOUR} allowed"
        return None

    def entry(self, now_ns: int) -> None:
        """An entry intent passed the gate."""
        self._entries.append(now_ns)

    def leapt(self, now_ns: int, by_ns: int) -> None:
        """The wall clock leapt forward: what was young is young still."""
        self._entries = deque((min(ts_ns + by_ns, now_ns) for ts_ns in self._entries), self._entries.maxlen)

    def protective(self, now_ns: int, messages: int) -> str | None:
        """Protective messages left; a sentence when they are too many (once in 10 s)."""
        self._protective.extend([now_ns] * min(messages, caps.PROTECTIVE_PER_10_S + 1))
        count = sum(1 for ts_ns in self._protective if now_ns - ts_ns < SHORT_NS)
        quiet = self._alerted_ns is None or now_ns - self._alerted_ns >= SHORT_NS
        if count <= caps.PROTECTIVE_PER_10_S or not quiet:
            return None
        self._alerted_ns = now_ns
        return f"more than {caps.PROTECTIVE_PER_10_S} protective messages in 10 s"
