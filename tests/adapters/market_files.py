"""Small market files as tests write them, and what the readers make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from orderflow_tui.adapters.importers import Reading, Source, open_source
from orderflow_tui.domain.event import MarketEvent
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import Bars, Trades
from tests.builders import ES, MES

NQ = replace(ES, symbol="NQ", name="E-mini Nasdaq 100", tick_cents=500, multiplier=20)
CL = replace(ES, symbol="CL", name="Crude oil", tick_e9=10_000_000, tick_cents=1000, multiplier=1000)
KNOWN: dict[str, Instrument] = {"ES": ES, "MES": MES, "NQ": NQ, "CL": CL}

NOON = "2026-03-05T17:00:00"  # UTC; 12:00 in New York, a Thursday
NOON_NS = 1_772_730_000_000_000_000


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def csv_of(folder: Path, rows: Sequence[str], header: str = "ts_utc,price,size,side", name: str = "ES.csv") -> Path:
    return written(folder, name, "\n".join([header, *rows]) + "\n")


def read(path: Path, instrument: str | None = None, tz: str | None = None, format: str | None = None) -> list[MarketEvent]:  # noqa: A002
    return list(opened(path, instrument, tz, format).events())


def opened(path: Path, instrument: str | None = None, tz: str | None = None, format: str | None = None) -> Reading:  # noqa: A002
    return open_source(path, KNOWN, instrument=instrument, tz=tz, format=format)


def source_of(path: Path, tz: str | None = None) -> Source:
    reading = opened(path, tz=tz)
    for _ in reading.events():
        continue
    return reading.source


def trades_in(events: Sequence[MarketEvent]) -> Trades:
    """All trades of a recording as one block."""
    blocks = [event for event in events if isinstance(event, Trades)]
    assert blocks
    bids = [block.bid for block in blocks if block.bid is not None]
    asks = [block.ask for block in blocks if block.ask is not None]
    return Trades(
        blocks[0].instrument,
        np.concatenate([block.ts_ns for block in blocks]),
        np.concatenate([block.price for block in blocks]),
        np.concatenate([block.size for block in blocks]),
        np.concatenate([block.aggressor for block in blocks]),
        np.concatenate([block.method for block in blocks]),
        np.concatenate(bids) if bids else None,
        np.concatenate(asks) if asks else None,
    )


def bars_in(events: Sequence[MarketEvent]) -> Bars:
    """The only block of bars of a recording."""
    blocks = [event for event in events if isinstance(event, Bars)]
    assert len(blocks) == 1
    return blocks[0]
