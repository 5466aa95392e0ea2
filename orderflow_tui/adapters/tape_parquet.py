"""A finished session of the tape: Parquet streams beside a manifest that says which files count.

Trades are rows in order. Every other event carries `pos`, the number of trades before it, and `seq`, its number among
the other events: so the order in which the engine saw everything is kept without a byte per trade. Files are written
under new names and become the session in one step, when the manifest is replaced.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from heapq import merge
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, assert_never

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from orderflow_tui.adapters.tape_log import first_stamp
from orderflow_tui.domain.event import MarketEvent, stamp_of
from orderflow_tui.domain.market import I8, I64, Bars, Depth, FeedState, FeedStatus, Quote, Trades

MANIFEST = "session.json"
SCHEMA = "orderflow-tui/tape/1"
BLOCK_ROWS = 65_536
_GROUP_ROWS = 262_144
_OTHER_ROWS = 16_384  # of quotes, books … held before they are written
_WORD = pa.dictionary(pa.int32(), pa.string())
_PLACE = [("pos", pa.int64()), ("seq", pa.int64()), ("instrument", _WORD), ("ts_ns", pa.int64())]
_DELTA_CODED = frozenset({"ts_ns", "price", "bid", "ask", "pos", "seq"})  # smaller and faster than a dictionary there
_LEVELS = pa.list_(pa.int64())
_FACTS = [(name, pa.int64()) for name in ("ts_ns", "price", "size")] + [(name, pa.int8()) for name in ("aggressor", "method")]
_TRADES = pa.schema([*_FACTS, ("bid", pa.int64()), ("ask", pa.int64()), ("instrument", _WORD)])
_BAR_COLUMNS = ("open", "high", "low", "close", "volume", "bid_volume", "ask_volume", "trades")
_OTHERS = {
    "quotes": pa.schema([*_PLACE, *((name, pa.int64()) for name in ("bid", "ask", "bid_size", "ask_size"))]),
    "depth": pa.schema([*_PLACE, *((name, _LEVELS) for name in ("bid_price", "bid_size", "ask_price", "ask_size"))]),
    "status": pa.schema(
        [*_PLACE, ("state", pa.string()), ("reason", pa.string()), ("rolled_to", pa.string()), ("shift_ticks", pa.int64())]
    ),
    "bars": pa.schema([*_PLACE, ("seconds", pa.int64()), *((name, pa.int64()) for name in _BAR_COLUMNS)]),
}


class TapeFault(OSError):
    """A session of the tape that cannot be read or must not be overwritten; the sentence says which and why.

    An OSError, because whoever guards a job against the disk wants to be guarded against this too.
    """


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a finished session consists of: stream name → file name, rows of trades, number of other events, and the
    logs whose events are in them."""

    symbol: str
    trade_date: str
    generation: int
    files: dict[str, str]
    trades: int
    others: int
    first_ns: int
    last_ns: int
    absorbed: tuple[str, ...] = ()


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a session folder, None when the session was never finished."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise TapeFault(f"{folder / MANIFEST} cannot be read: {error}") from error
    if not isinstance(found, dict) or found.pop("schema", None) != SCHEMA:
        raise TapeFault(f"{folder / MANIFEST} is not of this version: expected schema {SCHEMA}")
    return Manifest(**{**found, "absorbed": tuple(found["absorbed"])})


class SessionFiles:
    """Writes one session's streams. Nothing is visible before `finish`; `abandon` leaves no trace."""

    def __init__(self, folder: Path, symbol: str, trade_date: date) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        before = read_manifest(folder)
        self._folder = folder
        self._symbol, self._date = symbol, trade_date
        self._generation = 1 if before is None else before.generation + 1
        self._old = () if before is None else tuple(before.files.values())
        self._writers: dict[str, parquet.ParquetWriter] = {}
        self._files: dict[str, str] = {}
        self._trades: list[Trades] = []
        self._held = 0
        self._rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _OTHERS}
        self._pos = self._seq = 0
        self._first_ns: int | None = None
        self._last_ns = 0

    def add(self, event: MarketEvent) -> None:
        """Append one event."""
        self._first_ns = first_stamp(event) if self._first_ns is None else self._first_ns
        self._last_ns = stamp_of(event)
        if isinstance(event, Trades):
            self._pos += len(event)
            self._held += len(event)
            self._trades.append(event)
            if self._held >= _GROUP_ROWS:
                self._write_trades()
            return
        name, rows = _rows_of(event)
        place = {"pos": self._pos, "seq": self._seq, "instrument": event.instrument}
        self._seq += 1
        held = self._rows[name]
        held += [place | row for row in rows]
        if len(held) >= _OTHER_ROWS:
            self._write_others(name)

    def seal(self) -> None:
        """Write what is held and close the files; nothing is visible yet."""
        self._write_trades()
        for name in _OTHERS:
            self._write_others(name)
        self._close()

    def finish(self, absorbed: tuple[str, ...] = ()) -> Manifest:
        """Make what was added the session, in place of what was there."""
        self.seal()
        assert self._first_ns is not None, "a session without events is never written"
        manifest = Manifest(
            self._symbol,
            self._date.isoformat(),
            self._generation,
            self._files,
            self._pos,
            self._seq,
            self._first_ns,
            self._last_ns,
            absorbed,
        )
        part = self._folder / (MANIFEST + ".part")
        with part.open("w", encoding="utf-8") as file:
            json.dump({"schema": SCHEMA, **asdict(manifest)}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._folder / MANIFEST)
        for name in (*self._old, *absorbed):
            (self._folder / name).unlink(missing_ok=True)
        return manifest

    def abandon(self) -> None:
        """Forget everything written so far."""
        self._close()
        for name in self._files.values():
            (self._folder / name).unlink(missing_ok=True)
        if not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _writer(self, name: str, schema: pa.Schema) -> parquet.ParquetWriter:
        if name not in self._writers:
            self._files[name] = f"{name}.{self._generation}.parquet"
            self._writers[name] = parquet.ParquetWriter(
                self._folder / self._files[name],
                schema,
                compression="zstd",
                compression_level=3,
                use_dictionary=[field.name for field in schema if field.name not in _DELTA_CODED],
                column_encoding={field.name: "DELTA_BINARY_PACKED" for field in schema if field.name in _DELTA_CODED},
                write_statistics=["instrument", "bid"],
            )
        return self._writers[name]

    def _write_trades(self) -> None:
        if not self._trades:
            return
        rows, self._trades, self._held = self._trades, [], 0
        batches = [_trade_batch(block) for block in rows]
        self._writer("trades", _TRADES).write_table(pa.Table.from_batches(batches, _TRADES), row_group_size=_GROUP_ROWS)

    def _write_others(self, name: str) -> None:
        rows, self._rows[name] = self._rows[name], []
        if rows:
            self._writer(name, _OTHERS[name]).write_table(pa.Table.from_pylist(rows, _OTHERS[name]))


def _trade_batch(block: Trades) -> pa.RecordBatch:
    count = len(block)
    word = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([block.instrument]))
    quotes = [pa.nulls(count, pa.int64()) if column is None else pa.array(column) for column in (block.bid, block.ask)]
    columns = (block.ts_ns, block.price, block.size, block.aggressor, block.method)
    return pa.RecordBatch.from_arrays([*(pa.array(column) for column in columns), *quotes, word], schema=_TRADES)


def _rows_of(event: Quote | Depth | FeedStatus | Bars) -> tuple[str, list[dict[str, Any]]]:
    """The stream of an event and its rows there."""
    match event:
        case Quote():
            names = ("ts_ns", "bid", "ask", "bid_size", "ask_size")
            return "quotes", [{name: getattr(event, name) for name in names}]
        case Depth():
            row: dict[str, Any] = {"ts_ns": event.ts_ns}
            for side, levels in (("bid", event.bids), ("ask", event.asks)):
                row[f"{side}_price"] = [price for price, _ in levels]
                row[f"{side}_size"] = [size for _, size in levels]
            return "depth", [row]
        case FeedStatus():
            words = ("ts_ns", "reason", "rolled_to", "shift_ticks")
            return "status", [{"state": event.state.value, **{word: getattr(event, word) for word in words}}]
        case Bars():
            columns = {name: None if (c := getattr(event, name)) is None else c.tolist() for name in _BAR_COLUMNS}
            return "bars", [
                {"ts_ns": start, "seconds": event.seconds, **{n: None if c is None else c[i] for n, c in columns.items()}}
                for i, start in enumerate(event.start_ns.tolist())
            ]
        case _:
            assert_never(event)


def read_session(folder: Path, manifest: Manifest, *, books: bool = True) -> Iterator[MarketEvent]:
    """The events of a finished session in the order they were recorded, trades in blocks of at most 65,536.

    Without `books` those of depth are left out.
    """
    left_out = {"trades"} if books else {"trades", "depth"}
    streams = [_READERS[name](folder / file) for name, file in manifest.files.items() if name not in left_out]
    others = merge(*streams, key=itemgetter(1))
    trades = manifest.files.get("trades")
    blocks = iter(()) if trades is None else trade_blocks(folder / trades)
    pos = 0
    following = next(others, None)
    for block in blocks:
        start = 0
        while following is not None and following[0] < pos + len(block):
            cut = following[0] - pos
            if cut > start:
                yield block.cut(start, cut)
                start = cut
            yield following[2]
            following = next(others, None)
        yield block.cut(start, len(block)) if start else block
        pos += len(block)
    while following is not None:
        yield following[2]
        following = next(others, None)


def trade_blocks(path: Path) -> Iterator[Trades]:
    """The trades of a tape file in blocks of at most 65,536."""
    with parquet.ParquetFile(path, memory_map=True) as file:
        for group in range(file.num_row_groups):
            facts = file.metadata.row_group(group)
            names = [facts.column(i).path_in_schema for i in range(facts.num_columns)]
            quotes = facts.column(names.index("bid")).statistics
            words = facts.column(names.index("instrument")).statistics
            plain = ["ts_ns", "price", "size", "aggressor", "method"]
            quoted = quotes is None or quotes.null_count < facts.num_rows
            one_word = words is not None and words.has_min_max and words.min == words.max
            wanted = plain + (["bid", "ask"] if quoted else []) + ([] if one_word else ["instrument"])
            table = file.read_row_group(group, columns=wanted)
            yield from _blocks(table, str(words.min) if one_word else None)


def _blocks(table: pa.Table, instrument: str | None) -> Iterator[Trades]:
    columns = {name: table.column(name).combine_chunks() for name in table.column_names}
    plain = [numbers(columns[name]) for name in ("ts_ns", "price", "size", "aggressor", "method")]
    for first, stop in _runs(columns, instrument is None, table.num_rows):
        part = slice(first, stop)
        symbol = instrument if instrument is not None else columns["instrument"][first].as_py()
        quotes: list[I64 | None] = [None, None]
        if "bid" in columns and columns["bid"][first].is_valid:
            quotes = [numbers(columns[name].slice(first, stop - first)) for name in ("bid", "ask")]
        whole = Trades(symbol, *(column[part] for column in plain), *quotes)
        for start in range(0, len(whole), BLOCK_ROWS):
            yield whole.cut(start, min(start + BLOCK_ROWS, len(whole)))


def numbers(column: pa.Array) -> Any:
    """The values of whole numbers without nulls, where they lie. Not through `to_numpy`, which loads all of pandas."""
    values = np.frombuffer(column.buffers()[1], column.type.to_pandas_dtype())
    return values[column.offset : column.offset + len(column)]


def _runs(columns: dict[str, pa.Array], by_instrument: bool, count: int) -> list[tuple[int, int]]:
    """Runs of rows of one instrument, all with a quote or all without."""
    keys: list[I64 | I8] = []
    if by_instrument:
        keys.append(numbers(columns["instrument"].dictionary_encode().indices))
    if "bid" in columns and columns["bid"].null_count:
        keys.append(numbers(columns["bid"].is_null().cast(pa.int8())))
    changes: set[int] = set()
    for key in keys:
        changes.update((np.flatnonzero(np.diff(key)) + 1).tolist())
    edges = [0, *sorted(changes), count]
    return [(a, b) for a, b in pairwise(edges) if b > a]


Placed = tuple[int, int, MarketEvent]  # pos, seq, event


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(_OTHER_ROWS):
            yield from batch.to_pylist()


def _read_quotes(path: Path) -> Iterator[Placed]:
    for r in _rows(path):
        quote = Quote(r["instrument"], r["ts_ns"], r["bid"], r["ask"], r["bid_size"], r["ask_size"])
        yield r["pos"], r["seq"], quote


def _read_depth(path: Path) -> Iterator[Placed]:
    for r in _rows(path):
        bids = tuple(zip(r["bid_price"], r["bid_size"], strict=True))
        asks = tuple(zip(r["ask_price"], r["ask_size"], strict=True))
        yield r["pos"], r["seq"], Depth(r["instrument"], r["ts_ns"], bids, asks)


def _read_status(path: Path) -> Iterator[Placed]:
    for r in _rows(path):
        state = FeedState(r["state"])
        yield r["pos"], r["seq"], FeedStatus(r["instrument"], r["ts_ns"], state, r["reason"], r["rolled_to"], r["shift_ticks"])


def _read_bars(path: Path) -> Iterator[Placed]:
    held: list[dict[str, Any]] = []
    for row in _rows(path):
        if held and held[-1]["seq"] != row["seq"]:
            yield held[0]["pos"], held[0]["seq"], _bars(held)
            held = []
        held.append(row)
    if held:
        yield held[0]["pos"], held[0]["seq"], _bars(held)


def _bars(rows: list[dict[str, Any]]) -> Bars:
    def column(name: str) -> I64:
        return np.array([row[name] for row in rows], dtype=np.int64)

    optional = [None if rows[0][name] is None else column(name) for name in _BAR_COLUMNS[5:]]
    prices = (column(name) for name in _BAR_COLUMNS[:5])
    return Bars(rows[0]["instrument"], rows[0]["seconds"], column("ts_ns"), *prices, *optional)


_READERS: dict[str, Callable[[Path], Iterator[Placed]]] = {
    "quotes": _read_quotes,
    "depth": _read_depth,
    "status": _read_status,
    "bars": _read_bars,
}
