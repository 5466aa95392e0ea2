"""Our own tape: a session's folder, or a symbol's folder with all its sessions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from orderflow_tui.adapters.importers.ask import Ask, Importer
from orderflow_tui.adapters.importers.source import About, ImportFault, Kind, Reading, Tally
from orderflow_tui.adapters.importers.text_table import Head
from orderflow_tui.adapters.tape import TapeFault, is_session, read_folder, sessions
from orderflow_tui.domain.event import MarketEvent
from orderflow_tui.domain.market import Bars, Depth, FeedStatus, Quote, Trades

NAME = "tape"


def matches(head: Head) -> bool:
    """A folder that holds a session, or sessions by date."""
    return holds_sessions(head.path)


def holds_sessions(path: Path) -> bool:
    """Whether a path is a folder of the tape."""
    return path.is_dir() and bool(_folders(path))


def open_file(head: Head, ask: Ask) -> Reading:
    """A reading of the recorded events, exactly as the engine saw them."""
    folders = _folders(head.path)
    symbol = folders[0].parent.name
    instrument, _ = ask.resolve(head.path, symbol)
    about = About(head.path, NAME, _kind(folders[0]), instrument.symbol, "", "UTC")

    def produce(tally: Tally) -> Iterator[MarketEvent]:
        try:
            for folder in folders:
                for event in read_folder(folder):
                    _count(event, tally)
                    yield event
        except TapeFault as fault:
            raise ImportFault(str(fault)) from fault

    return Reading(about, produce)


def _folders(path: Path) -> list[Path]:
    if is_session(path):
        return [path]
    return [path / day.isoformat() for day in sessions(path.parent, path.name)]


def _kind(folder: Path) -> Kind:
    """What the first events of a session are; a session may still hold more than that."""
    names = {file.name.split(".")[0] for file in folder.iterdir()}
    if "bars" in names:
        return Kind.BARS
    return Kind.TRADES_DEPTH if "depth" in names else Kind.TRADES


def _count(event: MarketEvent, tally: Tally) -> None:
    if isinstance(event, Trades):
        tally.saw_trades(event)
    elif isinstance(event, Bars):
        tally.saw_bars(event)
    elif not isinstance(event, FeedStatus):
        _book(event, tally)


def _book(event: Quote | Depth, tally: Tally) -> None:
    tally.records += 1
    tally.first_ns = event.ts_ns if tally.first_ns is None else tally.first_ns
    tally.last_ns = event.ts_ns


IMPORTER = Importer(NAME, matches, open_file)
