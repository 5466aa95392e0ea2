"""Engine, broker and journal in one synchronous loop, for replay, analysis, backtest and simulation.

Commits happen on the spot, so everything that happens is a pure function of the events fed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from orderflow_tui.domain.action import Alert, Commit, Observation, Row
from orderflow_tui.domain.event import Committed, Event, JournalFailed, StopFileSeen
from orderflow_tui.driver import Driver
from orderflow_tui.engine import Engine
from orderflow_tui.hands import Hands
from orderflow_tui.outbox import Outbox
from orderflow_tui.ports import JournalError, MatchingBroker


class SyncJournal(Protocol):
    """A journal that is done when the call returns."""

    def commit_now(self, rows: Sequence[Row]) -> None:
        """Write durably or raise JournalError."""
        ...

    def record(self, row: Row) -> None:
        """Write in the background of the same file."""
        ...


class NoJournal:
    """Keeps nothing: for analysis, where no order is ever sent."""

    def commit_now(self, rows: Sequence[Row]) -> None:
        """Forget the rows."""

    def record(self, row: Row) -> None:
        """Forget the row."""


class ClosedLoop:
    """Feed events in, everything they cause happens before `feed` returns."""

    def __init__(
        self,
        engine: Engine,
        broker: MatchingBroker | None = None,
        journal: SyncJournal | None = None,
        *,
        observe: Callable[[Observation], None] = lambda _: None,
        alert: Callable[[Alert], None] = lambda _: None,
        stop_seen: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.engine = engine
        self._journal: SyncJournal = journal or NoJournal()
        self._stops: list[str] = []
        self.hands = Hands(
            Outbox(broker, stop_seen),
            lambda: engine.now_ns,
            commit=self._commit,
            record=self._journal.record,
            observe=observe,
            alert=alert,
            write_stop=self._stops.append,
        )
        self.driver = Driver(engine, self.hands.act, broker)

    def feed(self, event: Event) -> None:
        """Process one event and all it causes."""
        self.driver.step(event)
        while self._stops:
            self.driver.step(StopFileSeen(self.engine.now_ns, self._stops.pop(0), "written by the operator"))

    def _commit(self, action: Commit) -> list[Event]:
        now_ns = self.engine.now_ns
        try:
            self._journal.commit_now(action.rows)
        except JournalError as fault:
            return [JournalFailed(now_ns, action.ids, str(fault))]
        return [Committed(now_ns, action.ids, 0)]
