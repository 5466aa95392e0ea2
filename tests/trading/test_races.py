"""What happens between two things that should have come one after the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orderflow_tui.domain.account import BrokerOrder, Link, MarginFigure
from orderflow_tui.domain.action import Cancel, Commit, Row, SendChange
from orderflow_tui.domain.event import Command, Committed, JournalFailed, SendFailed
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import BrokerStatus, Commission, Fill, OrderState, OrderType, OrderUpdate, Purpose, Role, Side
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.trading.lifecycle import News
from orderflow_tui.trading.limits import TradingParams
from orderflow_tui.trading.proposing import shrink
from orderflow_tui.trading.reconcile import resolutions
from tests.trading.house import PRICE, RICH, START_NS, House, TinyBroker


def shrinking(**more: object) -> House:
    """A house whose stop for two is about to be shrunk to one, the journal silent."""
    house = House(broker=TinyBroker(part=1))
    house.bracket(quantity=2)
    house.trade(PRICE)
    house.journal = "silent"
    house.press(Command.CANCEL_ENTRIES)
    assert [w.proposal.change is not None for w in house.floor.waiting.values()] == [True, True]
    return house


def test_a_change_between_its_looks_dies_with_the_link() -> None:
    house = shrinking()
    house.link(Link.BACKOFF)
    assert house.floor.waiting == {}
    assert house.all(SendChange) == []


def test_a_change_the_journal_is_silent_about_leaves_after_250_ms_and_is_owed_its_row() -> None:
    house = shrinking()
    keys = list(house.floor.waiting)
    house.press(Command.DISARM)
    assert len(house.floor.waiting) == 2, "the guard does not ask twice"
    house.wait(250)
    assert len(house.all(SendChange)) == 2
    assert house.ticket(Role.STOP).order.quantity == 1
    rows = len(house.rows)
    house.tell(JournalFailed(house.now, (keys[0],), "full"))
    assert [r.kind for r in house.rows[rows:]] == ["change"]
    house.tell(Committed(house.now, (keys[1],), 400))
    assert house.floor.waiting == {}


def test_a_change_whose_order_moved_meanwhile_is_dropped() -> None:
    house = shrinking()
    key = next(k for k, w in house.floor.waiting.items() if w.proposal.orders[0].role is Role.STOP)
    house.ticket(Role.STOP).order = replace(house.ticket(Role.STOP).order, quantity=1)
    house.tell(Committed(house.now, (key,), 1))
    assert [s.order.role for s in house.all(SendChange)] == []


def test_a_change_that_was_not_passed_on_is_asked_again() -> None:
    house = shrinking()
    house.broker.deaf = True
    house.wait(250)
    stop = house.ticket(Role.STOP)
    assert stop.change is not None
    house.broker.deaf, house.journal = False, "prompt"
    house.tell(SendFailed(house.now, (f"{stop.order.id}#1",), True, "line down"))
    assert stop.order.quantity == 2
    house.wait(1_000)
    assert stop.order.quantity == 1
    assert stop.order.revision == 2


def test_a_change_the_gate_refuses_is_told() -> None:
    house = House().enter()
    house.floor.facts = house.facts
    shrink(house.floor, house.ticket(Role.STOP), 5)
    assert house.refusal == "change"
    assert [a.kind for a in house.floor.take() if hasattr(a, "kind")] == ["refusal"]


def test_an_emergency_stop_that_has_not_left_is_revoked_by_a_flatten() -> None:
    house = House(broker=TinyBroker(reject=lambda o: o.role is Role.STOP))
    house.bracket()
    house.journal = "silent"
    house.broker.fill(house.broker.orders["of1-t-1-E"], 1, PRICE, house.now)
    house._deliver()
    assert house.state_of(Role.EMERGENCY) is OrderState.PROPOSED
    house.press(Command.FLATTEN)
    assert house.state_of(Role.EMERGENCY) is OrderState.NOT_SENT
    house.wait(10_000)
    assert house.sent(Purpose.FLATTEN) != []


def test_an_order_reported_before_it_left_locks() -> None:
    house = House(journal="silent")
    house.bracket()
    house.tell(OrderUpdate("of1-t-1-E", house.now, BrokerStatus.WORKING))
    assert house.latched == {"INVARIANT"}


def test_a_batch_of_records_that_was_lost_halts() -> None:
    house = House()
    house.tell(JournalFailed(house.now, (), "disk full"))
    assert house.latched == {"JOURNAL_FAILED"}


def test_out_of_reach_nothing_is_asked() -> None:
    house = House()
    house.link(Link.CONNECTING)
    before = len(house.done)
    house.press(Command.RECONCILE)
    assert all(type(a).__name__ == "Record" for a in house.done[before:])


def test_too_much_protective_traffic_is_told_never_refused() -> None:
    house = House().enter()
    stop = house.ticket(Role.STOP)
    for _ in range(25):
        house.floor.cancel([stop])
    house._carry(house.floor.take())
    assert len(house.alerts("protective rate")) == 1


def test_a_monitor_cannot_flatten_and_says_so() -> None:
    house = House(TradingParams(risk=RICH, send_path=False))
    house.press(Command.FLATTEN)
    assert house.desk.flattening is None
    assert "cannot send" in house.alerts("flatten")[0]


def test_a_report_settles_an_unanswered_change_and_what_the_broker_shrank_itself() -> None:
    house = shrinking()
    house.wait(250)
    stop = house.ticket(Role.STOP)
    house.journal = "prompt"
    house.broker.mute = True
    house.broker.orders[stop.order.id].order = replace(stop.order, quantity=1)
    stop.change = replace(house.all(SendChange)[0].change, order_id=stop.order.id, quantity=1, revision=7)
    house.wait(15_000)
    assert house.ticket(Role.STOP).change is None
    assert stop.order.revision == 7
    other = House().enter(quantity=2)
    reduced = other.ticket(Role.TARGET)
    other.broker.orders[reduced.order.id].order = replace(reduced.order, quantity=1)
    other.wait(15_000)
    assert reduced.order.quantity == 1


def test_a_stop_that_survived_its_cancel_is_asked_again() -> None:
    house = House().enter()
    stop = house.ticket(Role.STOP)
    house.floor.cancel([stop])
    house.floor.take()
    house.wait(16_000)
    assert stop.cancel_ns is None
    assert stop.state is OrderState.ACKED


def test_a_status_filled_without_its_execution_is_doubted_after_three_seconds() -> None:
    house = House()
    house.bracket()
    house.broker.mute_reports = True
    house.tell(OrderUpdate("of1-t-1-E", house.now, BrokerStatus.FILLED))
    house.wait(2_999)
    assert house.state_of(Role.ENTRY) is OrderState.ACKED
    house.wait(1)
    assert house.state_of(Role.ENTRY) is OrderState.UNKNOWN


def test_a_report_answers_for_every_way_an_order_can_end() -> None:
    house = House().enter()
    stop = house.ticket(Role.STOP)
    line = house.broker.report(house.now, 1).orders[0]
    said = {
        BrokerStatus.FILLED: News.SEEN_FILLED,
        BrokerStatus.CANCELLED: News.SEEN_CANCELLED,
        BrokerStatus.REJECTED: News.SEEN_REJECTED,
        BrokerStatus.EXPIRED: News.SEEN_EXPIRED,
    }
    for status, news in said.items():
        ended = replace(line, order_id=stop.order.id, status=status)
        report = house.broker.report(house.now, 1)
        for listed in (replace(report, orders=(), completed=(ended,)), replace(report, orders=(ended,), completed=())):
            assert [r.news for r in resolutions(listed, [stop])] == [news]
    half = replace(line, order_id=stop.order.id, filled=1)
    report = replace(house.broker.report(house.now, 1), orders=(half,), completed=())
    assert [r.news for r in resolutions(report, [stop])] == [News.SEEN_PARTIAL]
    early = replace(report, began_ns=stop.news_ns - 1)
    assert resolutions(early, [stop]) == [], "the report is older than the news"
    stop.state = OrderState.PROPOSED
    assert resolutions(report, [stop]) == [], "what never left cannot be absent"
    stop.state = OrderState.CANCELLED
    assert resolutions(replace(report, orders=()), [stop]) == [], "what is over may be absent"
    over = replace(report, orders=(), completed=(replace(half, status=BrokerStatus.CANCELLED),))
    assert resolutions(over, [stop]) == [], "and may be listed as over"


def test_a_partly_filled_order_that_vanished_is_cancelled_not_abandoned() -> None:
    house = House(broker=TinyBroker(part=1))
    house.bracket(quantity=2)
    house.trade(PRICE)
    entry = house.ticket(Role.ENTRY)
    house.tell(OrderUpdate(entry.order.id, house.now, BrokerStatus.SUSPECT))
    del house.broker.orders[entry.order.id]
    house.wait(15_000)
    assert entry.state is OrderState.CANCELLED


def test_a_trade_that_lost_more_than_planned_or_was_held_too_long_says_so() -> None:
    house = House().enter()
    house.changes["flat_at_ns"] = house.now + 1
    house.broker.orders["of1-t-1-S"].order = replace(house.ticket(Role.STOP).order, stop_ticks=PRICE - 15)
    house.wait(2)
    house.broker.fill(house.broker.orders["of1-t-1-S"], 1, PRICE - 60, house.now)
    house._deliver()
    trade = house.desk.last_trade
    assert trade is not None
    assert trade.breaks == ("lost 76.25, planned at most 25.00", "held past the flat time")


def test_an_echo_of_another_quantity_is_believed() -> None:
    house = House().enter(quantity=2)
    house.tell(OrderUpdate("of1-t-1-T", house.now, BrokerStatus.WORKING, echoed_quantity=1))
    assert house.ticket(Role.TARGET).order.quantity == 1


def test_a_second_latch_of_the_same_kind_and_a_second_stop_file_word_change_little() -> None:
    house = House()
    house.press(Command.HALT)
    commits = len(house.all(Commit))
    house.press(Command.HALT)
    assert len(house.all(Commit)) == commits


def test_an_execution_of_our_own_lost_order_is_adopted() -> None:
    house = House()
    house.floor.cut_off = True
    fill = Fill("z.01", "z", 1, "of1-t-50-E", START_NS, "MES", Side.BUY, 1, PRICE)
    house.broker.position = 1
    house.tell(fill)
    assert house.latched == {"ADJUSTED"}
    assert house.desk.position() == 1


def test_rows_of_other_kinds_are_evidence_and_change_nothing() -> None:
    house = House()
    house.rows.append(Row("orders", "alert", "x", house.now, {}))
    again = house.restart()
    assert again.desk.latches == ()


def test_an_automatic_flatten_stops_where_something_locks() -> None:
    house = House().enter()
    house.changes["market_open"] = False
    house.changes["flat_at_ns"] = house.now + 1
    house.wait(10)
    assert house.desk.flattening == "PENDING"
    house.done += house.desk.open_latch(LatchKind.SECOND_HOST, "test", house.facts)
    house.changes["market_open"] = True
    house.wait(30_000)
    assert house.desk.flattening == "PENDING"
    assert house.desk.protection.value == "at broker", "and the stop was not taken away for nothing"
    house.press(Command.FLATTEN)
    for _ in range(60):
        house.wait(99)
        house.trade(house.last)
    assert house.broker.position == 0


def test_an_exit_the_gate_refuses_three_times_locks() -> None:
    house = House().enter()
    house.broker.mute_reports = True
    house.press(Command.FLATTEN)
    house.floor.params = replace(house.params, send_path=False)
    house.broker.mute_reports = False
    house.wait(20_000)
    assert "FLATTEN_FAILED" in house.latched
    assert house.refusal == "no send path"


def test_an_emergency_stop_that_cannot_stand_flattens(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(broker=TinyBroker(reject=lambda o: o.role is Role.STOP))
    house.bracket()
    monkeypatch.setattr("orderflow_tui.trading.campaigns.emergency_stop", lambda *_: PRICE + 50)
    house.trade(PRICE)
    assert house.alerts("refusal") != []
    assert "NAKED" in house.latched
    assert house.state == "FLATTENING"


def test_an_unknown_outcome_that_halted_must_be_settled_before_resume() -> None:
    house = House(broker=TinyBroker(deaf=True, mute_reports=True))
    house.tell(house.broker.report(house.now, 1))
    house.bracket()
    house.wait(70_000)
    house.press(Command.RESUME, word="RESUME")
    assert "UNRECONCILED" in house.latched
    assert "still unknown" in house.desk.refusals[-1].reason


def test_what_left_without_its_commit_is_not_lost_with_the_link() -> None:
    house = House().enter()
    house.journal = "silent"
    house.press(Command.FLATTEN)
    house.wait(300)
    house.link(Link.BACKOFF)
    assert house.state_of(Role.FLATTEN) is OrderState.UNKNOWN
    assert len(house.floor.waiting) == 1, "its rows are still owed"


def test_an_echo_while_a_cancel_is_unanswered_keeps_waiting_for_the_answer() -> None:
    house = House().enter(quantity=2)
    stop = house.ticket(Role.STOP)
    house.floor.cancel([stop])
    house.floor.take()
    house.tell(OrderUpdate(stop.order.id, house.now, BrokerStatus.WORKING, echoed_quantity=1))
    assert stop.answer_due_ns is not None


def test_an_unsound_stop_is_told_once() -> None:
    house = House().enter()
    for _ in range(2):
        house.tell(OrderUpdate("of1-t-1-S", house.now, BrokerStatus.WORKING, echoed_outside_rth=False))
    assert len(house.alerts("unsound stop")) == 1


def test_a_send_failure_told_twice_is_one_failure() -> None:
    house = House(broker=TinyBroker(deaf=True))
    house.bracket()
    for _ in range(2):
        house.tell(SendFailed(house.now, ("of1-t-1-E",), True, "no line"))
    assert house.state_of(Role.ENTRY) is OrderState.NOT_SENT
    assert house.latched == set()


def test_commissions_come_back_after_a_restart() -> None:
    house = House().enter()
    house.tell(Commission("x1.01", house.now, 99))
    assert house.restart().desk.ledger.fees_cents == 99


def test_with_tiers_and_no_balance_the_lowest_tier_holds() -> None:
    house = House(TradingParams(tiers_enabled=True))
    house.press(Command.RECONCILE)
    assert house.desk.tier is not None
    assert house.desk.tier.number == 1


def test_a_margin_figure_does_not_overwrite_what_a_report_said() -> None:
    house = House(TradingParams())
    for equity in (500, 900):
        house.tell(MarginFigure(house.now, "MES", 160_000, equity))
    assert house.desk.equity_cents == 500


def test_an_entry_whose_cancel_was_lost_is_cancelled_again_in_time() -> None:
    house = House()
    house.bracket()
    house.broker.deaf = True
    house.press(Command.CANCEL_ENTRIES)
    house.broker.deaf = False
    house.wait(20_000)
    assert house.state_of(Role.ENTRY) is OrderState.CANCELLED
    assert len(house.all(Cancel)) == 2


def test_a_foreign_line_in_another_instrument_is_nobodys_business() -> None:
    house = House()
    line = BrokerOrder(None, 7, 7, "CL", Side.SELL, OrderType.LIMIT, 1, 0, BrokerStatus.WORKING, 5)
    house.tell(replace(house.broker.report(house.now, 1), orders=(line,)))
    assert house.alerts("foreign orders") == []
    assert house.now == START_NS + 0 * MS_NS


def test_a_change_whose_commit_is_answered_after_the_orders_cancel_left_is_not_sent() -> None:
    house = House().enter(quantity=3)
    house.journal, house.broker.deaf = "silent", True
    stop = house.ticket(Role.STOP)
    shrink(house.floor, stop, 1)
    (waiting,) = house.floor.waiting.values()
    house.floor.cancel([stop])
    house.tell(Committed(house.now, waiting.proposal.ids, 1))
    assert house.all(SendChange) == []
    assert house.floor.waiting == {}
    assert stop.change is None
    assert house.desk.news[-1].text == "change dropped: the order moved meanwhile"
