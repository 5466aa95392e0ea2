"""The exchange's calendar: which trading days there are, turned into UTC once so that nobody else needs a time zone.

Three layers, the later wins: a table generated from pandas_market_calendars and kept beside this file
(`calendar_table.csv`), our corrections (`config/calendar.toml`), and whatever overrides the caller hands over, such as
hours the broker states for the traded contract.

A Globex segment of a date runs from 18:00 ET on the evening before to its close. A segment without regular hours (a
holiday) is no trading day of its own: its trades settle into the next one, which therefore starts when the holiday's
segment opened, and keeps as a pause what lies between the holiday's close and the next open.

`python -m orderflow_tui.adapters.calendar --build` generates the table again.
"""

from __future__ import annotations

import sys
import tomllib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from orderflow_tui.domain.session import MINUTE_NS, SECOND_NS, SessionDay, SessionTable

NEW_YORK = ZoneInfo("America/New_York")
TABLE = Path(__file__).with_name("calendar_table.csv")
FIRST_BUILT, LAST_BUILT = date(2008, 1, 1), date(2030, 12, 31)
GLOBEX_OPEN = -6 * 60  # minutes from midnight of the trade date: 18:00 on the evening before
RTH_OPEN, RTH_CLOSE, HALF_DAY_CLOSE = 9 * 60 + 30, 16 * 60, 13 * 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_FOLD = timedelta(days=7)  # a run of holidays is never longer: how far back a day's open is looked for
# What the calendar library does not know: Globex used to close later (ET) before these dates. Recordings of 2015 show it.
_LATER_CLOSES = ((date(2012, 11, 19), "17:30"), (date(2015, 9, 21), "17:15"))
_DAY_KEYS = ("date", "globex_close", "rth_close", "why")


class CalendarFault(Exception):
    """The table or the corrections cannot be used; the sentence says which entry and why."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One Globex date in minutes after its ET midnight. `rth_close` None: no regular hours that day."""

    day: date
    globex_close: int
    rth_close: int | None


@dataclass(frozen=True, slots=True)
class Override:
    """A correction of one date. `globex_close` None: no Globex session at all; `rth_close` None: no regular hours."""

    day: date
    globex_close: int | None
    rth_close: int | None
    why: str = ""


def session_table(
    first: date,
    last: date,
    overrides: Iterable[Override] | None = None,
    rth_close: str = "16:00",
    rth_open: str = "09:30",
) -> SessionTable:
    """The trading days from `first` to `last`, both included, as the engine reads them.

    `overrides` None means the project's own corrections. `rth_close` "16:15" moves every normal close and, by the same
    quarter of an hour, the 13:00 close of half days; a regular session never outlasts Globex.
    """
    if first < FIRST_BUILT or last > LAST_BUILT:
        raise CalendarFault(f"the calendar covers {FIRST_BUILT} to {LAST_BUILT}, {first} to {last} was asked for")
    corrections = {o.day: o for o in (own_overrides() if overrides is None else overrides)}
    open_minute, close_minute = minute_of(rth_open, "rth_open"), minute_of(rth_close, "rth_close")
    days: list[SessionDay] = []
    opened: int | None = None
    closed = 0
    pauses: list[tuple[int, int]] = []
    for segment in _corrected(_segments(max(first - _LONGEST_FOLD, FIRST_BUILT), last), corrections):
        start = _utc_ns(segment.day - timedelta(days=1), 24 * 60 + GLOBEX_OPEN)
        if opened is None:
            opened = start
        else:
            pauses.append((closed, start))
        closed = _utc_ns(segment.day, segment.globex_close)
        if segment.rth_close is None:
            continue
        days.append(_session_day(segment, opened, tuple(pauses), open_minute, close_minute))
        opened = None
        pauses.clear()
    return SessionTable(tuple(d for d in days if first <= d.trade_date <= last))


def minute_of(text: str, name: str) -> int:
    """Minutes after midnight of "HH:MM"."""
    hours, colon, minutes = text.partition(":")
    if not (colon and hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60):
        raise CalendarFault(f'{name} must be a time like "16:00", not "{text}"')
    return int(hours) * 60 + int(minutes)


def own_overrides() -> tuple[Override, ...]:
    """The corrections the project ships."""
    here = Path(__file__).resolve()
    for folder in (here.parents[1] / "_config", here.parents[2] / "config"):
        if (folder / "calendar.toml").exists():
            return read_overrides(folder / "calendar.toml")
    raise CalendarFault("config/calendar.toml is missing: the calendar's corrections belong to the installation")


def read_overrides(path: Path) -> tuple[Override, ...]:
    """Read `[[day]]` tables: date, globex_close ("HH:MM" or "closed"), optional rth_close ("HH:MM"), why."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CalendarFault(f"{path} cannot be read: {error}") from error
    unknown = sorted(set(document) - {"day"})
    if unknown:
        raise CalendarFault(f"{path}: unknown table {unknown[0]!r}, expected [[day]]")
    return tuple(_override(path, entry) for entry in document.get("day", []))


def _override(path: Path, entry: Mapping[str, object]) -> Override:
    unknown = sorted(set(entry) - set(_DAY_KEYS))
    if unknown:
        raise CalendarFault(f"{path}: unknown key {unknown[0]!r} in [[day]], expected {', '.join(_DAY_KEYS)}")
    day = entry.get("date")
    if not isinstance(day, date) or isinstance(day, datetime):
        raise CalendarFault(f"{path}: a [[day]] needs date = YYYY-MM-DD, got {day!r}")
    closes = entry.get("globex_close")
    if not isinstance(closes, str):
        raise CalendarFault(f'{path}: {day} needs globex_close = "HH:MM" or "closed", got {closes!r}')
    rth = entry.get("rth_close")
    return Override(
        day,
        None if closes == "closed" else minute_of(closes, f"{path}: {day} globex_close"),
        None if rth is None else minute_of(str(rth), f"{path}: {day} rth_close"),
        str(entry.get("why", "")),
    )


def _segments(first: date, last: date) -> list[Segment]:
    """The generated table's rows from `first` to `last`."""
    lines = TABLE.read_text(encoding="ascii").splitlines()[1:]
    low = bisect_left(lines, first.isoformat())
    high = bisect_right(lines, last.isoformat() + ",~")
    return [_segment(line) for line in lines[low:high]]


def _segment(line: str) -> Segment:
    day, globex, rth = line.split(",")
    return Segment(date.fromisoformat(day), minute_of(globex, "globex_close"), minute_of(rth, "rth_close") if rth else None)


def _corrected(segments: list[Segment], corrections: Mapping[date, Override]) -> list[Segment]:
    """The segments with every correction applied; one may also add a date the table does not have."""
    if not segments:
        return []
    first, last = segments[0].day, segments[-1].day
    kept = [s for s in segments if s.day not in corrections]
    added = [
        Segment(o.day, o.globex_close, o.rth_close)
        for o in corrections.values()
        if o.globex_close is not None and first <= o.day <= last
    ]
    return sorted(kept + added, key=lambda s: s.day)


def _session_day(
    segment: Segment, opened: int, pauses: tuple[tuple[int, int], ...], open_minute: int, close_minute: int
) -> SessionDay:  # fmt: skip
    assert segment.rth_close is not None
    half = segment.rth_close < RTH_CLOSE
    close = min(segment.rth_close + max(0, close_minute - RTH_CLOSE) if half else close_minute, segment.globex_close)
    midnight = _utc_ns(segment.day, 0)
    return SessionDay(
        trade_date=segment.day,
        midnight_ns=midnight,
        open_ns=opened,
        close_ns=midnight + segment.globex_close * MINUTE_NS,
        rth_open_ns=midnight + open_minute * MINUTE_NS,
        rth_close_ns=midnight + min(close, close_minute) * MINUTE_NS,
        half_day=half,
        pauses=pauses,
    )


def _utc_ns(day: date, minute: int) -> int:
    """UTC ns of an ET wall-clock minute of a day on which clocks do not change (they do on Sundays before 03:00)."""
    local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=NEW_YORK)
    since = local - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND_NS


def build(path: Path = TABLE) -> int:
    """Write the table from pandas_market_calendars (CME Globex Equity with NYSE's regular hours); rows written."""
    import pandas_market_calendars  # it loads pandas, which costs half a second that no other use of this file pays

    first, last = FIRST_BUILT - _LONGEST_FOLD, LAST_BUILT
    globex = pandas_market_calendars.get_calendar("CME Globex Equity").schedule(str(first), str(last))
    nyse = pandas_market_calendars.get_calendar("NYSE").schedule(str(first), str(last))
    regular = dict(zip(nyse.index, nyse["market_close"].dt.tz_convert("America/New_York"), strict=True))
    rows = ["date,globex_close,rth_close"]
    for day, closes in zip(globex.index, globex["market_close"].dt.tz_convert("America/New_York"), strict=True):
        rth = regular.get(day)
        close = _historic_close(day.date(), format(closes, "%H:%M"))
        rows.append(f"{day:%Y-%m-%d},{close},{'' if rth is None else format(rth, '%H:%M')}")
    path.write_text("\n".join(rows) + "\n", encoding="ascii")
    return len(rows) - 1


def _historic_close(day: date, close: str) -> str:
    if close != "17:00":
        return close
    return next((later for before, later in _LATER_CLOSES if day < before), close)


if __name__ == "__main__":
    if sys.argv[1:] != ["--build"]:
        sys.exit("usage: python -m orderflow_tui.adapters.calendar --build")
    sys.stdout.write(f"{build()} dates written to {TABLE}\n")
