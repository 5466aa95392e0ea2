"""Carrying out what the engine decided: one match statement, the same for every mode.

How a Commit is made durable is given from outside: on the spot (replay, backtest: Committed is known at once) or in the
background (live: Committed comes back through the inbox).
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
from orderflow_tui.domain.event import Event
from orderflow_tui.outbox import Outbox


class Hands:
    """Performs actions in their order and returns the events that are known at once.

    `roll` changes the traded month, `acknowledge` lets a held link try again; a market inside the house has neither.
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

    def act(self, actions: Sequence[Action]) -> list[Event]:
        """Carry out actions in order."""
        events: list[Event] = []
        for action in actions:
            match action:
                case Observed():
                    self._observe(action.item)
                case Commit():
                    events += self._commit(action)
                case Send() | SendChange() | Cancel() | CancelEverything() | AskAccountReport() | AskMargin():
                    events += self._outbox.carry_out(action, self._now())
                case Record():
                    self._record(action.row)
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
        return events
