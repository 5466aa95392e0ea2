"""The journal of the simulation: rows in order, commits that may fail, wait or be torn by a crash.

Rows wait in one queue in the order they were handed over, like in the journal on disk; a recorded row is safe a moment
later, a committed one when `Committed` comes. What is safe is held by a MemoryJournal, which refuses what the journal on
disk refuses. A crash keeps a prefix of the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from random import Random

from orderflow_tui.adapters.journal_memory import MemoryJournal
from orderflow_tui.domain.action import Commit, Row
from orderflow_tui.domain.event import Committed, Event, JournalFailed
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.ports import JournalError

RECORD_NS = 20 * MS_NS  # a recorded row is on disk after this


@dataclass(slots=True)
class Turn:
    """Rows that stand or fall together; `ids` None: recorded, nobody waits."""

    rows: tuple[Row, ...]
    ids: tuple[str, ...] | None
    asked_ns: int


class Disk:
    """Commits and records with faults. `now` tells the time; answers that come later are fetched with `flush`."""

    def __init__(self, rng: Random, now: Callable[[], int]) -> None:
        self._rng = rng
        self._now = now
        self.kept = MemoryJournal()
        self.queue: list[Turn] = []
        self.fails = self.slow = self.uncertain = 0.0
        self.full_until_ns = 0
        self.stalled_until_ns = 0
        self.injected: dict[str, int] = {}

    @property
    def rows(self) -> list[Row]:
        """What is on disk, in order."""
        return self.kept.orders

    def commit(self, action: Commit) -> list[Event]:
        """Rows that must be safe before anything follows from them."""
        now = self._now()
        failed, slow, unsure, wait_s = (self._rng.random() for _ in range(4))
        turn = Turn(action.rows, action.ids, now)
        if failed < self.fails:
            self._count("commit_fails")
            return [JournalFailed(now, action.ids, "simulated: the commit failed")]
        if now < self.full_until_ns:
            return [JournalFailed(now, action.ids, "simulated: the disk is full")]
        if unsure < self.uncertain:  # it is on disk, but we are told that it failed
            self._count("commit_uncertain")
            self._write([*self._take(), turn])
            return [JournalFailed(now, action.ids, "simulated: the commit was interrupted")]
        if slow < self.slow:
            self._count("commit_slow")
            self.stalled_until_ns = max(self.stalled_until_ns, now + int(wait_s**3 * 5 * SECOND_NS))
        self.queue.append(turn)
        if now < self.stalled_until_ns:
            return []
        return self.flush()

    def record(self, row: Row) -> None:
        """A row in the background. Market rows are somebody else's business."""
        if row.book != "orders":
            return
        if self.queue and self.queue[0].ids is None:
            self.flush(everything=False)
        self.queue.append(Turn((row,), None, self._now()))

    def flush(self, *, everything: bool = True) -> list[Event]:
        """Write what waits; answers to those who waited."""
        now = self._now()
        if now < self.stalled_until_ns or now < self.full_until_ns or not self.queue:
            return []
        if not everything and (self.queue[0].asked_ns + RECORD_NS > now or any(t.ids is not None for t in self.queue)):
            return []
        return self._write(self._take())

    @property
    def troubled(self) -> bool:
        """Whether something keeps rows from being written now."""
        return self._now() < max(self.stalled_until_ns, self.full_until_ns) or bool(self.fails or self.slow or self.uncertain)

    def due_ns(self) -> int | None:
        """When what waits can be written: commits always, records once the disk works again. None: nothing waits."""
        works_ns = max(self.stalled_until_ns, self.full_until_ns)
        waits = any(turn.ids is not None or turn.asked_ns < works_ns for turn in self.queue)
        return works_ns if waits else None

    def crash(self, torn: float) -> None:
        """The process dies: a prefix of what waited was written, and what was recorded a moment ago or longer has been."""
        now, waiting = self._now(), self._take()
        works = now >= max(self.stalled_until_ns, self.full_until_ns)
        safe = list(takewhile(lambda turn: works and turn.ids is None and turn.asked_ns + RECORD_NS <= now, waiting))
        self._write(waiting[: len(safe) + int(torn * (len(waiting) - len(safe) + 1))])

    def heal(self) -> None:
        """No more faults."""
        self.fails = self.slow = self.uncertain = 0.0
        self.full_until_ns = self.stalled_until_ns = 0

    def _take(self) -> list[Turn]:
        waiting, self.queue = self.queue, []
        return waiting

    def _write(self, turns: Sequence[Turn]) -> list[Event]:
        now, told = self._now(), []
        for turn in turns:
            if turn.ids is None:
                self.kept.record(turn.rows[0])
                continue
            took_ms = (now - turn.asked_ns) // MS_NS
            answer: Event = Committed(now, turn.ids, took_ms)
            try:
                self.kept.commit_now(turn.rows)
            except JournalError as fault:
                answer = JournalFailed(now, turn.ids, str(fault))
            told.append(answer)
        return told

    def _count(self, kind: str) -> None:
        self.injected[kind] = self.injected.get(kind, 0) + 1
