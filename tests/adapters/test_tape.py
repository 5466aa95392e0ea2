"""The tape: what went in comes out, in its order, through a kill, a full queue and a full disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_tui.adapters import tape
from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.adapters.tape import TapeFault, TapeRecorder, compact, import_events, read_folder, read_tape, sessions
from orderflow_tui.adapters.tape_log import MAGIC, frame, log_span, read_log
from orderflow_tui.adapters.tape_parquet import read_manifest
from orderflow_tui.domain.event import MarketEvent
from orderflow_tui.domain.market import NO_PRICE, Bars, Depth, FeedState, FeedStatus, Quote, Trades, trades_of
from orderflow_tui.domain.session import MINUTE_NS
from tests.adapters.market_files import KNOWN, NOON_NS, bars_in, opened, trades_in
from tests.recordings import recording

TABLE = session_table(date(2026, 3, 2), date(2026, 3, 31))
THURSDAY, FRIDAY = date(2026, 3, 5), date(2026, 3, 6)
OVERNIGHT_NS = NOON_NS + 10 * 60 * MINUTE_NS  # 22:00 in New York: Friday's session


def trades(at: int, count: int = 3, quoted: bool = False, instrument: str = "ES") -> Trades:
    steps = np.arange(count, dtype=np.int64)
    bid = 100 + steps if quoted else None
    ask = np.where(steps == 1, NO_PRICE, 101 + steps) if quoted else None
    return trades_of(instrument, at + steps, 100 + steps, 1 + steps % 7, np.array([1, -1, 0])[steps % 3], None, bid, ask)


def bars(at: int, count: int = 2, sided: bool = True) -> Bars:
    column = np.arange(count, dtype=np.int64)
    sides = (column + 1, column + 2, column) if sided else (None, None, None)
    return Bars("ES", 60, at + column * MINUTE_NS, column, column + 3, column - 1, column + 1, column + 9, *sides)


def everything(at: int) -> list[MarketEvent]:
    return [
        FeedStatus("ES", at, FeedState.LIVE, "go"),
        Quote("ES", at, 99, 101, 5, 6),
        trades(at, 5),
        trades(at + 5, 4, quoted=True),
        Depth("ES", at + 9, ((99, 5), (98, 7)), ((101, 6),)),
        Depth("ES", at + 9, (), ()),
        trades(at + 9, 2),
        Quote("MES", at + 11, NO_PRICE, 101),
        trades(at + 11, 3, instrument="MES"),
        trades(at + 14, 1),
        FeedStatus("ES", at + 15, FeedState.GAP, "cable · out", "ESM26", -3),
        bars(at + 16),
        bars(at + 17, 1, sided=False),
    ]


def plain(events: Iterable[MarketEvent]) -> list[object]:
    """Events as comparable values; runs of trades joined, because cutting a block means nothing."""
    out: list[object] = []
    for _, group in groupby(events, key=lambda e: (e.instrument, e.bid is None) if isinstance(e, Trades) else object()):
        run = list(group)
        event = trades_in(run) if isinstance(run[0], Trades) else run[0]
        if isinstance(event, Trades | Bars):
            fields = type(event).__slots__
            values = [getattr(event, name) for name in fields]
            out.append((type(event).__name__, [v.tolist() if isinstance(v, np.ndarray) else v for v in values]))
        else:
            out.append(event)
    return out


async def recorded(root: Path, events: Sequence[MarketEvent], **options: int) -> TapeRecorder:
    recorder = TapeRecorder(root, "ES", TABLE, **options)
    for event in events:
        recorder.write(event)
    await recorder.close()
    return recorder


async def test_a_recording_reads_back_exactly_from_the_log_and_from_parquet(tmp_path: Path) -> None:
    events = everything(NOON_NS)
    await recorded(tmp_path, events)
    folder = tmp_path / "ES" / "2026-03-05"
    assert [path.name for path in folder.iterdir()] == ["live-0001.log"]
    assert plain(read_folder(folder)) == plain(events)
    manifest = compact(folder, "ES")
    assert manifest is not None
    assert (manifest.trades, manifest.others) == (15, 8)
    assert not list(folder.glob("*.log"))
    assert plain(read_folder(folder)) == plain(events)
    assert compact(folder, "ES") is None


async def test_a_finished_session_becomes_parquet_when_the_next_one_begins(tmp_path: Path) -> None:
    before, after = everything(NOON_NS), everything(OVERNIGHT_NS)
    recorder = await recorded(tmp_path, [*before, *after])
    assert recorder.fault is None
    assert sessions(tmp_path, "ES") == [THURSDAY, FRIDAY]
    assert read_manifest(tmp_path / "ES" / "2026-03-05") is not None
    assert read_manifest(tmp_path / "ES" / "2026-03-06") is None
    assert plain(read_tape(tmp_path, "ES", THURSDAY, FRIDAY)) == plain([*before, *after])
    assert plain(read_tape(tmp_path, "ES", FRIDAY, FRIDAY)) == plain(after)


async def test_a_block_across_the_session_close_is_cut_there(tmp_path: Path) -> None:
    day = TABLE.day_of(THURSDAY)
    assert day is not None
    block = trades_of("ES", [day.close_ns - 1, day.close_ns, day.close_ns + 1], [1, 2, 3], [1, 1, 1], [1, 1, 1])
    await recorded(tmp_path, [block])
    assert trades_in(list(read_tape(tmp_path, "ES", THURSDAY, THURSDAY))).price.tolist() == [1]
    assert trades_in(list(read_tape(tmp_path, "ES", FRIDAY, FRIDAY))).price.tolist() == [2, 3]


async def test_a_second_process_continues_the_session_in_a_log_of_its_own(tmp_path: Path) -> None:
    first, second = everything(NOON_NS), everything(NOON_NS + 3 * MINUTE_NS)
    await recorded(tmp_path, first)
    folder = tmp_path / "ES" / "2026-03-05"
    compact(folder, "ES")
    await recorded(tmp_path, second)
    await recorded(tmp_path, [trades(NOON_NS + 9 * MINUTE_NS)])
    wanted = plain([*first, *second, trades(NOON_NS + 9 * MINUTE_NS)])
    assert plain(read_folder(folder)) == wanted
    compact(folder, "ES")
    assert plain(read_folder(folder)) == wanted
    assert {path.name.split(".")[1] for path in folder.glob("*.parquet")} == {"2"}


async def test_a_market_that_begins_again_does_not_mix_with_the_recording_before(tmp_path: Path) -> None:
    for _ in range(3):
        await recorded(tmp_path, [trades(NOON_NS, 10)])
    names = sorted(path.name for path in (tmp_path / "ES").iterdir())
    assert names == ["2026-03-05", "2026-03-05.1", "2026-03-05.2"]
    assert sessions(tmp_path, "ES") == [THURSDAY]
    assert len(trades_in(list(read_tape(tmp_path, "ES", THURSDAY, THURSDAY)))) == 10


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_log_torn_at_any_byte_gives_back_every_whole_frame(data: st.DataObject) -> None:
    frames: list[list[MarketEvent]] = [[trades(NOON_NS + i * 10, 3), Quote("ES", NOON_NS + i * 10 + 5, 1, 2)] for i in range(4)]
    raw = [MAGIC, *(frame(events) for events in frames)]
    whole = b"".join(raw)
    cut = data.draw(st.integers(0, len(whole)))
    ends = np.cumsum([len(part) for part in raw])
    survivors = int(np.searchsorted(ends, cut, side="right")) - 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "live-0001.log"
        path.write_bytes(whole[:cut])
        assert plain(read_log(path)) == plain([event for events in frames[: max(0, survivors)] for event in events])


def test_columns_that_are_strides_of_something_larger_are_recorded_too(tmp_path: Path) -> None:
    wide = np.arange(NOON_NS, NOON_NS + 8, dtype=np.int64).reshape(4, 2)
    block = trades(NOON_NS, 4)
    strided = Trades("ES", wide[:, 0], block.price, block.size, block.aggressor, block.method)
    path = tmp_path / "live-0001.log"
    path.write_bytes(MAGIC + frame([strided]))
    assert trades_in(list(read_log(path))).ts_ns.tolist() == wide[:, 0].tolist()


def test_a_damaged_frame_ends_the_log_before_it(tmp_path: Path) -> None:
    first, second = frame([trades(NOON_NS)]), frame([trades(NOON_NS + 10)])
    path = tmp_path / "live-0001.log"
    path.write_bytes(MAGIC + first + second[:-3] + b"xxx")
    assert len(trades_in(list(read_log(path)))) == 3
    assert log_span(path) == (NOON_NS, NOON_NS + 12)
    path.write_bytes(b"something else entirely")
    assert list(read_log(path)) == []
    assert log_span(path) is None


def test_what_was_flushed_survives_kill_9(tmp_path: Path) -> None:
    script = """
import sys, time
from datetime import date
from pathlib import Path
from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.adapters.tape import TapeRecorder
from tests.adapters.test_tape import NOON_NS, TABLE, trades
root = Path(sys.argv[1])
recorder = TapeRecorder(root, "ES", TABLE)
for i in range(100):
    recorder.write(trades(NOON_NS + i * 10, 3))
log = root / "ES" / "2026-03-05" / "live-0001.log"
while not log.exists() or log.stat().st_size < 100:
    time.sleep(0.01)
print("flushed", flush=True)
time.sleep(60)
"""
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "flushed\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert len(trades_in(list(read_tape(tmp_path, "ES", THURSDAY, THURSDAY)))) == 300


async def test_a_full_queue_loses_events_counts_them_and_announces_the_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tape, "FLUSH_S", 3600.0)
    recorder = TapeRecorder(tmp_path, "ES", TABLE, queue_events=4)
    for i in range(7):
        recorder.write(trades(NOON_NS + i, 1))
    assert recorder.lost == 3
    recorder._queue.popleft()  # as the writer would
    recorder._queue.popleft()
    recorder.write(trades(NOON_NS + 9, 1))
    await recorder.close()
    events = list(read_tape(tmp_path, "ES", THURSDAY, THURSDAY))
    (gap,) = (event for event in events if isinstance(event, FeedStatus))
    assert gap == FeedStatus("ES", NOON_NS + 9, FeedState.GAP, "the recorder fell behind: 3 events are missing")
    assert isinstance(events[-1], Trades)


async def test_books_above_the_budget_are_left_out_and_trades_go_on(tmp_path: Path) -> None:
    book = Depth("ES", NOON_NS, ((99, 5),), ((101, 6),))
    recorder = await recorded(tmp_path, [trades(NOON_NS), book, book, book, trades(NOON_NS + 3)], depth_budget_bytes=2 * 56)
    assert recorder.books_left_out == 1
    events = list(read_tape(tmp_path, "ES", THURSDAY, THURSDAY))
    assert sum(isinstance(event, Depth) for event in events) == 2
    assert len(trades_in(events)) == 6


async def test_a_disk_that_refuses_ends_the_recording_with_a_sentence_not_the_program(tmp_path: Path) -> None:
    (tmp_path / "ES").write_text("a file where a folder should be")
    recorder = await recorded(tmp_path, [trades(NOON_NS)])
    assert recorder.fault is not None
    assert "the tape stopped recording" in recorder.fault
    recorder.write(trades(NOON_NS))
    assert recorder.lost >= 1
    await recorder.close()


async def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    recorder = await recorded(tmp_path, [trades(NOON_NS)])
    await recorder.close()
    assert recorder.fault is None


def test_an_import_makes_finished_sessions_and_refuses_to_overwrite(tmp_path: Path) -> None:
    events = [*everything(NOON_NS), *everything(OVERNIGHT_NS)]
    manifests = import_events(events, tmp_path, "ES", TABLE)
    assert [manifest.trade_date for manifest in manifests] == ["2026-03-05", "2026-03-06"]
    assert plain(read_tape(tmp_path, "ES", THURSDAY, FRIDAY)) == plain(events)
    with pytest.raises(TapeFault, match="is on the tape already"):
        import_events([trades(OVERNIGHT_NS + 5 * 24 * 60 * MINUTE_NS), trades(NOON_NS)], tmp_path, "ES", TABLE)
    assert sessions(tmp_path, "ES") == [THURSDAY, FRIDAY]


def test_a_bad_import_leaves_no_trace(tmp_path: Path) -> None:
    def broken() -> Iterable[MarketEvent]:
        yield trades(NOON_NS)
        yield trades(OVERNIGHT_NS)
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        import_events(broken(), tmp_path, "ES", TABLE)
    assert sessions(tmp_path, "ES") == []
    assert list((tmp_path / "ES").iterdir()) == []


def test_a_tape_folder_and_its_trades_file_are_sources_like_any_other(tmp_path: Path) -> None:
    events = everything(NOON_NS)
    import_events(events, tmp_path, "ES", TABLE)
    for path in (tmp_path / "ES" / "2026-03-05", tmp_path / "ES"):
        assert plain(opened(path).events()) == plain(events)
    reading = opened(tmp_path / "ES" / "2026-03-05" / "trades.1.parquet")
    assert sum(len(block) for block in reading.events() if isinstance(block, Trades)) == 15
    assert sum(reading.source.sides.values()) == sum(int(e.size.sum()) for e in events if isinstance(e, Trades))


def test_another_version_of_the_manifest_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "session.json").write_text('{"schema": "orderflow-tui/tape/99"}')
    with pytest.raises(TapeFault, match="expected schema orderflow-tui/tape/1"):
        list(read_folder(tmp_path))


mixtures = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 5), st.booleans(), st.sampled_from(["ES", "MES"])), min_size=1, max_size=25
)


@given(mixtures)
@settings(max_examples=40, deadline=None)
def test_any_mixture_keeps_its_order_through_parquet(parts: list[tuple[int, int, bool, str]]) -> None:
    events: list[MarketEvent] = []
    at = NOON_NS
    for kind, count, flag, symbol in parts:
        match kind:
            case 0:
                events.append(Quote(symbol, at, 1, 2, count, count))
            case 1:
                events.append(Depth(symbol, at, tuple((-i, 1 + i) for i in range(count)), ()))
            case 2:
                events.append(bars(at, count, sided=flag))
            case _:
                events.append(trades(at, count, quoted=flag, instrument=symbol))
        at += count * MINUTE_NS
    with tempfile.TemporaryDirectory() as folder:
        import_events(events, Path(folder), "ES", TABLE)
        assert plain(read_tape(Path(folder), "ES", THURSDAY, FRIDAY)) == plain(events)


def test_a_day_of_trades_takes_at_most_five_bytes_each(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    count = 200_000
    stamps = NOON_NS + np.cumsum(rng.exponential(31e6, count)).astype(np.int64) // 20
    side = rng.choice(np.array([-1, 1], dtype=np.int8), count)
    price = 26_800 + np.cumsum(np.where(rng.random(count) < 0.06, side, 0))
    bid = price - (side == 1)
    block = trades_of("ES", stamps, price, rng.geometric(0.4, count), side, None, bid, bid + 1)
    (manifest,) = import_events([block], tmp_path, "ES", TABLE)
    size = (tmp_path / "ES" / manifest.trade_date / manifest.files["trades"]).stat().st_size
    assert size / count <= 5.0


def test_real_bars_and_books_survive_the_tape(tmp_path: Path) -> None:
    wide = session_table(date(2022, 1, 20), date(2022, 1, 31))
    events = list(opened(recording("es_tick_dom/es_2022-01-24_trades_dom40.txt")).events())
    import_events(events, tmp_path, "ES", wide)
    assert plain(read_folder(tmp_path / "ES" / "2022-01-24")) == plain(events)
    source = opened(tmp_path / "ES")
    assert sum(len(e) for e in source.events() if isinstance(e, Trades)) == 2026
    assert KNOWN[source.about.instrument].symbol == "ES"
    minute = bars_in(list(opened(recording("es_1min_platform/ES_Volumetric_1.csv")).events()))
    days = import_events([minute], tmp_path / "bars", "ES", session_table(date(2026, 2, 1), date(2026, 2, 28)))
    back = [event for event in read_tape(tmp_path / "bars", "ES", date(2026, 2, 1), date(2026, 2, 28)) if isinstance(event, Bars)]
    assert len(days) == len(back)
    assert np.concatenate([b.volume for b in back]).tolist() == minute.volume.tolist()
