"""Every scripted fault, as it is played to a running session: `FAULTS`, quick ones first in their kind.

Each is a function that makes it happen, waits for what must follow, and leaves the market side of it healed; the session
calms wire and orders behind it and waits until entries are allowed again. `fences` says whether the link must leave READY.
`quick` ones make the run of every push; the rest repeats a way that a quick one of the same kind takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from orderflow_tui.adapters import ib_codec as codec
from tests.e2e.session import Session


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault by name."""

    name: str
    play: Callable[[Session], None]
    fences: bool = False
    quick: bool = True


# -- the wire ----------------------------------------------------------------------------------------------------------


def _traded_through(s: Session, command: str, **arguments: object) -> None:
    """A round trip while it stands."""
    s.do(command, **arguments)
    s.round_trip(won=s.trades % 3 > 0)


def _news_twice(s: Session) -> None:
    for what in ("EXECUTION", "ORDER_STATUS", "OPEN_ORDER", "COMMISSION", "POSITION"):
        s.do("duplicate", what=what)
    s.round_trip()


def _news_in_reverse(s: Session) -> None:
    """Order, status and execution kept back and told last first."""
    s.do("hold", what=["OPEN_ORDER", "ORDER_STATUS", "EXECUTION", "COMMISSION"])
    s.ask_entry()
    s.until(lambda _: bool(s.books()["positions"]), "a fill at the broker")
    s.do("release", backwards=True)
    s.safe()
    s.trades += 1
    s.leave()


def _statuses_lost(s: Session) -> None:
    """Acknowledgements get lost: only executions and reports tell."""
    s.do("drop", what="ORDER_STATUS", count=6)
    s.do("drop", what="OPEN_ORDER", count=6)
    s.enter()
    s.leave()


def _corrected(s: Session) -> None:
    """The exchange corrects the price of a fill by a tick."""
    s.enter()
    s.do("correct", price=s.books()["executions"][-1][3] * 0.25 + 0.25)
    s.leave()


def _end_marker_lost(end: str, s: Session) -> None:
    """A report that never ends counts for nothing; the next one does."""
    s.hold()
    s.do("drop", what=end, count=1)
    asked = len(s.do("received", what="EXECUTIONS"))
    s.press("reconcile", "\x12")
    s.until(lambda _: len(s.do("received", what="EXECUTIONS")) > asked, "a report")
    s.safe()


def _muted(what: str, s: Session) -> None:
    """A question without an answer."""
    s.hold()
    s.do("mute", what=what, count=1)
    asked = len(s.do("received", what="EXECUTIONS"))
    s.press("reconcile", "\x12")
    s.until(lambda _: len(s.do("received", what="EXECUTIONS")) > asked, "a report")
    s.safe()


def _one_probe_missed(s: Session) -> None:
    """Answered late; an answer that never comes is owed for ever, and fences with the next one."""
    s.do("hold", what=["CURRENT_TIME"])
    asked = len(s.do("received", what="CURRENT_TIME"))
    s.until(lambda _: len(s.do("received", what="CURRENT_TIME")) > asked + 1, "the next probe")
    s.do("release")


# -- the link ----------------------------------------------------------------------------------------------------------


def _fenced_by(s: Session, command: str, **arguments: object) -> None:
    """With a position open: fenced, back, and the stop stood throughout."""
    s.hold()
    s.do(command, **arguments)
    s.fenced()
    s.running()
    s.safe()


def _broker_away(code: int, kept: bool, s: Session) -> None:
    s.hold()
    s.do("lose-broker", code=code)
    s.fenced()
    s.do("regain-broker", kept=kept)
    s.running()
    s.safe()


def _farm_down(code: int, s: Session) -> None:
    s.hold()
    s.do("farm", down=True, code=code)
    s.fenced()
    s.do("farm", down=False, code=code + 1)
    s.running()
    s.safe()


def _other_session(s: Session) -> None:
    """10197: another session of the same user takes the data, and gives it back."""
    s.hold()
    s.do("compete", on=True)
    s.fenced()
    s.do("compete", on=False)
    s.running()
    s.safe()


def _frozen(s: Session) -> None:
    """SIGSTOP: the socket is open and nobody is behind it."""
    s.hold()
    s.gateway.freeze()
    s.fenced()
    s.gateway.thaw()
    s.running()
    s.safe()


def _port_changed(s: Session) -> None:
    _fenced_by(s, "error", code=1300, text="Socket port has been reset and this connection is being dropped.")


def _id_in_use(s: Session) -> None:
    """326 once: wait, the same id again."""
    s.do("refuse-id", count=1)
    _fenced_by(s, "cut", mid_frame=False)


def _reconnected_with(s: Session, **answer: object) -> None:
    """A subscription is refused at the next connect; the feed degrades and trading goes on where it may."""
    s.do("answer", **answer)
    _fenced_by(s, "cut", mid_frame=False)


def _told_about_data(code: int, s: Session) -> None:
    """A code about running data that changes nothing."""
    s.do("data-error", code=code)
    s.round_trip()


def _book_reset(s: Session) -> None:
    """317: the book is void and is asked for anew."""
    asked = len(s.do("received", what="DEPTH"))
    s.do("reset-depth", resend=False)
    s.until(lambda _: len(s.do("received", what="DEPTH")) > asked, "a new book")
    s.round_trip()


# -- orders ------------------------------------------------------------------------------------------------------------


def _entry_rejected(code: int, s: Session) -> None:
    """No position, no order left, and the next entry works."""
    s.leave()
    done = len(s.books()["executions"])
    s.do("order-fault", on="place", code=code, role="-E", text="on demand")
    s.ask_entry(lambda: not s.books()["faulty_orders"])
    s.flat()
    assert len(s.books()["executions"]) == done, "a rejected entry filled"


def _stop_rejected(code: int, s: Session) -> None:
    """Without its stop no entry: nothing fills, nothing is left lying in the gateway."""
    s.leave()
    done = len(s.books()["executions"])
    s.do("order-fault", on="place", code=code, role="-S", text="on demand")
    s.ask_entry(lambda: not s.books()["faulty_orders"])
    s.flat()
    assert len(s.books()["executions"]) == done, "an entry without a stop filled"
    assert not [o["ref"] for o in s.books()["orders"] if o["staged"] and o["status"] != "Cancelled"], "legs lie in the gateway"


def _stop_gone(s: Session) -> None:
    """The broker ends our stop: an emergency stop stands within five seconds."""
    s.hold()
    if s.books()["positions"]:
        s.do("kill", ref="-S")
        s.until(lambda _: any(o["ref"].endswith("-X") for o in s.books()["orders"][-2:]), "an emergency stop")
    s.safe()


def _order_error_while_alive(code: int, s: Session) -> None:
    """An error about an order that lives: never believed dead."""
    s.do("order-fault", on="place", code=code, role="-S", alive=True, text="on demand")
    s.round_trip()


def _cancel_failed(code: int, s: Session) -> None:
    """The cancel of the stop fails inside a flatten: it is asked for again, and the exit waits for the stop's end."""
    s.hold()
    s.do("order-fault", on="cancel", code=code, role="-S", text="on demand")
    s.press("flatten", "FF")
    s.flat()
    s.resume()


def _what_if(manner: str, s: Session) -> None:
    """The question about margin, asked at connect, is answered twice or never."""
    s.do("what-if", manner=manner)
    _fenced_by(s, "cut", mid_frame=False)
    s.leave()


def _slow_group(s: Session) -> None:
    """The broker takes a second to cancel the stop after the target filled."""
    s.do("habits", group_delay_s=1)
    s.round_trip()
    s.do("habits", group_delay_s=0)


def _lost_on_the_way(s: Session) -> None:
    """The line is cut just behind an entry: whatever became of it is found out, and it is never sent again."""
    s.ask_entry()
    s.until(lambda _: bool(s.books()["positions"]), "a fill at the broker")
    s.do("cut")
    s.fenced()
    s.running()
    s.safe()
    s.trades += 1
    s.leave()


def _filled_while_away(s: Session) -> None:
    """The stop fills while nobody is connected; the report after the reconnect tells it."""
    s.hold()
    (quantity,) = s.books()["positions"].values()
    last = s.do("quote", symbol="MES")["last"]
    s.do("restart", down_s=1.0)
    s.do("jump", symbol="MES", price=last - 10 * (1 if quantity > 0 else -1))
    s.fenced()
    s.running()
    s.flat()


FAULTS: tuple[Fault, ...] = (
    Fault("frames split", lambda s: _traded_through(s, "split", bytes=5)),
    Fault("news twice", _news_twice),
    Fault("executions before statuses", lambda s: _traded_through(s, "executions-first")),
    Fault("news in reverse", _news_in_reverse),
    Fault("statuses lost", _statuses_lost),
    Fault("fill corrected", _corrected),
    Fault("group cancelled late", _slow_group),
    *(
        Fault(f"no {end}", partial(_end_marker_lost, end), quick=end == "OPEN_ORDER_END")
        for end in ("OPEN_ORDER_END", "POSITION_END", "COMPLETED_ORDERS_END", "EXECUTION_END")
    ),
    *(
        Fault(f"{what} muted", partial(_muted, what), quick=False)
        for what in ("POSITIONS", "ALL_OPEN_ORDERS", "COMPLETED_ORDERS", "EXECUTIONS")
    ),
    Fault("one probe missed", _one_probe_missed),
    Fault("probes muted", lambda s: _fenced_by(s, "mute", what="CURRENT_TIME", count=2), fences=True, quick=False),
    Fault("cut in a frame", lambda s: _fenced_by(s, "cut"), fences=True),
    Fault("closed in order", lambda s: _fenced_by(s, "cut", mid_frame=False), fences=True, quick=False),
    Fault("cut behind an entry", _lost_on_the_way, fences=True),
    Fault("stop fills while away", _filled_while_away, fences=True),
    Fault("restart that resets ids", lambda s: _fenced_by(s, "restart", down_s=0.5, reset_ids=True), fences=True),
    Fault("SIGSTOP", _frozen, fences=True),
    Fault("1100 then 1102", partial(_broker_away, 1100, True), fences=True),
    Fault("1100 then 1101", partial(_broker_away, 1100, False), fences=True),
    Fault("2110 then 1102", partial(_broker_away, 2110, True), fences=True),
    Fault("1300", _port_changed, fences=True),
    Fault("326", _id_in_use, fences=True, quick=False),
    Fault("2103", partial(_farm_down, 2103), fences=True),
    Fault("2105", partial(_farm_down, 2105), fences=True, quick=False),
    Fault("317", _book_reset),
    Fault("10197", _other_session, fences=True, quick=False),
    Fault("10090", partial(_told_about_data, codec.PARTIAL_PERMISSION)),
    *(
        Fault(f"{code} on trades", partial(_reconnected_with, what="TICK_BY_TICK", code=code, count=1), True, quick=code == 10189)
        for code in (10189, 10190, 354)
    ),
    Fault("354 on depth", partial(_reconnected_with, what="DEPTH", code=354, count=1), fences=True, quick=False),
    Fault("what-if never answered", partial(_what_if, "never"), fences=True, quick=False),
    Fault("what-if answered twice", partial(_what_if, "unset-first"), fences=True, quick=False),
    *(
        Fault(f"entry rejected with {code}", partial(_entry_rejected, code), quick=code == 201)
        for code in sorted(codec.REJECTS | codec.REJECTS_IF_NEW)
    ),
    Fault("stop ended by the broker", _stop_gone),
    *(Fault(f"stop rejected with {code}", partial(_stop_rejected, code), quick=code == 201) for code in (201, 110, 321)),
    *(
        Fault(f"{code} on a living stop", partial(_order_error_while_alive, code), quick=code == 10349)
        for code in sorted(codec.WARNINGS | codec.CHANGE_FAILED - codec.REJECTS_IF_NEW | codec.CANCEL_FAILED | {507, 10349})
    ),
    *(
        Fault(f"{code} on the cancel of a stop", partial(_cancel_failed, code), quick=code == 10147)
        for code in sorted(codec.CANCEL_FAILED)
    ),
)
