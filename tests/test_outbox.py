"""The last door: the STOP file binds entries, a revision goes out once, what did not go out is said."""

from __future__ import annotations

from collections.abc import Sequence

from orderflow_tui.domain.action import AskAccountReport, AskMargin, Cancel, CancelEverything, Send, SendChange
from orderflow_tui.domain.event import SendFailed, Trouble
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import Change, Order, Purpose, Role
from orderflow_tui.outbox import Outbox
from orderflow_tui.ports import NotSent
from tests.builders import order


class Wire:
    """A broker that writes down what reaches it."""

    def __init__(self, down: bool = False) -> None:
        self.seen: list[str] = []
        self.down = down

    def _take(self, text: str) -> None:
        if self.down:
            raise NotSent("the line is down")
        self.seen.append(text)

    def send(self, orders: Sequence[Order], now_ns: int) -> None:
        self._take("send " + " ".join(o.id for o in orders))

    def change(self, change: Change, order: Order, now_ns: int) -> None:
        self._take(f"change {order.id} r{change.revision}")

    def cancel(self, order_ids: Sequence[str], now_ns: int) -> None:
        self._take("cancel " + " ".join(order_ids))

    def cancel_everything(self, now_ns: int) -> None:
        self._take("cancel everything")

    def ask_report(self, now_ns: int) -> None:
        self._take("report")

    def ask_margin(self, instrument: str, now_ns: int) -> None:
        self._take(f"margin {instrument}")


def test_an_entry_stops_at_the_stop_file() -> None:
    wire = Wire()
    outbox = Outbox(wire, lambda: "STOP is there")
    failed = outbox.carry_out(Send((order(), order(Role.STOP, Purpose.PROTECT, id_="of1-t-1-S"))), 7)
    assert failed == [SendFailed(7, ("of1-t-1-E", "of1-t-1-S"), True, "STOP file: STOP is there")]
    assert wire.seen == []


def test_protection_and_exits_pass_the_stop_file() -> None:
    wire = Wire()
    outbox = Outbox(wire, lambda: "STOP is there")
    assert outbox.carry_out(Send((order(Role.FLATTEN, Purpose.FLATTEN, id_="of1-t-2-F"),)), 7) == []
    assert outbox.carry_out(Cancel(("of1-t-1-E",)), 7) == []
    assert outbox.carry_out(CancelEverything("campaign"), 7) == []
    assert wire.seen == ["send of1-t-2-F", "cancel of1-t-1-E", "cancel everything"]


def test_a_revision_goes_out_once() -> None:
    wire = Wire()
    outbox = Outbox(wire, lambda: None)
    assert outbox.carry_out(Send((order(),)), 1) == []
    again = outbox.carry_out(Send((order(),)), 2)
    assert again == [Trouble(2, LatchKind.INVARIANT, "order of1-t-1-E revision 1 was about to go out a second time")]
    change = Change("of1-t-1-E", 2, 1, 101, Purpose.PROTECT)
    assert outbox.carry_out(SendChange(change, order(revision=2)), 3) == []
    assert isinstance(outbox.carry_out(SendChange(change, order(revision=2)), 4)[0], Trouble)
    assert wire.seen == ["send of1-t-1-E", "change of1-t-1-E r2"]


def test_a_line_that_is_down_is_told_as_not_sent() -> None:
    outbox = Outbox(Wire(down=True), lambda: None)
    assert outbox.carry_out(Send((order(),)), 5) == [SendFailed(5, ("of1-t-1-E",), True, "the line is down")]
    assert outbox.carry_out(AskAccountReport("test"), 5) == [SendFailed(5, (), True, "the line is down")]


def test_a_cancel_that_did_not_go_out_says_nothing_about_the_order() -> None:
    outbox = Outbox(Wire(down=True), lambda: None)
    assert outbox.carry_out(Cancel(("x",)), 5) == [SendFailed(5, (), True, "the line is down")]


def test_a_change_that_did_not_go_out_is_named_by_its_revision() -> None:
    outbox = Outbox(Wire(down=True), lambda: None)
    failed = outbox.carry_out(SendChange(Change("of1-t-1-E", 2, 1, 101, Purpose.PROTECT), order(revision=2)), 5)
    assert failed == [SendFailed(5, ("of1-t-1-E#2",), True, "the line is down")]


def test_questions_reach_the_broker() -> None:
    wire = Wire()
    outbox = Outbox(wire, lambda: None)
    outbox.carry_out(AskAccountReport("test"), 5)
    outbox.carry_out(AskMargin("MES"), 5)
    assert wire.seen == ["report", "margin MES"]


def test_a_mode_without_a_broker_says_so() -> None:
    outbox = Outbox(None, lambda: None)
    assert outbox.carry_out(Send((order(),)), 5) == [SendFailed(5, ("of1-t-1-E",), True, "this mode has no way to send orders")]
    assert outbox.carry_out(Cancel(("x",)), 5) == []
