"""Several sources as one recording: order of time, one contract a day, gaps and rolls announced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.adapters.importers import ImportFault, Sources, open_sources
from orderflow_tui.adapters.tape_log import first_stamp
from orderflow_tui.domain.event import MarketEvent, stamp_of
from orderflow_tui.domain.market import Bars, Depth, FeedState, FeedStatus, Trades
from orderflow_tui.domain.session import MINUTE_NS, SessionDay
from tests.adapters.market_files import KNOWN, NOON_NS, csv_of
from tests.recordings import recording

TABLE = session_table(date(2026, 3, 2), date(2026, 3, 31))
BAR_HEADER = "ts_ns,open,high,low,close,volume"


def sources(*paths: Path) -> Sources:
    return open_sources(paths, KNOWN, table=TABLE)


def trade_rows(start_ns: int, count: int, price: float = 6712.25, step_ns: int = 1_000) -> list[str]:
    return [f"{start_ns + i * step_ns},{price},1,BUY" for i in range(count)]


def trades_file(folder: Path, name: str, rows: Sequence[str]) -> Path:
    return csv_of(folder, rows, "ts_ns,price,size,side", name)


def bars_file(folder: Path, name: str, days: Sequence[tuple[str, int, float]]) -> Path:
    """Two half-hours at the end of regular hours of each day: (date, volume, price)."""
    rows = []
    for text, volume, price in days:
        day = TABLE.day_of(date.fromisoformat(text))
        assert day is not None
        assert day.rth_close_ns is not None
        rows += [f"{day.rth_close_ns - k * 30 * MINUTE_NS},{price},{price},{price},{price},{volume}" for k in (2, 1)]
    return csv_of(folder, rows, BAR_HEADER, name)


def day_of(event: MarketEvent) -> SessionDay:
    found = TABLE.day_at(first_stamp(event))
    assert found is not None
    return found


def gaps(events: Sequence[MarketEvent]) -> list[FeedStatus]:
    return [event for event in events if isinstance(event, FeedStatus) and event.state is FeedState.GAP]


def test_files_given_in_any_order_come_out_in_order_of_time(tmp_path: Path) -> None:
    later = trades_file(tmp_path, "ES-2.csv", trade_rows(NOON_NS + MINUTE_NS, 5))
    earlier = trades_file(tmp_path, "ES-1.csv", trade_rows(NOON_NS, 5))
    stamps = [stamp_of(event) for event in sources(later, earlier).events()]
    assert stamps == sorted(stamps)
    assert len(stamps) == 2


def test_a_recording_begins_live_and_ends_with_the_half_hour_it_ended_in(tmp_path: Path) -> None:
    events = list(sources(trades_file(tmp_path, "ES.csv", trade_rows(NOON_NS, 3))).recording())
    assert events[0] == FeedStatus("ES", NOON_NS, FeedState.LIVE, "recording")
    assert events[-1] == FeedStatus("ES", NOON_NS + 30 * MINUTE_NS, FeedState.ENDED, "the recording is over")


def test_the_same_trades_twice_are_refused(tmp_path: Path) -> None:
    one = trades_file(tmp_path, "ES-1.csv", trade_rows(NOON_NS, 50))
    two = trades_file(tmp_path, "ES-2.csv", trade_rows(NOON_NS + 20_500, 50))
    with pytest.raises(ImportFault, match=r"ES-1\.csv and ES-2\.csv overlap in time"):
        list(sources(one, two).events())


def test_two_instruments_or_bars_with_trades_are_refused(tmp_path: Path) -> None:
    es = trades_file(tmp_path, "ES.csv", trade_rows(NOON_NS, 3))
    nq = trades_file(tmp_path, "NQ.csv", trade_rows(NOON_NS, 3))
    with pytest.raises(ImportFault, match="these sources hold ES and NQ"):
        sources(es, nq)
    bars = bars_file(tmp_path, "ESH26.csv", [("2026-03-05", 1, 6712)])
    with pytest.raises(ImportFault, match="bars and trades cannot be mixed"):
        sources(es, bars)


def test_the_lead_passes_on_the_day_after_the_next_contract_traded_more_and_the_shift_is_measured(tmp_path: Path) -> None:
    front = bars_file(tmp_path, "ESH26.csv", [("2026-03-10", 90, 6700), ("2026-03-11", 40, 6710), ("2026-03-12", 10, 6720)])
    following = bars_file(tmp_path, "ESM26.csv", [("2026-03-10", 10, 6755), ("2026-03-11", 60, 6766), ("2026-03-12", 90, 6775)])
    events = list(sources(front, following).events())
    bars = [event for event in events if isinstance(event, Bars)]
    assert sorted({(day_of(b).trade_date.day, int(price)) for b in bars for price in b.close}) == [
        (10, 26800),
        (11, 26840),
        (12, 27100),
    ]
    assert sum(len(b) for b in bars) == 6
    (roll,) = gaps(events)
    assert roll.rolled_to == "ESM26"
    assert roll.shift_ticks == 56 * 4
    assert roll.ts_ns == min(first_stamp(b) for b in bars if day_of(b).trade_date.day == 12)
    assert roll.reason == "ESH26 rolls to ESM26: shift +224 ticks"


def test_a_recording_cut_short_follows_the_same_contracts_as_far_as_it_goes(tmp_path: Path) -> None:
    """What the roll day itself will trade cannot be known when it opens."""
    days = [("2026-03-10", 90, 6700), ("2026-03-11", 40, 6710), ("2026-03-12", 10, 6720), ("2026-03-13", 5, 6720)]
    later = [("2026-03-10", 10, 6755), ("2026-03-11", 60, 6766), ("2026-03-12", 90, 6775), ("2026-03-13", 95, 6775)]

    def told(count: int) -> list[tuple[int, int]]:
        folder = tmp_path / str(count)
        folder.mkdir(exist_ok=True)
        found = sources(bars_file(folder, "ESH26.csv", days[:count]), bars_file(folder, "ESM26.csv", later[:count])).events()
        return [(day_of(b).trade_date.day, int(p)) for b in found if isinstance(b, Bars) for p in b.close]

    for count in (1, 2, 3):
        assert told(4)[: 2 * count] == told(count)


def test_contracts_that_never_traded_side_by_side_have_no_shift(tmp_path: Path) -> None:
    front = bars_file(tmp_path, "ESH26.csv", [("2026-03-05", 90, 6700)])
    following = bars_file(tmp_path, "ESM26.csv", [("2026-03-11", 90, 6775)])
    (roll,) = gaps(list(sources(front, following).events()))
    assert roll.shift_ticks is None
    assert roll.reason == (
        "ESH26 rolls to ESM26: the shift is unknown, they never traded side by side; "
        "no data for 3 trading days, 2026-03-06 to 2026-03-10"
    )


def test_missing_trading_days_are_a_gap_and_weekends_are_not(tmp_path: Path) -> None:
    weekend = bars_file(tmp_path, "ES-a.csv", [("2026-03-05", 1, 6700), ("2026-03-06", 1, 6700), ("2026-03-09", 1, 6700)])
    assert gaps(list(sources(weekend).events())) == []
    hole = bars_file(tmp_path, "ES-b.csv", [("2026-03-05", 1, 6700), ("2026-03-09", 1, 6700)])
    (gap,) = gaps(list(sources(hole).events()))
    assert (gap.reason, gap.rolled_to) == ("no data for 1 trading days, 2026-03-06 to 2026-03-06", "")


def test_books_and_trades_of_two_files_are_woven_together(tmp_path: Path) -> None:
    quoted = trades_file(tmp_path, "ES-trades.csv", trade_rows(NOON_NS, 10, step_ns=1_000))
    head = "ts_ns,bid,ask,bid_size_1,bid_size_2,ask_size_1,ask_size_2"
    rows = [
        f"{NOON_NS + 2_500},6712.00,6712.25,5,0,7,8",
        f"{NOON_NS + 7_500},6711.75,6712.25,5,6,7,8",
        f"{NOON_NS + 8_500},6712.25,6712.00,5,6,7,8",
        *[f"{NOON_NS + 10_000 + i},6712.00,6712.25,5,6,7,8" for i in range(20)],
    ]
    merged = sources(quoted, csv_of(tmp_path, rows, head, "ES-book.csv"))
    events = list(merged.events())
    assert [type(event).__name__ for event in events[:5]] == ["Trades", "Depth", "Trades", "Depth", "Trades"]
    first = events[1]
    assert isinstance(first, Depth)
    assert (first.bids, first.asks) == (((26848, 5),), ((26849, 7), (26850, 8)))
    assert sum(len(event) for event in events if isinstance(event, Trades)) == 10
    assert merged.sources[1].rejected == {"bad_record": 1}
    assert merged.sources[1].kind == "depth"


def test_the_sample_in_the_repository_is_read_whole() -> None:
    folder = Path(__file__).resolve().parents[2] / "data" / "sample"
    merged = open_sources([folder], KNOWN)
    events = list(merged.events())
    kept = {source.path.name: source.records for source in merged.sources}
    rows = {path.name: len(path.read_text().splitlines()) - 1 for path in folder.glob("*.csv")}
    assert kept == rows
    assert all(source.rejected == {} for source in merged.sources)
    assert [first_stamp(event) for event in events] == sorted(first_stamp(event) for event in events)


def test_a_folder_of_files_means_its_files(tmp_path: Path) -> None:
    trades_file(tmp_path, "ES-1.csv", trade_rows(NOON_NS, 3))
    trades_file(tmp_path, "ES-2.csv", trade_rows(NOON_NS + MINUTE_NS, 3))
    merged = sources(tmp_path)
    assert sum(len(event) for event in merged.events() if isinstance(event, Trades)) == 6
    assert [source.records for source in merged.sources] == [3, 3]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ImportFault, match="is an empty folder"):
        sources(empty)


@given(st.lists(st.integers(1, 40), min_size=2, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_cutting_a_recording_into_files_loses_and_reorders_nothing(sizes: list[int], random: object) -> None:
    import tempfile

    rows = trade_rows(NOON_NS, sum(sizes))
    edges = np.cumsum([0, *sizes])
    with tempfile.TemporaryDirectory() as folder:
        paths = [trades_file(Path(folder), f"ES-{i}.csv", rows[edges[i] : edges[i + 1]]) for i in range(len(sizes))]
        random.shuffle(paths)  # type: ignore[attr-defined]
        stamps = np.concatenate([e.ts_ns for e in sources(*paths).events() if isinstance(e, Trades)])
    assert stamps.tolist() == [NOON_NS + i * 1_000 for i in range(sum(sizes))]


def test_the_real_contracts_follow_each_other_with_the_missing_quarter_announced() -> None:
    path = recording("es_5min_bidask")
    merged = open_sources([path / f"ES{c}-CME.scid_BarData__5m.txt" for c in ("M20", "Z19", "U20")], KNOWN)
    events = list(merged.recording())
    stamps = [first_stamp(event) for event in events]
    assert stamps == sorted(stamps)
    assert sum(len(event) for event in events if isinstance(event, Bars)) == sum(s.records for s in merged.sources)
    first, second = gaps(events)
    assert (first.rolled_to, second.rolled_to) == ("ESM20", "ESU20")
    assert "no data for 61 trading days, 2019-12-23 to 2020-03-20" in first.reason
    assert second.reason == "ESM20 rolls to ESU20: the shift is unknown, they never traded side by side"


def test_books_keep_their_place_among_the_trades_of_a_real_recording() -> None:
    merged = open_sources([recording("es_tick_dom/es_2022-01-24_trades_dom40.txt")], KNOWN)
    events = list(merged.events())
    books = [event for event in events if isinstance(event, Depth)]
    assert isinstance(events[0], Depth)
    assert len(books) == 59
    start = datetime.fromtimestamp(first_stamp(events[0]) / 1e9, UTC)
    assert start - datetime(2022, 1, 24, 13, 30, tzinfo=UTC) < timedelta(milliseconds=6)
