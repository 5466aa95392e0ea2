"""Orders with our kind of name that this book never held: whose they are, and that a stop among them may protect.

Theory. A name of another installation is another installation's. One of our own was drawn by a copy of this journal, unless a
death or a disk may have taken its row: then either may be true, and the sentence says both. Whatever it is, it locks; where it
holds a position with a stop of its own, nobody here may say that there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import HOUSE, OrderType, closing

if TYPE_CHECKING:
    from orderflow_tui.trading.floor import Floor

TAKES_ROWS = (LatchKind.JOURNAL_FAILED, LatchKind.BROKEN_CHAIN)
COPY = "another copy of this journal may be trading this account"


def lock_unknown(floor: Floor, name: str) -> None:
    """The broker holds an order that bears our kind of name and is not in the book."""
    if not floor.gate.owns(name):
        floor.latch(LatchKind.SECOND_HOST, f"the broker holds {name}, which another installation sent")
    elif rows_may_be_lost(floor):
        floor.latch(LatchKind.INVARIANT, f"the broker holds {name}, which the journal does not know: its row was lost, or {COPY}")
    else:
        floor.latch(LatchKind.SECOND_HOST, f"the broker holds {name}, which this journal never wrote: {COPY}")


def lock_unknown_execution(floor: Floor, name: str) -> None:
    """Such an order filled while we live. One whose row may be lost locks once a report lists it."""
    if not floor.gate.owns(name):
        floor.latch(LatchKind.SECOND_HOST, f"execution of {name}, which another installation sent")
    elif not rows_may_be_lost(floor):
        floor.latch(LatchKind.SECOND_HOST, f"execution of {name}, which this journal never wrote: {COPY}")


def rows_may_be_lost(floor: Floor) -> bool:
    """Whether an order of ours may have left without its row: the run before was cut short, or the journal had trouble."""
    return floor.cut_off or any(kind in floor.board for kind in TAKES_ROWS)


def unknown_stops(floor: Floor, symbol: str) -> tuple[str, ...]:
    """Names of stops against a position that the newest report shows working and that the book does not hold."""
    if floor.report is None:
        return ()
    wanted = (symbol, OrderType.STOP, closing(floor.position(symbol)))
    names = (o.order_id or o.foreign_ref for o in floor.report.orders if (o.instrument, o.type, o.side) == wanted)
    return tuple(name for name in names if name.startswith(HOUSE) and name not in floor.blotter.tickets)


def no_stop(floor: Floor, symbol: str) -> str:
    """That a position has no stop, in words that deny none which may be one."""
    others = ", ".join(unknown_stops(floor, symbol))
    if others:
        return f"it has no stop of ours; {others} works, unknown to the journal"
    if LatchKind.SECOND_HOST in floor.board:
        return "it has no stop of ours, whoever else trades here may have placed one"
    return "it has no stop"
