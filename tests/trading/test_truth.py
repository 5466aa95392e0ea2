"""What the broker says against what we believe: reports, naked positions, restarts, the link, invariants."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orderflow_tui.domain.account import BrokerOrder, Link, LinkStatus, MarginFigure
from orderflow_tui.domain.action import Alert, AskAccountReport, AskMargin, Cancel, Row, Send, Tier
from orderflow_tui.domain.event import Command, Committed, JournalFailed, SendFailed
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import (
    BrokerStatus,
    Commission,
    Fill,
    Order,
    OrderState,
    OrderType,
    OrderUpdate,
    Purpose,
    Role,
    Side,
)
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.trading.desk import Desk
from orderflow_tui.trading.gate import Fate, Gate
from orderflow_tui.trading.limits import Timing, TradingParams
from orderflow_tui.trading.naked import Guard
from orderflow_tui.trading.protection import NOTHING, Cover, cover_of, stand_ins
from orderflow_tui.trading.trade import ExitReason
from tests.builders import ES, MES
from tests.trading.house import PRICE, RICH, SLOW, START_NS, House, TinyBroker, owing
from tests.trading.test_brakes import flat


def foreign(
    quantity: int, side: Side = Side.BUY, name: str = "m1", order_id: str | None = None, symbol: str = "MES", **more: bool
) -> Fill:
    return Fill(f"{name}.01", name, 1, order_id, START_NS + SECOND_NS, symbol, side, quantity, PRICE, **more)  # fmt: skip


# -- reconciliation -----------------------------------------------------------------------------------------------------


def test_a_report_is_asked_every_fifteen_seconds_and_on_demand() -> None:
    house = House()
    house.wait(45_000)
    assert len(house.all(AskAccountReport)) == 4
    house.press(Command.RECONCILE)
    assert len(house.all(AskAccountReport)) == 5
    assert house.desk.report_age_ms(house.now) == 0


def test_a_person_who_asks_is_told_both_numbers_once() -> None:
    house = House().enter()
    house.wait(10)
    house.press(Command.RECONCILE)
    assert house.alerts("reconcile") == ["MES: broker +1, ours +1, they agree"]
    house.broker.position = 0
    house.wait(15_000)
    assert len(house.alerts("reconcile")) == 1
    house.press(Command.RECONCILE)
    assert house.alerts("reconcile")[-1] == "MES: broker +0, ours +1, they differ"


def test_a_person_who_asks_while_the_broker_is_out_of_reach_is_told_so() -> None:
    house = House()
    house.link(Link.BACKOFF)
    house.press(Command.RECONCILE)
    assert "out of reach" in house.desk.refusals[-1].reason


def test_a_stranger_heard_of_while_the_broker_is_out_of_reach_locks_and_asks_nobody() -> None:
    house = House()
    house.link(Link.BACKOFF)
    asked = len(house.all(AskAccountReport))
    house.tell(OrderUpdate("of1-other-9-E", house.now, BrokerStatus.WORKING))
    assert house.latched == {"SECOND_HOST"}
    assert len(house.all(AskAccountReport)) == asked


def test_without_a_period_reports_come_on_demand_only() -> None:
    house = House(TradingParams(risk=RICH, timing=Timing(reconcile_ms=0)))
    house.wait(120_000)
    assert house.state == "RUNNING"
    assert len(house.all(AskAccountReport)) == 1, "once when the link came up"


def test_a_position_the_broker_does_not_confirm_fences_then_halts_and_is_adopted() -> None:
    house = House()
    house.press(Command.RECONCILE)
    house.broker.position = 2
    house.press(Command.RECONCILE)
    assert house.state == "FENCED"
    assert house.desk.state_reason(house.facts) == "MES: broker +2, ours +0"
    house.wait(1_500)
    assert house.latched == set()
    house.wait(1_000)
    assert house.latched == {"MISMATCH"}
    assert house.desk.position() == 2
    assert [r.payload["quantity"] for r in house.rows if r.kind == "adjust"] == [2]
    house.wait(3_000)
    assert house.desk.protection is Cover.AT_BROKER, "what was adopted is protected"
    house.press(Command.RESUME, word="RESUME")
    assert house.latched == set()


def test_a_mismatch_that_goes_away_leaves_no_latch() -> None:
    house = House()
    house.broker.position = 1
    house.press(Command.RECONCILE)
    house.broker.position = 0
    house.wait(700)
    assert house.latched == set()
    house.wait(5_000)
    assert house.state == "RUNNING"


def test_a_mismatch_without_any_price_is_not_adopted_at_a_made_up_one() -> None:
    house = House()
    house.changes["marks"] = ()
    house.broker.position = 1
    house.press(Command.RECONCILE)
    while "MISMATCH" not in house.latched:
        house.wait(100)
    assert house.floor.reconciler.differences, "it stays open"
    house.wait(10_000)
    assert "MISMATCH" in house.latched
    assert house.desk.position() == 0
    told = house.alerts("mismatch MES")
    assert ["cannot be adopted" in text for text in told] == [True], "it is tried again and again, and told once"
    house.press(Command.RESUME, word="RESUME")
    assert "MISMATCH" in house.latched
    del house.changes["marks"]
    house.wait(10_000)
    assert house.desk.position() == 1


def test_without_a_mark_what_is_held_is_adjusted_at_its_average() -> None:
    house = House().enter(quantity=2)
    house.changes["marks"] = ()
    house.broker.position = 1
    house.press(Command.RECONCILE)
    house.wait(10_000)
    assert house.desk.position() == 1


def test_an_incomplete_report_or_one_of_an_older_connection_says_nothing() -> None:
    house = House()
    house.broker.position = 5
    house.broker.mute_reports = True
    house.link(Link.READY, 3)
    report = house.broker.report(house.now, 3)
    for void in (replace(report, complete=False, missing=("positions",)), replace(report, epoch=2)):
        house.tell(void)
        assert house.desk.report_age_ms(house.now) is None
        assert house.desk.broker_position is None
    house.tell(report)
    assert house.desk.broker_position == 5


def test_a_report_begun_before_our_newest_execution_is_not_compared() -> None:
    house = House()
    before = house.broker.report(house.now, 1)
    house.enter()
    house.tell(before)
    assert house.floor.reconciler.differences == ()
    assert any(r.payload.get("judgement") == "older than our newest execution" for r in house.rows)


def test_a_lost_fill_is_found_in_the_next_report() -> None:
    house = House()
    house.bracket()
    house.broker.mute = True
    house.trade(PRICE)
    house.broker.mute = False
    assert house.desk.position() == 0
    house.press(Command.RECONCILE)
    assert house.desk.position() == 1
    assert any("found in a report" in a for a in house.alerts("fill"))
    house.wait(3_000)
    assert house.latched == set()


@pytest.mark.parametrize("newest_first", [False, True])
def test_executions_of_a_report_are_booked_in_the_order_they_happened(newest_first: bool) -> None:
    house = House()
    house.wait(12_000)
    house.bracket("BUY")
    house.broker.mute = house.broker.mute_reports = True
    house.broker.match(PRICE - 1, PRICE + 1, PRICE, house.now)
    house.now += SECOND_NS
    house.broker.match(PRICE - 31, PRICE - 29, PRICE - 30, house.now)
    if newest_first:
        house.broker.fills.reverse()
    house.broker.mute = house.broker.mute_reports = False
    house.now += SECOND_NS
    house.tell(house.broker.report(house.now, 1))
    (trade,) = house.desk.trades
    assert (trade.side, trade.reason, house.latched) == (Side.BUY, ExitReason.STOP, set())
    assert trade.net_cents < 0


def test_executions_of_one_instant_are_booked_in_the_brokers_order() -> None:
    house = House()
    house.wait(12_000)
    first, second = foreign(1, name="m9"), foreign(1, Side.SELL, name="m1")
    assert first.ts_ns == second.ts_ns
    house.broker.fills += [first, second]
    house.tell(house.broker.report(house.now, 1))
    (trade,) = house.desk.trades
    assert trade.side is Side.BUY


def test_silence_of_the_broker_fences_after_45_s_and_alarms_after_120() -> None:
    house = House()
    house.wait(10)
    house.broker.mute_reports = True
    house.wait(44_000)
    assert house.state == "RUNNING"
    house.wait(2_000)
    assert house.state == "FENCED"
    assert house.alerts("no report") == []
    house.wait(120_000)
    assert len(house.alerts("no report")) == 1


@pytest.mark.parametrize("begins", [False, True])
def test_a_past_that_was_folded_is_no_silence_of_the_broker(begins: bool) -> None:
    house = House()
    house.broker.mute_reports = True
    house.wait(1)
    house.now += 600_000 * MS_NS
    if begins:
        house.desk.begin()
    house.wait(1)
    assert len(house.alerts("no report")) == (0 if begins else 1)
    assert ("report" in {fence.name for fence in house.desk.fences(house.facts)}) is not begins


def test_orders_absent_from_reports_are_given_up_after_two_and_ten_seconds_of_doubt_never_sent_again() -> None:
    house = House(broker=TinyBroker(deaf=True))
    house.bracket()
    house.wait(12_000)
    assert house.state_of(Role.ENTRY) is OrderState.UNKNOWN
    house.wait(3_000)
    assert house.state_of(Role.ENTRY) is OrderState.ABANDONED
    assert len(house.all(Send)) == 1
    house.tell(foreign(1, order_id="of1-t-1-E"))
    assert house.desk.position() == 1, "what shows up later is adopted"
    assert house.alerts("returned order") != []


def test_an_order_of_ours_the_journal_does_not_know_locks() -> None:
    house = House()
    house.floor.cut_off = True
    line = BrokerOrder("of1-t-77-S", 7, 7, "MES", Side.SELL, OrderType.STOP, 1, 0, BrokerStatus.WORKING, PRICE)
    house.tell(replace(house.broker.report(house.now, 1), orders=(line,)))
    assert house.latched == {"INVARIANT"}
    assert "its row was lost, or another copy of this journal may be trading" in house.desk.latches[0].reason
    other = House()
    other.tell(replace(other.broker.report(other.now, 1), orders=(replace(line, order_id="of1-x-1-E"),)))
    assert other.latched == {"SECOND_HOST"}
    named = House()
    named.tell(replace(named.broker.report(named.now, 1), orders=(replace(line, order_id=None, foreign_ref="of1-x-1-E"),)))
    assert named.latched == {"SECOND_HOST"}, "so the broker's adapter tells of it"
    news = House()
    news.tell(OrderUpdate("of1-x-1-E", news.now, BrokerStatus.WORKING))
    assert news.latched == {"SECOND_HOST"}
    mine = House()
    mine.floor.cut_off = True
    mine.tell(OrderUpdate("of1-t-9-E", mine.now, BrokerStatus.WORKING))
    assert mine.latched == {"INVARIANT"}


def copied(price: int = PRICE - 8) -> BrokerOrder:
    """A stop that a copy of our journal placed."""
    return BrokerOrder("of1-t-77-S", 7, 7, "MES", Side.SELL, OrderType.STOP, 1, 0, BrokerStatus.WORKING, price)


def test_an_order_of_our_name_that_was_never_written_where_nothing_was_lost_is_a_second_host() -> None:
    house = House()
    house.tell(replace(house.broker.report(house.now, 1), orders=(copied(),)))
    assert house.latched == {"SECOND_HOST"}
    assert house.desk.latches[0].reason == (
        "the broker holds of1-t-77-S, which this journal never wrote: another copy of this journal may be trading this account"
    )
    news = House()
    news.tell(OrderUpdate("of1-t-9-E", news.now, BrokerStatus.WORKING))
    assert news.latched == {"SECOND_HOST"}


@pytest.mark.parametrize("trouble", [LatchKind.JOURNAL_FAILED, LatchKind.BROKEN_CHAIN])
def test_where_the_journal_had_trouble_it_may_be_our_own(trouble: LatchKind) -> None:
    house = House()
    house.desk.open_latch(trouble, "test", house.facts)
    house.tell(replace(house.broker.report(house.now, 1), orders=(copied(),)))
    assert house.latched == {trouble.value, "INVARIANT"}


def test_after_a_clean_end_nothing_is_lost_and_after_a_death_something_may_be() -> None:
    def cut_off(*runs: str) -> bool:
        house = House()
        house.rows = [Row("orders", kind, f"r{n // 2}", house.now, {}) for n, kind in enumerate(runs)]
        return house.restart().floor.cut_off

    assert not House().restart().floor.cut_off, "there was nothing to lose"
    assert not cut_off("run_start"), "the first run asks"
    assert not cut_off("run_start", "run_end", "run_start")
    assert cut_off("run_start", "run_start"), "no end was written"
    assert cut_off("run_start", "run_end", "run_start", "run_start")
    silent = House()
    silent.press(Command.HALT)
    assert silent.restart().floor.cut_off, "nobody says how the run ended"


def test_an_execution_of_our_name_that_was_never_written_is_a_second_host_unless_rows_may_be_lost() -> None:
    house = House()
    house.tell(foreign(1, order_id="of1-t-77-E"))
    assert house.latched == {"SECOND_HOST", "ADJUSTED"}
    lost = House()
    lost.floor.cut_off = True
    lost.tell(foreign(1, order_id="of1-t-77-E"))
    assert lost.latched == {"ADJUSTED"}


@pytest.mark.parametrize("named", [True, False])
def test_no_stop_is_denied_while_one_of_our_kind_works_that_the_journal_does_not_know(named: bool) -> None:
    house = House(broker=TinyBroker(position=1, mute_reports=True))
    stop = copied() if named else replace(copied(), order_id=None, foreign_ref="of1-x-7-S")
    house.tell(replace(house.broker.report(house.now, 1), orders=(stop,), positions=()))
    house.tell(foreign(1, order_id="of1-t-77-E"))
    assert (house.state, house.desk.protection) == ("LOCKED", Cover.UNKNOWN)
    (told,) = house.alerts("naked MES")
    name = stop.order_id or stop.foreign_ref
    assert told == f"LOCKED with +1 MES: it has no stop of ours; {name} works, unknown to the journal; flatten by hand"


def test_a_position_that_a_copy_opened_may_have_a_stop_that_no_report_has_shown_yet() -> None:
    house = House(broker=TinyBroker(position=1, mute_reports=True))
    house.tell(house.broker.report(house.now, 1))
    house.tell(foreign(1, order_id="of1-t-77-E"))
    assert house.desk.protection is Cover.MISSING, "as far as we know"
    (told,) = house.alerts("naked MES")
    assert told.startswith("LOCKED with +1 MES: it has no stop of ours, whoever else trades here may have placed one")


def test_before_the_first_report_nobody_knows_of_another_stop() -> None:
    house = House(broker=TinyBroker(position=1, mute_reports=True))
    house.tell(foreign(1))
    assert house.desk.protection is Cover.MISSING


def test_a_strangers_order_is_told_once_and_left_alone() -> None:
    house = House()
    house.press(Command.RECONCILE)
    line = BrokerOrder(None, 7, 7, "MES", Side.SELL, OrderType.LIMIT, 1, 0, BrokerStatus.WORKING, PRICE, foreign_ref="tws")
    for _ in range(2):
        house.tell(replace(house.broker.report(house.now, 1), orders=(line,)))
    assert len(house.alerts("foreign orders")) == 1
    assert house.latched == set()


def test_the_wrong_account_locks_before_anything_else() -> None:
    house = House()
    house.tell(house.broker.report(house.now, 1, account="U999"))
    assert house.latched == {"WRONG_ACCOUNT"}
    echoed = House()
    echoed.bracket()
    echoed.tell(OrderUpdate("of1-t-1-E", echoed.now, BrokerStatus.WORKING, echoed_account="U2"))
    assert echoed.latched == {"WRONG_ACCOUNT"}


def test_equity_and_excess_come_from_the_report() -> None:
    house = House(TradingParams())
    assert house.desk.equity_cents is None
    house.tell(MarginFigure(house.now, "MES", 160_000, 777))
    assert house.desk.equity_cents == 777
    house.tell(replace(house.broker.report(house.now, 1), equity_cents=900_000, excess_liquidity_cents=319_999))
    assert house.desk.equity_cents == 900_000
    assert [f.name for f in house.desk.fences(house.facts)] == ["margin"]


def test_money_that_is_not_told_leaves_the_last_figure_standing_until_it_is_too_old() -> None:
    """One summary without an answer took the fence away, and an entry left on a hundred dollars."""
    house = House(broker=TinyBroker(excess_cents=10_000))
    report = house.broker.report
    house.wait(1)
    thin = ["excess liquidity 100.00, twice the margin of one contract is 3200.00"]
    assert [f.reason for f in house.desk.fences(house.facts) if f.name == "margin"] == thin
    house.tell(replace(report(house.now, 1), equity_cents=None, excess_liquidity_cents=None))
    assert [f.reason for f in house.desk.fences(house.facts) if f.name == "margin"] == thin
    house.tell(replace(report(house.now, 1), excess_liquidity_cents=9_000_000))
    assert house.desk.fences(house.facts) == ()
    house.floor.excess_ns = house.now - 1_800_001 * MS_NS
    house.tell(replace(report(house.now, 1), excess_liquidity_cents=None))
    old = "excess liquidity is not known: it was last told 30 min ago, 30 min allowed"
    assert [f.reason for f in house.desk.fences(house.facts)] == [old]
    house.bracket()
    assert (house.refusal, house.all(Send)) == ("trading state", [])
    house.tell(replace(report(house.now, 1), excess_liquidity_cents=9_000_000))
    assert house.desk.fences(house.facts) == ()


def test_excess_liquidity_that_was_never_told_is_no_permission_where_reports_come() -> None:
    """Equity known, margin within its share, and no report ever said how much was left: the fence let entries through."""
    house = House(broker=TinyBroker(excess_cents=None, equity_cents=5_000_000))
    assert _margin_fences(house) == ["excess liquidity is not known: no account report has come yet"]
    house.bracket()
    assert _margin_fences(house) == ["excess liquidity is not known: no account report has told it"]
    assert (house.refusal, house.all(Send)) == ("trading state", [])
    house.broker.currency = "EUR"
    house.tell(house.broker.report(house.now, 1))
    told = "excess liquidity is not known: the broker tells the account's money in EUR, not in USD"
    assert _margin_fences(house) == [told]
    house.bracket()
    assert (house.desk.refusals[-1].reason, house.all(Send)) == (f"FENCED: {told}", [])
    house.broker.currency, house.broker.excess_cents = "", 9_000_000
    house.tell(house.broker.report(house.now, 1))
    assert _margin_fences(house) == []
    in_a_recording = House(TradingParams(risk=RICH, timing=SLOW), broker=TinyBroker(excess_cents=None))
    assert _margin_fences(in_a_recording) == [], "reports come on demand there, and the simulated broker tells what is left"


def _margin_fences(house: House) -> list[str]:
    return [f.reason for f in house.desk.fences(house.facts) if f.name == "margin"]


def test_an_account_kept_in_another_currency_is_worth_nobody_knows_what_and_that_is_told_once() -> None:
    house = House(TradingParams())
    house.tell(MarginFigure(house.now, "MES", 160_000, 8_000_000))
    assert house.desk.equity_cents == 8_000_000
    foreign = replace(house.broker.report(house.now, 1), equity_cents=None, excess_liquidity_cents=None, currency="HKD")
    house.tell(foreign)
    house.tell(foreign)
    house.tell(replace(foreign, currency=""))  # not answered: nothing new
    house.tell(MarginFigure(house.now, "MES", 160_000, 8_000_000))
    assert house.desk.equity_cents is None, "nor from a margin figure, which is in that currency too"
    told = "the broker tells the account's money in HKD, not in USD: equity and excess liquidity are not known"
    assert [a.text for a in house.all(Alert) if a.kind == "currency"] == [told]
    house.bracket()
    assert (house.refusal, house.all(Send)) == ("margin", [])
    house.tell(replace(foreign, currency="", equity_cents=1_000_000))
    assert house.desk.equity_cents == 1_000_000
    house.tell(foreign)
    assert len([a for a in house.all(Alert) if a.kind == "currency"]) == 2


def test_margin_is_asked_when_ready_and_every_quarter_hour() -> None:
    house = House()
    house.wait(900_000)
    assert len(house.all(AskMargin)) == 2


# -- executions ---------------------------------------------------------------------------------------------------------


def test_a_manual_trade_is_adopted_protected_and_a_person_is_asked() -> None:
    house = House()
    house.broker.position = 1
    house.tell(foreign(1))
    assert house.latched == {"ADJUSTED"}
    assert house.desk.position() == 1
    house.wait(1_000)
    assert house.ticket(Role.EMERGENCY).state is OrderState.ACKED
    house.broker.match(PRICE - 40, PRICE - 38, PRICE - 39, house.now)
    house._deliver()
    assert house.desk.trades[-1].breaks == ("opened outside the gate",)


def test_where_it_is_configured_so_a_strangers_position_is_left_alone() -> None:
    house = House(TradingParams(risk=RICH, protect_external=False))
    house.broker.position = 1
    house.tell(foreign(1))
    house.wait(5_000)
    assert house.sent() == []
    assert len(house.alerts("external MES")) == 1


def test_a_liquidation_halts() -> None:
    house = House().enter()
    house.broker.position = 0
    house.tell(foreign(1, Side.SELL, liquidation=True))
    assert house.latched == {"LIQUIDATION", "ADJUSTED"}


def test_an_execution_of_another_installation_locks() -> None:
    house = House()
    house.tell(foreign(1, order_id="of1-x-3-E"))
    assert house.latched >= {"SECOND_HOST", "ADJUSTED"}


def test_a_fill_of_an_order_never_sent_locks_and_is_booked_all_the_same() -> None:
    house = House(journal="silent")
    house.bracket()
    house.tell(foreign(1, order_id="of1-t-1-E"))
    assert "INVARIANT" in house.latched
    assert house.desk.position() == 1


def test_a_late_fill_is_protected_again() -> None:
    house = House()
    house.bracket()
    house.press(Command.CANCEL_ENTRIES)
    assert house.desk.working == ()
    house.broker.position = 1
    house.tell(foreign(1, order_id="of1-t-1-E", name="late"))
    assert house.alerts("late fill") != []
    assert house.ticket(Role.EMERGENCY).order.stop_ticks == PRICE - 15, "where the bracket's own stop would have stood"


def beyond_the_limit() -> House:
    """One entry called off, another lost more than the day may: flattened, flat, halted."""
    house = House(TradingParams(risk=replace(RICH, daily_loss_cents=2_700)))
    house.bracket()
    house.press(Command.CANCEL_ENTRIES)
    house.enter()
    house.broker.orders[house.ticket(Role.STOP).order.id].alive = False
    house.last = PRICE - 20
    house._carry(house.desk.on_mark(house.facts))
    flat(house)
    assert (house.latched, house.desk.flattening, house.broker.position) == ({"DAILY_LOSS"}, None, 0)
    return house


def test_an_entry_that_fills_late_behind_a_limit_is_flattened_too() -> None:
    house = beyond_the_limit()
    house.broker.position = 1
    house.tell(foreign(1, order_id="of1-t-1-E", name="late"))
    assert house.desk.flattening is not None
    assert house.alerts("flatten")[-1] == "flatten begins: DAILY_LOSS: +1 MES held behind the limit"
    flat(house, 8_000)
    assert house.broker.position == house.desk.position() == 0
    assert (house.latched, house.state) == ({"DAILY_LOSS"}, "HALTED")


def test_what_a_person_opened_elsewhere_behind_a_limit_gets_a_stop_and_stays_theirs() -> None:
    house = beyond_the_limit()
    house.broker.position = 1
    house.tell(foreign(1))
    house.wait(1_000)
    assert (house.latched, house.desk.flattening) == ({"DAILY_LOSS", "ADJUSTED"}, None)
    assert house.ticket(Role.EMERGENCY).state is OrderState.ACKED


def test_a_late_fill_behind_a_limit_waits_for_recovery_and_for_a_lock_to_go() -> None:
    house = beyond_the_limit()
    house.broker.position = 1
    house.broker.fills.append(foreign(1, order_id="of1-t-1-E", name="late"))
    again = house.restart()
    again.tell(again.broker.report(again.now, 1))
    assert (again.state, again.desk.flattening, again.desk.position()) == ("RECOVERING", None, 1)
    again.floor.latch(LatchKind.CLIENT_ID, "test")
    again.wait(5_000)
    assert (again.state, again.floor.recovering, again.desk.flattening) == ("LOCKED", False, None)
    again.press(Command.RESUME, word="RESUME", key_ok="1")
    assert again.desk.flattening is not None
    flat(again, 8_000)
    assert again.broker.position == 0


def test_both_legs_filling_is_a_reversal_and_flattens() -> None:
    house = House().enter()
    house.trade(PRICE + 40)
    house.broker.position = -1
    house.tell(foreign(1, Side.SELL, order_id="of1-t-1-S", name="race"))
    assert "REVERSED" in house.latched
    assert house.state == "FLATTENING"
    flat(house, 8_000)
    assert house.broker.position == house.desk.position() == 0


def test_a_correction_is_told_and_a_bust_protected_anew() -> None:
    house = House().enter()
    house.trade(PRICE + 40)
    exit_fill = house.broker.fills[-1]
    house.broker.position = 1
    house.tell(replace(exit_fill, exec_id="x2.02", revision=2, quantity=0))
    assert house.desk.position() == 1
    assert house.alerts("correction") != []
    assert house.desk.protection is Cover.AT_BROKER
    house.tell(replace(exit_fill, exec_id="x2.02", revision=2, quantity=0))
    assert house.desk.position() == 1
    assert house.latched == set()


def test_commissions_replace_the_expected_ones() -> None:
    house = House().enter()
    house.tell(Commission("x1.01", house.now, 99))
    assert house.desk.ledger.fees_cents == 99
    house.trade(PRICE + 40)
    house.tell(Commission("x2.01", house.now, 101))
    assert [r.payload["fees_cents"] for r in house.rows if r.kind == "trade"] == [99 + 62, 200]


# -- the naked position -------------------------------------------------------------------------------------------------


def test_a_rejected_stop_is_replaced_at_once() -> None:
    house = House(broker=TinyBroker(reject=lambda o: o.role is Role.STOP))
    house.enter()
    assert house.ticket(Role.STOP).state is OrderState.REJECTED
    emergency = house.ticket(Role.EMERGENCY)
    assert (emergency.state, emergency.order.stop_ticks, emergency.order.quantity) == (OrderState.ACKED, PRICE - 15, 1)
    assert house.desk.protection is Cover.AT_BROKER


def bare(**emergency: object) -> House:
    """Filled, its stop rejected; what becomes of the emergency stop is the broker's mood."""
    house = House(broker=TinyBroker(reject=lambda o: o.role is Role.STOP))
    house.bracket()
    for name, mood in emergency.items():
        setattr(house.broker, name, mood)
    house.trade(PRICE)
    return house


def test_the_alert_of_a_naked_position_is_about_that_position() -> None:
    (told,) = [alert for alert in bare().all(Alert) if alert.kind == "naked"]
    assert (told.subject, told.tier) == ("+1 MES", Tier.CRITICAL)


def test_an_emergency_stop_that_is_not_confirmed_in_three_seconds_flattens() -> None:
    house = bare(deaf=True)
    house.broker.deaf = False
    house.wait(2_999)
    assert house.desk.flattening is None
    house.wait(1)
    assert "NAKED" in house.latched
    flat(house, 15_000)
    assert house.broker.position == 0
    assert house.desk.trades[-1].reason is ExitReason.HALTED


def test_an_emergency_stop_that_the_broker_rejects_flattens_at_once() -> None:
    house = bare(reject=lambda o: o.role is Role.EMERGENCY)
    assert "NAKED" in house.latched
    flat(house)
    assert house.broker.position == 0


def test_an_emergency_stop_that_provably_never_left_is_sent_again_a_quarter_of_a_second_later() -> None:
    house = bare(deaf=True)
    first = house.ticket(Role.EMERGENCY)
    house.broker.deaf = False
    house.tell(SendFailed(house.now, (first.order.id,), True, "the line was full"))
    house.wait(249)
    assert house.ticket(Role.EMERGENCY) is first
    house.wait(1)
    assert house.ticket(Role.EMERGENCY).state is OrderState.ACKED
    assert house.desk.protection.value == "at broker"


def test_a_stop_nobody_confirms_is_doubled_inside_its_own_group_after_two_seconds() -> None:
    house = House()
    house.bracket()
    stop = house.ticket(Role.STOP)
    stop.state = OrderState.SENT
    house.trade(PRICE)
    assert house.desk.protection is Cover.PENDING
    house.wait(1_999)
    assert Role.EMERGENCY not in {t.order.role for t in house.floor.blotter.tickets.values()}
    house.wait(1)
    assert house.ticket(Role.EMERGENCY).order.oca_group == stop.order.oca_group


def test_a_market_beyond_the_missing_stop_is_left_at_once() -> None:
    house = House(broker=TinyBroker(reject=lambda o: o.role in (Role.STOP, Role.EMERGENCY)))
    house.bracket()
    house.last = PRICE - 30
    house.broker.fill(house.broker.orders["of1-t-1-E"], 1, PRICE + 1, house.now)
    house._deliver()
    assert "NAKED" in house.latched
    assert house.state == "FLATTENING"


def test_a_triggered_stop_that_rests_unfilled_is_chased_by_a_flatten() -> None:
    house = House().enter()
    house.broker.orders["of1-t-1-S"].filled = 1  # the exchange holds it at its protection price
    house.trade(PRICE - 16)
    assert house.desk.watch().above == PRICE - 15, "and the price that comes back is watched"
    house.trade(PRICE - 14)
    house.wait(6_000)
    assert house.desk.flattening is None
    house.trade(PRICE - 17)
    house.wait(4_999)
    assert house.desk.flattening is None
    house.wait(1)
    assert "NAKED" in house.latched


def test_a_stop_held_without_its_safety_fields_does_not_count() -> None:
    house = House().enter()
    house.tell(OrderUpdate("of1-t-1-S", house.now, BrokerStatus.WORKING, echoed_tif="DAY"))
    assert house.alerts("unsound stop") != []
    assert house.ticket(Role.EMERGENCY).state is OrderState.ACKED
    reported = House().enter()
    reported.broker.orders["of1-t-1-S"].order = replace(reported.ticket(Role.STOP).order, outside_rth=False)
    reported.wait(15_000)
    assert reported.alerts("unsound stop") != []


def test_growth_is_an_additional_stop_in_a_group_of_its_own() -> None:
    house = House().enter()
    house.broker.position = 2
    house.tell(foreign(1))
    emergency = house.ticket(Role.EMERGENCY)
    assert emergency.order.quantity == 1
    assert emergency.order.oca_group == emergency.order.intent_id
    house.broker.position = 1
    house.tell(foreign(1, Side.SELL, "m2"))
    house.wait(1)
    assert house.assured == 1, "and what is too much goes first where it is youngest"
    assert house.ticket(Role.STOP).state is OrderState.ACKED


def test_exits_with_nothing_to_exit_are_cancelled_after_a_second() -> None:
    house = House().enter()
    house.broker.position = 0
    house.tell(foreign(1, Side.SELL))
    house.wait(999)
    assert house.all(Cancel) == []
    house.wait(1)
    assert sorted(house.all(Cancel)[0].order_ids) == ["of1-t-1-S", "of1-t-1-T"]


def test_in_locked_a_naked_position_is_told_and_nothing_leaves_by_itself() -> None:
    house = House(broker=TinyBroker(reject=lambda o: o.role is Role.STOP))
    house.bracket()
    house.desk.open_latch(LatchKind.SECOND_HOST, "test", house.facts)
    house.broker.fill(house.broker.orders["of1-t-1-E"], 1, PRICE, house.now)
    house._deliver()
    house.wait(10_000)
    assert house.sent(Purpose.PROTECT)[-1].role is not Role.EMERGENCY
    assert len(house.alerts("naked MES")) == 1


def test_a_refused_change_is_asked_about_and_tried_again() -> None:
    house = House(broker=TinyBroker(part=1))
    house.bracket(quantity=2)
    refused: list[str] = []

    def no(order: Order, now: int) -> None:
        held = house.broker.orders[order.id]
        refused.append(held.order.id)
        house.broker.status(held, now, BrokerStatus.CHANGE_REFUSED)

    honest, house.broker.change = house.broker.change, no  # type: ignore[method-assign]
    house.trade(PRICE)
    house.wait(1_500)
    assert refused
    house.broker.change = honest  # type: ignore[method-assign]
    house.wait(10_000)
    assert house.assured == 1


def test_stale_data_with_a_position_is_alarmed_once() -> None:
    house = House().enter()
    house.changes["data_age_ms"] = 5_000
    house.wait(60_000)
    assert len(house.alerts("stale data")) == 1


def test_a_position_without_a_price_is_alarmed_once_after_five_seconds_and_again_when_it_comes_back() -> None:
    house = House().enter()
    house.changes["marks"] = ()
    house.wait(4_900)
    assert house.alerts("value") == []
    house.wait(60_000)
    (told,) = house.alerts("value")
    assert told.startswith("no price of +1 MES is known: net, open and worst case are unknown")
    assert [a.tier for a in house.all(Alert) if a.kind == "value"] == [Tier.CRITICAL]
    assert house.desk.unpriced(house.facts) == "MES"
    house.changes.pop("marks")
    house.trade(house.last)
    assert house.desk.unpriced(house.facts) is None
    house.changes["marks"] = ()
    house.trade(house.last)
    house.wait(10_000)
    assert len(house.alerts("value")) == 2


def test_what_a_person_holds_in_an_instrument_without_a_price_is_alarmed_too() -> None:
    house = House(TradingParams(risk=RICH, analysis="ES"))
    house.wait(12_000)
    house.broker.others["ES"] = 2
    fill = Fill("m1.01", "m1", 1, None, house.now, "ES", Side.BUY, 2, PRICE)
    house.broker.fills.append(fill)
    house.tell(fill)
    house.wait(10_000)
    (told,) = house.alerts("value")
    assert told.startswith("no price of +2 ES is known")


@pytest.mark.parametrize("quiet", [{"market_open": False}, {"data_age_ms": 5_000}])
def test_no_price_in_a_closed_market_or_while_all_data_are_old_is_told_when_it_lasts_longer(quiet: dict[str, object]) -> None:
    house = House().enter()
    house.changes |= {"marks": (), **quiet}
    house.wait(60_000)
    assert house.alerts("value") == []
    for name in quiet:
        del house.changes[name]
    house.trade(house.last)
    house.wait(4_900)
    assert house.alerts("value") == []
    house.wait(1_000)
    assert len(house.alerts("value")) == 1


def test_cover_has_a_word_for_every_case() -> None:
    house = House().enter()
    (stop,) = house.floor.against("MES")
    assert cover_of(0, ()) is Cover.NONE_NEEDED
    assert cover_of(1, (stop,)) is Cover.AT_BROKER
    assert cover_of(2, (stop,)) is Cover.MISSING
    stop.state = OrderState.SENT
    assert cover_of(1, (stop,)) is Cover.PENDING
    stop.state = OrderState.UNKNOWN
    assert cover_of(1, (stop,)) is Cover.UNKNOWN


# -- the link -----------------------------------------------------------------------------------------------------------


def test_a_lost_link_makes_every_order_unknown_and_the_report_settles_them() -> None:
    house = House().enter()
    house.link(Link.BACKOFF)
    assert {t.state for t in house.desk.working} == {OrderState.UNKNOWN}
    assert house.desk.protection is Cover.UNKNOWN
    assert house.desk.armed_left_ms(house.now) == 0
    house.link(Link.READY, 2)
    assert {t.state for t in house.desk.working} == {OrderState.ACKED}
    assert house.state == "FENCED", "all must be well for five seconds"
    house.wait(5_000)
    assert house.state == "RUNNING"


def test_a_link_that_was_lost_is_told_when_it_is_ready_again_and_once() -> None:
    house = House()
    house.link(Link.READY)
    assert house.alerts("reconnected") == []
    house.link(Link.BACKOFF)
    house.link(Link.WARMUP, 2)
    assert house.alerts("reconnected") == []
    house.link(Link.READY, 2)
    house.link(Link.DEGRADED, 2)
    house.link(Link.READY, 2)
    assert house.alerts("reconnected") == ["connected again, market data flows"]
    house.link(Link.BACKOFF)
    house.link(Link.READY, 3)
    assert len(house.alerts("reconnected")) == 2


def test_degraded_data_is_no_lost_link() -> None:
    house = House().enter()
    house.link(Link.DEGRADED)
    assert house.desk.protection is Cover.AT_BROKER
    assert house.state == "FENCED"


def test_a_new_connection_epoch_is_a_lost_link_even_when_nobody_said_so() -> None:
    house = House().enter()
    house.broker.mute_reports = True
    house.changes["link_epoch"] = 7
    house.wait(1_000)
    house.press(Command.DISARM)
    assert house.desk.protection is Cover.UNKNOWN
    assert house.desk.broker_position is None
    house.wait(2_000)
    assert house.ticket(Role.EMERGENCY).order.oca_group == house.ticket(Role.STOP).order.oca_group


def test_the_broker_says_which_numbers_it_still_accepts() -> None:
    house = House()
    house.tell(LinkStatus(house.now, Link.READY, 1, next_number=5_000))
    house.bracket()
    assert house.sent()[0].number == 5_000


# -- restart ------------------------------------------------------------------------------------------------------------


def test_a_restart_with_a_position_recovers_protection_figures_and_reasons() -> None:
    house = House().enter(quantity=2)
    again = house.restart()
    assert again.desk.position() == 2
    assert again.state == "RECOVERING"
    assert again.desk.protection.value == "?"
    again.press(Command.BRACKET, side="BUY")
    assert again.refusal == "trading state"
    again.wait(8_000)
    assert again.state == "RUNNING"
    assert again.desk.protection.value == "at broker"
    again.trade(PRICE + 40)
    assert again.desk.trades[-1].reason is ExitReason.TARGET
    assert again.desk.ledger.net_cents == 2 * (24 * 125 - 2 * 62)


def test_a_restart_clears_no_latch_and_grants_nothing() -> None:
    house = House()
    house.press(Command.HALT)
    house.stop_file("halt")
    again = house.restart()
    again.wait(2_000)
    assert again.latched == {"OPERATOR", "STOP_FILE"}
    assert again.state == "HALTED"


def test_a_cleared_latch_stays_cleared_and_cooldown_goes_on_after_a_restart() -> None:
    house = House(broker=TinyBroker(reject=lambda o: o.role is Role.ENTRY))
    house.press(Command.HALT)
    house.press(Command.RESUME, word="RESUME")
    house.bracket()
    again = house.restart()
    again.wait(10_000)
    assert again.latched == set()
    assert "cooldown" in {f.name for f in again.desk.fences(again.facts)}


def test_ids_causes_numbers_and_rates_go_on_after_a_restart() -> None:
    house = House()
    for _ in range(3):
        house.bracket()
        house.press(Command.CANCEL_ENTRIES)
    again = house.restart()
    again.wait(2_500)
    again.key = house.key - 1
    again.arm()
    again.key = house.key - 2
    again.press(Command.BRACKET, side="BUY")
    assert again.refusal == "duplicate"
    again.key = 9_000
    again.bracket()
    sent = again.sent()[0]
    assert int(sent.id.split("-")[2]) > 3
    assert sent.number == 10
    again.press(Command.CANCEL_ENTRIES)
    again.bracket()
    assert again.latched == {"RATE_LIMIT"}


def test_an_intent_that_was_committed_but_never_sent_is_given_up_not_sent() -> None:
    house = House(journal="silent")
    house.bracket()
    house.rows += next(a for a in house.done if getattr(a, "ids", ())[:1] == ("of1-t-1-E",)).rows  # type: ignore[union-attr]
    again = house.restart()
    assert {t.state for t in again.desk.working} == {OrderState.UNKNOWN}
    again.wait(14_000)
    assert again.desk.working == ()
    assert again.sent() == []
    assert again.state in ("RUNNING", "FENCED")


def test_an_unfinished_flatten_goes_on_after_a_restart() -> None:
    house = House().enter()
    house.changes["market_open"] = False
    house.press(Command.FLATTEN)
    again = house.restart()
    assert again.desk.flattening == "PENDING"
    flat(again, 8_000)
    assert again.broker.position == 0
    assert again.desk.trades[-1].reason is ExitReason.MANUAL
    once_more = again.restart()
    assert once_more.desk.flattening is None


def test_a_flatten_that_a_person_claimed_goes_on_as_a_persons_after_a_restart() -> None:
    house = House().enter()
    house.changes |= {"market_open": False, "flat_at_ns": house.now}
    house.press(Command.HALT)
    house.press(Command.FLATTEN)
    house.press(Command.FLATTEN)
    begun = [(r.ref, r.payload["manual"]) for r in house.rows if r.kind == "campaign"]
    assert begun == [(begun[0][0], False), (begun[0][0], True)]
    again = house.restart()
    again.floor.latch(LatchKind.CLIENT_ID, "only a person may flatten now")
    flat(again, 8_000)
    assert again.broker.position == 0


def test_a_claim_whose_commit_failed_is_not_overtaken_by_the_row_before_it() -> None:
    house = House().enter()
    house.changes |= {"market_open": False, "flat_at_ns": house.now}
    house.journal = "silent"
    house.press(Command.HALT)
    house.press(Command.FLATTEN)
    for key in list(house.floor.owed):
        house.tell(JournalFailed(house.now, (key,), "disk full"))
    assert [r.payload["manual"] for r in house.rows if r.kind == "campaign"] == [True]


def test_the_end_of_a_flatten_written_late_does_not_end_the_next_one() -> None:
    house = House().enter()
    house.press(Command.FLATTEN)
    house.journal = "silent"
    flat(house, 8_000)
    assert house.desk.flattening is None
    house.journal = "prompt"
    house.changes["market_open"] = False
    house.press(Command.FLATTEN)
    ended = next(key for key, row in house.floor.owed.items() if row.kind == "campaign")
    house.tell(JournalFailed(house.now, (ended,), "disk full"))
    assert [r.payload["what"] for r in house.rows if r.kind == "campaign"] == ["begin", "begin", "end"]
    again = house.restart()
    assert again.desk.flattening == "PENDING", "the second goes on"
    again.wait(8_000)
    assert again.restart().desk.flattening is None, "and ends by its own row"


def test_an_adopted_position_and_an_answered_change_come_back() -> None:
    house = House(broker=TinyBroker(part=1))
    house.bracket(quantity=2)
    house.trade(PRICE)
    house.wait(2_000)
    house.broker.position = 3
    house.press(Command.RECONCILE)
    house.wait(10_000)
    again = house.restart()
    assert again.desk.position() == 3
    assert again.ticket(Role.STOP).order.quantity == 1
    assert again.ticket(Role.STOP).drawn == 1


def test_news_written_before_its_order_is_kept_for_it() -> None:
    house = House().enter()
    orders = [r for r in house.rows if r.kind == "order"]
    late = [r for r in house.rows if r.kind != "order"] + orders
    desk = Desk(house.params, {"MES": MES, "ES": ES}, "MES", "U1", "t")
    desk.restore(late)
    assert len(desk.working) == 2
    assert {t.state for t in desk.working} == {OrderState.UNKNOWN}


def test_a_journal_row_that_makes_no_sense_is_named_and_locks() -> None:
    for row in (
        Row("orders", "latch", "NO_SUCH", 1, {"open": True, "since_ns": 1}),
        Row("orders", "cooldown", "x", 1, {"until_ns": "soon"}),
        Row("orders", "fill", "x", 1, {"base_id": 5}),
        Row("orders", "fill", "x", 1, {"base_id": "x", "revision": True}),
    ):
        house = House()
        house.desk.restore([row])
        assert f"row {row.kind} {row.ref} at 1: " in house.desk.unread(None)
        house.trade(PRICE)
        assert (house.state, house.latched) == ("LOCKED", {"BROKEN_CHAIN"})


def test_a_fill_written_before_its_order_was_known_to_be_sent_is_counted_once() -> None:
    house = House().enter()
    rows = [r for r in house.rows if not (r.kind == "state" and r.payload["state"] in ("SENT", "ACKED", "FILLED"))]
    desk = Desk(house.params, {"MES": MES, "ES": ES}, "MES", "U1", "t")
    desk.restore([*rows, *[r for r in rows if r.kind in ("fill", "order")]])
    assert desk.position() == 1
    assert desk.ledger.fees_cents == 62


def test_recovery_adopts_what_happened_while_nobody_looked() -> None:
    house = House().enter()
    house.broker.mute = True
    house.trade(PRICE + 40)
    house.broker.mute = False
    again = house.restart()
    again.wait(4_000)
    assert again.desk.position() == 0
    assert again.desk.trades[-1].reason is ExitReason.TARGET
    assert again.state in ("RUNNING", "FENCED")


# -- invariants ---------------------------------------------------------------------------------------------------------


def test_a_broken_count_locks() -> None:
    house = House().enter()
    house.floor.blotter.adjust("MES", 5)
    house.trade(PRICE)
    assert house.latched == {"INVARIANT"}


@pytest.mark.parametrize("spoiled", ["another entry", "a halt"])
def test_an_entry_that_would_leave_beside_another_or_after_a_halt_is_stopped_and_locks(
    spoiled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(journal="silent")
    house.bracket()
    entry = house.ticket(Role.ENTRY)
    if spoiled == "another entry":
        house.floor.blotter.add(replace(entry.order, id="of1-t-9-E"), house.now, OrderState.ACKED)
    else:
        house.floor.board.open(LatchKind.UNATTENDED, house.now, None, "put there behind the gate's back")
        monkeypatch.setattr(Gate, "second_look", lambda *_: (Fate.SEND, ""))
    house.tell(Committed(house.now, (entry.order.id,), 1))
    assert "INVARIANT" in house.latched
    assert house.broker.sent_ids == []
    assert entry.state is OrderState.NOT_SENT


def test_a_guard_that_does_not_act_in_its_time_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guard, "look", lambda *_, **__: NOTHING)
    house = bare()
    house.wait(5_900)
    house.tell(Commission("x", house.now, 1))
    assert house.latched == set()
    house.wait(101)
    house.tell(Commission("x", house.now, 1))
    assert house.latched == {"INVARIANT"}


def test_an_entry_beyond_the_hard_cap_locks() -> None:
    big = House()
    big.bracket()
    big.ticket(Role.ENTRY).order = replace(big.ticket(Role.ENTRY).order, quantity=11)
    big.tell(Commission("x", big.now, 1))
    assert big.latched == {"INVARIANT"}


def test_the_read_side_answers_at_any_time() -> None:
    house = House()
    desk = house.desk
    assert (desk.position("ES"), desk.average_ticks(), desk.last_trade, desk.trade_date) == (0, None, None, None)
    house.enter()
    assert desk.execution == "MES"
    assert len(desk.orders) == 2
    assert desk.trades_today == 1
    assert desk.how_to_clear(LatchKind.OPERATOR) == "resume"
    assert desk.watch().due_ns > house.now
    assert desk.report_age_ms(house.now + 5 * MS_NS) is not None


def test_an_emergency_stop_that_never_left_is_not_sent_again_where_hope_covers_and_wakes_nobody_for_ever() -> None:
    house = bare(deaf=True)
    guard, hoped = house.floor.guard("MES"), house.ticket(Role.EMERGENCY)
    guard.not_sent(house.now)
    assert guard.look(1, [hoped], PRICE, house.now + 250 * MS_NS) == NOTHING
    due = guard.due_ns
    assert due is not None
    assert due > house.now + 250 * MS_NS


@pytest.mark.parametrize("told", ["as news", "in a report"])
def test_a_stop_held_outside_its_group_protects_and_is_cancelled_by_the_house_when_the_target_fills(told: str) -> None:
    house = House().enter()
    stripped = replace(house.ticket(Role.STOP).order, oca_group="")
    house.broker.orders["of1-t-1-S"].order = stripped
    sent = len(house.all(Send))
    if told == "as news":
        for _ in range(2):
            house.tell(OrderUpdate(stripped.id, house.now, BrokerStatus.WORKING, echoed_oca_group=""))
    house.wait(31_000)
    assert len(house.alerts("exit group")) == 1, "once"
    assert "in no group" in house.alerts("exit group")[0]
    assert len(house.all(Send)) == sent, "a second stop beside it could reverse"
    house.broker.fill(house.broker.orders["of1-t-1-T"], 1, PRICE + 24, house.now)
    house._deliver()
    house.wait(3_000)
    assert house.desk.position() == 0
    assert house.state_of(Role.STOP) is OrderState.CANCELLED
    assert house.latched == set()


def test_what_the_broker_says_of_the_group_of_an_entry_changes_nothing() -> None:
    house = House().enter()
    house.tell(OrderUpdate("of1-t-1-E", house.now, BrokerStatus.FILLED, echoed_oca_group="x"))
    assert house.alerts("exit group") == []
    house.tell(OrderUpdate("of1-t-1-S", house.now, BrokerStatus.WORKING))
    told = house.broker.report(house.now, 1)
    bare = tuple(replace(line, tif="", oca_group="") for line in told.orders)
    house.wait(1_000)
    house.tell(replace(told, began_ns=house.now, ts_ns=house.now, orders=bare))
    assert house.alerts("exit group") == [], "nor does a line that tells no safety fields"


def by_hand(house: House, side: Side, quantity: int) -> None:
    """Somebody trades the same contract in another program."""
    house.broker.position += side * quantity
    base = f"m{len(house.broker.fills) + 1}"
    fill = Fill(f"{base}.01", base, 1, None, house.now, "MES", side, quantity, house.last)
    house.broker.fills.append(fill)
    house.tell(fill)


def test_the_exits_of_a_position_that_somebody_turned_around_are_called_off() -> None:
    """Bought one, and sold two by hand: the old stop would have sold another one, the old target too."""
    house = House().enter("BUY", 1)
    old = [house.ticket(role).order.id for role in (Role.STOP, Role.TARGET)]
    by_hand(house, Side.SELL, 2)
    assert house.ticket(Role.EMERGENCY).order.side is Side.BUY
    house.wait(1_100)
    assert [house.broker.orders[order_id].alive for order_id in old] == [False, False]
    assert (house.desk.position(), house.desk.protection, house.desk.flattening) == (-1, Cover.AT_BROKER, None)


def test_exits_of_the_other_side_that_do_not_go_flatten() -> None:
    house = House().enter("BUY", 1)
    house.broker.cancel = lambda ids, now: None  # type: ignore[method-assign]
    by_hand(house, Side.SELL, 2)
    house.wait(9_900)
    assert house.desk.flattening is None
    house.wait(100)
    assert "NAKED" in house.latched, "they would add to the position"


def part_filled_stop(house: House, told: bool) -> TinyBroker:
    """One of the three contracts of the stop fills, the other two rest; its group cancels the target."""
    broker = house.broker
    stop, target = broker.orders[house.ticket(Role.STOP).order.id], broker.orders[house.ticket(Role.TARGET).order.id]
    target.alive, target.status = False, BrokerStatus.CANCELLED
    stop.filled, broker.position = 1, broker.position - 1
    if told:
        broker.status(target, house.now, BrokerStatus.CANCELLED)
        assert stop.order.stop_ticks is not None
        fill = Fill("s1.01", "s1", 1, stop.order.id, house.now, "MES", Side.SELL, 1, stop.order.stop_ticks)
        broker.fills.append(fill)
        house.tell(fill)
        broker.status(stop, house.now, BrokerStatus.WORKING)
        house.wait(1_500)
    return broker


def at_broker(house: House) -> int:
    """Contracts that stops at the broker still take out."""
    return sum(h.left for h in house.broker.orders.values() if h.order.role in (Role.STOP, Role.EMERGENCY))


def test_the_busted_execution_of_a_stop_leaves_a_contract_bare_and_gets_a_stop_of_its_own() -> None:
    house = House().enter("BUY", 3)
    broker = part_filled_stop(house, told=True)
    bust = replace(broker.fills[-1], exec_id="s1.02", revision=2, quantity=0)
    broker.fills[-1], broker.position = bust, 3
    house.tell(bust)
    assert (house.desk.position(), at_broker(house), house.desk.protection) == (3, 2, Cover.MISSING)
    house.wait(2_000)
    assert at_broker(house) == 3
    assert house.ticket(Role.EMERGENCY).order.oca_group != house.ticket(Role.STOP).order.oca_group
    assert house.desk.protection is Cover.AT_BROKER


def test_a_stop_that_part_filled_in_an_outage_whose_executions_nobody_tells_is_not_made_smaller_than_what_is_left() -> None:
    """The broker's day had ended: the report told the position and the order, and no execution. The stop was made two contracts
    in all, of which one was gone."""
    house = House().enter("BUY", 3)
    house.link(Link.BACKOFF, 1)
    house.wait(5_000)
    part_filled_stop(house, told=False)
    house.link(Link.READY, 2)
    house.wait(10_000)
    assert (house.desk.position(), at_broker(house)) == (2, 2)
    house.wait(20_000)
    assert (at_broker(house), house.desk.protection) == (2, Cover.AT_BROKER)


def test_an_exit_whose_execution_was_written_before_itself_is_restored_as_filled_as_it_is() -> None:
    house = House(broker=TinyBroker(reject=lambda o: o.role is Role.STOP))
    house.bracket("BUY", 3)
    house.journal = "silent"
    house.trade(house.last)
    house.wait(300)
    emergency = house.ticket(Role.EMERGENCY)
    house.broker.fill(house.broker.orders[emergency.order.id], 1, house.last, house.now)
    house._deliver()
    house.tell(JournalFailed(house.now, (emergency.order.id,), "locked"))
    after = House.restart(house)
    restored = after.floor.blotter.tickets[emergency.order.id]
    assert (restored.filled, restored.remaining, after.desk.position()) == (1, 2, 2)


def test_a_stop_that_the_broker_lists_as_parked_protects_nobody() -> None:
    house = House().enter("BUY", 1)
    stop = house.ticket(Role.STOP)
    house.broker.orders[stop.order.id].status = BrokerStatus.PENDING
    house.tell(OrderUpdate(stop.order.id, house.now, BrokerStatus.SUSPECT, text="Inactive"))
    house.wait(2_000)
    assert stop.state is OrderState.UNKNOWN
    emergency = house.ticket(Role.EMERGENCY)
    assert (emergency.order.oca_group, emergency.state) == (stop.order.oca_group, OrderState.ACKED)
    house.wait(58_000)
    assert "UNRECONCILED" in house.latched


def two_in_doubt() -> House:
    """Two brackets, and a line that came back without a report; the stop of the first died meanwhile."""
    house = House(TradingParams(risk=replace(RICH, max_concurrent=2))).enter("BUY", 1)
    house.wait(6_000)
    house.bracket("BUY", 1)
    house.trade(house.last)
    house.wait(6_000)
    house.link(Link.BACKOFF, 1)
    house.wait(3_000)
    first = house.broker.orders["of1-t-1-S"]
    first.alive, first.status = False, BrokerStatus.CANCELLED
    house.broker.mute_reports = True
    house.link(Link.READY, 2)
    return house


def test_two_brackets_in_doubt_get_a_stop_each_in_their_own_group() -> None:
    """One stop died with the line, the other lived: one emergency stop for both would have reversed beside it."""
    house = two_in_doubt()
    house.wait(2_500)
    emergencies = [t.order for t in house.desk.working if t.order.role is Role.EMERGENCY]
    assert [o.quantity for o in emergencies] == [1, 1]
    assert len({o.oca_group for o in emergencies}) == 2
    stop = house.broker.orders["of1-t-1-S"].order.stop_ticks
    assert stop is not None
    house.trade(stop)
    assert (house.broker.position, house.latched) == (0, set())


def test_where_the_first_of_two_emergency_stops_can_not_stand_any_more_the_second_is_not_sent_beside_the_flatten() -> None:
    house = two_in_doubt()
    stop = house.broker.orders["of1-t-1-S"].order.stop_ticks
    assert stop is not None
    house.last = stop - 10
    house.wait(2_500)
    assert "NAKED" in house.latched
    assert [t for t in house.desk.working if t.order.role is Role.EMERGENCY] == []


def test_a_group_whose_emergency_stop_works_already_gets_no_other() -> None:
    house = two_in_doubt()
    house.wait(2_500)
    stops = [t for t in house.desk.working if t.order.role in (Role.STOP, Role.EMERGENCY)]
    covered_group = next(t for t in stops if t.order.role is Role.EMERGENCY).group
    left = [t for t in stops if t.order.role is Role.STOP or t.group == covered_group]
    wanted = stand_ins(2, left, [])
    assert [(e.quantity, e.group != covered_group) for e in wanted] == [(1, True)]


def test_contracts_the_broker_has_counted_and_not_told_keep_the_next_entry_waiting() -> None:
    """One of two filled, its execution got lost, the rest was cancelled: the next entry would have made three of two."""
    house = owing()
    assert [o.quantity for o in house.floor.blotter.owed("MES")] == [1]
    house.bracket("BUY", 1)
    assert (house.state, house.refusal) == ("FENCED", "trading state")
    house.broker.mute_reports = False
    house.wait(6_000)
    assert (house.state, house.desk.position()) == ("RUNNING", 1)


def test_a_minute_out_of_reach_is_no_minute_of_the_broker_not_answering() -> None:
    house = House().enter()
    house.link(Link.BACKOFF, 1)
    assert house.state_of(Role.STOP) is OrderState.UNKNOWN
    house.wait(61_000)
    house.broker.mute_reports = True
    house.link(Link.READY, 2)
    house.wait(59_000)
    assert "UNRECONCILED" not in house.latched
    house.wait(1_000)
    assert "UNRECONCILED" in house.latched


def test_a_flatten_that_failed_is_locked_before_the_journal_says_that_it_failed() -> None:
    """Written the other way round, a death between the two rows left a position with neither a flatten nor a lock."""
    house = House().enter()
    house.broker.deaf = True
    house.press(Command.FLATTEN)
    house.wait(80_000)
    kinds = [row.ref if row.kind == "latch" else row.payload["what"] for row in house.rows if row.kind in ("latch", "campaign")]
    assert kinds[-2:] == ["FLATTEN_FAILED", "failed"]


def test_an_emergency_stop_of_a_position_that_an_exit_made_does_not_stand_where_the_old_trade_planned_its_own() -> None:
    """Sold short, bought back by its stop; then the broker took the sale back: the one that is left was bought, and the plan of
    the short stood above the market."""
    house = House().enter("SELL", 1)
    sale = house.broker.fills[-1]
    planned = house.ticket(Role.STOP).order.stop_ticks
    assert planned is not None
    house.trade(planned)
    assert house.desk.position() == 0
    house.trade(PRICE)
    bust = replace(sale, exec_id=f"{sale.base_id}.02", revision=2, quantity=0)
    house.broker.fills[0], house.broker.position = bust, 1
    house.tell(bust)
    house.wait(3_000)
    emergency = house.ticket(Role.EMERGENCY).order
    assert (emergency.side, emergency.stop_ticks) == (Side.SELL, PRICE - 1 - MES.stop_ticks)
