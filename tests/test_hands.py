"""The hands: one action that fails takes no other with it, and a journal that refuses rows stops no exit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import pytest

from orderflow_tui.adapters.journal import Journal
from orderflow_tui.domain.action import Action, Alert, Cancel, Commit, Observation, Observed, Record, Row, WriteStopFile
from orderflow_tui.domain.event import Command, Event, JournalFailed
from orderflow_tui.domain.order import Change, Order
from orderflow_tui.hands import Hands
from orderflow_tui.order_lane import OrderLane
from orderflow_tui.outbox import Outbox
from orderflow_tui.ports import JournalError
from orderflow_tui.trading.desk import DeskEvent
from tests.trading.house import House, TinyBroker

CLOSED = "the journal is closed; nothing was written"
ROW = Row("orders", "command", "key-1", 7)
BAR = cast(Observation, "a bar")


class Refusing:
    """A journal that takes rows until it is closed."""

    def __init__(self, closed: bool = True) -> None:
        self.closed = closed
        self.asked = 0

    def commit(self, rows: Sequence[Row]) -> None:
        self.record(rows[0])

    commit_now = commit

    def record(self, row: Row) -> None:
        del row
        self.asked += 1
        if self.closed:
            raise JournalError(CLOSED)


class Line:
    """The tiny broker as the outbox wants one; reports are asked for by the house itself."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.cancelled: list[str] = []

    @property
    def _broker(self) -> TinyBroker:
        return self._house.broker

    def send(self, orders: Sequence[Order], now_ns: int) -> None:
        self._broker.send(tuple(orders), now_ns)

    def change(self, change: Change, order: Order, now_ns: int) -> None:
        del change
        self._broker.change(order, now_ns)

    def cancel(self, order_ids: Sequence[str], now_ns: int) -> None:
        self.cancelled += order_ids
        self._broker.cancel(tuple(order_ids), now_ns)

    def cancel_everything(self, now_ns: int) -> None:
        self._broker.cancel(tuple(self._broker.orders), now_ns)

    def ask_report(self, now_ns: int) -> None:
        if not self._broker.mute_reports:
            self._broker.out.append(self._broker.report(now_ns, self._house.facts.link_epoch))

    def ask_margin(self, instrument: str, now_ns: int) -> None:
        """It never answers."""


class Handed(House):
    """The house of the desk's tests with the product's own hands, order lane and outbox."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = Refusing(closed=False)
        self.failures: list[str] = []
        lane = OrderLane(cast(Journal, self.disk), self._never, stamp=lambda: self.now, now=lambda: self.now)
        self.hands = Hands(
            Outbox(Line(self), lambda: None),
            lambda: self.now,
            commit=lane.commit_now,
            record=self.disk.record,
            observe=lambda _: None,
            alert=lambda _: None,
            write_stop=lambda _: None,
        )

    @staticmethod
    def _never(event: Event) -> None:
        raise AssertionError(f"everything is known at once, {event} is not")

    def _carry(self, actions: list[Action]) -> None:
        self.done += actions
        for event in self.hands.act(actions):
            self.failures += [event.reason] if isinstance(event, JournalFailed) and not event.ids else []
            self._carry(self.desk.on(cast(DeskEvent, event), self.facts))
        self._deliver()


def hands(
    done: list[str],
    disk: Refusing,
    *,
    alert: Callable[[Alert], None] = lambda _: None,
    commit: Callable[[Commit], Sequence[Event]] = lambda _: [],
    fault: Callable[[Exception, Action], None] | None = None,
) -> Hands:
    return Hands(
        Outbox(None, lambda: None),
        lambda: 7,
        commit=commit,
        record=disk.record,
        observe=lambda _: disk.record(ROW),
        alert=alert,
        write_stop=done.append,
        fault=fault,
    )


def failing_alert(_: Alert) -> None:
    raise ValueError("a bug")


def test_a_flatten_leaves_nothing_behind_when_the_journal_refuses_every_row() -> None:
    house = Handed()
    house.enter().wait(3_000)
    assert house.broker.position == 1
    house.disk.closed = True
    house.tell(JournalFailed(house.now, (), "the task journal: orders ended"))
    house.press(Command.FLATTEN)
    for _ in range(20):
        house.wait(1_000)
        house.trade(house.last)
    assert house.broker.position == 0
    assert not [name for name, held in house.broker.orders.items() if held.alive]
    assert house.failures == [CLOSED], "the engine is told once"


def test_an_entry_is_cancelled_though_its_row_is_refused() -> None:
    house = Handed()
    house.bracket()
    house.disk.closed = True
    house.press(Command.HALT)
    assert not [name for name, held in house.broker.orders.items() if held.alive]


def test_rows_that_are_refused_are_told_once_until_one_is_taken_again() -> None:
    disk, done = Refusing(), list[str]()
    both = hands(done, disk)
    assert both.act([Record(ROW), Record(ROW), WriteStopFile("halt")]) == [JournalFailed(7, (), CLOSED)]
    assert done == ["halt"]
    assert both.act([Record(ROW), Observed(BAR)]) == []
    disk.closed = False
    assert both.act([Record(ROW)]) == []
    disk.closed = True
    assert both.act([Record(ROW)]) == [JournalFailed(7, (), CLOSED)]


@pytest.mark.parametrize("fault", [JournalError("no"), ValueError("no")])
def test_a_commit_is_always_answered(fault: Exception) -> None:
    def commit(_: Commit) -> Sequence[Event]:
        raise fault

    told: list[str] = []
    answered = hands([], Refusing(), commit=commit, fault=lambda e, a: told.append(f"{type(a).__name__} {e}"))
    (failed,) = answered.act([Commit((ROW,), ("of1-t-1",))])
    assert isinstance(failed, JournalFailed)
    assert failed.ids == ("of1-t-1",)
    assert told == ([] if isinstance(fault, JournalError) else ["Commit no"])


def test_a_fault_of_another_action_is_told_and_the_rest_of_the_list_is_done() -> None:
    done: list[str] = []
    told: list[Action] = []
    alert = Alert(7, "latch", "told")
    able = hands(done, Refusing(closed=False), alert=failing_alert, fault=lambda _, action: told.append(action))
    assert able.act([alert, Cancel(("a",)), WriteStopFile("halt")]) == []
    assert (done, told) == (["halt"], [alert])


def test_where_nobody_is_told_of_a_fault_it_is_raised_when_the_list_is_done() -> None:
    done: list[str] = []
    with pytest.raises(ValueError, match="a bug"):
        hands(done, Refusing(closed=False), alert=failing_alert).act([Alert(7, "latch", "told"), WriteStopFile("halt")])
    assert done == ["halt"]
