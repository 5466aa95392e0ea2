"""Databento's binary encoding (DBN, any version, plain or zstd): trades, tbbo, mbp-1, mbp-10.

Prices are integers of 1e-9, undefined values are sentinels and are refused by name. Of a trade, side `A` is a sell
aggressor and `B` a buy aggressor. Stamps are the exchange's (`ts_event`); records come in order of receipt, so a few
trades may be late. A book is passed on when its event is complete (flag LAST); mbp-1 gives quotes, mbp-10 depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import zstandard

from orderflow_tui.adapters.importers.ask import Ask, Importer
from orderflow_tui.adapters.importers.assemble import TradeRows, TradeStream
from orderflow_tui.adapters.importers.source import About, ImportFault, Kind, Reading, Rejection, Tally
from orderflow_tui.adapters.importers.text_table import ZSTD_MAGIC, Head
from orderflow_tui.adapters.importers.times import EARLIEST_NS, LATEST_NS
from orderflow_tui.domain.event import MarketEvent
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import NO_PRICE, Depth, Quote

NAME = "dbn"
_KINDS = {
    "trades": Kind.TRADES,
    "tbbo": Kind.TRADES,
    "mbp-1": Kind.TRADES_DEPTH,
    "mbp-10": Kind.TRADES_DEPTH,
}
_CHUNK_BYTES = 4_194_304
_UNDEFINED_PRICE = 2**63 - 1
_UNDEFINED_SIZE = 2**32 - 1
_UNDEFINED_TIME = 2**64 - 1
_LAST_OF_EVENT = 128
_PREFIX_BYTES = 8  # three letters, the version, the length of the metadata
_RECORD_BYTES = {0x00: 48, 0x01: 80, 0x0A: 368}  # by record kind: trade, mbp-1 and tbbo, mbp-10
_NEVER = 1 << 30
_FLAGS = {"A": -1, "B": 1}
Record = Any  # a record object of databento_dbn; its fields are checked where they are read


def matches(head: Head) -> bool:
    """`DBN` and a version byte, inside zstd or not."""
    return head.raw.startswith(b"DBN")


def open_file(head: Head, ask: Ask) -> Reading:
    """A reading of the records."""
    metadata = _metadata(head)
    schema = str(metadata.schema)
    if schema not in _KINDS:
        raise ImportFault(f"{head.path.name} holds DBN schema {schema}: expected one of {', '.join(_KINDS)}")
    instrument, contract, wanted = _contract(head, ask, metadata)
    about = About(head.path, f"{NAME} {schema}", _KINDS[schema], instrument.symbol, contract, "UTC")

    def produce(tally: Tally) -> Iterator[MarketEvent]:
        reader = _Records(instrument, tally, wanted, quotes=schema == "mbp-1", depth=schema == "mbp-10")
        lists = _decoded(head, 65_536 if tally.sample else _CHUNK_BYTES)
        next(lists)
        for records in lists:
            yield from reader.events(records)

    return Reading(about, produce)


def _metadata(head: Head) -> Any:
    """The file's metadata. Raises ImportFault when the file ends inside it."""
    return next(_decoded(head, 65_536))[0]


def _contract(head: Head, ask: Ask, metadata: Any) -> tuple[Instrument, str, frozenset[int] | None]:
    """Instrument, contract and the numeric ids that mean it. None: every id (the file names no symbols)."""
    symbols = [symbol for symbol in metadata.mappings if "-" not in symbol and ":" not in symbol]
    if not symbols:
        return (*ask.resolve(head.path), None)
    named = (ask.instrument or "").upper()
    fitting = [s for s in symbols if s.upper().startswith(named)] if named else symbols
    if len(fitting) != 1:
        raise ImportFault(f"{head.path.name} holds {', '.join(sorted(symbols))}: name one with --instrument")
    instrument, contract = Ask(ask.instruments).resolve(head.path, fitting[0])
    ids = frozenset(int(part["symbol"]) for part in metadata.mappings[fitting[0]] if str(part["symbol"]).isdigit())
    return instrument, contract, ids or None


def _decoded(head: Head, chunk_bytes: int) -> Iterator[list[Record]]:
    """First a list of the metadata alone, then lists of records. Raises ImportFault for damage and truncation."""
    import databento_dbn  # its compiled part is loaded only when a DBN file is read

    decoder = databento_dbn.DBNDecoder()
    try:
        chunks = _chunks(head, chunk_bytes)
        raw = _header(head, chunks)
        size = _header_bytes(raw)
        metadata = decoder.write_and_decode(raw[:size])
        yield metadata
        frames = _Frames(head, extra=8 if metadata[0].ts_out else 0)
        for chunk in chain((raw[size:],), chunks):
            frames.check(chunk)
            records = decoder.write_and_decode(chunk)
            if records:
                yield records
    except (databento_dbn.DBNError, zstandard.ZstdError) as error:
        raise ImportFault(f"{head.path.name} is not readable as DBN: {error}") from error
    left = len(decoder.buffer())
    if left:
        raise ImportFault(f"{head.path.name} ends in the middle of a record ({left} bytes of it): the file is truncated")


def _header(head: Head, chunks: Iterator[bytes]) -> bytes:
    """The bytes of the metadata and whatever came with them."""
    raw = b""
    for chunk in chunks:
        raw += chunk
        if len(raw) >= _PREFIX_BYTES and len(raw) >= _header_bytes(raw):
            return raw
    raise ImportFault(f"{head.path.name} ends inside its DBN header: the file is truncated, fetch it again")


def _header_bytes(raw: bytes) -> int:
    return _PREFIX_BYTES + int.from_bytes(raw[4:_PREFIX_BYTES], "little")


class _Frames:
    """Checks kind and length of every record before the decoder sees it: a damaged record makes the decoder panic, and a
    panic is no error that could be told as one. `extra` bytes stand behind each record (the send time)."""

    def __init__(self, head: Head, extra: int) -> None:
        self._name = head.path.name
        self._least = {kind: size + extra for kind, size in _RECORD_BYTES.items()}
        self._held = b""  # the first byte of a record that was cut between its length and its kind
        self._skip = 0
        self._count = 0

    def check(self, chunk: bytes) -> None:
        """Walk over the records that begin in this chunk. Raises ImportFault at the first that cannot be one."""
        data, at = self._held + chunk, self._skip
        while at + 2 <= len(data):
            size, kind = 4 * data[at], data[at + 1]
            self._count += 1
            if size < self._least.get(kind, _NEVER):
                raise ImportFault(f"{self._name} is damaged: record {self._count} says kind {kind} and {size} bytes")
            at += size
        self._held = data[at:]
        self._skip = max(0, at - len(data))


def _chunks(head: Head, chunk_bytes: int) -> Iterator[bytes]:
    with head.path.open("rb") as file:
        packed = file.read(4) == ZSTD_MAGIC
        file.seek(0)
        if not packed:
            yield from iter(lambda: file.read(chunk_bytes), b"")
            return
        unpacker = zstandard.ZstdDecompressor().decompressobj()
        begun = False
        for chunk in iter(lambda: file.read(chunk_bytes), b""):
            rest = chunk
            while rest:
                begun = True
                yield unpacker.decompress(rest)
                rest = unpacker.unused_data
                if unpacker.eof:
                    unpacker = zstandard.ZstdDecompressor().decompressobj()
                    begun = False
        if begun:
            raise ImportFault(f"{head.path.name} ends inside a zstd frame: the file is truncated, fetch it again")


class _Records:
    """Judges records one by one and turns them into events."""

    def __init__(self, instrument: Instrument, tally: Tally, wanted: frozenset[int] | None, *, quotes: bool, depth: bool) -> None:
        self._instrument = instrument
        self._tally = tally
        self._wanted = wanted
        self._book: Callable[[Record, int], MarketEvent] | None = self._quote if quotes else self._depth if depth else None
        self._stream = TradeStream(instrument.symbol, tally)
        self._trades: list[tuple[int, int, int, int, int, int]] = []
        self._count = 0

    def events(self, records: Sequence[Record]) -> Iterator[MarketEvent]:
        """The events of some records, everything flushed at the end of them."""
        for record in records:
            self._count += 1
            trade = getattr(record, "action", None) == "T"
            reason = self._refusal(record, trade)
            if reason is not None:
                self._tally.refuse(self._count, reason, f"{type(record).__name__} {getattr(record, 'sequence', '')}")
            elif trade:
                self._trades.append(self._trade(record))
            elif self._book is not None:
                yield from self._flush()
                yield from self._update(record)
        yield from self._flush()

    def _refusal(self, record: Record, trade: bool) -> Rejection | None:
        """Why this record cannot be used."""
        if not hasattr(record, "levels") and not (trade and hasattr(record, "price")):
            return Rejection.BAD_RECORD
        if self._wanted is not None and record.instrument_id not in self._wanted:
            return Rejection.OTHER_INSTRUMENT
        if record.ts_event == _UNDEFINED_TIME:
            return Rejection.UNDEFINED_TIME
        if not EARLIEST_NS <= record.ts_event < LATEST_NS:
            return Rejection.BAD_TIME
        if not trade:
            return Rejection.BAD_RECORD if self._book is None else None
        if record.price == _UNDEFINED_PRICE:
            return Rejection.UNDEFINED_PRICE
        if self._instrument.ticks_from_e9(record.price) is None:
            return Rejection.OFF_GRID
        if record.size == _UNDEFINED_SIZE:
            return Rejection.UNDEFINED_SIZE
        return Rejection.BAD_SIZE if record.size == 0 else None

    def _trade(self, record: Record) -> tuple[int, int, int, int, int, int]:
        price = self._instrument.ticks_from_e9(record.price)
        assert price is not None
        best = record.levels[0] if hasattr(record, "levels") else None
        bid = NO_PRICE if best is None else self._price(best.bid_px)
        ask = NO_PRICE if best is None else self._price(best.ask_px)
        return record.ts_event, price, record.size, _FLAGS.get(str(record.side), 0), bid, ask

    def _flush(self) -> Iterator[MarketEvent]:
        if not self._trades:
            return
        ts, price, size, flag, bid, ask = np.ascontiguousarray(np.array(self._trades, dtype=np.int64).T)
        self._trades.clear()
        quoted = bool((bid != NO_PRICE).any() or (ask != NO_PRICE).any())
        rows = TradeRows(ts, price, size, flag.astype(np.int8), bid if quoted else None, ask if quoted else None)
        yield from self._stream.blocks(rows)

    def _update(self, record: Record) -> Iterator[MarketEvent]:
        assert self._book is not None
        stamp = self._stream.stamps(np.array([record.ts_event], dtype=np.int64))
        self._tally.saw(stamp)
        if record.flags & _LAST_OF_EVENT:
            yield self._book(record, int(stamp[0]))

    def _quote(self, record: Record, ts_ns: int) -> Quote:
        best = record.levels[0]
        return Quote(self._instrument.symbol, ts_ns, self._price(best.bid_px), self._price(best.ask_px), best.bid_sz, best.ask_sz)

    def _depth(self, record: Record, ts_ns: int) -> Depth:
        bids = [(self._price(level.bid_px), level.bid_sz) for level in record.levels]
        asks = [(self._price(level.ask_px), level.ask_sz) for level in record.levels]
        return Depth(self._instrument.symbol, ts_ns, _filled(bids), _filled(asks))

    def _price(self, price_e9: int) -> int:
        if price_e9 == _UNDEFINED_PRICE:
            return NO_PRICE
        found = self._instrument.ticks_from_e9(price_e9)
        return NO_PRICE if found is None else found


def _filled(levels: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return tuple((price, size) for price, size in levels if price != NO_PRICE and size > 0)


IMPORTER = Importer(NAME, matches, open_file)
