"""A house that was killed anywhere knows, from journal and tape on disk, what one that went on would know."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_tui.adapters.tape import TapeRecorder, newest_ns
from orderflow_tui.domain.event import ClockTick
from orderflow_tui.domain.history import DayState, History
from orderflow_tui.domain.market import Bars, FeedState, FeedStatus, Trades, trades_of
from orderflow_tui.domain.session import MINUTE_NS
from orderflow_tui.engine import Engine
from orderflow_tui.market.completed import completed
from orderflow_tui.wiring.memory import Memory, begin_after, folders_of
from orderflow_tui.wiring.timeline import AWAY, Now, folded_past, holes
from tests.adapters.test_calendar import ns
from tests.wiring.remembered import (
    BEFORE,
    PARAMS,
    START,
    TABLE,
    Recorded,
    differences,
    left_behind,
    lived,
    recorded,
    remembered,
    simulated,
)

END = ns("2026-03-05T16:10")
NOON = ns("2026-03-06T09:50")


@pytest.fixture(scope="module")
def afternoon() -> Recorded:
    """Over the closing bell, with a book."""
    return recorded(*simulated("2026-03-05T16:10", 2.0))


def again(memory: Memory, until_ns: int) -> Engine:
    fold = folded_past(PARAMS, memory, Now((), until_ns), None, "")
    fold.step(ClockTick(until_ns))
    return fold.engine


def restarted(run: Recorded, cut_ns: int, harm: Callable[[Path], None] = lambda _: None) -> tuple[Memory, Engine]:
    """The next life after a kill at this instant, and after somebody did harm to what was left."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(left_behind(run, folder, cut_ns))
        harm(folder)
        memory = asyncio.run(remembered(folder, cut_ns))
        return memory, again(memory, cut_ns)


@settings(max_examples=8, deadline=None)
@given(cut_ns=st.integers(START, END))
def test_a_kill_anywhere_changes_nothing_that_is_known(afternoon: Recorded, cut_ns: int) -> None:
    memory, engine = restarted(afternoon, cut_ns)
    assert memory.notes == []
    assert differences(engine, lived(afternoon, cut_ns)) == []


def test_a_kill_on_the_next_morning_goes_on_from_the_closed_day() -> None:
    run = recorded(*simulated("2026-03-05T17:00", 0.2, "2026-03-06T09:50"))
    memory, engine = restarted(run, NOON)
    assert memory.state is not None
    assert memory.state.trade_date == date(2026, 3, 5)
    assert differences(engine, lived(run, NOON)) == []


def test_signals_of_the_book_come_back_from_the_journal_because_the_book_is_not_folded_again(afternoon: Recorded) -> None:
    cut_ns = ns("2026-03-05T16:05")
    memory, _ = restarted(afternoon, cut_ns)
    assert memory.signals
    memory.signals = ()
    with TemporaryDirectory() as name:
        asyncio.run(left_behind(afternoon, Path(name), cut_ns))
        memory = asyncio.run(remembered(Path(name), cut_ns))
        memory.signals = ()
        assert "signals today" in differences(again(memory, cut_ns), lived(afternoon, cut_ns))


def test_a_setup_the_tape_does_not_show_again_stays_acted_on() -> None:
    engine = Engine(PARAMS, History())
    engine.on(ClockTick(START))
    setup = "2026-03-05|BREAKOUT|LONG|26800|2"
    engine.analyst.remember([setup])
    engine.analyst.remember([setup])
    assert engine.analyst.setup_ids == (setup,)


# -- harm ---------------------------------------------------------------------------------------------------------------

CUT = ns("2026-03-05T15:40")


def log_of(folder: Path) -> Path:
    (log,) = (folder / "tape" / "ES" / "2026-03-05").glob("live-*.log")
    return log


def test_a_torn_tail_is_said_and_costs_only_what_was_torn(afternoon: Recorded) -> None:
    def tear(folder: Path) -> None:
        log = log_of(folder)
        log.write_bytes(log.read_bytes()[:-7])

    memory, engine = restarted(afternoon, CUT, tear)
    (note,) = memory.notes
    assert "ends torn: its last" in note
    whole = lived(afternoon, CUT)
    assert engine.market.archive == whole.market.archive
    assert engine.market.rth_profile.total < whole.market.rth_profile.total


def test_a_missing_tape_leaves_the_archive(afternoon: Recorded) -> None:
    def remove(folder: Path) -> None:
        log_of(folder).unlink()

    memory, engine = restarted(afternoon, CUT, remove)
    assert memory.folders == ()
    assert engine.market.archive == afternoon.history.profiles
    assert engine.market.rth_profile.total == 0
    assert engine.market.cvd_rth_partial


def test_a_damaged_market_journal_is_said_and_the_tape_is_folded_alone(afternoon: Recorded) -> None:
    def damage(folder: Path) -> None:
        for file in (folder / "journal").glob("market.sqlite*"):
            content = bytearray(file.read_bytes())
            content[2_000:] = b"\x55" * max(0, len(content) - 2_000)
            file.write_bytes(bytes(content))

    memory, engine = restarted(afternoon, CUT, damage)
    assert memory.state is None
    assert engine.market.archive == ()
    assert engine.market.rth_profile.total == lived(afternoon, CUT).market.rth_profile.total


def test_a_day_state_that_cannot_be_read_is_said(afternoon: Recorded) -> None:
    def damage(folder: Path) -> None:
        with sqlite3.connect(folder / "journal" / "market.sqlite") as conn:
            conn.execute("UPDATE other SET payload = ? WHERE kind = 'day_state'", (json.dumps({"history": 3}),))

    memory, _ = restarted(afternoon, CUT, damage)
    assert memory.state is None
    assert any("cannot be read" in note and "older one" in note for note in memory.notes)


def test_the_tape_of_another_instrument_is_not_taken_for_ours(afternoon: Recorded) -> None:
    other = replace(
        afternoon, events=[replace(e, instrument="NQ") if isinstance(e, Trades) else e for e in afternoon.events]
    )  # fmt: skip
    memory, engine = restarted(other, CUT)
    assert any("another instrument, not of ES" in note for note in memory.notes)
    assert engine.market.last_price is None


def test_a_tape_under_another_date_is_left_out(afternoon: Recorded) -> None:
    def move(folder: Path) -> None:
        (folder / "tape" / "ES" / "2026-03-05").rename(folder / "tape" / "ES" / "2026-03-06")

    with TemporaryDirectory() as name:
        asyncio.run(left_behind(afternoon, Path(name), CUT))
        move(Path(name))
        now_ns = ns("2026-03-06T09:00")
        memory = asyncio.run(remembered(Path(name), now_ns))
        engine = again(memory, now_ns)
    assert any("another time than 2026-03-06" in note for note in memory.notes)
    assert engine.market.last_price is None


def test_an_archive_older_than_thirty_sessions_is_said_and_not_used(afternoon: Recorded) -> None:
    with TemporaryDirectory() as name:
        asyncio.run(left_behind(afternoon, Path(name), START))
        memory = asyncio.run(remembered(Path(name), ns("2026-05-04T10:00")))
    assert memory.state is None
    assert memory.folders == ()
    assert any("more than 30 sessions ago" in note for note in memory.notes)


def test_an_archive_of_the_future_is_said_and_not_used(afternoon: Recorded) -> None:
    with TemporaryDirectory() as name:
        asyncio.run(left_behind(afternoon, Path(name), START))
        memory = asyncio.run(remembered(Path(name), ns("2026-03-03T10:00")))
    assert memory.state is None
    assert any("lies in the future" in note for note in memory.notes)


def test_a_gap_within_the_running_day_marks_what_is_partial(afternoon: Recorded) -> None:
    """The house was away for twenty minutes: the bar it left open and the deltas say so, nothing is invented between."""
    with TemporaryDirectory() as name:
        asyncio.run(left_behind(afternoon, Path(name), CUT))
        memory = asyncio.run(remembered(Path(name), CUT))
        back_ns = CUT + 21 * 60 * 10**9
        now = Now((FeedStatus("ES", back_ns, FeedState.GAP, AWAY),), back_ns + 1)
        fold = folded_past(PARAMS, memory, now, None, "")
        fold.step(trades_of("ES", [back_ns + 1], [26_000], [1], [1]))
        fold.step(ClockTick(back_ns + 10 * 60 * 10**9))
    market = fold.engine.market
    assert market.cvd_rth_partial
    last = [bar for bar in market.bars if bar.start_ns <= CUT - 1 < bar.end_ns]
    assert [bar.partial for bar in last] == [True]
    between = [bar for bar in market.bars if last[0].end_ns <= bar.start_ns and bar.end_ns <= back_ns]
    assert between == []
    assert market.bars[-1].partial


def test_a_clock_behind_the_exchange_does_not_put_the_running_day_aside(afternoon: Recorded) -> None:
    """Trades bear the exchange's second; a quick restart may find a tape that ends a moment after now."""
    with TemporaryDirectory() as name:
        tape = Path(name) / "tape"
        asyncio.run(left_behind(afternoon, Path(name), CUT))
        folders = folders_of(tape, "ES")
        end_ns = newest_ns(folders[-1].path)
        behind_ns = end_ns - 3 * 10**9
        begins_ns = begin_after(folders, behind_ns)
        assert begins_ns == end_ns + 1
        recorder = TapeRecorder(tape, "ES", TABLE)
        recorder.write(FeedStatus("ES", begins_ns, FeedState.GAP, AWAY))
        asyncio.run(recorder.close())
        assert [path.name for path in (tape / "ES").iterdir()] == ["2026-03-05"]
        memory = asyncio.run(remembered(Path(name), behind_ns))
        again(memory, end_ns + 10**9)
        assert memory.notes == []
    assert begin_after(folders_of(tape, "ES"), CUT) == CUT
    assert begin_after(folders, end_ns + 1) == end_ns + 1


# -- bars where nobody recorded ------------------------------------------------------------------------------------------


def minutes(first: str, last: str, price: int) -> Bars:
    """One-minute bars of ten contracts, one tick high, wherever the market is open."""
    starts = [t for t in range(ns(first), ns(last), MINUTE_NS) if (d := TABLE.day_at(t)) is not None and d.open_ns <= t]
    n = len(starts)
    column = trades_of("ES", starts, [price] * n, [10] * n, [0] * n)
    return Bars("ES", 60, column.ts_ns, column.price, column.price + 1, column.price, column.price, column.size)


def test_the_rest_of_a_day_that_was_cut_comes_from_bars_and_says_that_it_is_approximate(afternoon: Recorded) -> None:
    """Killed on Thursday at 15:40, started again on Friday at ten: without bars Thursday would pass for a whole session."""
    back_ns = ns("2026-03-06T10:00")
    with TemporaryDirectory() as name:
        asyncio.run(left_behind(afternoon, Path(name), CUT))
        memory = asyncio.run(remembered(Path(name), back_ns))
        now = Now((FeedStatus("ES", back_ns, FeedState.GAP, AWAY),), back_ns)
        gaps = holes(memory, now)
        fold = folded_past(PARAMS, memory, now, minutes("2026-03-02T10:00", "2026-03-06T10:00", 26_500), "ESH6")
    assert len(gaps) == 1
    thursday = fold.engine.market.archive[-1]
    taped = lived(afternoon, CUT).market.rth_profile.total
    assert (thursday.trade_date, thursday.approx, thursday.close) == (date(2026, 3, 5), True, 26_500)
    assert thursday.volume == taped + 20 * 10
    assert fold.engine.market.rth_profile.total == 30 * 10
    assert fold.engine.market.archive[:-1] == afternoon.history.profiles[1:]
    assert [state.trade_date for state in fold.closed] == [date(2026, 3, 5)]


def test_on_the_running_day_bars_never_fill_the_hole(afternoon: Recorded) -> None:
    back_ns = ns("2026-03-05T15:55")
    with TemporaryDirectory() as name:
        asyncio.run(left_behind(afternoon, Path(name), CUT))
        memory = asyncio.run(remembered(Path(name), back_ns))
        now = Now((FeedStatus("ES", back_ns, FeedState.GAP, AWAY),), back_ns)
        assert holes(memory, now) == []
        fold = folded_past(PARAMS, memory, now, minutes("2026-03-05T09:30", "2026-03-05T15:55", 26_500), "ESH6")
    assert fold.engine.market.rth_profile.total == lived(afternoon, CUT).market.rth_profile.total
    assert fold.engine.market.cvd_rth is not None
    assert fold.engine.market.cvd_rth_partial


def test_a_first_start_names_the_month_of_its_bars_in_the_days_it_leaves(afternoon: Recorded) -> None:
    """Left unnamed, the next life would put another month's bars beside them without a word."""
    back_ns = ns("2026-03-06T10:00")
    with TemporaryDirectory() as name:
        asyncio.run(left_behind(replace(afternoon, rows=[], events=[]), Path(name), CUT))
        memory = asyncio.run(remembered(Path(name), back_ns))
    memory.state = None
    fold = folded_past(PARAMS, memory, Now((), back_ns), minutes("2026-03-02T10:00", "2026-03-06T10:00", 26_500), "ESH6")
    assert [(state.trade_date, state.contract) for state in fold.closed] == [(date(2026, 3, 5), "ESH6")]


def test_bars_of_another_month_fill_nothing_and_say_so(afternoon: Recorded) -> None:
    back_ns = ns("2026-03-06T10:00")
    with TemporaryDirectory() as name:
        asyncio.run(left_behind(afternoon, Path(name), CUT))
        memory = asyncio.run(remembered(Path(name), back_ns))
        assert memory.state is not None
        memory.state = replace(memory.state, contract="ESH6")
        now = Now((FeedStatus("ES", back_ns, FeedState.GAP, AWAY),), back_ns)
        fold = folded_past(PARAMS, memory, now, minutes("2026-03-02T10:00", "2026-03-06T10:00", 27_000), "ESM6")
    assert any("bars of ESM6 cannot fill what ESH6 traded" in note for note in memory.notes)
    assert fold.engine.market.rth_profile.total == 0


# -- completing ---------------------------------------------------------------------------------------------------------


def test_bars_never_replace_what_trades_built(afternoon: Recorded) -> None:
    whole = afternoon.history
    rough = tuple(replace(p, approx=True, volume=1) for p in whole.profiles)
    known = replace(whole, profiles=whole.profiles[-3:])
    joined = completed(known, replace(whole, profiles=rough), 30)
    assert [p.trade_date for p in joined.profiles] == [p.trade_date for p in whole.profiles]
    assert joined.profiles[-3:] == whole.profiles[-3:]
    assert all(p.approx for p in joined.profiles[:-3])
    better = completed(replace(whole, profiles=rough), whole, 30)
    assert better.profiles == whole.profiles


def test_a_day_state_names_the_month_its_prices_are_of(afternoon: Recorded) -> None:
    day = TABLE.day_of(BEFORE)
    assert day is not None
    assert DayState(BEFORE, day.close_ns, "ES", afternoon.history).contract == ""
