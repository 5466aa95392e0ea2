"""The simulated broker: pessimistic fills, brackets, requests after latency, and indifference to how a stream is cut."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_tui.adapters.sim_broker import SimBroker
from orderflow_tui.adapters.sim_broker_faults import Fault, SimFaults
from orderflow_tui.adapters.sim_broker_orders import FillRules
from orderflow_tui.domain.account import AccountReport, Link, LinkStatus
from orderflow_tui.domain.action import Action, Cancel, Send
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.market import NO_PRICE, Depth, Quote, Trades, trades_of
from orderflow_tui.domain.order import BrokerStatus, Commission, Fill, Order, OrderType, Purpose, Role, Side
from orderflow_tui.domain.session import SessionDay, SessionTable
from orderflow_tui.domain.watch import NEVER, Watch
from orderflow_tui.driver import Driver
from orderflow_tui.ports import NotSent
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


def test_a_target_filled_in_part_shrinks_the_stop() -> None:
    desk = Desk(SimBroker([ES, MES], "ES", faults=SimFaults(partial_fill=1.0), rng=Random(1)))
    desk.broker.behave()
    _, stop, target = entered(desk, quantity=2)
    desk.broker.behave(SimFaults(partial_fill=1.0))
    desk.trade(20_031)
    desk.broker.behave()
    assert desk.prices()[1:] == [(target.id, 1, 20_030)]
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


# --- faults -------------------------------------------------------------------------------------------------------------


def hostile(seed: int = 7, **chances: float) -> Desk:
    return Desk(SimBroker([ES, MES], "ES", faults=SimFaults(**chances), rng=Random(seed)))  # type: ignore[arg-type]


def test_every_fault_kind_names_a_probability() -> None:
    names = set(SimFaults.__slots__) - {"longest_delay_ns"}
    assert {kind.value for kind in Fault} == names


def test_a_lost_execution_is_known_to_the_books_alone() -> None:
    desk = hostile(exec_lost=1.0)
    desk.send(bracket())
    desk.wait(250)
    desk.trade(20_000)
    assert desk.prices() == []
    report = desk.report()
    assert (report.positions, len(report.fills)) == ((("MES", 1),), 1)


def test_a_duplicated_execution_repeats_its_id() -> None:
    desk = hostile(exec_duplicated=1.0)
    desk.send(bracket())
    desk.wait(250)
    desk.trade(20_000)
    desk.wait(4_000)
    ids = [f.exec_id for f in fills(desk.told)]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_a_corrected_execution_keeps_its_base_and_raises_its_revision() -> None:
    desk = hostile(exec_corrected=1.0)
    desk.send(bracket())
    desk.wait(250)
    desk.trade(20_000)
    desk.wait(4_000)
    first, second = fills(desk.told)
    assert (first.base_id, first.revision + 1) == (second.base_id, second.revision)
    assert (first.price_ticks, second.price_ticks) == (20_001, 20_002)
    assert desk.report().fills == (second,)


def test_a_busted_execution_takes_the_position_back() -> None:
    desk = hostile(exec_busted=1.0)
    desk.send(bracket())
    desk.wait(250)
    desk.trade(20_000)
    desk.wait(4_000)
    assert fills(desk.told)[-1].quantity == 0
    assert desk.report().positions == ()


def test_a_lost_send_is_never_answered_and_never_in_a_report() -> None:
    desk = hostile(send_lost=1.0)
    desk.send(bracket())
    desk.wait(5_000)
    assert desk.told == []
    report = desk.report()
    assert (report.orders, report.completed) == ((), ())


def test_a_rejected_stop_leaves_the_entry_naked() -> None:
    desk = hostile(reject_stop=1.0)
    parent, stop, _ = orders = bracket()
    desk.send(orders)
    desk.wait(250)
    desk.trade(20_000)
    assert desk.last_status(stop) is BrokerStatus.REJECTED
    assert [p[0] for p in desk.prices()] == [parent.id]


def test_a_rejected_entry_takes_its_children_along() -> None:
    desk = hostile(reject_entry=1.0)
    orders = bracket()
    desk.send(orders)
    desk.wait(250)
    assert [desk.last_status(o) for o in orders] == [
        BrokerStatus.REJECTED,
        BrokerStatus.CANCELLED,
        BrokerStatus.CANCELLED,
    ]


def test_a_cancel_that_was_confirmed_can_still_turn_out_filled() -> None:
    desk = hostile(fill_after_cancel=1.0)
    desk.trade(20_050)
    parent, *_ = orders = bracket(entry=20_010)
    desk.send(orders)
    desk.wait(250)
    desk.trade(20_050)
    desk.broker.cancel([parent.id], desk.now)
    desk.wait(250)
    assert desk.last_status(parent) is BrokerStatus.CANCELLED
    desk.wait(4_000)
    assert [p[0] for p in desk.prices()] == [parent.id]


def test_a_late_sibling_lets_both_legs_fill() -> None:
    desk = hostile(oca_delayed=1.0)
    entered(desk)
    desk.trade(20_031)
    desk.trade(19_980)
    assert len(desk.prices()) == 3
    assert desk.report().positions == (("MES", -1),)


def test_a_report_without_an_end_marker_says_what_is_missing() -> None:
    report = hostile(report_incomplete=1.0).report()
    assert (report.complete, report.missing) == (False, ("executions",))


def test_a_stale_report_does_not_know_the_fill_that_came_after_it_began() -> None:
    desk = hostile(report_stale=1.0)
    desk.send(bracket())
    desk.wait(250)
    desk.broker.ask_report(desk.now)
    desk.trade(20_000)
    desk.wait(1_000)
    report = [e for e in desk.told if isinstance(e, AccountReport)][-1]
    assert report.complete
    assert report.positions == ()
    assert len(desk.prices()) == 1


def test_a_changed_time_in_force_shows_in_the_echo() -> None:
    desk = hostile(tif_changed=1.0)
    orders = bracket()
    desk.send(orders)
    desk.wait(250)
    assert {updates(desk.told, o.id)[0].echoed_tif for o in orders} == {"DAY"}


def test_a_stuck_stop_rests_at_its_trigger_price() -> None:
    desk = hostile(stop_stuck=1.0)
    _, stop, _ = entered(desk)
    desk.trade(19_985)
    desk.trade(19_970)
    assert len(desk.prices()) == 1
    desk.trade(19_986)
    assert desk.prices()[1:] == [(stop.id, 1, 19_985)]


def test_somebody_else_may_trade_and_the_broker_may_liquidate() -> None:
    desk = Desk()
    entered(desk)
    desk.broker.trade_by_hand("MES", Side.BUY, 2, desk.now)
    desk.broker.liquidate("MES", desk.now)
    desk.wait(300)
    foreign = fills(desk.told)[1:]
    assert [(f.order_id, f.side, f.quantity, f.liquidation) for f in foreign] == [
        (None, Side.BUY, 2, False),
        (None, Side.SELL, 3, True),
    ]


def test_switching_one_fault_off_leaves_the_others_where_they_were() -> None:
    def rejects(**others: float) -> list[int]:
        broker = SimBroker([ES, MES], "ES", faults=SimFaults(reject_entry=0.3, **others), rng=Random(5))  # type: ignore[arg-type]
        desk = Desk(broker)
        for n in range(1, 200, 3):
            desk.send(bracket(n))
            desk.wait(4_000)
        return [
            n for n in range(1, 200, 3) if any(u.status is BrokerStatus.REJECTED for u in updates(desk.told, f"of1-test-{n}-E"))
        ]

    assert rejects() == rejects(ack_late=0.5, ack_duplicated=0.5, latency_jitter=0.5)


# --- cutting ------------------------------------------------------------------------------------------------------------


EVERYTHING = SimFaults(**{kind.value: 0.12 for kind in Fault}, longest_delay_ns=30 * MS)


class EveryFewTrades:
    """A core that enters on a price band, cancels on a timer, and writes down everything it is told."""

    def __init__(self, period_ns: int) -> None:
        self.period_ns = period_ns
        self.due_ns = period_ns
        self.number = 1
        self.log: list[Event] = []
        self.live: list[str] = []

    @property
    def watch(self) -> Watch:
        return Watch(due_ns=self.due_ns)

    def on(self, event: Event) -> list[Action]:
        if isinstance(event, Trades | Quote | Depth):
            return []
        if not hasattr(event, "order_id") and not isinstance(event, Commission | AccountReport):
            return self._timer()
        self.log.append(event)
        return []

    def _timer(self) -> list[Action]:
        self.due_ns += self.period_ns
        if self.live and self.number % 5 == 0:
            cancelled, self.live = tuple(self.live), []
            self.number += 1
            return [Cancel(cancelled)]
        side = Side.BUY if self.number % 2 else Side.SELL
        orders = bracket(self.number, side, 1 + self.number % 3, None, 20_000 - 6 * side, 20_000 + 8 * side)
        if self.number % 3 == 0:
            orders = (replace(orders[0], type=OrderType.LIMIT, limit_ticks=20_000 - side), *orders[1:])
        self.number += 4
        self.live = [o.id for o in orders]
        return [Send(orders)]


def run(block: Trades, cuts: Sequence[int], seed: int | None, rules: FillRules) -> list[Event]:
    faults = SimFaults() if seed is None else EVERYTHING
    broker = SimBroker([ES, MES], "ES", rules=rules, faults=faults, rng=None if seed is None else Random(seed))
    core = EveryFewTrades(7 * MS)

    def act(actions: Sequence[Action]) -> list[Event]:
        for action in actions:
            now = core.due_ns - core.period_ns
            with suppress(NotSent):
                if isinstance(action, Send):
                    broker.send(action.orders, now)
                elif isinstance(action, Cancel):
                    broker.cancel(action.order_ids, now)
                    broker.ask_report(now)
        return []

    driver = Driver(core, act, broker)
    edges = [0, *sorted(set(cuts)), len(block)]
    for a, b in pairwise(edges):
        if a < b:
            driver.step(block.cut(a, b))
    truth = broker.truth()
    booked = sum(f.side * f.quantity for f in truth.fills)
    assert dict(truth.positions).get("MES", 0) == booked
    return core.log


@st.composite
def tapes(draw: st.DrawFn) -> tuple[Trades, list[int]]:
    count = draw(st.integers(30, 250))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    stamps = np.cumsum(rng.integers(0, 4, count) * MS // draw(st.sampled_from([1, 2])))
    price = 20_000 + np.cumsum(rng.integers(-3, 4, count))
    bid: list[int] | None = None
    ask: list[int] | None = None
    if draw(st.booleans()):
        gone = rng.random(count) < 0.1
        bid, ask = np.where(gone, NO_PRICE, price - 1).tolist(), np.where(gone, NO_PRICE, price + 1).tolist()
    cuts = draw(st.lists(st.integers(1, count - 1), max_size=25))
    return trades_of("ES", stamps, price, np.ones(count), np.zeros(count), bid=bid, ask=ask), cuts


@settings(max_examples=100, deadline=None)
@given(tapes(), st.one_of(st.none(), st.integers(0, 50)), st.sampled_from([PARITY, FillRules(2 * MS), FillRules(5 * MS, 2)]))
def test_any_cutting_gives_the_same_reports(tape: tuple[Trades, list[int]], seed: int | None, rules: FillRules) -> None:
    block, cuts = tape
    whole = run(block, [], seed, rules)
    assert run(block, cuts, seed, rules) == whole
    assert run(block, range(1, len(block)), seed, rules) == whole


def test_the_cutting_property_really_exercises_fills() -> None:
    rng = np.random.default_rng(3)
    price = 20_000 + np.cumsum(rng.integers(-3, 4, 400))
    block = trades_of("ES", np.arange(400) * MS, price, np.ones(400), np.zeros(400))
    log = run(block, [], 1, FillRules(2 * MS))
    assert {o.order_id[-1] for o in log if isinstance(o, Fill) and o.order_id} == {"E", "S", "T"}


def test_an_idle_broker_never_cuts_a_block() -> None:
    assert SimBroker([ES, MES], "ES").watch == Watch(due_ns=NEVER)


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
