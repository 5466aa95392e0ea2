"""sessions.toml: the regular week of each group of instruments. Single dates are corrected in calendar.toml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field

from orderflow_tui.config.entry import read_entry
from orderflow_tui.config.fault import ConfigFault, Problem
from orderflow_tui.config.section import Clock, Section
from orderflow_tui.config.toml_file import read_toml


class HoursTable(Section):
    """One table of the file."""

    zone: str = Field(min_length=1, max_length=40)
    calendar: str = Field(min_length=1, max_length=40)
    globex_open: Clock
    globex_close: Clock
    rth_open: Clock
    rth_close: Clock
    half_day_close: Clock


@dataclass(frozen=True, slots=True)
class Hours:
    """Regular hours in minutes after midnight of the trade date in `zone`; `globex_open_min` is negative, the evening before.

    `calendar` names the exchange calendar that knows the holidays.
    """

    name: str
    zone: str
    calendar: str
    globex_open_min: int
    globex_close_min: int
    rth_open_min: int
    rth_close_min: int
    half_day_close_min: int


def read_hours(path: Path) -> dict[str, Hours]:
    """Hours by the name that instruments.toml uses. Raises ConfigFault with all problems."""
    problems: list[Problem] = []
    found: dict[str, Hours] = {}
    for name, table in read_toml(path).items():
        entry = read_entry(HoursTable, table, str(path), name, problems)
        if entry is None:
            continue
        try:
            ZoneInfo(entry.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            problems.append(Problem(str(path), f'{name}.zone is "{entry.zone}"; expected a time zone such as "America/New_York"'))
        hours = Hours(
            name,
            entry.zone,
            entry.calendar,
            minutes(entry.globex_open) - 24 * 60,
            minutes(entry.globex_close),
            minutes(entry.rth_open),
            minutes(entry.rth_close),
            minutes(entry.half_day_close),
        )
        if not hours.rth_open_min < hours.half_day_close_min <= hours.rth_close_min <= hours.globex_close_min:
            problems.append(Problem(str(path), f"{name}: expected rth_open < half_day_close <= rth_close <= globex_close"))
        found[name] = hours
    if problems:
        raise ConfigFault(problems)
    return found


def minutes(clock: str) -> int:
    """Minutes after midnight of "HH:MM"."""
    return int(clock[:2]) * 60 + int(clock[3:])
