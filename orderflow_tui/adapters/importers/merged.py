"""Several sources as one stream: in order of time, one contract a trading day, with what is missing announced.

Where sources hold several contracts of an instrument, one leads each day (`lead` says which). A change of contract is a GAP
with `rolled_to`; its shift is measured in the last regular minutes of the day before, and stays unknown where the two
contracts never traded side by side. Trading days without any data are a GAP too.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orderflow_tui.adapters.importers.lead import DayFigures, Lead
from orderflow_tui.adapters.importers.source import ImportFault, Kind, Reading, Source
from orderflow_tui.adapters.importers.trade_dates import DayIndex
from orderflow_tui.adapters.tape_log import first_stamp
from orderflow_tui.domain.event import MarketEvent, stamp_of
from orderflow_tui.domain.market import Bars, FeedState, FeedStatus, Trades
from orderflow_tui.domain.session import MINUTE_NS, SessionTable

HALF_HOUR_NS = 30 * MINUTE_NS
_SIDE_BY_SIDE_NS = 10 * MINUTE_NS  # how far apart two contracts' last regular prices may lie to be compared


@dataclass(slots=True)
class _Head:
    """A reading in progress with its next event."""

    order: int
    reading: Reading
    event: MarketEvent
    rest: Iterator[MarketEvent]


@dataclass(slots=True)
class _Place:
    """Where the stream stands: the day being read and its close, the day and contract last passed on."""

    reading_day: int = -1
    close_ns: int = -(2**62)
    day: int = -1
    contract: str | None = None


class Sources:
    """Opened sources as one recording. `events()` may be called again and reads everything again."""

    def __init__(self, readings: Sequence[Reading], table: SessionTable | None = None, calendar: bool = True) -> None:
        """`calendar`: contracts roll by the rules of equity-index quarters; otherwise by volume alone."""
        roots = sorted({reading.about.instrument for reading in readings})
        if len(roots) != 1:
            raise ImportFault(f"one run is about one instrument, these sources hold {' and '.join(roots)}")
        kinds = {reading.about.kind is Kind.BARS for reading in readings}
        if len(kinds) > 1:
            raise ImportFault("bars and trades cannot be mixed in one run: pass one kind of file")
        self.instrument = roots[0]
        self.readings = tuple(readings)
        self._days = DayIndex(table)
        self._calendar = calendar

    @property
    def sources(self) -> tuple[Source, ...]:
        """What was read of each source so far; complete when `events()` ended."""
        return tuple(reading.source for reading in self.readings)

    def events(self) -> Iterator[MarketEvent]:
        """The merged stream. Stamps never decrease."""
        figures = self._figures() if len({reading.about.contract for reading in self.readings}) > 1 else {}
        chosen = self._chosen(figures)
        place = _Place()
        for contract, event in _in_time_order(self.readings):
            if isinstance(event, FeedStatus) and event.state is FeedState.ENDED:
                continue  # the end of a session on the tape is not the end of this recording
            for part, day in self._parts(event, place):
                if day in chosen and chosen[day] != contract:
                    continue
                gap = self._gap(place, day, contract, first_stamp(part), figures)
                if gap is not None:
                    yield gap
                place.day, place.contract = day, contract
                yield part

    def recording(self) -> Generator[MarketEvent, None, None]:
        """The merged stream between FeedStatus LIVE and FeedStatus ENDED: what every run over these sources is fed.

        ENDED is stamped with the end of the half hour in which the last event lies, so that every time bar, and the session
        where it ends then, is closed alike whoever plays the recording.
        """
        last_ns: int | None = None
        for event in self.events():
            if last_ns is None:
                yield FeedStatus(self.instrument, first_stamp(event), FeedState.LIVE, "recording")
            last_ns = stamp_of(event)
            yield event
        if last_ns is None:
            raise ImportFault("these sources hold nothing that can be used")
        ended_ns = -(-last_ns // HALF_HOUR_NS) * HALF_HOUR_NS
        yield FeedStatus(self.instrument, ended_ns, FeedState.ENDED, "the recording is over")

    def _figures(self) -> dict[tuple[int, str], DayFigures]:
        """Volume and last regular price of every contract on every day: one pass over everything."""
        figures: dict[tuple[int, str], DayFigures] = {}
        for reading in self.readings:
            for event in reading.events():
                if isinstance(event, Trades | Bars):
                    self._add(figures, reading.about.contract, event)
        return figures

    def _chosen(self, figures: Mapping[tuple[int, str], DayFigures]) -> dict[int, str]:
        """The contract of each day."""
        by_day: dict[int, dict[str, DayFigures]] = {}
        for (day, contract), found in figures.items():
            by_day.setdefault(day, {})[contract] = found
        lead, days = Lead(self._calendar), self._days.table.days
        return {day: lead.on_day(days[day].trade_date, by_day[day]) for day in sorted(by_day)}

    def _add(self, figures: dict[tuple[int, str], DayFigures], contract: str, block: Trades | Bars) -> None:
        stamps, price, size = (
            (block.ts_ns, block.price, block.size) if isinstance(block, Trades) else (block.start_ns, block.close, block.volume)
        )
        for first, stop, index in self._days.pieces(stamps):
            day = self._days.table.days[index]
            found = figures.setdefault((index, contract), DayFigures())
            found.volume += int(size[first:stop].sum())
            if day.rth_open_ns is None or day.rth_close_ns is None:
                continue
            low, high = np.searchsorted(stamps[first:stop], [day.rth_open_ns, day.rth_close_ns], side="left") + first
            if high > low:
                found.rth_volume += int(size[low:high].sum())
                found.last_price, found.last_ns = int(price[high - 1]), int(stamps[high - 1])

    def _parts(self, event: MarketEvent, place: _Place) -> Iterator[tuple[MarketEvent, int]]:
        """An event cut at the ends of trading days, each part with its day."""
        if stamp_of(event) < place.close_ns:
            yield event, place.reading_day
        elif isinstance(event, Trades | Bars):
            stamps = event.ts_ns if isinstance(event, Trades) else event.start_ns
            for first, stop, day in self._days.pieces(stamps):
                self._enter(place, day)
                yield event.cut(first, stop), day
        else:
            self._enter(place, self._days.one(event.ts_ns))
            yield event, place.reading_day

    def _enter(self, place: _Place, day: int) -> None:
        place.reading_day, place.close_ns = day, self._days.table.days[day].close_ns

    def _gap(
        self, place: _Place, day: int, contract: str, ts_ns: int, figures: Mapping[tuple[int, str], DayFigures]
    ) -> FeedStatus | None:
        """What must be said before an event of this day and contract."""
        if place.contract is None or (day <= place.day + 1 and contract == place.contract):
            return None
        words: list[str] = []
        if day > place.day + 1:
            missing = self._days.table.days[place.day + 1 : day]
            first, last = missing[0].trade_date, missing[-1].trade_date
            words.append(f"no data for {len(missing)} trading days, {first} to {last}")
        if contract == place.contract:
            return FeedStatus(self.instrument, ts_ns, FeedState.GAP, words[0])
        shift = _shift(figures.get((place.day, place.contract)), figures.get((place.day, contract)))
        measured = "the shift is unknown, they never traded side by side" if shift is None else f"shift {shift:+d} ticks"
        words.insert(0, f"{place.contract} rolls to {contract}: {measured}")
        return FeedStatus(self.instrument, ts_ns, FeedState.GAP, "; ".join(words), contract, shift)


def _shift(front: DayFigures | None, following: DayFigures | None) -> int | None:
    """following − front at the end of regular hours, None when one of them did not trade then."""
    if front is None or following is None or not front.last_ns or not following.last_ns:
        return None
    if abs(front.last_ns - following.last_ns) > _SIDE_BY_SIDE_NS:
        return None
    return following.last_price - front.last_price


def _in_time_order(readings: Sequence[Reading]) -> Iterator[tuple[str, MarketEvent]]:
    """Events of all readings with their contract. A reading is opened when its time comes and forgotten when it ends."""
    if len(readings) == 1:
        yield from ((readings[0].about.contract, event) for event in readings[0].events())
        return
    begins = [reading.begins_ns() for reading in readings]
    waiting = sorted(range(len(readings)), key=lambda i: (begins[i], i))
    heads: list[_Head] = []
    while waiting or heads:
        while waiting and (not heads or begins[waiting[0]] <= min(first_stamp(head.event) for head in heads)):
            _open(heads, readings, waiting.pop(0))
        if not heads:
            continue
        head = min(heads, key=lambda h: (first_stamp(h.event), h.order))
        others = [(first_stamp(h.event), h.reading) for h in heads if h is not head]
        others += [(begins[i], readings[i]) for i in waiting[:1]]
        now, later = _split(head, others)
        yield head.reading.about.contract, now
        following = later if later is not None else next(head.rest, None)
        if following is None:
            heads.remove(head)
        else:
            head.event = following


def _open(heads: list[_Head], readings: Sequence[Reading], order: int) -> None:
    rest = readings[order].events()
    event = next(rest, None)
    if event is not None:
        heads.append(_Head(order, readings[order], event, rest))


def _split(head: _Head, others: Sequence[tuple[int, Reading]]) -> tuple[MarketEvent, MarketEvent | None]:
    """The part of the head's event that comes before the first of the others, and the rest of it."""
    event = head.event
    if not others or not isinstance(event, Trades | Bars):
        return event, None
    limit, other = min(others, key=lambda o: o[0])
    stamps = event.ts_ns if isinstance(event, Trades) else event.start_ns
    stop = int(np.searchsorted(stamps, limit, side="right"))
    if stop == len(stamps):
        return event, None
    if other.about.contract == head.reading.about.contract and other.about.kind is not Kind.DEPTH:
        names = f"{head.reading.about.path.name} and {other.about.path.name}"
        raise ImportFault(f"{names} overlap in time: the same trades would count twice, pass one of them")
    return event.cut(0, stop), event.cut(stop, len(stamps))


def files_of(path: Path) -> list[Path]:
    """The files a path of the command line means: itself, or what a folder that is no tape holds."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.is_file() and file.name[0] != "." and file.suffix != ".md")
    if not found:
        raise ImportFault(f"{path} is an empty folder")
    return found
