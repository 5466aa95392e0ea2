"""The simulated broker: pessimistic fills, brackets, requests after latency, and indifference to how a stream is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from random import Random

import pytest

from orderflow_tui.adapters.sim_broker import SimBroker
from orderflow_tui.adapters.sim_broker_faults import SimFaults
from orderflow_tui.adapters.sim_broker_orders import FillRules
from orderflow_tui.domain.account import AccountReport, Link, LinkStatus, MarginFigure
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.market import NO_PRICE, Depth, Quote, trades_of
from orderflow_tui.domain.order import BrokerStatus, Change, Commission, Order, OrderType, Purpose, Role, Side
from orderflow_tui.domain.session import SessionDay, SessionTable
from orderflow_tui.domain.watch import Watch
from orderflow_tui.ports import MatchingBroker, NotSent
from tests.contract.broker_contract import ES, MES, bracket, fills, moved_stop, updates

MS = 1_000_000
LATENCY = 250 * MS
PARITY = FillRules(latency_ns=0, slippage_ticks=0, targets_on_touch=True)


class Desk:
    """Sends by hand, prints trades, collects what is told."""

    def __init__(self, broker: SimBroker | None = None, quotes: bool = False) -> None:
        self.broker = broker or SimBroker([ES, MES], "ES")
        self.quotes = quotes
        self.now = 0
        self.told: list[Event] = []

    def wait(self, ms: int) -> None:
        self.now += ms * MS
        while (due := self.broker.watch.due_ns) <= self.now:
            self.told += self.broker.on_time(due)

    def trade(self, price: int, bid: int | None = None, ask: int | None = None) -> None:
        self.wait(1)
        columns = {} if bid is None or ask is None else {"bid": [bid], "ask": [ask]}
        self.told += self.broker.on_market(trades_of("ES", [self.now], [price], [1], [0], **columns))

    def send(self, orders: Sequence[Order]) -> None:
        self.broker.send(orders, self.now)

    def prices(self) -> list[tuple[str | None, int, int]]:
        return [(f.order_id, f.quantity, f.price_ticks) for f in fills(self.told)]

    def last_status(self, order: Order) -> BrokerStatus:
        return updates(self.told, order.id)[-1].status

    def report(self) -> AccountReport:
        self.broker.ask_report(self.now)
        self.wait(5_000)
        return [e for e in self.told if isinstance(e, AccountReport)][-1]


def entered(desk: Desk, quantity: int = 1) -> tuple[Order, Order, Order]:
    """A long bracket whose entry filled at 20,001 (last 20,000, one tick given away)."""
    orders = bracket(quantity=quantity)
    desk.send(orders)
    desk.wait(250)
    desk.trade(20_000)
    assert desk.prices() == [(orders[0].id, quantity, 20_001)]
    return orders


def test_it_is_a_matching_broker() -> None:
    broker: MatchingBroker = SimBroker([ES, MES], "ES")
    assert broker.watch == Watch()
    assert broker.on_market(Quote("NQ", 0, 1, 2)) == [], "another instrument's quotes mean nothing here"


# --- entries ------------------------------------------------------------------------------------------------------------


def test_an_entry_waits_for_its_latency_and_fills_at_the_opposite_quote_plus_slippage() -> None:
    desk = Desk()
    parent, *_ = orders = bracket()
    desk.send(orders)
    desk.wait(200)
    desk.trade(20_000, bid=19_999, ask=20_000)
    assert desk.prices() == []
    desk.wait(60)
    desk.trade(20_000, bid=20_000, ask=20_001)
    assert desk.prices() == [(parent.id, 1, 20_002)]


def test_without_quotes_an_entry_fills_at_the_next_trade_plus_slippage() -> None:
    desk = Desk()
    entered(desk)


def test_a_short_entry_pays_slippage_downwards() -> None:
    desk = Desk()
    parent, *_ = orders = bracket(side=Side.SELL, entry=19_990, stop=20_020, target=19_960)
    desk.send(orders)
    desk.wait(250)
    desk.trade(20_000, bid=19_999, ask=20_000)
    assert desk.prices() == [(parent.id, 1, 19_998)]


def test_an_entry_fills_at_a_quote_event_without_any_trade() -> None:
    desk = Desk()
    parent, *_ = orders = bracket(entry=None)
    desk.trade(20_000)
    desk.send(orders)
    desk.wait(250)
    desk.told += desk.broker.on_market(Quote("ES", desk.now, 20_003, 20_004, 10, 10))
    assert desk.prices() == [(parent.id, 1, 20_005)]


def test_an_entry_fills_at_the_best_ask_of_the_book() -> None:
    desk = Desk()
    parent, *_ = orders = bracket(entry=None)
    desk.send(orders)
    desk.wait(250)
    desk.told += desk.broker.on_market(Depth("ES", desk.now, ((19_999, 5),), ((20_000, 5), (20_001, 9))))
    assert desk.prices() == [(parent.id, 1, 20_001)]


def test_an_entry_whose_limit_forbids_the_price_rests_and_fills_only_when_price_trades_through() -> None:
    desk = Desk()
    parent, *_ = orders = bracket(entry=20_000)
    desk.send(orders)
    desk.wait(250)
    desk.trade(20_001, bid=20_000, ask=20_001)  # ask plus a tick is beyond the limit
    desk.trade(20_000, bid=19_999, ask=20_000)  # touched, not through
    assert desk.prices() == []
    desk.trade(19_999, bid=19_999, ask=20_000)
    assert desk.prices() == [(parent.id, 1, 20_000)]


def test_a_source_with_quotes_is_waited_for_and_given_up_after_five_silent_seconds() -> None:
    desk = Desk()
    orders = bracket(entry=None)
    desk.told += desk.broker.on_market(Quote("ES", 0, 19_999, 20_000))
    desk.send(orders)
    desk.wait(300)
    desk.trade(20_010)
    assert desk.prices() == []
    desk.wait(5_000)
    desk.trade(20_010)
    assert desk.prices() == [(orders[0].id, 1, 20_011)]


def test_an_empty_opposite_side_is_no_price_to_fill_at() -> None:
    desk = Desk()
    orders = bracket(entry=None)
    desk.send(orders)
    desk.wait(300)
    desk.trade(20_000, bid=19_999, ask=NO_PRICE)
    assert desk.prices() == []


# --- exits --------------------------------------------------------------------------------------------------------------


def test_a_target_needs_a_print_beyond_it() -> None:
    desk = Desk()
    _, _, target = entered(desk)
    desk.trade(20_030)
    assert len(desk.prices()) == 1
    desk.trade(20_031)
    assert desk.prices()[1:] == [(target.id, 1, 20_030)]


def test_a_stop_over_a_gap_fills_at_the_trade_and_slippage_never_at_its_price() -> None:
    desk = Desk()
    _, stop, _ = entered(desk)
    desk.trade(19_993)
    desk.trade(19_985)
    assert desk.prices()[1:] == [(stop.id, 1, 19_984)]


def test_a_stop_triggers_on_the_touch() -> None:
    desk = Desk()
    _, stop, _ = entered(desk)
    desk.trade(19_990)
    assert desk.prices()[1:] == [(stop.id, 1, 19_989)]


def test_children_meet_the_next_trade_at_the_earliest() -> None:
    desk = Desk()
    orders = bracket(entry=None, stop=19_990, target=20_030)
    desk.send(orders)
    desk.wait(250)
    desk.trade(19_980)  # below the stop already: fills the entry, and only the entry
    assert [p[0] for p in desk.prices()] == [orders[0].id]
    desk.trade(19_980)
    assert [p[0] for p in desk.prices()] == [orders[0].id, orders[1].id]


def test_parity_rules_fill_targets_on_touch_and_give_nothing_away() -> None:
    desk = Desk(SimBroker([ES, MES], "ES", rules=PARITY))
    orders = bracket(entry=None)
    desk.send(orders)
    desk.trade(20_000)
    desk.trade(20_030)
    assert desk.prices() == [(orders[0].id, 1, 20_000), (orders[2].id, 1, 20_030)]


# --- brackets -----------------------------------------------------------------------------------------------------------


def test_one_cancels_the_other() -> None:
    desk = Desk()
    _, stop, target = entered(desk)
    desk.trade(20_031)
    assert desk.last_status(target) is BrokerStatus.FILLED
    assert desk.last_status(stop) is BrokerStatus.CANCELLED
    desk.trade(19_900)
    assert len(desk.prices()) == 2


def test_reports_of_one_instant_come_by_order_number_and_commission_follows_its_fill() -> None:
    desk = Desk()
    entered(desk)
    before = len(desk.told)
    desk.trade(20_031)
    told = desk.told[before:]
    assert [type(e).__name__ for e in told] == ["OrderUpdate", "Fill", "Commission", "OrderUpdate"]
    assert (told[0].order_id, told[1].order_id) == ("of1-test-1-S", "of1-test-1-T")  # type: ignore[union-attr]


def test_cancelling_an_entry_that_filled_in_part_leaves_children_for_that_part() -> None:
    faults = SimFaults(partial_fill=1.0)
    desk = Desk(SimBroker([ES, MES], "ES", faults=faults, rng=Random(1)))
    parent, stop, _ = orders = bracket(quantity=4)
    desk.send(orders)
    desk.wait(250)
    desk.trade(20_000)
    assert desk.prices() == [(parent.id, 2, 20_001)]
    desk.broker.cancel([parent.id], desk.now)
    desk.wait(250)
    desk.broker.behave()
    desk.trade(19_980)
    assert desk.prices()[1:] == [(stop.id, 2, 19_979)]
    assert desk.last_status(stop) is BrokerStatus.FILLED
    assert desk.report().positions == ()


def half_a_target(rules: FillRules) -> tuple[Desk, Order, Order]:
    """A long bracket of two of whose target one filled; its stop and target."""
    desk = Desk(SimBroker([ES, MES], "ES", rules=rules, faults=SimFaults(partial_fill=1.0), rng=Random(1)))
    desk.broker.behave()
    _, stop, target = entered(desk, quantity=2)
    desk.broker.behave(SimFaults(partial_fill=1.0))
    desk.trade(20_031)
    desk.broker.behave()
    assert desk.prices()[1:] == [(target.id, 1, 20_030)]
    return desk, stop, target


def test_a_target_filled_in_part_takes_the_stop_away_and_works_on() -> None:
    desk, stop, target = half_a_target(FillRules())
    assert desk.last_status(stop) is BrokerStatus.CANCELLED
    desk.trade(19_980)
    assert len(desk.prices()) == 2, "one contract is held, and no stop"
    assert desk.report().positions == (("MES", 1),)
    desk.trade(20_031)
    assert desk.prices()[2:] == [(target.id, 1, 20_030)]


def test_where_groups_shrink_a_target_filled_in_part_makes_the_stop_smaller() -> None:
    desk, stop, target = half_a_target(FillRules(groups_shrink=True))
    assert updates(desk.told, stop.id)[-1].remaining == 1
    desk.trade(19_980)
    assert desk.prices()[2:] == [(stop.id, 1, 19_979)]
    assert desk.last_status(target) is BrokerStatus.CANCELLED


def test_a_child_without_its_parent_is_cancelled_on_arrival() -> None:
    desk = Desk()
    _, stop, _ = bracket()
    desk.send([stop])
    desk.wait(250)
    assert desk.last_status(stop) is BrokerStatus.CANCELLED


# --- requests -----------------------------------------------------------------------------------------------------------


def test_a_cancel_takes_effect_after_the_latency_and_a_fill_may_come_first() -> None:
    desk = Desk()
    _, stop, target = entered(desk)
    desk.broker.cancel([stop.id, target.id], desk.now)
    desk.wait(200)
    desk.trade(19_980)
    desk.wait(250)
    assert desk.last_status(stop) is BrokerStatus.CANCEL_REFUSED
    assert [p[0] for p in desk.prices()][1:] == [stop.id]


def test_a_change_takes_effect_after_the_latency() -> None:
    desk = Desk()
    _, stop, _ = entered(desk)
    change, changed = moved_stop(stop, 19_998)
    desk.broker.change(change, changed, desk.now)
    desk.wait(100)
    desk.trade(19_997)
    assert len(desk.prices()) == 1
    desk.wait(200)
    desk.trade(19_997)
    assert desk.prices()[1:] == [(stop.id, 1, 19_996)]


def test_changing_what_was_never_sent_is_refused() -> None:
    desk = Desk()
    change, changed = moved_stop(bracket()[1], 19_998)
    with pytest.raises(NotSent, match="never sent"):
        desk.broker.change(change, changed, 0)


def test_changing_a_filled_order_is_answered_refused() -> None:
    desk = Desk()
    parent, *_ = entered(desk)
    desk.broker.change(Change(parent.id, 1, 2, 20_050, Purpose.ENTRY), replace(parent, revision=1, quantity=2), desk.now)
    desk.wait(250)
    assert desk.last_status(parent) is BrokerStatus.CHANGE_REFUSED
    assert desk.report().positions == (("MES", 1),)


def test_a_stop_grown_after_a_shrink_protects_what_it_is_told_to() -> None:
    desk = Desk(SimBroker([ES, MES], "ES", rules=FillRules(groups_shrink=True), faults=SimFaults(), rng=Random(1)))
    _, stop, _ = entered(desk, quantity=2)
    desk.broker.behave(SimFaults(partial_fill=1.0))
    desk.trade(20_031)
    desk.broker.behave()
    assert updates(desk.told, stop.id)[-1].remaining == 1
    desk.broker.change(
        Change(stop.id, 1, 1, 19_995, Purpose.PROTECT), replace(stop, revision=1, quantity=1, stop_ticks=19_995), desk.now
    )
    desk.wait(250)
    desk.trade(19_994)
    assert desk.prices()[2:] == [(stop.id, 1, 19_993)]
    assert desk.report().positions == ()


def test_margin_of_an_unknown_instrument_is_refused() -> None:
    with pytest.raises(NotSent, match="ES, MES"):
        Desk().broker.ask_margin("CL", 0)


def test_a_report_asked_on_a_line_that_was_lost_never_comes() -> None:
    desk = Desk()
    desk.trade(20_000)
    desk.broker.ask_report(desk.now)
    desk.broker.disconnect(desk.now)
    desk.broker.connect(desk.now)
    desk.wait(2_000)
    assert not [e for e in desk.told if isinstance(e, AccountReport)]


def test_the_link_says_the_next_order_number() -> None:
    desk = Desk()
    desk.send(bracket(number=40))
    desk.broker.connect(desk.now)
    desk.wait(1)
    assert [(e.epoch, e.next_number) for e in desk.told if isinstance(e, LinkStatus)] == [(1, 43)]


def test_cancelling_an_unknown_order_is_answered_not_found() -> None:
    desk = Desk()
    desk.broker.cancel(["of1-test-9-E"], 0)
    desk.wait(250)
    answer = updates(desk.told, "of1-test-9-E")[-1]
    assert (answer.status, answer.code) == (BrokerStatus.CANCEL_REFUSED, 10147)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (replace(bracket()[0], instrument="NQ"), "NQ"),
        (replace(bracket()[0], quantity=0), "at least 1"),
        (replace(bracket()[0], limit_ticks=None), "no price"),
    ],
)
def test_a_broken_order_is_refused_with_a_sentence(broken: Order, says: str) -> None:
    with pytest.raises(NotSent, match=says):
        SimBroker([ES, MES], "ES").send([broken], 0)


def test_a_refused_group_leaves_nothing_behind() -> None:
    desk = Desk()
    parent, stop, target = bracket()
    with pytest.raises(NotSent):
        desk.send([parent, stop, replace(target, quantity=0)])
    desk.send([parent, stop, target])
    desk.wait(250)
    assert desk.last_status(parent) is BrokerStatus.WORKING


def test_instruments_on_different_grids_cannot_share_a_tape() -> None:
    with pytest.raises(ValueError, match="grids differ"):
        SimBroker([ES, replace(MES, tick_e9=100_000_000)], "ES")


# --- books --------------------------------------------------------------------------------------------------------------


def test_money_is_exact_to_the_cent() -> None:
    desk = Desk()
    entered(desk)
    desk.trade(20_031)
    report = desk.report()
    profit = (20_030 - 20_001) * MES.tick_cents - 2 * MES.commission_cents
    assert report.equity_cents == 1_000_000 + profit
    assert report.day_pnl_cents == profit
    assert sum(e.cents for e in desk.told if isinstance(e, Commission)) == 2 * MES.commission_cents


def test_equity_stands_before_the_first_trade() -> None:
    desk = Desk()
    desk.send(bracket(entry=None))
    desk.wait(250)
    desk.told += desk.broker.on_market(Quote("ES", desk.now, 19_999, 20_000))
    assert desk.report().equity_cents == 1_000_000 - 2 * MES.tick_cents - MES.commission_cents


def test_executions_of_yesterday_leave_the_report_with_the_day() -> None:
    hour = 3_600_000_000_000
    days = tuple(
        SessionDay(date(2026, 1, 5 + i), i * 24 * hour, i * 24 * hour, (i * 24 + 23) * hour, None, None) for i in range(2)
    )
    desk = Desk(SimBroker([ES, MES], "ES", table=SessionTable(days)))
    desk.trade(20_000)
    entered(desk)
    desk.trade(20_031)
    assert len(desk.report().fills) == 2
    desk.wait(24 * 3_600_000)
    report = desk.report()
    assert (report.fills, report.completed, report.day_pnl_cents) == ((), (), 0)
    assert report.equity_cents != 1_000_000


def test_a_line_that_is_down_loses_reports_but_not_orders() -> None:
    desk = Desk()
    _, stop, _ = entered(desk)
    desk.broker.disconnect(desk.now)
    desk.trade(19_980)
    with pytest.raises(NotSent, match="down"):
        desk.broker.ask_report(desk.now)
    desk.broker.connect(desk.now)
    desk.wait(1)
    assert [e.link for e in desk.told if isinstance(e, LinkStatus)] == [Link.BACKOFF, Link.READY]
    assert len(desk.prices()) == 1
    report = desk.report()
    assert (report.epoch, report.positions) == (2, ())
    assert [f.order_id for f in report.fills][1:] == [stop.id]


def test_a_flatten_limit_through_the_market_fills_like_an_entry() -> None:
    desk = Desk()
    _, stop, _ = entered(desk)
    close = replace(
        stop, id="of1-test-9-F", number=9, role=Role.FLATTEN, purpose=Purpose.FLATTEN, type=OrderType.LIMIT, parent_id=None
    )
    desk.send([replace(close, limit_ticks=19_995, stop_ticks=None, oca_group="")])
    desk.wait(250)
    desk.trade(20_000, bid=19_999, ask=20_000)
    assert desk.prices()[1:] == [("of1-test-9-F", 1, 19_998)]


def test_a_margin_that_rises_shows_in_the_next_figure_and_in_what_reports_say_is_left() -> None:
    desk = Desk()
    entered(desk)
    before = desk.report()
    desk.broker.ask_for_margin(150)
    desk.broker.ask_margin("MES", desk.now)
    desk.wait(250)
    (figure,) = (event for event in desk.told if isinstance(event, MarginFigure))
    assert figure.init_margin_cents == MES.margin_cents * 3 // 2
    after = desk.report()
    assert before.excess_liquidity_cents is not None
    assert after.excess_liquidity_cents == before.excess_liquidity_cents - MES.margin_cents // 2
