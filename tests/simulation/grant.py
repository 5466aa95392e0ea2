"""Unattended trading as the oracle counts it: a person grants it with an armed hand, for one trade date, until a latch opens, the
flat time comes, the broker stays away for too long, or the process ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from orderflow_tui.domain.event import Automation


@dataclass(slots=True)
class Grant:
    """Whether it is granted, for which trade date, and since when the broker is away (None: it is not)."""

    given: bool = False
    day: date | None = None
    away_ns: int | None = None

    def chosen(self, mode: str, day: date | None, *, armed: bool) -> None:
        """A person chose what is done with decisions."""
        if mode not in Automation.__members__:
            return
        if Automation[mode] is not Automation.AUTO:
            self.end()
        elif armed:
            self.given, self.day = True, day

    def end(self) -> None:
        """It ends."""
        self.given = False

    def link(self, now_ns: int, longest_ns: int, *, up: bool) -> None:
        """The broker went away or came back; away for `longest_ns` ends it."""
        if not up:
            self.away_ns = now_ns if self.away_ns is None else self.away_ns
            return
        if self.away_ns is not None and now_ns - self.away_ns >= longest_ns:
            self.end()
        self.away_ns = None

    def holds(self, day: date | None) -> bool:
        """Whether an entry may leave by itself on this trade date."""
        return self.given and self.day == day
