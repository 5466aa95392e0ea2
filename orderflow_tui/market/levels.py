"""Levels that are carried forward and live until price deals with them: stacked zones, unfinished extremes, naked POCs.

All of them are judged by closed bars, and never by the bar that made them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date

from orderflow_tui.domain.bar import BarSource, FootprintBar
from orderflow_tui.domain.value import SessionProfile, UnfinishedLevel, Zone, ZoneState
from orderflow_tui.market.imbalance import ImbalanceRules, imbalances, stacks

ZONES_MAX = 200  # living zones kept; beyond it the oldest goes


def lives_on(zone: Zone, bar: FootprintBar) -> Zone | None:
    """A zone after a later bar: touched when it traded inside, None when it closed beyond the far side."""
    if bar.close < zone.low if zone.side > 0 else bar.close > zone.high:
        return None
    if zone.state is ZoneState.ACTIVE and bar.low <= zone.high and bar.high >= zone.low:
        return replace(zone, state=ZoneState.TOUCHED)
    return zone


def whole(bar: FootprintBar) -> bool:
    """Whether the bar's levels can be read: built from trades, nothing lost inside."""
    return bar.source is BarSource.TRADES and not bar.partial


class Zones:
    """Stacked-imbalance zones still alive, oldest first."""

    __slots__ = ("_least", "_living", "_rules")

    def __init__(self, rules: ImbalanceRules, min_volume: int, living: Iterable[Zone] = ()) -> None:
        self._rules = rules
        self._least = min_volume
        self._living = tuple(living)[-ZONES_MAX:]

    @property
    def living(self) -> tuple[Zone, ...]:
        """The zones; the same object while nothing changed."""
        return self._living

    def on_bar(self, bar: FootprintBar, born_date: date | None) -> None:
        """Older zones live on or break; then this bar's own stacks are born."""
        if self._living:
            after = [lives_on(zone, bar) for zone in self._living]
            if any(new is not old for new, old in zip(after, self._living, strict=True)):
                self._living = tuple(zone for zone in after if zone is not None)
        if not whole(bar):
            return
        buys, sells = imbalances(bar, self._rules, self._least)
        least = self._rules.stacked_min
        born = [Zone(low, high, 1, bar.start_ns, born_date) for low, high in stacks(buys, least)]
        born += [Zone(low, high, -1, bar.start_ns, born_date) for low, high in stacks(sells, least)]
        if born:
            self._living = (*self._living, *born)[-ZONES_MAX:]

    def keep(self, alive: Callable[[Zone], bool]) -> None:
        """Drop what is too old."""
        if not all(alive(zone) for zone in self._living):
            self._living = tuple(zone for zone in self._living if alive(zone))

    def shift(self, ticks: int) -> None:
        """Move every zone."""
        self._living = tuple(replace(zone, low=zone.low + ticks, high=zone.high + ticks) for zone in self._living)


def unfinished_extremes(bar: FootprintBar, max_volume: int, thin: bool = False) -> list[tuple[int, int]]:
    """(side, price) of the extremes at which both sides still traded: side +1 the high, -1 the low.

    `max_volume` opposite contracts still count as finished. `thin` is the reading "hardly anybody lifted it".
    """
    if not whole(bar) or bar.high == bar.low:
        return []
    found = []
    for side, price, own, opposite in ((1, bar.high, bar.ask[-1], bar.bid[-1]), (-1, bar.low, bar.bid[0], bar.ask[0])):
        if opposite > max_volume and (own <= max_volume if thin else own > 0):
            found.append((side, price))
    return found


class Unfinished:
    """Unfinished extremes waiting to be revisited, oldest first. `revisited` are those the newest bar reached."""

    __slots__ = ("_keep", "_living", "_max_volume", "_thin", "revisited")

    def __init__(self, max_volume: int, thin: bool, keep: int, living: Iterable[UnfinishedLevel] = ()) -> None:
        self._max_volume = max_volume
        self._thin = thin
        self._keep = keep
        self._living = tuple(living)[-keep:]
        self.revisited: tuple[UnfinishedLevel, ...] = ()

    @property
    def living(self) -> tuple[UnfinishedLevel, ...]:
        """The levels; the same object while nothing changed."""
        return self._living

    def on_bar(self, bar: FootprintBar, born_date: date | None) -> None:
        """Levels this bar reached (also by a gap) are spent; then its own are born."""
        self.revisited = tuple([level for level in self._living if _reached(level, bar)]) if self._living else ()
        if self.revisited:
            self._living = tuple(level for level in self._living if not _reached(level, bar))
        born = unfinished_extremes(bar, self._max_volume, self._thin)
        if born:
            new = (UnfinishedLevel(price, side, bar.start_ns, born_date) for side, price in born)
            self._living = (*self._living, *new)[-self._keep :]

    def end_day(self, day: date, rth_high: int | None, rth_low: int | None) -> None:
        """At the Globex close a level of the day survives only as the extreme of its regular hours."""
        kept = []
        for level in self._living:
            if level.born_date != day or level.session_extreme:
                kept.append(level)
            elif level.price == (rth_high if level.side > 0 else rth_low):
                kept.append(replace(level, session_extreme=True))
        self._living = tuple(kept)

    def keep(self, alive: Callable[[UnfinishedLevel], bool]) -> None:
        """Drop what is too old."""
        self._living = tuple(level for level in self._living if alive(level))

    def shift(self, ticks: int) -> None:
        """Move every level."""
        self._living = tuple(replace(level, price=level.price + ticks) for level in self._living)
        self.revisited = tuple(replace(level, price=level.price + ticks) for level in self.revisited)


def _reached(level: UnfinishedLevel, bar: FootprintBar) -> bool:
    return bar.high >= level.price if level.side > 0 else bar.low <= level.price


class NakedPocs:
    """POCs of completed sessions at which nobody has traded since. A gap over one does not cover it."""

    __slots__ = ("_living", "_max", "_rth_only")

    def __init__(self, keep: int, rth_only: bool, living: Iterable[tuple[date, int]] = ()) -> None:
        self._max = keep
        self._rth_only = rth_only
        self._living = tuple(living)[-keep:]

    @property
    def living(self) -> tuple[tuple[date, int], ...]:
        """(session, tick), oldest first; the same object while nothing changed."""
        return self._living

    def add(self, session: date, poc: int) -> None:
        """A session ended; the same session again replaces its POC."""
        self._living = (*(known for known in self._living if known[0] != session), (session, poc))[-self._max :]

    def forget(self, before: date | None) -> None:
        """Drop POCs of sessions older than `before`: what counts is how many sessions ago, not how many are still naked."""
        if before is not None and any(session < before for session, _ in self._living):
            self._living = tuple(known for known in self._living if known[0] >= before)

    def on_bar(self, bar: FootprintBar) -> None:
        """Cover what this bar printed at; a bar without levels is taken to have printed at its whole range."""
        if self._rth_only and not bar.rth:
            return
        low, high = bar.low, bar.high
        for _, poc in self._living:
            if low <= poc <= high:
                self._living = tuple(known for known in self._living if not printed(bar, known[1]))
                return

    def shift(self, ticks: int) -> None:
        """Move every POC."""
        self._living = tuple((session, poc + ticks) for session, poc in self._living)


def printed(bar: FootprintBar, tick: int) -> bool:
    """Whether a bar traded at a tick."""
    if not bar.low <= tick <= bar.high:
        return False
    at = tick - bar.low
    return not bar.bid or bar.bid[at] + bar.ask[at] + bar.unknown[at] > 0


def naked_of(
    profiles: Iterable[SessionProfile], bars: Sequence[FootprintBar], closed_ns: Callable[[date], int]
) -> tuple[tuple[date, int], ...]:
    """Naked POCs as far as completed sessions and bars can tell: used where no list of them was handed down.

    `closed_ns` is when a session's regular hours ended. Of nights without bars only the range is known, so a POC inside
    it counts as covered.
    """
    sessions = tuple(profiles)
    found = []
    for i, session in enumerate(sessions):
        poc, since = session.value.poc, closed_ns(session.trade_date)
        seen = any(bar.start_ns >= since and printed(bar, poc) for bar in bars)
        if not seen and not any(_visited(other, poc) for other in sessions[i + 1 :]):
            found.append((session.trade_date, poc))
    return tuple(found)


def _visited(session: SessionProfile, tick: int) -> bool:
    at = tick - session.low_tick
    if 0 <= at < len(session.volumes) and session.volumes[at]:
        return True
    return session.on_high is not None and session.on_low is not None and session.on_low <= tick <= session.on_high
