"""Which contract of an instrument leads on which day of a recording.

A day is decided by what was known when its Globex session opened: the lead passes on after the first regular session in which
the next contract traded more than the front one. Equity-index quarters do not roll earlier than ten days ahead of expiry, and
on the Monday of expiry week at the latest. The lead never goes back, and never asks what the day itself will trade.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from orderflow_tui.adapters.ib_contracts import ROLL_FROM_DAYS, forced_switch

CODE = re.compile(r"([FGHJKMNQUVXZ])(\d{1,2})(?:-\w+)?$")
MONTHS = "FGHJKMNQUVXZ"


@dataclass(slots=True)
class DayFigures:
    """One contract on one trading day: contracts traded in regular hours and in all, its last regular price and when."""

    rth_volume: int = 0
    volume: int = 0
    last_price: int = 0
    last_ns: int = 0


def expiry_of(contract: str, near: date) -> date | None:
    """The third Friday of the month a code such as `ESH26` or `ESH6` names; one digit is the year nearest to `near`."""
    found = CODE.search(contract)
    if found is None:
        return None
    month, digits = MONTHS.index(found[1]) + 1, found[2]
    span = 10 ** len(digits)
    year = near.year - near.year % span + int(digits)
    year = min((year - span, year, year + span), key=lambda candidate: abs(candidate - near.year))
    first = date(year, month, 1)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 14)


class Lead:
    """Walks the days of a recording in order. `calendar`: the rules of equity-index quarters hold beside the volume."""

    def __init__(self, calendar: bool) -> None:
        self._calendar = calendar
        self._lead: str | None = None
        self._before: Mapping[str, DayFigures] = {}

    def on_day(self, day: date, present: Mapping[str, DayFigures]) -> str:
        """The contract that leads on this day, of those that have data on it."""
        ordered = sorted(present, key=lambda contract: (expiry_of(contract, day) or date.max, contract))
        self._lead = self._first(day, ordered, present) if self._lead is None else self._next(self._lead, day, ordered)
        self._before = present
        return self._lead

    def _first(self, day: date, ordered: list[str], present: Mapping[str, DayFigures]) -> str:
        """Nothing is known of the day before: the calendar says, and where it cannot, the volume does."""
        known = [contract for contract in ordered if (expiry := expiry_of(contract, day)) and day < forced_switch(expiry)]
        if self._calendar and known:
            return known[0]
        return max(ordered, key=lambda contract: (present[contract].rth_volume, present[contract].volume, contract))

    def _next(self, lead: str, day: date, ordered: list[str]) -> str:
        """Stay, or go on to the next contract that has data."""
        expiry = expiry_of(lead, day)
        rank = (expiry or date.max, lead)
        later = [contract for contract in ordered if (expiry_of(contract, day) or date.max, contract) > rank]
        if lead not in ordered:
            return later[0] if later else ordered[-1]
        if not later:
            return lead
        front, following = self._before.get(lead, DayFigures()), self._before.get(later[0], DayFigures())
        busier = following.rth_volume > front.rth_volume
        if not self._calendar or expiry is None:
            return later[0] if busier else lead
        if day >= forced_switch(expiry):
            return later[0]
        return later[0] if busier and day >= expiry - timedelta(days=ROLL_FROM_DAYS) else lead
