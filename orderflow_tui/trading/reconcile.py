"""Reconciliation: what the broker's complete reports say against what we believe.

Theory. Only a report that is complete and of the present connection says anything; silence is never *flat*. A report that
began before our newest execution was booked is too old to compare positions with. Agreement closes a mismatch episode.
Disagreement fences at once and asks again in 0.7 s; at the third report in a row, and 2 s after the first at the
earliest, the broker's position is adopted as the truth about exposure, and trading halts until a person has looked.

Orders: a report that lists one settles it. One that does not list it, begun more than 2 s after it was sent, makes it
UNKNOWN; two such reports and 10 s of doubt, without an execution, and it is given up. Never is anything sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from orderflow_tui.domain.account import AccountReport, BrokerOrder
from orderflow_tui.domain.order import BrokerStatus, OrderState, Purpose
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.trading.blotter import Ticket
from orderflow_tui.trading.lifecycle import UNSENT, News

GRACE_NS = 2 * SECOND_NS
GIVE_UP_NS = 10 * SECOND_NS
ADOPT_AFTER = 3
UNKNOWN_ASK_NS = SECOND_NS


class Judgement(Enum):
    """What a report says about positions."""

    OLD = "older than our newest execution"
    AGREES = "agrees"
    DIFFERS = "differs"
    ADOPT = "differs for good"


@dataclass(frozen=True, slots=True)
class Difference:
    """Both numbers of a mismatch."""

    instrument: str
    broker: int
    local: int

    def __str__(self) -> str:
        return f"{self.instrument}: broker {self.broker:+d}, ours {self.local:+d}"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a report says about one order of ours; `seen` is the broker's line, None when it lists none."""

    order_id: str
    news: News
    seen: BrokerOrder | None


class Persistence:
    """Reports in a row that say something untoward: enough of them at the third, and 2 s after the first at the earliest."""

    __slots__ = ("_count", "_first_ns")

    def __init__(self) -> None:
        self.over()

    def over(self) -> None:
        """A report says nothing of the kind, or enough was enough: counting starts anew."""
        self._count, self._first_ns = 0, 0

    def enough(self, now_ns: int) -> bool:
        """One more report says so; whether that is enough."""
        if not self._count:
            self._first_ns = now_ns
        self._count += 1
        if self._count >= ADOPT_AFTER and now_ns - self._first_ns >= GRACE_NS:
            self.over()
            return True
        return False


class Reconciler:
    """When to ask, and what the answers amount to."""

    def __init__(self, period_ms: int, requery_ms: int) -> None:
        self._period_ns = period_ms * MS_NS
        self._requery_ns = requery_ms * MS_NS
        self.ask_ns: int | None = None  # when to ask next; None: on demand only
        self.heard_ns: int | None = None  # when the last complete report came
        self.differences: tuple[Difference, ...] = ()
        self.agreements = 0  # in a row, at least 1 s apart
        self._agreed_ns: int | None = None
        self._persistence = Persistence()

    def ask_at(self, when_ns: int) -> None:
        """Ask at this instant, unless it is asked sooner."""
        self.ask_ns = when_ns if self.ask_ns is None else min(self.ask_ns, when_ns)

    def asked(self, now_ns: int, soon: bool) -> None:
        """A question left; plan the next one. `soon`: something is in doubt."""
        wait = UNKNOWN_ASK_NS if soon else self._period_ns
        self.ask_ns = now_ns + wait if wait else None

    def reset(self) -> None:
        """A new connection: agreement starts anew."""
        self.agreements, self._agreed_ns = 0, None

    def judge(self, report: AccountReport, ours: Mapping[str, int], last_booked_ns: int | None, now_ns: int) -> Judgement:
        """Compare a complete report of this connection with the positions in `ours`; a mismatch keeps both numbers in
        `differences`."""
        self.heard_ns = now_ns
        if last_booked_ns is not None and report.began_ns <= last_booked_ns:
            self.ask_at(now_ns + self._requery_ns)
            return Judgement.OLD
        broker = dict(report.positions)
        found = tuple(Difference(s, broker.get(s, 0), held) for s, held in ours.items() if broker.get(s, 0) != held)
        self.differences = found
        if not found:
            self._persistence.over()
            if self._agreed_ns is None or now_ns - self._agreed_ns >= SECOND_NS:
                self.agreements += 1
                self._agreed_ns = now_ns
            return Judgement.AGREES
        self.reset()
        if self._persistence.enough(now_ns):
            return Judgement.ADOPT
        self.ask_at(now_ns + self._requery_ns)
        return Judgement.DIFFERS


def resolutions(report: AccountReport, tickets: Iterable[Ticket]) -> list[Resolution]:
    """What a complete report says about our orders, news newer than the report excepted."""
    working = {o.order_id: o for o in report.orders if o.order_id is not None}
    ended = {o.order_id: o for o in report.completed if o.order_id is not None}
    found: list[Resolution] = []
    for ticket in tickets:
        if ticket.state in UNSENT:
            continue
        order_id = ticket.order.id
        if order_id in ended:
            if ticket.live or ticket.state in (OrderState.NOT_SENT, OrderState.ABANDONED):
                found.append(Resolution(order_id, _ended(ended[order_id]), ended[order_id]))
        elif ticket.news_ns > report.began_ns:
            continue
        elif order_id in working:
            found.append(Resolution(order_id, _working(working[order_id]), working[order_id]))
        elif ticket.live:
            found.extend(_absent(ticket, report))
    return found


def _ended(order: BrokerOrder) -> News:
    match order.status:
        case BrokerStatus.FILLED:
            return News.SEEN_FILLED
        case BrokerStatus.REJECTED:
            return News.SEEN_REJECTED
        case BrokerStatus.EXPIRED:
            return News.SEEN_EXPIRED
        case _:
            return News.SEEN_CANCELLED


def _working(order: BrokerOrder) -> News:
    if order.status in (BrokerStatus.FILLED, BrokerStatus.CANCELLED, BrokerStatus.REJECTED, BrokerStatus.EXPIRED):
        return _ended(order)
    if order.status is BrokerStatus.PENDING:
        return News.SEEN_PENDING
    return News.SEEN_PARTIAL if order.filled else News.SEEN_WORKING


def _absent(ticket: Ticket, report: AccountReport) -> list[Resolution]:
    since = ticket.born_ns if ticket.sent_ns is None else ticket.sent_ns
    if report.began_ns <= since + GRACE_NS:
        return []
    doubted = max(since, ticket.unknown_ns or since)  # what hung on a dying line may arrive when the line is gone
    if ticket.state is OrderState.UNKNOWN and ticket.absent + 1 >= 2 and report.ts_ns - doubted >= GIVE_UP_NS:
        return [Resolution(ticket.order.id, News.SEEN_CANCELLED if ticket.filled else News.GIVEN_UP, None)]
    return [Resolution(ticket.order.id, News.ABSENT, None)]


def sound(ticket: Ticket, seen: BrokerOrder) -> bool:
    """Whether the broker holds a protective order with the safety fields we asked for."""
    if ticket.order.purpose is not Purpose.PROTECT:
        return True
    return not seen.tif or (seen.tif == ticket.order.tif and seen.outside_rth == ticket.order.outside_rth)
