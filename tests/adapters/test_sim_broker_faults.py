"""The simulated broker misbehaving on request: what it tells is wrong, its books are right."""

from __future__ import annotations

from random import Random

import pytest

from orderflow_tui.adapters.sim_broker import SimBroker
from orderflow_tui.adapters.sim_broker_faults import Fault, SimFaults
from orderflow_tui.domain.account import AccountReport
from orderflow_tui.domain.order import BrokerStatus, Side
from orderflow_tui.ports import NotSent
from tests.adapters.test_sim_broker import Desk, entered
from tests.contract.broker_contract import ES, MES, bracket, fills, moved_stop, updates


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


def test_a_sibling_that_is_never_told_works_on() -> None:
    desk = hostile(oca_lost=1.0)
    entered(desk)
    desk.trade(20_031)
    desk.wait(60_000)
    assert [order.order_id for order in desk.report().orders if order.order_id is not None]


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


def test_a_cancel_may_be_lost_or_refused_while_the_order_lives() -> None:
    for desk, answers in ((hostile(cancel_lost=1.0), []), (hostile(cancel_refused=1.0), [BrokerStatus.CANCEL_REFUSED])):
        _, stop, _ = entered(desk)
        before = len(updates(desk.told, stop.id))
        desk.broker.cancel([stop.id], desk.now)
        desk.wait(1_000)
        assert [u.status for u in updates(desk.told, stop.id)][before:] == answers
        desk.trade(19_980)
        assert desk.prices()[-1][0] == stop.id


def test_a_change_may_be_lost_or_refused_and_the_old_price_holds() -> None:
    for desk in (hostile(change_lost=1.0), hostile(change_refused=1.0)):
        _, stop, _ = entered(desk)
        change, changed = moved_stop(stop, 19_998)
        desk.broker.change(change, changed, desk.now)
        desk.wait(1_000)
        desk.trade(19_995)
        assert len(desk.prices()) == 1


def test_oversize_children_ignore_that_the_entry_filled_in_part() -> None:
    desk = hostile(partial_fill=1.0, oversize_children=1.0)
    parent, stop, _ = orders = bracket(quantity=2)
    desk.send(orders)
    desk.wait(250)
    desk.trade(20_000)
    desk.broker.cancel([parent.id], desk.now)
    desk.wait(250)
    desk.broker.behave()
    desk.trade(19_980)
    assert desk.prices()[1:] == [(stop.id, 2, 19_979)]
    assert desk.report().positions == (("MES", -1),)


def test_a_refused_send_is_proven_not_sent_and_may_be_sent_again() -> None:
    desk = hostile(send_refused=1.0)
    with pytest.raises(NotSent, match="simulated fault"):
        desk.send(bracket())
    desk.broker.behave()
    desk.send(bracket())
    desk.wait(250)
    assert updates(desk.told, "of1-test-1-E")
    assert desk.broker.injected == {"send_refused": 1}


def test_in_a_locked_market_a_stop_is_triggered_and_an_exit_waits_until_there_is_somebody() -> None:
    desk = hostile()
    _, stop, _ = entered(desk)
    desk.broker.lock(Side.SELL)
    assert stop.stop_ticks is not None
    desk.trade(stop.stop_ticks - 2)
    desk.trade(stop.stop_ticks - 2)
    assert len(fills(desk.told)) == 1
    desk.broker.lock(None)
    desk.trade(stop.stop_ticks + 5)
    assert fills(desk.told)[-1].order_id == stop.id


def test_an_exit_that_fills_in_part_rests_with_what_is_left_of_it_for_some_seconds() -> None:
    desk = hostile(exit_rests=1.0)
    _, stop, target = entered(desk, 2)
    assert stop.stop_ticks is not None
    desk.trade(stop.stop_ticks)
    assert desk.prices()[1:] == [(stop.id, 1, stop.stop_ticks - 1)]
    desk.trade(stop.stop_ticks - 4)
    assert len(desk.prices()) == 2
    (rest,) = desk.report().orders
    assert (rest.order_id, rest.quantity, rest.filled, rest.status) == (stop.id, 2, 1, BrokerStatus.WORKING)
    assert desk.last_status(target) is BrokerStatus.CANCELLED
    desk.wait(5_000)
    desk.trade(stop.stop_ticks - 9)
    assert desk.prices()[2:] == [(stop.id, 1, stop.stop_ticks - 10)]


def test_a_parked_stop_is_listed_as_pending_and_cannot_fill_until_it_wakes_or_is_cancelled() -> None:
    woke = stayed = 0
    for seed in range(12):
        desk = hostile(seed, order_parked=1.0)
        _, stop, target = entered(desk)
        assert stop.stop_ticks is not None
        assert desk.last_status(stop) is desk.last_status(target) is BrokerStatus.PENDING
        assert {o.status for o in desk.report().orders if o.order_id == stop.id} <= {BrokerStatus.PENDING, BrokerStatus.WORKING}
        desk.wait(20_000)
        awake = desk.last_status(stop) is BrokerStatus.WORKING
        desk.trade(stop.stop_ticks - 1)
        assert (len(desk.prices()) == 2) is awake
        if not awake:
            desk.broker.cancel((stop.id,), desk.now)
            desk.wait(300)
            assert desk.last_status(stop) is BrokerStatus.CANCELLED
        woke, stayed = woke + awake, stayed + (not awake)
    assert woke
    assert stayed
