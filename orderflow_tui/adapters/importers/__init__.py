"""Files of market data, whatever they look like: one file here a format, and they are all in `IMPORTERS`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from orderflow_tui.adapters.ib_contracts import QUARTERLY
from orderflow_tui.adapters.importers import (
    book_rows,
    dbn,
    delimited,
    json_lines,
    parquet,
    platform_bars,
    scid,
    sierra_bars,
    spanish_ticks,
    tape_folder,
    tick_dom,
)
from orderflow_tui.adapters.importers.ask import Ask, Importer
from orderflow_tui.adapters.importers.merged import Sources, files_of
from orderflow_tui.adapters.importers.source import About, ImportFault, Kind, Reading, Rejection, Source
from orderflow_tui.adapters.importers.text_table import read_head
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.session import SessionTable

__all__ = [
    "IMPORTERS",
    "About",
    "ImportFault",
    "Importer",
    "Kind",
    "Reading",
    "Rejection",
    "Source",
    "Sources",
    "open_source",
    "open_sources",
]

# In the order they are tried: the ones with unmistakable marks first, plain named columns last.
IMPORTERS: tuple[Importer, ...] = (
    tape_folder.IMPORTER,
    dbn.IMPORTER,
    scid.IMPORTER,
    parquet.IMPORTER,
    tick_dom.IMPORTER,
    platform_bars.IMPORTER,
    sierra_bars.IMPORTER,
    spanish_ticks.IMPORTER,
    json_lines.IMPORTER,
    book_rows.IMPORTER,
    delimited.IMPORTER,
)


def open_source(
    path: Path,
    instruments: Mapping[str, Instrument],
    *,
    instrument: str | None = None,
    tz: str | None = None,
    format: str | None = None,  # noqa: A002  the word of the command line
) -> Reading:
    """Open a file or a tape folder, detecting its format unless `format` names it.

    `instrument` is a root or a contract, `tz` an IANA zone for times that name none. Raises ImportFault with one
    sentence when the file is empty, truncated, of no known format or lacks a column.
    """
    ask = Ask(instruments, instrument, tz)
    if tz is not None:
        ask.zone("")
    head = read_head(path)
    if format is not None:
        return _named(format).open(head, ask)
    for importer in IMPORTERS:
        if importer.matches(head):
            return importer.open(head, ask)
    if path.is_dir():
        raise ImportFault(f"{path} is a folder without a session of the tape in it: name the files inside")
    raise ImportFault(
        f"{path.name} is in no format known here ({', '.join(i.name for i in IMPORTERS)}): its first line is "
        f'"{(head.lines[0] if head.lines else "")[:80]}"'
    )


def open_sources(
    paths: Sequence[Path],
    instruments: Mapping[str, Instrument],
    *,
    instrument: str | None = None,
    tz: str | None = None,
    format: str | None = None,  # noqa: A002  the word of the command line
    table: SessionTable | None = None,
) -> Sources:
    """Open files, tape folders and folders of files as one recording in order of time.

    `table` decides which volume is that of regular hours; the whole calendar when it is not given.
    Raises ImportFault like `open_source`, for several instruments in one run, and for sources that overlap.
    """
    files = [file for path in paths for file in ([path] if tape_folder.holds_sessions(path) else files_of(path))]
    readings = [open_source(f, instruments, instrument=instrument, tz=tz, format=format) for f in files]
    months = {instruments[r.about.instrument].roll_months for r in readings if r.about.instrument in instruments}
    return Sources(readings, table, calendar=months == {QUARTERLY})


def _named(name: str) -> Importer:
    for importer in IMPORTERS:
        if importer.name == name:
            return importer
    raise ImportFault(f'unknown format "{name}": known are {", ".join(i.name for i in IMPORTERS)}')
