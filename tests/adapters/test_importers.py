"""Every format a trader brings: what it becomes, what of it is refused, when the whole file is."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from orderflow_tui.adapters.importers import IMPORTERS, ImportFault, Kind
from orderflow_tui.domain.market import NO_PRICE, SideMethod
from tests.adapters.market_files import NOON, NOON_NS, bars_in, csv_of, opened, read, source_of, trades_in, written

GOOD = [f"{NOON}.{i:09d}Z,6712.25,{i + 1},BUY" for i in range(30)]


def test_a_csv_becomes_trades_in_ticks_and_nanoseconds(tmp_path: Path) -> None:
    rows = [f"{NOON}.000000001Z,6712.25,3,BUY", f"{NOON}.5Z,6712.50,1,SELL", "2026-03-05T12:00:01-05:00,6712.00,2,"]
    trades = trades_in(read(csv_of(tmp_path, rows)))
    assert trades.instrument == "ES"
    assert trades.ts_ns.tolist() == [NOON_NS + 1, NOON_NS + 500_000_000, NOON_NS + 1_000_000_000]
    assert trades.price.tolist() == [26849, 26850, 26848]
    assert trades.size.tolist() == [3, 1, 2]
    assert trades.aggressor.tolist() == [1, -1, -1]
    assert trades.method.tolist() == [SideMethod.FEED, SideMethod.FEED, SideMethod.TICK]
    assert trades.bid is None


def test_other_common_names_separators_and_epochs_are_understood(tmp_path: Path) -> None:
    text = f"timestamp\tlast\tqty\taggressor\tbid_price\task_price\n{NOON_NS // 1000}\t6712.25\t2\tb\t6712.00\t6712.25\n"
    trades = trades_in(read(written(tmp_path, "ESH26.tsv", text)))
    assert trades.ts_ns.tolist() == [NOON_NS]
    assert trades.bid is not None
    assert trades.ask is not None
    assert (trades.bid.tolist(), trades.ask.tolist()) == ([26848], [26849])


def test_the_contract_is_read_from_the_name_and_from_the_symbol_column(tmp_path: Path) -> None:
    assert opened(csv_of(tmp_path, GOOD, name="MESZ26-march.csv")).about.contract == "MESZ26"
    rows = [f"{NOON}Z,6712.25,1,ESH6"]
    about = opened(csv_of(tmp_path, rows, "ts_utc,price,size,symbol", "anything.csv")).about
    assert (about.instrument, about.contract) == ("ES", "ESH6")


def test_naming_the_root_keeps_the_contract_the_file_is_about(tmp_path: Path) -> None:
    assert opened(csv_of(tmp_path, GOOD, name="ESZ26.csv"), instrument="es").about.contract == "ESZ26"


def test_an_instrument_that_cannot_be_told_must_be_named(tmp_path: Path) -> None:
    path = csv_of(tmp_path, GOOD, name="trades.csv")
    with pytest.raises(ImportFault, match=r"cannot tell which instrument trades\.csv is about: name it"):
        read(path)
    assert len(trades_in(read(path, instrument="ES"))) == 30
    with pytest.raises(ImportFault, match='unknown instrument "XY": known are CL, ES, MES, NQ'):
        read(path, instrument="XY")


def test_quotes_beside_trades_settle_the_side(tmp_path: Path) -> None:
    rows = [
        f"{NOON}.0Z,6712.25,1,6712.00,6712.25",
        f"{NOON}.1Z,6712.00,1,6712.00,6712.25",
        f"{NOON}.2Z,6712.25,1,6712.00,6712.50",
        f"{NOON}.3Z,6712.25,1,,",
    ]
    trades = trades_in(read(csv_of(tmp_path, rows, "ts_utc,price,size,bid,ask")))
    assert trades.aggressor.tolist() == [1, -1, 1, 1]
    assert [SideMethod(m).name for m in trades.method] == ["QUOTE", "QUOTE", "MID_TICK", "MID_TICK"]
    assert trades.bid is not None
    assert trades.bid.tolist()[-1] == NO_PRICE


def test_a_quote_that_lags_is_dropped_and_the_source_says_so(tmp_path: Path) -> None:
    rows = [f"{NOON}.{i}Z,{6712 + i},1,6700.00,6700.25" for i in range(4)]
    path = csv_of(tmp_path, rows, "ts_utc,price,size,bid,ask")
    trades = trades_in(read(path))
    assert trades.bid is None
    assert trades.aggressor.tolist() == [0, 1, 1, 1]
    assert "100% of trades lie outside the quote" in source_of(path).warnings[0]


def test_late_trades_get_the_stamp_before_them_and_are_counted(tmp_path: Path) -> None:
    rows = [f"{NOON}.5Z,6712.25,1,BUY", f"{NOON}.4Z,6712.50,1,BUY", f"{NOON}.6Z,6712.50,1,BUY"]
    path = csv_of(tmp_path, rows)
    assert (trades_in(read(path)).ts_ns - NOON_NS).tolist() == [500_000_000, 500_000_000, 600_000_000]
    source = source_of(path)
    assert (source.late, source.rejected, source.records) == (1, {}, 3)


def test_one_row_of_a_wrong_year_is_refused_and_does_not_make_the_rest_late(tmp_path: Path) -> None:
    for place in (0, 15):
        rows = [*GOOD[:place], "2029-03-05T17:00:00Z,6712.25,1,BUY", *GOOD[place:]]
        source = source_of(csv_of(tmp_path, rows))
        assert (source.records, source.late, source.rejected) == (30, 0, {"out_of_order": 1})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"{NOON}Z,6712.30,1,BUY", "off_grid"),
        (f"{NOON}Z,671x,1,BUY", "bad_price"),
        (f"{NOON}Z,,1,BUY", "missing_field"),
        (f"{NOON}Z,3720250000000,1,BUY", "off_grid"),
        (f"{NOON}Z,6712.25,-1,BUY", "bad_size"),
        (f"{NOON}Z,6712.25,0,BUY", "bad_size"),
        (f"{NOON}Z,6712.25,1.5,BUY", "bad_size"),
        (f"{NOON}Z,6712.25,1,A", "bad_side"),
        ("2026-13-05T17:00:00Z,6712.25,1,BUY", "bad_time"),
        ("yesterday,6712.25,1,BUY", "bad_time"),
        ("1999-03-05T17:00:00Z,6712.25,1,BUY", "bad_time"),
        (",6712.25,1,BUY", "missing_field"),
        (f"{NOON}Z,6712.25", "missing_field"),
        (f"{NOON}Z,6712.25,1,BUY,extra", "extra_field"),
    ],
)
def test_a_bad_row_is_counted_by_name_and_skipped(tmp_path: Path, row: str, reason: str) -> None:
    path = csv_of(tmp_path, [*GOOD[:10], row, *GOOD[10:]])
    assert len(trades_in(read(path))) == 30
    source = source_of(path)
    assert source.rejected == {reason: 1}
    assert source.rejected_examples[0].startswith(f"line 12 {reason}")
    assert source.records + sum(source.rejected.values()) == 31
    assert source.warnings == ("1 of 31 rows were refused (3.2%)",)


def test_blank_lines_are_nothing_but_keep_line_numbers_right(tmp_path: Path) -> None:
    path = csv_of(tmp_path, [*GOOD[:3], "", "", f"{NOON}Z,1", *GOOD[3:], f"{NOON}Z,6712.30,1,BUY", ""])
    source = source_of(path)
    assert (source.records, sum(source.rejected.values())) == (30, 2)
    assert [example.split(' "')[0] for example in source.rejected_examples] == ["line 7 missing_field", "line 35 off_grid"]


def test_more_than_a_fifth_of_bad_rows_makes_the_file_unusable_and_names_three(tmp_path: Path) -> None:
    bad = [f"{NOON}Z,6712.25,-{i + 1},BUY" for i in range(8)]
    with pytest.raises(ImportFault) as caught:
        read(csv_of(tmp_path, [*GOOD, *bad]))
    text = str(caught.value)
    assert "8 of 38 rows are unusable" in text
    assert text.count("bad_size") == 3
    assert "line 32" in text


def test_few_bad_rows_do_not_even_warn(tmp_path: Path) -> None:
    rows = [f"{NOON}.{i:09d}Z,6712.25,1,BUY" for i in range(200)]
    assert source_of(csv_of(tmp_path, [*rows, f"{NOON}Z,6712.25,0,BUY"])).warnings == ()


@given(st.lists(st.sampled_from(["good", "off_grid", "bad_size", "bad_time", "missing_field"]), min_size=1, max_size=60))
@settings(max_examples=50, deadline=None)
def test_nothing_is_lost_records_and_rejections_add_up_to_the_lines(kinds: list[str]) -> None:
    import tempfile

    text = {
        "good": f"{NOON}Z,6712.25,1,BUY",
        "off_grid": f"{NOON}Z,6712.26,1,BUY",
        "bad_size": f"{NOON}Z,6712.25,x,BUY",
        "bad_time": "now,6712.25,1,BUY",
        "missing_field": f"{NOON}Z,6712.25",
    }
    with tempfile.TemporaryDirectory() as folder:
        reading = opened(csv_of(Path(folder), [text[kind] for kind in kinds]))
        try:
            for _ in reading.events():
                continue
        except ImportFault:
            assert sum(kind != "good" for kind in kinds) > 0.2 * len(kinds)
        source = reading.source
    assert source.records == kinds.count("good")
    assert source.records + sum(source.rejected.values()) == len(kinds)
    assert source.rejected == {kind: kinds.count(kind) for kind in sorted(set(kinds) - {"good"})}


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("ES.csv", b"", "ES.csv is empty"),
        ("ES.csv", b"\n \n", "ES.csv is empty"),
        ("ES.csv", b"ts_utc,price,size\n", "holds no rows"),
        ("ES.csv", b"ts_utc,price\n2026-03-05T17:00:00Z,1\n", "column size is missing; its columns are ts_utc, price"),
        ("ES.csv", b"hello world\n", "is in no format known here"),
        ("ES.jsonl", b'{"ts_utc": 1, "colour": "red"}\n', "name no time and price"),
        ("ES.jsonl", b'{"ts_utc": \n', "is no JSON object"),
        ("ES.scid", b"SCID1234", "expected a 56-byte header"),
        ("ES.parquet", b"PAR1 and nothing else", "not readable as Parquet"),
        (
            "ESH15.txt",
            b"Date, Time, Open, High, Low, Last, NumberOfTrades, BidVolume, AskVolume\n1,1\n",
            "column volume is missing",
        ),
    ],
)
def test_an_unusable_file_gets_one_clear_sentence(tmp_path: Path, name: str, content: bytes, complaint: str) -> None:
    with pytest.raises(ImportFault, match=complaint) as caught:
        read(written(tmp_path, name, content))
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_a_missing_file_an_unknown_zone_and_an_unknown_format_are_named(tmp_path: Path) -> None:
    path = csv_of(tmp_path, GOOD)
    with pytest.raises(ImportFault, match="there is no such file"):
        read(tmp_path / "nowhere.csv")
    with pytest.raises(ImportFault, match='unknown time zone "America/Gotham": expected an IANA name'):
        read(path, tz="America/Gotham")
    with pytest.raises(ImportFault, match='unknown format "xls": known are tape, dbn'):
        read(path, format="xls")
    with pytest.raises(ImportFault, match="is a folder without a session of the tape"):
        read(tmp_path)


def test_naive_times_are_utc_unless_a_zone_is_named(tmp_path: Path) -> None:
    path = csv_of(tmp_path, [f"{NOON},6712.25,1"], "timestamp,price,size")
    assert trades_in(read(path)).ts_ns.tolist() == [NOON_NS]
    assert "assumed" in source_of(path).timezone
    chicago = trades_in(read(path, tz="America/Chicago"))
    assert chicago.ts_ns.tolist() == [NOON_NS + 6 * 3600 * 10**9]
    assert source_of(path, tz="America/Chicago").timezone == "America/Chicago"


def test_summer_time_is_looked_up_hour_by_hour(tmp_path: Path) -> None:
    rows = ["2026-03-06 12:00:00,6712.25,1", "2026-03-09 12:00:00,6712.25,1"]
    trades = trades_in(read(csv_of(tmp_path, rows, "timestamp,price,size"), tz="America/New_York"))
    assert int(np.diff(trades.ts_ns)[0]) == (3 * 24 - 1) * 3600 * 10**9


def test_json_lines_and_parquet_and_gzip_say_the_same_as_csv(tmp_path: Path) -> None:
    stamps = [f"{NOON}.{i:09d}Z" for i in range(5)]
    wanted = trades_in(read(csv_of(tmp_path, [f"{s},6712.25,{i + 1},SELL" for i, s in enumerate(stamps)])))
    lines = [f'{{"ts_utc": "{s}", "price": 6712.25, "size": {i + 1}, "side": "SELL"}}' for i, s in enumerate(stamps)]
    table = pa.table(
        {
            "ts": pa.array([NOON_NS + i for i in range(5)], pa.timestamp("ns", "UTC")),
            "price": [6712.25] * 5,
            "size": [1, 2, 3, 4, 5],
            "side": ["S"] * 5,
        }
    )
    parquet.write_table(table, tmp_path / "ES.parquet")
    packed = gzip.compress(
        ("ts_utc,price,size,side\n" + "\n".join(f"{s},6712.25,{i + 1},s" for i, s in enumerate(stamps))).encode()
    )
    for path in (
        written(tmp_path, "ES.jsonl", "\n".join(lines)),
        tmp_path / "ES.parquet",
        written(tmp_path, "ES.csv.gz", packed),
    ):
        found = trades_in(read(path))
        for name in ("ts_ns", "price", "size", "aggressor", "method"):
            assert getattr(found, name).tolist() == getattr(wanted, name).tolist(), path.name


def test_a_broken_line_among_json_lines_is_a_row_not_a_file(tmp_path: Path) -> None:
    lines = [f'{{"ts_utc": "{NOON}Z", "price": "6712.25", "size": 1}}'] * 9
    source = source_of(written(tmp_path, "ES.jsonl", "\n".join([*lines, "{broken", ""])))
    assert (source.records, source.rejected) == (9, {"bad_record": 1})
    assert source.rejected_examples == ('line 10 bad_record "{broken"',)


def test_bars_by_common_names_with_what_the_file_does_not_say_left_unknown(tmp_path: Path) -> None:
    rows = [f"2026-03-05T17:0{i}:00Z,100,101.25,99.75,101,50" for i in range(5)]
    bars = bars_in(read(csv_of(tmp_path, rows, "ts_utc,open,high,low,close,volume")))
    assert bars.seconds == 60
    assert bars.start_ns[0] == NOON_NS
    assert (bars.high[0], bars.low[0], bars.volume[0]) == (405, 399, 50)
    assert bars.bid_volume is None
    assert bars.trades is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2026-03-05T17:05:00Z,100,99,98,100,50,20,30", "bad_bar"),
        ("2026-03-05T17:05:00Z,100,101,98,100,50,30,30", "bad_bar"),
        ("2026-03-05T17:05:00Z,100,101,98,100,0,0,0", "empty_bar"),
        ("2026-03-05T17:03:00Z,100,101,98,100,50,20,30", "out_of_order"),
        ("2026-03-05T17:05:00Z,100,101,98,100.1,50,20,30", "off_grid"),
    ],
)
def test_a_bar_that_contradicts_itself_is_refused(tmp_path: Path, row: str, reason: str) -> None:
    rows = [f"2026-03-05T17:0{i}:00Z,100,101,98,100,50,20,30" for i in range(5)]
    path = csv_of(tmp_path, [*rows, row], "ts_utc,open,high,low,close,volume,bid_volume,ask_volume")
    source = source_of(path)
    assert source.kind is Kind.BARS
    assert (source.records, source.rejected) == (5, {reason: 1})
    assert source.sides == {"feed": 250, "quote": 0, "tick": 0, "unknown": 0}


def test_large_files_come_in_blocks_of_bounded_size(tmp_path: Path) -> None:
    rows = [f"{NOON_NS + i},6712.25,1" for i in range(70_000)]
    blocks = read(csv_of(tmp_path, rows, "ts_ns,price,size"))
    assert all(hasattr(block, "__len__") and len(block) <= 65_536 for block in blocks)
    assert len(trades_in(blocks)) == 70_000


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_byte_order_marks_wide_characters_and_dos_line_ends_are_read(tmp_path: Path, encoding: str) -> None:
    text = "\r\n".join(["timestamp;precio;volumen;posición", *(f"2026-03-05 12:00:0{i};6712,25;{i + 1};x" for i in range(5))])
    path = written(tmp_path, "ES.csv", (text + "\r\n").encode(encoding))
    assert trades_in(read(path)).size.tolist() == [1, 2, 3, 4, 5]


HEADS = [
    b"",
    b"ts_utc,price,size,side\n2026-03-05T17:00:00Z,6712.25,1,BUY\n",
    b"ts_utc,open,high,low,close,volume\n",
    b"Timestamp;Precio;Volumen;Lado;Bid;Ask\n",
    b"Date;Time;Price;Volume;TradeType;AskPrice;BidPrice;AskDOMPrice;BidDOMPrice;AskDOM_0;BidDOM_0\n",
    b"ts_utc,bid,ask,bid_size_1,ask_size_1\n",
    b'{"ts_utc": 1772730000, "price": 6712.25, "size": 1}\n',
    b"#schema: x\ntimestamp,instrument,open,high,low,close,volume\n",
    b"DBN\x03",
    b"SCID" + (56).to_bytes(4, "little") + (40).to_bytes(4, "little"),
    b"PAR1",
    b"\x28\xb5\x2f\xfd",
    b"\x1f\x8b",
]


@given(st.sampled_from(HEADS), st.binary(max_size=300), st.sampled_from(["ES.csv", "ES.csv.gz", "ES.bin.zst", "ESH26"]))
@settings(max_examples=150, deadline=None)
def test_whatever_bytes_a_file_holds_the_only_fault_is_a_sentence(head: bytes, tail: bytes, name: str) -> None:
    import tempfile

    sentence, known = "", 0
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), name, head + tail)
        try:
            reading = opened(path)
            for _ in reading.events():
                continue
            known = reading.source.records + sum(reading.source.rejected.values())
        except ImportFault as fault:
            sentence = str(fault)
    assert known > 0 or len(sentence) > 10
    assert "\n" not in sentence


def test_every_format_has_its_own_name() -> None:
    names = [importer.name for importer in IMPORTERS]
    assert len(set(names)) == len(names) == 11
