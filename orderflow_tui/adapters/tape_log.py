"""The tape while it is being written: an append-only log of frames that survives a process killed at any byte.

A log starts with the line `OFTAPE1`. A frame is a 32-byte head (magic, payload length, CRC-32 of the payload, number of events,
stamps of its first and last event) and a zstd payload of records. Reading stops silently at the first frame that is
torn or damaged: whatever was flushed before it is whole. Records hold events exactly as the engine saw them; blocks of
trades that follow each other may come back joined, which never changes a result.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, assert_never

import numpy as np
import zstandard

from orderflow_tui.domain.event import MarketEvent, stamp_of
from orderflow_tui.domain.market import I8, I64, Bars, Depth, FeedState, FeedStatus, Quote, Trades

MAGIC = b"OFTAPE1\n"
_FRAME = struct.Struct("<4sIIIqq")
_FRAME_MAGIC = b"FRM1"
_RECORD = struct.Struct("<BBBI")  # kind, flags, length of the symbol, rows or payload bytes
_QUOTE = struct.Struct("<qqqqq")
_DEPTH = struct.Struct("<qII")
_TRADES, _QUOTES, _DEPTHS, _STATUS, _BARS = 1, 2, 3, 4, 5
_LARGEST_PAYLOAD = 256 * 1024 * 1024


def frame(events: Sequence[MarketEvent]) -> bytes:
    """One frame of these events, in order."""
    payload = zstandard.ZstdCompressor(level=1).compress(b"".join(_records(events)))
    head = _FRAME.pack(_FRAME_MAGIC, len(payload), zlib.crc32(payload), len(events), first_stamp(events[0]), stamp_of(events[-1]))
    return head + payload


def first_stamp(event: MarketEvent) -> int:
    """The stamp of an event's first row."""
    if isinstance(event, Trades):
        return int(event.ts_ns[0])
    return int(event.start_ns[0]) if isinstance(event, Bars) else event.ts_ns


def _records(events: Sequence[MarketEvent]) -> Iterator[bytes]:
    """The records of these events, a run of trades of one instrument as one record."""
    run: list[Trades] = []
    for event in events:
        if isinstance(event, Trades):
            if run and not _alike(run[-1], event):
                yield _trades_record(run)
                run = []
            run.append(event)
            continue
        if run:
            yield _trades_record(run)
            run = []
        yield _record(event)
    if run:
        yield _trades_record(run)


def _alike(a: Trades, b: Trades) -> bool:
    return a.instrument == b.instrument and (a.bid is None or a.ask is None) is (b.bid is None or b.ask is None)


def _trades_record(run: Sequence[Trades]) -> bytes:
    """Bytes are joined, not arrays: live blocks hold a trade or two, and an array costs more than its numbers."""
    quoted = run[0].bid is not None and run[0].ask is not None
    parts = [
        _joined([t.ts_ns for t in run]),
        _joined([t.price for t in run]),
        _joined([t.size for t in run]),
        _joined([t.aggressor for t in run]),
        _joined([t.method for t in run]),
    ]
    if quoted:
        parts.append(_joined([t.bid for t in run if t.bid is not None]))
        parts.append(_joined([t.ask for t in run if t.ask is not None]))
    symbol = run[0].instrument.encode("ascii")
    return _packed(_TRADES, int(quoted), symbol, len(parts[0]) // 8, *parts)


def _joined(columns: Sequence[I64 | I8]) -> bytes:
    buffers: Any = columns  # an array is a buffer, which its stubs do not say
    try:
        return b"".join(buffers)
    except TypeError:  # a column that is a stride of something larger is none
        return b"".join([column.tobytes() for column in columns])


def _record(event: Quote | Depth | FeedStatus | Bars) -> bytes:
    symbol = event.instrument.encode("ascii")
    match event:
        case Quote():
            body = _QUOTE.pack(event.ts_ns, event.bid, event.ask, event.bid_size, event.ask_size)
            return _packed(_QUOTES, 0, symbol, 1, body)
        case Depth():
            levels = np.array([*event.bids, *event.asks], dtype=np.int64)
            head = _DEPTH.pack(event.ts_ns, len(event.bids), len(event.asks))
            return _packed(_DEPTHS, 0, symbol, 1, head, levels.tobytes())
        case FeedStatus():
            body = json.dumps([event.ts_ns, event.state.value, event.reason, event.rolled_to, event.shift_ticks]).encode()
            return _packed(_STATUS, 0, symbol, len(body), body)
        case Bars():
            optional = (event.bid_volume, event.ask_volume, event.trades)
            flags = sum(1 << i for i, column in enumerate(optional) if column is not None)
            parts: list[I64] = [event.start_ns, event.open, event.high, event.low, event.close, event.volume]
            parts += [column for column in optional if column is not None]
            seconds = struct.pack("<I", event.seconds)
            return _packed(_BARS, flags, symbol, len(event), seconds, *(column.tobytes() for column in parts))
        case _:
            assert_never(event)


def _packed(kind: int, flags: int, symbol: bytes, count: int, *parts: bytes) -> bytes:
    return b"".join((_RECORD.pack(kind, flags, len(symbol), count), symbol, *parts))


Torn = Callable[[Path, int], None]


def read_log(path: Path, torn: Torn | None = None, *, books: bool = True) -> Iterator[MarketEvent]:
    """The events of every whole frame, in order; without `books` those of depth are skipped unread.

    `torn(path, bytes)` is told how much lies behind the last whole frame, when something does.
    """
    with path.open("rb") as file:
        whole = len(MAGIC)
        if file.read(whole) != MAGIC:
            whole = 0
        else:
            for payload in _frames(file):
                yield from _events(zstandard.ZstdDecompressor().decompress(payload), books)
                whole = file.tell()
        left = file.seek(0, 2) - whole
        if left and torn is not None:
            torn(path, left)


def log_span(path: Path) -> tuple[int, int] | None:
    """Stamps of the first and the last event of a log's whole frames, None when it has none. Reads heads and checksums."""
    first: int | None = None
    last = 0
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return None
        while (head := _head(file)) is not None:
            length, _, start, end = head
            file.seek(length, 1)
            first, last = (start if first is None else first), end
    return None if first is None else (first, last)


def _head(file: BinaryIO) -> tuple[int, int, int, int] | None:
    """Payload length, checksum and stamps of the next frame; None when no whole head follows."""
    raw = file.read(_FRAME.size)
    if len(raw) < _FRAME.size:
        return None
    magic, length, checksum, _, first, last = _FRAME.unpack(raw)
    if magic != _FRAME_MAGIC or length > _LARGEST_PAYLOAD:
        return None
    return length, checksum, first, last


def _frames(file: BinaryIO) -> Iterator[bytes]:
    while (head := _head(file)) is not None:
        payload = file.read(head[0])
        if len(payload) < head[0] or zlib.crc32(payload) != head[1]:
            return
        yield payload


class _Cursor:
    """Walks through a payload; arrays are copied out so that they own their memory."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self.at = 0

    def take(self, count: int) -> bytes:
        self.at += count
        return self._payload[self.at - count : self.at]

    def int64(self, count: int) -> I64:
        return np.frombuffer(self.take(8 * count), np.int64).copy()

    def more(self) -> bool:
        return self.at < len(self._payload)


def _events(payload: bytes, books: bool = True) -> Iterator[MarketEvent]:
    cursor = _Cursor(payload)
    while cursor.more():
        kind, flags, symbol_length, count = _RECORD.unpack(cursor.take(_RECORD.size))
        symbol = cursor.take(symbol_length).decode("ascii")
        if kind == _TRADES:
            yield _read_trades(cursor, symbol, count, quoted=bool(flags))
        elif kind == _QUOTES:
            yield Quote(symbol, *_QUOTE.unpack(cursor.take(_QUOTE.size)))
        elif kind == _DEPTHS and not books:
            _, bids, asks = _DEPTH.unpack(cursor.take(_DEPTH.size))
            cursor.at += 16 * (bids + asks)
        elif kind == _DEPTHS:
            yield _read_depth(cursor, symbol)
        elif kind == _STATUS:
            ts_ns, state, reason, rolled_to, shift = json.loads(cursor.take(count))
            yield FeedStatus(symbol, ts_ns, FeedState(state), reason, rolled_to, shift)
        else:
            assert kind == _BARS, f"record kind {kind} in a frame whose checksum is right"
            yield _read_bars(cursor, symbol, count, flags)


def _read_trades(cursor: _Cursor, symbol: str, count: int, *, quoted: bool) -> Trades:
    ts_ns, price, size = cursor.int64(count), cursor.int64(count), cursor.int64(count)
    aggressor = np.frombuffer(cursor.take(count), np.int8).copy()
    method = np.frombuffer(cursor.take(count), np.int8).copy()
    bid = cursor.int64(count) if quoted else None
    ask = cursor.int64(count) if quoted else None
    return Trades(symbol, ts_ns, price, size, aggressor, method, bid, ask)


def _read_depth(cursor: _Cursor, symbol: str) -> Depth:
    ts_ns, bids, asks = _DEPTH.unpack(cursor.take(_DEPTH.size))
    levels = [(price, size) for price, size in cursor.int64(2 * (bids + asks)).reshape(-1, 2).tolist()]
    return Depth(symbol, ts_ns, tuple(levels[:bids]), tuple(levels[bids:]))


def _read_bars(cursor: _Cursor, symbol: str, count: int, flags: int) -> Bars:
    (seconds,) = struct.unpack("<I", cursor.take(4))
    columns = [cursor.int64(count) for _ in range(6)]
    optional = [cursor.int64(count) if flags & 1 << i else None for i in range(3)]
    return Bars(symbol, seconds, *columns, *optional)
