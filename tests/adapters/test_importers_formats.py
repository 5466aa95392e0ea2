"""The named formats: files in their own shape written here, and the real recordings where they are at hand."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import databento_dbn as dbn_library
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_tui.adapters.importers import ImportFault, Kind
from orderflow_tui.adapters.importers.scid import EPOCH_US, RECORD
from orderflow_tui.domain.market import NO_PRICE, Depth, Quote, SideMethod, Trades
from tests.adapters.market_files import NOON_NS, bars_in, opened, read, source_of, trades_in, written
from tests.recordings import recording

E9 = 1_000_000_000
databento_dbn: Any = dbn_library  # its stubs give the members of its enums as plain text

# -- Sierra's bars ------------------------------------------------------------------------------------------------------

SIERRA = """Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume
2026/3/5, 08:30:00, 6712.00, 6713.25, 6711.75, 6713.00, 129, 80, 60, 69
2026/3/5, 08:35:00, 6713.00, 6714.00, 6713.00, 6713.50, 145, 84, 40, 97
2026/3/9, 08:30:00, 6713.00, 6714.00, 6713.00, 6713.50, 10, 8, 4, 6
"""


def test_sierra_bars_are_chicago_starts_with_unpadded_dates(tmp_path: Path) -> None:
    path = written(tmp_path, "ESH26-CME.scid_BarData__5m.txt", SIERRA)
    bars = bars_in(read(path))
    assert bars.seconds == 300
    assert [datetime.fromtimestamp(ns / E9, UTC).isoformat() for ns in bars.start_ns] == [
        "2026-03-05T14:30:00+00:00",
        "2026-03-05T14:35:00+00:00",
        "2026-03-09T13:30:00+00:00",
    ]
    assert bars.bid_volume is not None
    assert bars.trades is not None
    assert (bars.high[0], bars.low[0], bars.bid_volume[0], bars.trades[0]) == (26853, 26847, 60, 80)
    source = source_of(path)
    assert (source.format, source.contract, source.timezone) == (
        "sierra-bars",
        "ESH26",
        "America/Chicago, stamps are bar starts",
    )
    assert source.sides == {"feed": 276, "quote": 0, "tick": 0, "unknown": 8}


def test_a_real_contract_of_five_minute_bars_is_read_whole() -> None:
    path = recording("es_5min_bidask/ESU17-CME.scid_BarData__5m.txt")
    source = source_of(path)
    with path.open() as file:
        rows = list(csv.DictReader(file, skipinitialspace=True))
    assert (source.records, source.rejected) == (len(rows), {})
    assert sum(source.sides.values()) == sum(int(row["Volume"]) for row in rows)
    bars = bars_in(read(path))
    assert bars.low.tolist() == [round(float(row["Low"]) * 4) for row in rows]
    last = datetime.strptime(f"{rows[-1]['Date']} {rows[-1]['Time']}", "%Y/%m/%d %H:%M:%S")
    assert bars.start_ns[-1] == int(last.replace(tzinfo=ZoneInfo("America/Chicago")).timestamp()) * E9


# -- a platform's minute bars -------------------------------------------------------------------------------------------

PLATFORM = """#schema: NinjaDataExport/v2.3, volumetric=True
timestamp,instrument,period,open,high,low,close,volume,ema20,vol_ask,vol_bid,vol_delta,session_date
2026-03-05T12:01:00.000,ES,Volumetric_1,6712,6713,6711.5,6712.5,1117,6790.5,668,449,219,2026-03-05
2026-03-05T12:02:00.000,ES,Volumetric_1,6712.5,6713,6711.5,6712,690,6789.8,268,422,-154,2026-03-05
"""


def test_platform_bars_are_new_york_ends_below_a_comment_line(tmp_path: Path) -> None:
    bars = bars_in(read(written(tmp_path, "export.csv", PLATFORM)))
    assert (bars.instrument, bars.seconds) == ("ES", 60)
    assert bars.start_ns.tolist() == [NOON_NS, NOON_NS + 60 * E9]
    assert bars.ask_volume is not None
    assert bars.bid_volume is not None
    assert (bars.ask_volume - bars.bid_volume).tolist() == [219, -154]


def test_the_real_minute_bars_keep_the_files_own_deltas() -> None:
    path = recording("es_1min_platform/ES_Volumetric_1.csv")
    with path.open() as file:
        file.readline()
        rows = list(csv.DictReader(file))
    bars = bars_in(read(path))
    assert bars.ask_volume is not None
    assert bars.bid_volume is not None
    assert (bars.ask_volume - bars.bid_volume).tolist() == [int(row["vol_delta"]) for row in rows]
    assert source_of(path).rejected == {}


# -- Spanish headers ----------------------------------------------------------------------------------------------------

SPANISH = """Timestamp;Precio;Volumen;Lado;Bid;Ask
2026-03-05 12:00:04.268;25327;1;BID;25326,75;25327,25
2026-03-05 12:00:04.268;25327,25;2;BID;25327;25327,25
2026-03-05 12:00:05;25327,30;2;ASK;25327;25327,25
2026-03-05 12:00:06;25327,00;3;ASK;25327;25327,25
2026-03-05 12:00:07;25327;1;ASK;25327;25327,25
2026-03-05 12:00:08;25327;1;ASK;25327;25327,25
"""


def test_spanish_ticks_have_decimal_commas_new_york_time_and_sides_of_our_own(tmp_path: Path) -> None:
    path = written(tmp_path, "nq_2026-03-05.csv", SPANISH)
    trades = trades_in(read(path))
    assert trades.instrument == "NQ"
    assert trades.ts_ns[0] == NOON_NS + 4_268_000_000
    assert trades.price[:2].tolist() == [101308, 101309]
    assert trades.aggressor.tolist() == [0, 1, -1, -1, -1]
    assert SideMethod.FEED not in trades.method
    source = source_of(path)
    assert source.rejected == {"off_grid": 1}
    assert source.timezone.startswith("America/New_York (assumed")
    assert trades_in(read(path, tz="Europe/Madrid")).ts_ns[0] == NOON_NS + 4_268_000_000 - 6 * 3600 * E9


@pytest.mark.parametrize("name", ["nq_2025-10-09_0600.csv", "nq_2025-12-09.csv"])
def test_the_real_messy_ticks_are_read_whole_and_their_lagging_quote_is_not_believed(name: str) -> None:
    path = recording(f"nq_ticks_messy/{name}")
    source = source_of(path)
    assert source.records == len(path.read_text().splitlines()) - 1
    assert (source.rejected, source.sides["quote"], source.sides["feed"]) == ({}, 0, 0)
    assert source.sides["tick"] > 0.99 * sum(source.sides.values())
    assert "the quote lags; it is not used" in source.warnings[0]


# -- trades with a deep book --------------------------------------------------------------------------------------------


def dom_file(folder: Path, rows: Sequence[str], levels: int = 3) -> Path:
    ladder = ";".join(f"AskDOM_{i};BidDOM_{i}" for i in range(levels))
    head = "Date;Time;Sequence;DepthSequence;Price;Volume;TradeType;AskPrice;BidPrice;AskDOMPrice;BidDOMPrice;" + ladder
    return written(folder, "es_2026-03-05.txt", "\n".join([head, *rows]))


def test_unpadded_microseconds_flags_and_books_of_the_dom_file(tmp_path: Path) -> None:
    book = "6712.25;6712.00;11;35;60;25;0;23"
    rows = [
        f"2026-03-05;17:00:00.5000;1;0;6712.25;1;2;6712.25;6712.00;{book}",
        f"2026-03-05;17:00:00.5001;2;0;6712.00;3;1;6712.25;6712.00;{book}",
        "2026-03-05;17:00:00.120000;3;1;6712.00;2;1;6712.25;6712.00;6712.50;6712.00;9;30;60;25;7;23",
    ]
    events = read(dom_file(tmp_path, rows))
    assert [type(event).__name__ for event in events] == ["Depth", "Trades", "Depth", "Trades"]
    first, second = (event for event in events if isinstance(event, Depth))
    assert first.bids == ((26848, 35), (26847, 25), (26846, 23))
    assert first.asks == ((26849, 11), (26850, 60))
    assert second.asks == ((26850, 9), (26851, 60), (26852, 7))
    assert (first.ts_ns, second.ts_ns) == (NOON_NS + 5_000_000, NOON_NS + 120_000_000)
    trades = trades_in(events)
    assert (trades.ts_ns - NOON_NS).tolist() == [5_000_000, 5_001_000, 120_000_000]
    assert trades.aggressor.tolist() == [1, -1, -1]
    assert set(trades.method.tolist()) == {SideMethod.FEED}


def test_an_unreadable_book_never_costs_a_trade(tmp_path: Path) -> None:
    good = "6712.25;6712.00;11;35;60;25;1;23"
    rows = [f"2026-03-05;17:00:00.{i};1;0;6712.25;1;2;6712.25;6712.00;{good}" for i in range(3)]
    rows.append("2026-03-05;17:00:00.9;1;0;6712.25;1;2;6712.25;6712.00;6712.00;6712.25;11;35;60;25;1;x")
    path = dom_file(tmp_path, rows)
    events = read(path)
    assert len(trades_in(events)) == 4
    assert sum(isinstance(event, Depth) for event in events) == 1
    assert "1 books beside trades could not be read" in source_of(path).warnings[-1]


def test_the_real_dom_recording_gives_all_2026_trades_with_the_files_own_sides() -> None:
    path = recording("es_tick_dom/es_2022-01-24_trades_dom40.txt")
    events = read(path)
    trades = trades_in(events)
    with path.open() as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert len(trades) == len(rows) == 2026
    assert trades.aggressor.tolist() == [1 if row["TradeType"] == "2" else -1 for row in rows]
    assert trades.size.tolist() == [int(row["Volume"]) for row in rows]
    assert (np.diff(trades.ts_ns) >= 0).all()
    source = source_of(path)
    assert (source.records, source.rejected, source.late) == (2026, {}, 0)
    assert source.sides == {"feed": int(trades.size.sum()), "quote": 0, "tick": 0, "unknown": 0}
    books = [event for event in events if isinstance(event, Depth)]
    assert 50 < len(books) < 80
    assert all(len(book.bids) == len(book.asks) == 40 for book in books)
    assert [e.ts_ns if isinstance(e, Depth) else int(e.ts_ns[0]) for e in events if isinstance(e, Depth | Trades)] == sorted(
        e.ts_ns if isinstance(e, Depth) else int(e.ts_ns[0]) for e in events if isinstance(e, Depth | Trades)
    )


# -- DBN ----------------------------------------------------------------------------------------------------------------


def dbn_metadata(schema: object, symbols: dict[str, str]) -> bytes:
    part = {
        name: [SimpleNamespace(start_date=date(2026, 3, 5), end_date=date(2026, 3, 6), symbol=id_)]
        for name, id_ in symbols.items()
    }
    mappings: list[Any] = [SimpleNamespace(raw_symbol=name, intervals=intervals) for name, intervals in part.items()]
    return bytes(
        databento_dbn.Metadata(
            "GLBX.MDP3",
            NOON_NS,
            databento_dbn.SType.RAW_SYMBOL,
            databento_dbn.SType.INSTRUMENT_ID,
            schema,
            list(symbols),
            [],
            [],
            mappings,
        )
    )


def dbn_trade(at: int = 0, price: int = 6_712_250_000_000, size: int = 1, side: str = "B", id_: int = 7) -> bytes:
    action, aggressor = databento_dbn.Action.TRADE, databento_dbn.Side(side)
    return bytes(databento_dbn.TradeMsg(1, id_, NOON_NS + at, price, size, action, aggressor, 0, NOON_NS + at, 128))


def dbn_book(levels: list[tuple[int, int, int, int]], action: str = "A", flags: int = 128, deep: bool = True) -> bytes:
    pairs = [databento_dbn.BidAskPair(*(level[0], level[1], level[2], level[3])) for level in levels]
    kind = databento_dbn.MBP10Msg if deep else databento_dbn.MBP1Msg
    head = (1, 7, NOON_NS, 6_712_250_000_000, 3, databento_dbn.Action(action), databento_dbn.Side("A"), 0, NOON_NS, flags)
    return bytes(kind(*head, levels=pairs + [databento_dbn.BidAskPair()] * (10 - len(pairs)) if deep else pairs[0]))


TRADES_OF_ES = dbn_metadata(databento_dbn.Schema.TRADES, {"ESH6": "7"})


def test_dbn_sides_name_the_aggressor_and_prices_are_fixed_point(tmp_path: Path) -> None:
    raw = TRADES_OF_ES + dbn_trade(1, side="A", size=5) + dbn_trade(2, 6_712_500_000_000) + dbn_trade(3, side="N")
    trades = trades_in(read(written(tmp_path, "x.dbn", raw)))
    assert trades.instrument == "ES"
    assert trades.price.tolist() == [26849, 26850, 26849]
    assert trades.aggressor.tolist() == [-1, 1, -1]
    assert trades.method.tolist() == [SideMethod.FEED, SideMethod.FEED, SideMethod.TICK]
    assert (trades.ts_ns - NOON_NS).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (dbn_trade(price=2**63 - 1), "undefined_price"),
        (dbn_trade(size=2**32 - 1), "undefined_size"),
        (dbn_trade(at=2**64 - 1 - NOON_NS), "undefined_time"),
        (dbn_trade(at=-NOON_NS), "bad_time"),
        (dbn_trade(price=6_712_300_000_000), "off_grid"),
        (dbn_trade(size=0), "bad_size"),
        (dbn_trade(id_=8), "other_instrument"),
    ],
)
def test_dbn_sentinels_are_refused_by_name(tmp_path: Path, record: bytes, reason: str) -> None:
    path = written(tmp_path, "x.dbn", TRADES_OF_ES + dbn_trade() * 9 + record)
    source = source_of(path)
    assert (source.records, source.rejected) == (9, {reason: 1})


def test_dbn_depth_and_quotes_leave_undefined_levels_out(tmp_path: Path) -> None:
    undefined = databento_dbn.UNDEF_PRICE
    level = (6_712_000_000_000, 6_712_250_000_000, 24, 10)
    header = dbn_metadata(databento_dbn.Schema.MBP_10, {"ESH6": "7"})
    half = dbn_book([level, (6_711_750_000_000, undefined, 31, 0)])
    unfinished = dbn_book([level], flags=0)
    trade = dbn_book([level], action="T")
    events = read(written(tmp_path, "deep.dbn", header + half + unfinished + trade))
    assert isinstance(events[0], Depth)
    assert (events[0].bids, events[0].asks) == (((26848, 24), (26847, 31)), ((26849, 10),))
    assert isinstance(events[1], Trades)
    assert len(events) == 2
    assert events[1].bid is not None
    assert events[1].bid.tolist() == [26848]
    header = dbn_metadata(databento_dbn.Schema.MBP_1, {"ESH6": "7"})
    (quote,) = read(written(tmp_path, "top.dbn", header + dbn_book([(undefined, 6_712_250_000_000, 0, 4)], deep=False)))
    assert quote == Quote("ES", NOON_NS, NO_PRICE, 26849, 0, 4)


def test_zstd_dbn_reads_the_same_and_a_file_cut_anywhere_is_called_truncated(tmp_path: Path) -> None:
    raw = TRADES_OF_ES + dbn_trade(1) + dbn_trade(2)
    packed = zstandard.compress(raw)
    assert len(trades_in(read(written(tmp_path, "x.dbn.zst", packed)))) == 2
    assert len(trades_in(read(written(tmp_path, "unnamed", packed)))) == 2
    record = len(dbn_trade())
    for cut in (10, len(TRADES_OF_ES) - 1, len(TRADES_OF_ES) + 4, len(raw) - record - 1, len(raw) - 1):
        with pytest.raises(ImportFault, match="truncated"):
            read(written(tmp_path, "cut.dbn", raw[:cut]))
    for cut in (len(packed) - 1, len(packed) // 2):
        with pytest.raises(ImportFault, match=r"truncated|cannot be read|empty"):
            read(written(tmp_path, "cut.dbn.zst", packed[:cut]))


def test_a_dbn_file_of_several_contracts_or_another_schema_asks_for_a_choice(tmp_path: Path) -> None:
    several = dbn_metadata(databento_dbn.Schema.TRADES, {"ESH6": "7", "ESM6": "8", "ESH6-ESM6": "9"})
    path = written(tmp_path, "x.dbn", several + dbn_trade(1) + dbn_trade(2, id_=8) + dbn_trade(3, id_=9))
    with pytest.raises(ImportFault, match=r"holds ESH6, ESM6: name one with --instrument"):
        read(path)
    reading = opened(path, instrument="ESM6")
    assert len(trades_in(list(reading.events()))) == 1
    assert (reading.source.contract, reading.source.rejected) == ("ESM6", {"other_instrument": 2})
    with pytest.raises(ImportFault, match="schema ohlcv-1s: expected one of trades, tbbo, mbp-1, mbp-10"):
        read(written(tmp_path, "bars.dbn", dbn_metadata(databento_dbn.Schema.OHLCV_1S, {"ESH6": "7"})))


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_damage_anywhere_in_a_dbn_file_is_a_sentence_or_a_refused_record(data: st.DataObject) -> None:
    raw = bytearray(TRADES_OF_ES + dbn_trade(1) + dbn_trade(2) + dbn_trade(3))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    sentence, known = "", 0
    with tempfile.TemporaryDirectory() as folder:
        try:
            source = source_of(written(Path(folder), "ESH6.dbn", bytes(raw)))
            known = source.records + sum(source.rejected.values())
        except ImportFault as fault:
            sentence = str(fault)
    assert known == 3 or len(sentence) > 10


@pytest.mark.parametrize(
    ("name", "kind", "volume"),
    [
        ("test_data.trades.dbn", Kind.TRADES, 26),
        ("test_data.trades.v3.dbn.zst", Kind.TRADES, 26),
        ("test_data.tbbo.dbn", Kind.TRADES, 26),
        ("test_data.mbp-1.dbn", Kind.TRADES_DEPTH, 0),
        ("test_data.mbp-10.dbn", Kind.TRADES_DEPTH, 0),
        ("test_data.mbp-10.v3.dbn.zst", Kind.TRADES_DEPTH, 0),
    ],
)
def test_real_dbn_files_of_both_versions_are_read(name: str, kind: Kind, volume: int) -> None:
    source = source_of(recording(f"dbn/{name}"))
    assert (source.kind, source.contract, source.records, source.rejected) == (kind, "ESH1", 2, {})
    assert source.sides["feed"] == sum(source.sides.values()) == volume


# -- scid ---------------------------------------------------------------------------------------------------------------


def scid_file(folder: Path, rows: Sequence[tuple[float, ...]], name: str = "ESH26-CME.scid") -> Path:
    records = np.array([(NOON_NS // 1000 - EPOCH_US + int(row[0]), *row[1:]) for row in rows], dtype=RECORD)
    header = b"SCID" + (56).to_bytes(4, "little") + (40).to_bytes(4, "little") + b"\x01" + bytes(43)
    return written(folder, name, header + records.tobytes())


def test_scid_trades_carry_quote_and_side_and_bars_are_refused(tmp_path: Path) -> None:
    rows = [
        (1, 0.0, 6712.25, 6712.0, 6712.25, 1, 4, 0, 4),
        (2, -1.99900095e37, 6712.25, 6712.0, 6712.0, 1, 2, 2, 0),
        (3, 0.0, 0.0, 0.0, 6712.5, 1, 1, 0, 0),
        *[(4 + i, 0.0, 6712.25, 6712.0, 6712.25, 1, 1, 0, 1) for i in range(20)],
        (30, 0.0, 6712.25, 6712.0, 6712.3, 1, 1, 0, 1),
        (31, 6712.0, 6713.0, 6711.0, 6712.0, 9, 20, 10, 10),
        (32, 0.0, 6712.25, 6712.0, 6712.25, 1, 0, 0, 0),
    ]
    path = scid_file(tmp_path, rows)
    trades = trades_in(read(path))
    assert (trades.ts_ns[:3] - NOON_NS).tolist() == [1_000, 2_000, 3_000]
    assert trades.price[:3].tolist() == [26849, 26848, 26850]
    assert trades.aggressor[:3].tolist() == [1, -1, 1]
    assert trades.method[:3].tolist() == [SideMethod.FEED, SideMethod.FEED, SideMethod.QUOTE]
    assert trades.bid is not None
    assert trades.bid[:3].tolist() == [26848, 26848, NO_PRICE]
    source = source_of(path)
    assert (source.records, source.rejected) == (23, {"bad_record": 1, "bad_size": 1, "off_grid": 1})
    assert source.contract == "ESH26"


def test_scid_prices_of_a_cent_grid_survive_their_32_bits(tmp_path: Path) -> None:
    rows = [(i, 0.0, 0.0, 0.0, 60 + i / 100, 1, 1, 0, 1) for i in range(2_000)]
    trades = trades_in(read(scid_file(tmp_path, rows, "CLZ26.scid")))
    assert trades.price.tolist() == [6_000 + i for i in range(2_000)]


def test_a_scid_file_cut_inside_a_record_is_called_truncated(tmp_path: Path) -> None:
    path = scid_file(tmp_path, [(1, 0.0, 0.0, 0.0, 6712.25, 1, 1, 0, 1)] * 3)
    with pytest.raises(ImportFault, match="truncated or still being written"):
        read(written(tmp_path, "ESM26.scid", path.read_bytes()[:-7]))
