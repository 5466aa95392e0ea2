"""The sample tape in `data/sample` is what its description says."""

from __future__ import annotations

import csv
from itertools import pairwise

from tests.contract.broker_contract import ES
from tests.golden.make_sample import DEPTH, LEVELS, MINUTES, TRADES, stamp


def rows(path_text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(path_text.splitlines()))


def test_sample_trades_are_in_order_on_the_grid_and_at_their_quotes() -> None:
    trades = rows(TRADES.read_text(encoding="ascii"))
    assert len(trades) > 10_000
    assert all(a["ts_utc"] <= b["ts_utc"] for a, b in pairwise(trades))
    for row in trades:
        price, bid, ask = (ES.ticks(float(row[key])) for key in ("price", "bid", "ask"))
        assert None not in (price, bid, ask)
        assert price == (ask if row["side"] == "B" else bid)
        assert int(row["size"]) > 0
    assert {row["side"] for row in trades} == {"B", "S"}


def test_sample_books_come_once_a_second_with_every_level() -> None:
    books = rows(DEPTH.read_text(encoding="ascii"))
    assert len(books) == MINUTES * 60
    for book in books:
        assert float(book["bid"]) < float(book["ask"])
        assert all(int(book[f"{side}_size_{level}"]) > 0 for side in ("bid", "ask") for level in range(1, LEVELS + 1))


def test_sample_files_are_small() -> None:
    assert TRADES.stat().st_size < 1_000_000
    assert DEPTH.stat().st_size < 300_000


def test_stamps_are_written_to_the_nanosecond() -> None:
    assert stamp(1_791_993_600_000_000_007) == "2026-10-14T16:00:00.000000007Z"
