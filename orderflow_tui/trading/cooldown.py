"""After a rejected entry no entries for a while. Exits are never cooled down; neither a restart nor a leap of the wall clock
shortens it."""

from __future__ import annotations

from orderflow_tui.domain.session import MS_NS


class Cooldown:
    """A deadline on the wall clock, so that it survives the process."""

    __slots__ = ("_ended_ns", "reason", "until_ns")

    def __init__(self) -> None:
        self._ended_ns: int | None = None  # the deadline that passed last
        self.until_ns: int | None = None
        self.reason = ""

    def begin(self, now_ns: int, for_ms: int, reason: str) -> None:
        """Start or extend."""
        self.restore(now_ns + for_ms * MS_NS, reason)

    def restore(self, until_ns: int, reason: str) -> None:
        """Set the deadline; an earlier one never replaces a later one."""
        if self.until_ns is None or until_ns > self.until_ns:
            self.until_ns = until_ns
            self.reason = reason

    def leapt(self, now_ns: int, by_ns: int, for_ms: int) -> bool:
        """The wall clock leapt forward by so much and has been followed since: what was left is left still, never more than a
        whole wait. True when it goes on."""
        until_ns = self._ended_ns if self.until_ns is None else self.until_ns
        if until_ns is None or until_ns + by_ns <= now_ns:
            return False
        self.restore(min(until_ns + by_ns, now_ns + for_ms * MS_NS), self.reason)
        return True

    def left_ms(self, now_ns: int) -> int:
        """Time left in ms, rounded up; 0 when over."""
        return 0 if self.until_ns is None else max(0, -((now_ns - self.until_ns) // MS_NS))

    def over(self, now_ns: int) -> bool:
        """End it when its time has come; True when it ended now."""
        if self.until_ns is None or now_ns < self.until_ns:
            return False
        self._ended_ns, self.until_ns = self.until_ns, None
        return True
