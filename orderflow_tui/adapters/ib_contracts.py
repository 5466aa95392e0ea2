"""Which contract month is traded, and when its market is open: pure choices from what the broker lists.

Index futures roll by the volume of the two nearest months, not before ten days ahead of expiry and at the latest for
the Monday of expiry week. Commodities, whose front month dies early, are chosen by volume alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

ROLL_FROM_DAYS = 10
QUARTERLY = "HMUZ"
EASTERN = ZoneInfo("America/New_York")
CHICAGO = ZoneInfo("America/Chicago")
NEAREST = 2


@dataclass(frozen=True, slots=True)
class Listed:
    """A contract the broker lists. `month` YYYYMM; `hours` are the open intervals it stated, UTC ns, in order."""

    con_id: int
    symbol: str
    expiry: date
    month: str
    hours: tuple[tuple[int, int], ...] = ()

    def is_open(self, now_ns: int) -> bool | None:
        """Whether it trades now; None when the stated hours do not reach so far."""
        if not self.hours or now_ns >= self.hours[-1][1]:
            return None
        return any(begin <= now_ns < end for begin, end in self.hours)


class NoContract(LookupError):
    """The broker lists nothing that can be traded."""


def nearest(listed: Iterable[Listed], today: date) -> list[Listed]:
    """The two nearest months that still trade."""
    return sorted((c for c in listed if c.expiry >= today), key=lambda c: c.expiry)[:NEAREST]


def forced_switch(expiry: date) -> date:
    """The Monday of expiry week: from this trade date on the next month leads."""
    return expiry - timedelta(days=expiry.weekday())


def leading(listed: Sequence[Listed], volume: dict[int, int], today: date, roll_months: str = QUARTERLY) -> Listed:
    """The month to trade on a trade date. `volume` by contract id: the last completed regular session's; may be empty,
    then the calendar decides. Raises NoContract."""
    months = nearest(listed, today)
    if not months:
        raise NoContract(f"expected a listed contract that expires on or after {today}, got {len(listed)} that do not")
    front = months[0]
    if len(months) == 1:
        return front
    following = months[1]
    busier = volume.get(following.con_id, 0) > volume.get(front.con_id, 0)
    if roll_months != QUARTERLY:
        return following if busier else front
    if today >= forced_switch(front.expiry):
        return following
    return following if busier and today >= front.expiry - timedelta(days=ROLL_FROM_DAYS) else front


def same_month(listed: Sequence[Listed], month: str) -> Listed:
    """The contract of a month, so that what is analysed and what is traded expire together. Raises NoContract."""
    for contract in listed:
        if contract.month == month:
            return contract
    raise NoContract(f"expected a contract of month {month}, the broker lists {', '.join(c.month for c in listed) or 'none'}")


def trade_date_at(now_ns: int) -> date:
    """The trade date of an instant: it begins at 17:00 Chicago, and a weekend belongs to Monday. Holidays are not known."""
    day = (datetime.fromtimestamp(now_ns / 1e9, CHICAGO) + timedelta(hours=7)).date()
    return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)


def parse_hours(text: str, zone: str) -> tuple[tuple[int, int], ...]:
    """`20260105:1700-20260106:1600;20260110:CLOSED` in a zone, as UTC ns intervals, joined and in order."""
    tz = ZoneInfo(zone)
    found: set[tuple[int, int]] = set()
    for part in text.split(";"):
        begin, dash, end = part.partition("-")
        if dash:
            found.add((_instant(begin, tz), _instant(end, tz)))
    return tuple(sorted(found))


def _instant(text: str, tz: ZoneInfo) -> int:
    local = datetime.strptime(text, "%Y%m%d:%H%M").replace(tzinfo=tz)
    return int(local.astimezone(UTC).timestamp()) * 1_000_000_000


def parse_expiry(text: str) -> date:
    """`20261218` or `20261218 08:30 US/Central`."""
    return datetime.strptime(text.split(maxsplit=1)[0], "%Y%m%d").replace(tzinfo=UTC).date()


def in_reset_window(now_ns: int) -> bool:
    """The broker's nightly reset in North America: 00:15 to 01:45 Eastern."""
    local = datetime.fromtimestamp(now_ns / 1e9, UTC).astimezone(EASTERN)
    return (0, 15) <= (local.hour, local.minute) < (1, 45)
