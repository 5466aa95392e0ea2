"""The trading days of an instrument: the exchange's calendar with the instrument's own regular hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from orderflow_tui.adapters.calendar import (
    FIRST_BUILT,
    LAST_BUILT,
    CalendarFault,
    Override,
    own_overrides,
    read_overrides,
    session_table,
)
from orderflow_tui.config import ConfigFault, Loaded, Problem
from orderflow_tui.domain.session import SessionTable

if TYPE_CHECKING:
    from orderflow_tui.adapters.importers import Sources

CALENDAR = "calendar.toml"
EQUITY = "equity_index"  # the hours that `session.rth_close` moves


def trading_days(loaded: Loaded, symbol: str, first: date = FIRST_BUILT, last: date = LAST_BUILT) -> SessionTable:
    """The instrument's days from `first` to `last`. Holidays are those of the equity calendar for every group of hours."""
    hours = loaded.hours[symbol]
    rth_close = loaded.config.session.rth_close if hours.name == EQUITY else _clock(hours.rth_close_min)
    return session_table(first, last, corrections(loaded), rth_close=rth_close, rth_open=_clock(hours.rth_open_min))


def corrections(loaded: Loaded) -> tuple[Override, ...]:
    """The shipped corrections of the calendar, then those of a calendar.toml beside the user's file: the later word wins.
    Raises ConfigFault when that one cannot be used."""
    path = loaded.places.file(CALENDAR)
    if path.parent == loaded.places.folder:
        return own_overrides()
    try:
        return (*own_overrides(), *read_overrides(path))
    except CalendarFault as fault:
        said = str(fault).removeprefix(str(path)).removeprefix(":").strip()
        raise ConfigFault([Problem(str(path), said)]) from fault


def opened(
    loaded: Loaded,
    paths: Sequence[Path],
    *,
    instrument: str | None = None,
    tz: str | None = None,
    format: str | None = None,  # noqa: A002  the word of the command line
) -> tuple[Sources, SessionTable]:
    """Recordings and the days of the instrument they turn out to hold. Raises ImportFault."""
    from orderflow_tui.adapters.importers import open_sources  # every format with its libraries

    guess = loaded.config.instrument.analysis
    table = trading_days(loaded, guess)
    sources = open_sources(paths, loaded.instruments, instrument=instrument, tz=tz, format=format, table=table)
    if loaded.hours[sources.instrument].name != loaded.hours[guess].name:
        table = trading_days(loaded, sources.instrument)
        sources = open_sources(paths, loaded.instruments, instrument=instrument, tz=tz, format=format, table=table)
    return sources, table


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
