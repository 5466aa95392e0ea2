"""Carrying out what the engine decided: one match statement, the same for every mode.

How a Commit is made durable is given from outside: on the spot (replay, backtest: Committed is known at once) or in the
background (live: Committed comes back through the inbox).

Every action of a list is carried out, whatever became of the one before it: what protects and what flattens never waits for a
disk. A journal that refuses rows is told as JournalFailed, once until it takes a row again; a commit always gets its answer. Any
other fault is handed to whoever asked for it, or raised when the list is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never

from orderflow_tui.domain.action import (
    AcknowledgeLink,
    Action,
    Alert,
    AskAccountReport,
    AskMargin,
    Cancel,
    CancelEverything,
    Commit,
    Observation,
    Observed,
    Record,
    RollContract,
    Row,
    Send,
    SendChange,
    WriteStopFile,
)
from orderflow_tui.domain.event import Event, JournalFailed
from orderflow_tui.outbox import Outbox
from orderflow_tui.ports import JournalError


class Hands:
    """Performs actions in their order and returns the events that are known at once.

    `roll` changes the traded month, `acknowledge` lets a held link try again; a market inside the house has neither. `fault` is
    told of an action that could not be carried out; without one the first such fault is raised.
    """

    def __init__(
        self,
        outbox: Outbox,
        now: Callable[[], int],
        *,
        commit: Callable[[Commit], Sequence[Event]],
        record: Callable[[Row], None],
        observe: Callable[[Observation], None],
        alert: Callable[[Alert], None],
        write_stop: Callable[[str], None],
        roll: Callable[[], None] = lambda: None,
        acknowledge: Callable[[], None] = lambda: None,
        fault: Callable[[Exception, Action], None] | None = None,
    ) -> None:
        self._outbox = outbox
        self._now = now
        self._commit = commit
        self._record = record
        self._observe = observe
        self._alert = alert
        self._write_stop = write_stop
        self._roll = roll
        self._acknowledge = acknowledge
        self._fault = fault
        self._refused = False  # the journal refuses rows, and the engine knows it

    def act(self, actions: Sequence[Action]) -> list[Event]:
        """Carry out actions in order."""
        events: list[Event] = []
        raised: list[Exception] = []
        for action in actions:
            try:
                events += self._carry_out(action)
            except Exception as fault:
                if isinstance(action, Commit):
                    events.append(JournalFailed(self._now(), action.ids, f"{type(fault).__name__}: {fault}"))
                elif isinstance(fault, JournalError):
                    events += self._not_written(fault)
                if isinstance(fault, JournalError):
                    continue
                if self._fault is None:
                    raised.append(fault)
                else:
                    self._fault(fault, action)
        if raised:
            raise raised[0]
        return events

    def _not_written(self, fault: JournalError) -> list[Event]:
        """A row that nobody waits for is lost. What the engine writes about that would be lost too, so it is told once."""
        if self._refused:
            return []
        self._refused = True
        return [JournalFailed(self._now(), (), str(fault))]

    def _carry_out(self, action: Action) -> Sequence[Event]:
        match action:
            case Observed():
                self._observe(action.item)
            case Commit():
                return self._commit(action)
            case Send() | SendChange() | Cancel() | CancelEverything() | AskAccountReport() | AskMargin():
                return self._outbox.carry_out(action, self._now())
            case Record():
                self._record(action.row)
                self._refused = False
            case Alert():
                self._alert(action)
            case WriteStopFile():
                self._write_stop(action.word)
            case RollContract():
                self._roll()
            case AcknowledgeLink():
                self._acknowledge()
            case _:
                assert_never(action)
        return ()
