"""The core: what reaches the desk, what a roll does, time before the first event."""

from __future__ import annotations

from datetime import date

import pytest

from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.closed_loop import ClosedLoop
from orderflow_tui.config import Places, config_dir, load
from orderflow_tui.domain.event import ClockTick, ContractNews, Trouble
from orderflow_tui.domain.latch import LatchKind, TradingState
from orderflow_tui.domain.market import Bars, FeedState, FeedStatus, Quote, trades_of
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.engine import Engine
from orderflow_tui.modes import mode_named
from orderflow_tui.wiring.params import engine_params
from tests.adapters.test_calendar import ns

TABLE = session_table(date(2026, 1, 2), date(2026, 12, 30))


def engine() -> Engine:
    loaded = load(Places(config_dir()))
    return Engine(engine_params(loaded, TABLE, mode_named("replay")))


def session(day: str, price: int) -> Bars:
    """A regular session of 5-minute bars around a price."""
    start = ns(f"{day}T09:30")
    n = 78
    stamps = [start + i * 300 * SECOND_NS for i in range(n)]
    columns = [[price] * n, [price + 4] * n, [price - 4] * n, [price + i % 3 for i in range(n)], [900] * n]
    return Bars("ES", 300, *map(_column, (stamps, *columns)))


def _column(values: list[int]):  # type: ignore[no-untyped-def]
    return trades_of("ES", values, values, values, [0] * len(values)).ts_ns


def test_no_timer_is_due_before_the_first_event() -> None:
    core = engine()
    assert core.watch.every
    assert core.watch.due_ns > ns("2030-01-01T00:00")


def test_the_executed_instrument_takes_its_quotes_from_its_own_market_and_the_last_trade_from_the_tape() -> None:
    core = engine()
    stamp = ns("2026-03-05T10:00")
    core.on(trades_of("ES", [stamp], [26800], [1], [1], bid=[26799], ask=[26800]))
    assert (core.mark("MES").bid, core.mark("MES").ask, core.mark("MES").last) == (26799, 26800, 26800)
    core.on(Quote("MES", stamp + 1, 26797, 26801))
    assert (core.mark("MES").bid, core.mark("MES").ask, core.mark("MES").last) == (26797, 26801, 26800)


def test_a_roll_with_a_known_shift_moves_the_value_archive() -> None:
    loop = ClosedLoop(engine())
    for day in ("2026-03-02", "2026-03-03"):
        loop.feed(session(day, 20_000))
    loop.feed(ClockTick(ns("2026-03-03T18:30")))
    before = loop.engine.market.pva
    assert before is not None
    loop.feed(FeedStatus("ES", ns("2026-03-03T18:31"), FeedState.GAP, "roll", rolled_to="ESM6", shift_ticks=60))
    after = loop.engine.market.pva
    assert after is not None
    assert (after.val, after.poc, after.vah) == (before.val + 60, before.poc + 60, before.vah + 60)


def test_a_roll_without_a_known_shift_restarts_the_value_archive_and_says_so() -> None:
    loop = ClosedLoop(engine())
    for day in ("2026-03-02", "2026-03-03"):
        loop.feed(session(day, 20_000))
    loop.feed(ClockTick(ns("2026-03-03T18:30")))
    assert loop.engine.market.cva()[1] == 2
    loop.feed(FeedStatus("ES", ns("2026-03-03T18:31"), FeedState.GAP, "roll", rolled_to="ESM6"))
    assert loop.engine.market.cva() == (None, 0)
    context = loop.engine.analyst.context
    assert context is not None
    assert any("0 of 5" in note for note in context.notes)


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (LatchKind.CORE_FAULT, TradingState.HALTED),
        (LatchKind.TASK_DEAD, TradingState.LOCKED),
    ],
)
def test_trouble_of_the_shell_opens_its_latch(kind: LatchKind, state: TradingState) -> None:
    core = engine()
    core.on(ClockTick(ns("2026-03-05T10:00")))
    core.on(Trouble(ns("2026-03-05T10:00"), kind, "planted"))
    assert kind in [latch.kind for latch in core.desk.latches]
    assert core.desk.state(core.facts()) in {state, TradingState.RECOVERING}


def test_a_contract_that_is_only_named_moves_nothing() -> None:
    loop = ClosedLoop(engine())
    loop.feed(session("2026-03-02", 20_000))
    loop.feed(ClockTick(ns("2026-03-02T18:30")))
    before = loop.engine.market.archive
    loop.feed(FeedStatus("ES", ns("2026-03-02T18:31"), FeedState.LIVE, "named", rolled_to="ESH6"))
    loop.feed(FeedStatus("ES", ns("2026-03-02T18:32"), FeedState.LIVE, "named", rolled_to="ESH6"))
    assert loop.engine.contract == "ESH6"
    assert loop.engine.market.archive == before != ()


def test_another_contract_without_a_roll_is_one_of_unknown_shift() -> None:
    loop = ClosedLoop(engine())
    loop.feed(FeedStatus("ES", ns("2026-03-02T09:00"), FeedState.LIVE, "named", rolled_to="ESH6"))
    loop.feed(session("2026-03-02", 20_000))
    loop.feed(ClockTick(ns("2026-03-02T18:30")))
    loop.feed(FeedStatus("ES", ns("2026-03-02T18:31"), FeedState.LIVE, "named", rolled_to="ESM6"))
    assert loop.engine.market.archive == ()
    assert loop.engine.contract == "ESM6"


def test_a_roll_of_the_executed_instrument_moves_no_analysed_price() -> None:
    loop = ClosedLoop(engine())
    loop.feed(session("2026-03-02", 20_000))
    loop.feed(ClockTick(ns("2026-03-02T18:30")))
    before = loop.engine.market.archive
    loop.feed(FeedStatus("MES", ns("2026-03-02T18:31"), FeedState.GAP, "roll", rolled_to="MESM6"))
    assert loop.engine.market.archive == before


def test_what_the_contract_month_forbids_stands_in_the_facts_and_passes() -> None:
    core = engine()
    core.on(ContractNews(ns("2026-03-02T10:30"), "MESH6 expires on 2026-03-20"))
    assert (core.facts().entries_open, core.facts().window_reason) == (False, "MESH6 expires on 2026-03-20")
    core.on(ContractNews(ns("2026-03-02T10:31"), ""))
    assert core.facts().entries_open
