"""The core: what reaches the desk, what a roll does, time before the first event."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.closed_loop import ClosedLoop
from orderflow_tui.config import Places, config_dir, load
from orderflow_tui.domain.action import Record
from orderflow_tui.domain.event import ClockTick, ContractNews, Trouble
from orderflow_tui.domain.latch import LatchKind, TradingState
from orderflow_tui.domain.market import NO_PRICE, Bars, Depth, FeedState, FeedStatus, Mark, Quote, trades_of
from orderflow_tui.domain.order import Fill, Side
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.engine import Engine
from orderflow_tui.modes import mode_named
from orderflow_tui.wiring.params import engine_params
from tests.adapters.test_calendar import ns

TABLE = session_table(date(2026, 1, 2), date(2026, 12, 30))


def engine() -> Engine:
    loaded = load(Places(config_dir()))
    return Engine(engine_params(loaded, TABLE, mode_named("replay")))


def prices(core: Engine, symbol: str) -> tuple[int | None, int | None, int | None]:
    """Bid, ask and last trade of an instrument that has a mark."""
    mark = core.mark(symbol)
    assert mark is not None
    return mark.bid, mark.ask, mark.last


def session(day: str, price: int) -> Bars:
    """A regular session of 5-minute bars around a price."""
    start = ns(f"{day}T09:30")
    n = 78
    stamps = [start + i * 300 * SECOND_NS for i in range(n)]
    columns = [[price] * n, [price + 4] * n, [price - 4] * n, [price + i % 3 for i in range(n)], [900] * n]
    return Bars("ES", 300, *map(_column, (stamps, *columns)))


def _column(values: list[int]):  # type: ignore[no-untyped-def]
    return trades_of("ES", values, values, values, [0] * len(values)).ts_ns


@pytest.mark.parametrize(
    ("instant", "trades"),
    [
        ("2026-06-18T15:00", True),
        ("2026-06-19T12:59", True),
        ("2026-06-19T13:00", False),
        ("2026-06-20T12:00", False),
        ("2026-06-21T17:59", False),
        ("2026-06-21T18:00", True),
        ("2026-04-04T12:00", False),
        ("2026-07-04T12:00", False),
        ("2026-11-26T13:00", False),
    ],
)
def test_behind_a_holiday_nobody_believes_that_an_exit_could_trade(instant: str, trades: bool) -> None:
    core = engine()
    core.on(ClockTick(ns(instant)))
    assert core.facts().market_open is trades


def test_a_holiday_has_no_flat_time_of_its_own() -> None:
    core = engine()
    core.on(ClockTick(ns("2026-11-26T12:55")))
    told = core.facts()
    assert not told.entries_open, "nothing is entered on a holiday, so nothing is left to flatten before it stops"
    assert told.flat_at_ns == ns("2026-11-27T12:55")


def test_no_timer_is_due_before_the_first_event() -> None:
    core = engine()
    assert core.watch.every
    assert core.watch.due_ns > ns("2030-01-01T00:00")


def test_the_executed_instrument_takes_its_quotes_from_its_own_market_and_the_last_trade_from_the_tape() -> None:
    core = engine()
    stamp = ns("2026-03-05T10:00")
    core.on(trades_of("ES", [stamp], [26800], [1], [1], bid=[26799], ask=[26800]))
    assert prices(core, "MES") == (26799, 26800, 26800)
    core.on(Quote("MES", stamp + 1, 26797, 26801))
    assert prices(core, "MES") == (26797, 26801, 26800)


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


# -- what things are worth ----------------------------------------------------------------------------------------------

TEN = ns("2026-03-05T10:00")


def tape(core: Engine, seconds: float, *prices: int, quoted: bool = True) -> None:
    """Trades of ES so long after ten, a millisecond apart, with their quotes or without."""
    stamps = [TEN + int(seconds * SECOND_NS) + i * MS_NS for i in range(len(prices))]
    ones = [1] * len(prices)
    if quoted:
        core.on(trades_of("ES", stamps, prices, ones, ones, bid=[p - 1 for p in prices], ask=list(prices)))
    else:
        core.on(trades_of("ES", stamps, prices, ones, ones))


def mes(core: Engine) -> Mark:
    mark = core.facts().mark("MES")
    assert mark is not None
    return mark


def by_hand(symbol: str, side: Side, quantity: int, price: int) -> Fill:
    return Fill("m1.01", "m1", 1, None, TEN + SECOND_NS, symbol, side, quantity, price)


def test_what_is_held_in_the_analysed_instrument_is_worth_what_the_tape_says_and_trips_the_day() -> None:
    core = engine()
    tape(core, 0, 20_000)
    core.on(by_hand("ES", Side.SELL, 2, 20_000))
    fees_cents = core.desk.ledger.fees_cents
    tape(core, 2, 20_002)
    assert core.desk.ledger.net_cents == -2 * 2 * 1250 - fees_cents
    assert core.watch.every, "every trade may trip it"
    tape(core, 3, 20_013)
    assert LatchKind.DAILY_LOSS in [latch.kind for latch in core.desk.latches]


def test_beside_our_own_position_the_other_one_counts_as_well() -> None:
    core = engine()
    tape(core, 0, 20_000)
    core.on(by_hand("MES", Side.BUY, 1, 20_000))
    assert not core.watch.every
    core.on(replace(by_hand("ES", Side.SELL, 1, 20_000), exec_id="m2.01", base_id="m2"))
    tape(core, 2, 20_004)
    assert core.desk.ledger.open_cents == 4 * 125 - 4 * 1250


def test_what_has_no_market_has_no_mark_and_keeps_entries_out() -> None:
    core = engine()
    tape(core, 0, 20_000)
    assert core.mark("NQ") is None
    held = Engine(replace(core.params, execution=core.params.instruments["NQ"]))
    held.on(ClockTick(TEN))
    rows = [a.row for a in held.on(by_hand("NQ", Side.BUY, 1, 80_000)) if isinstance(a, Record) and a.row.kind == "fill"]
    core.restore(rows)
    assert core.desk.ledger.held == ("NQ",)
    (fence,) = [f for f in core.desk.fences(core.facts()) if f.name == "value"]
    assert fence.reason == "no price of NQ is known, and it is held: what the day is worth is unknown"
    core.on(Quote("NQ", TEN + SECOND_NS, 80_010, 80_012))
    mark = core.mark("NQ")
    assert mark is not None
    assert mark.last == 80_011
    assert not [f for f in core.desk.fences(core.facts()) if f.name == "value"]
    assert core.desk.ledger.open_cents == 11 * core.params.instruments["NQ"].tick_cents


def test_quotes_that_fell_behind_the_tape_are_replaced_by_its_own_and_their_age_is_told() -> None:
    core = engine()
    tape(core, 0, 20_000)
    core.on(Quote("MES", TEN, 19_999, 20_000))
    tape(core, 3, 20_008)
    assert (mes(core).bid, mes(core).quote_ns) == (19_999, TEN), "three seconds are allowed in regular hours"
    tape(core, 3.1, 20_016)
    assert (mes(core).bid, mes(core).ask, mes(core).last) == (20_015, 20_016, 20_016)
    assert mes(core).quote_ns == TEN
    core.on(Quote("MES", TEN + 4 * SECOND_NS, 20_014, 20_015))
    assert (mes(core).bid, mes(core).quote_ns) == (20_014, TEN + 4 * SECOND_NS)


def test_quotes_of_the_tape_that_fell_behind_its_trades_are_no_price_either() -> None:
    core = engine()
    tape(core, 0, 20_000)
    tape(core, 4, 20_016, quoted=False)
    assert (mes(core).bid, mes(core).ask, mes(core).last) == (None, None, 20_016)
    assert mes(core).quote_ns == TEN
    core.on(Quote("MES", TEN, 19_999, 20_000))
    assert (mes(core).bid, mes(core).last) == (None, 20_016), "neither has a fresh one"


def test_where_both_are_silent_the_last_quotes_stand() -> None:
    core = engine()
    tape(core, 0, 20_000)
    core.on(Quote("MES", TEN + SECOND_NS, 19_999, 20_000))
    core.on(ClockTick(TEN + 60 * SECOND_NS))
    assert (mes(core).bid, mes(core).ask) == (19_999, 20_000)


def test_trades_of_its_own_count_until_the_tape_has_gone_on_without_them() -> None:
    core = engine()
    tape(core, 0, 20_000)
    core.on(trades_of("MES", [TEN + SECOND_NS], [20_001], [1], [1]))
    assert mes(core).last == 20_001
    tape(core, 2, 20_002)
    assert mes(core).last == 20_001
    tape(core, 5, 20_016)
    assert mes(core).last == 20_016


def test_a_source_without_quotes_has_none_to_be_old() -> None:
    core = engine()
    tape(core, 0, 20_000, quoted=False)
    assert (mes(core).bid, mes(core).ask, mes(core).quote_ns) == (None, None, None)


# -- two months ---------------------------------------------------------------------------------------------------------

BASIS = 220


def apart(core: Engine) -> None:
    """The analysed month rolled; one MES of the old one is held."""
    tape(core, 0, 20_000)
    core.on(Quote("MES", TEN, 19_999, 20_001))
    core.on(by_hand("MES", Side.BUY, 1, 20_000))
    core.on(FeedStatus("ES", TEN + 2 * SECOND_NS, FeedState.GAP, "roll", rolled_to="ESM6", shift_ticks=BASIS))
    core.on(ContractNews(TEN + 2 * SECOND_NS, "MESH6 is traded, MESM6 leads", apart=True))


def test_what_is_held_in_the_old_month_is_never_worth_what_the_new_one_is() -> None:
    core = engine()
    apart(core)
    tape(core, 3, 20_000 - BASIS)
    assert core.mark("MES") is None
    assert [f.name for f in core.desk.fences(core.facts()) if f.name == "value"] == ["value"]
    assert core.desk.unpriced(core.facts()) == "MES"
    assert core.desk.ledger.open_cents == 0
    core.on(Quote("MES", TEN + 4 * SECOND_NS, 20_003, 20_006))
    assert core.desk.ledger.open_cents == 4 * 125, "its own quotes move it"
    tape(core, 5, 20_001 - BASIS)
    assert core.desk.ledger.open_cents == 4 * 125
    assert LatchKind.DAILY_LOSS not in [latch.kind for latch in core.desk.latches]


def test_in_the_old_month_its_own_trades_count_while_they_are_as_fresh_as_its_quotes() -> None:
    core = engine()
    apart(core)
    core.on(trades_of("MES", [TEN + 4 * SECOND_NS], [20_010], [1], [1]))
    assert mes(core).last == 20_010
    core.on(Depth("MES", TEN + 8 * SECOND_NS, ((20_020, 5),), ((20_021, 5),)))
    assert (mes(core).last, mes(core).bid) == (20_020, 20_020)


@pytest.mark.parametrize(
    ("bid", "ask", "last"), [(20_003, NO_PRICE, 20_003), (NO_PRICE, 20_006, 20_006), (NO_PRICE, NO_PRICE, None)]
)
def test_a_quote_of_one_side_is_all_there_is_to_say(bid: int, ask: int, last: int | None) -> None:
    core = engine()
    apart(core)
    core.on(Quote("MES", TEN + 4 * SECOND_NS, bid, ask))
    assert mes(core).last == last


def test_when_the_months_are_one_again_the_tape_tells_the_last_trade() -> None:
    core = engine()
    apart(core)
    core.on(ContractNews(TEN + 3 * SECOND_NS, ""))
    tape(core, 4, 20_000 + BASIS)
    assert mes(core).last == 20_000 + BASIS


def test_the_old_months_quotes_are_no_quotes_of_the_new_one() -> None:
    core = engine()
    tape(core, 0, 20_000)
    core.on(FeedStatus("ES", TEN + SECOND_NS, FeedState.GAP, "roll", rolled_to="ESM6", shift_ticks=BASIS))
    assert (mes(core).bid, mes(core).ask) == (None, None)
