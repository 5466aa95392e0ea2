import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from orderflow_tui.domain.account import Link, MarginFigure
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.order import BrokerStatus, Commission, Fill, Order, OrderType, OrderUpdate, Purpose, Role, Side
from orderflow_tui.ports import NotSent
from tests.adapters.ib_fixtures import MakeWorld, worlds
from tests.adapters.ib_world import ACCOUNT, IbWorld
from tests.contract.broker_contract import bracket, fills, moved_stop
from tests.gateway import messages
from tests.gateway.orders import Execution
from tests.gateway.wire import Field

__all__ = ["worlds"]


def calm(worlds: MakeWorld) -> IbWorld:
    """READY, the market standing at 20,000 ticks, what came so far forgotten."""
    world = worlds().ready().still()
    world.events.clear()
    return world


def entered(world: IbWorld, quantity: int = 1) -> tuple[Order, Order, Order]:
    """A bracket whose entry is filled."""
    orders = bracket(quantity=quantity)
    world.broker.send(orders, world.now_ns)
    world.pass_ms(500)
    assert [f.quantity for f in fills(world.events)] == [quantity]
    return orders


def flatten(number: int = 90) -> Order:
    return Order(
        f"of1-test-{number}-F",
        f"i{number}",
        number,
        0,
        "MES",
        Side.SELL,
        Role.FLATTEN,
        Purpose.FLATTEN,
        OrderType.MARKET,
        1,
        tif="DAY",
    )


def statuses(world: IbWorld, ref: str) -> list[BrokerStatus]:
    return [u.status for u in world.updates(ref)]


def test_every_leg_of_a_bracket_carries_its_safety_fields(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.broker.send(bracket(entry=19_900), world.now_ns)
    world.pass_ms(500)
    legs = world.orders()
    assert {(leg["tif"], leg["outside_rth"], leg["account"], leg["symbol"]) for leg in legs.values()} == {
        ("GTC", True, ACCOUNT, "MES")
    }
    assert (legs["E"]["parent"], legs["S"]["parent"], legs["T"]["parent"]) == (0, legs["E"]["id"], legs["E"]["id"])
    assert {(legs[r]["oca_group"], legs[r]["oca_type"]) for r in "ST"} == {("oca1", 1)}
    assert [p["fields"][27] for p in world.sent("PLACE_ORDER")] == ["0", "0", "1"]


def test_the_numbers_of_the_gate_are_the_brokers_order_ids(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.broker.send(bracket(number=50, entry=19_900), world.now_ns)
    world.pass_ms(500)
    assert {r: o["id"] for r, o in world.orders().items()} == {"E": 50, "S": 51, "T": 52}


def test_a_broker_that_has_gone_past_our_numbers_still_takes_the_order(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.stage.gateway.house.exchange.highest[11] = 700
    world.start()
    world.ready().still()
    world.broker.send(bracket(number=3, entry=19_900), world.now_ns)
    world.pass_ms(500)
    assert {r: o["id"] for r, o in world.orders().items()} == {"E": 701, "S": 702, "T": 703}
    assert BrokerStatus.WORKING in statuses(world, "E")


@pytest.mark.parametrize("code", [201, 203, 103, 110, 321, 383, 451])
def test_a_rejected_stop_is_rejected_and_says_why(worlds: MakeWorld, code: int) -> None:
    world = calm(worlds)
    world.do("order-fault", on="place", code=code, role="S", text="no margin")
    orders = bracket(entry=19_900)
    world.broker.send((orders[0], orders[2], replace(orders[1], number=4)), world.now_ns)
    world.pass_ms(500)
    last = world.updates("S")[-1]
    assert (last.status, last.code, last.text) == (BrokerStatus.REJECTED, code, f"{code} no margin")


@pytest.mark.parametrize("code", [10311, 507, 10349, 105, 161])
def test_an_error_that_proves_nothing_makes_an_order_suspect_and_never_dead(worlds: MakeWorld, code: int) -> None:
    world = calm(worlds)
    world.do("order-fault", on="place", code=code, alive=True, role="S")
    world.broker.send(bracket(entry=19_900), world.now_ns)
    world.pass_ms(500)
    assert BrokerStatus.SUSPECT in statuses(world, "S")
    assert not {BrokerStatus.REJECTED, BrokerStatus.CANCELLED} & set(statuses(world, "S"))
    assert world.orders()["S"]["status"] == "PreSubmitted"


@pytest.mark.parametrize("code", [399, 404, 2109, 2137])
def test_a_warning_leaves_the_order_as_it_was(worlds: MakeWorld, code: int) -> None:
    world = calm(worlds)
    world.do("order-fault", on="place", code=code, alive=True, role="T")
    world.broker.send(bracket(entry=19_900), world.now_ns)
    world.pass_ms(500)
    warned = [u for u in world.updates("T") if u.code == code]
    assert [u.status for u in warned] == [BrokerStatus.WORKING]


@pytest.mark.parametrize("code", [104, 105, 110, 134, 321, 329])
def test_a_failed_change_is_refused_and_the_next_one_still_works(worlds: MakeWorld, code: int) -> None:
    world = calm(worlds)
    _, stop, _ = entered(world)
    world.do("order-fault", on="change", code=code)
    world.broker.change(*moved_stop(stop, 19_992), world.now_ns)
    world.pass_ms(500)
    assert world.updates("S")[-1].status is BrokerStatus.CHANGE_REFUSED
    world.broker.change(*moved_stop(stop, 19_993, revision=2), world.now_ns)
    world.pass_ms(500)
    last = world.updates("S")[-1]
    assert (last.status, last.revision, last.echoed_price_ticks) == (BrokerStatus.WORKING, 2, 19_993)


@pytest.mark.parametrize("code", [135, 136, 161, 10147, 10148])
def test_a_failed_cancel_is_refused_and_never_a_cancel(worlds: MakeWorld, code: int) -> None:
    world = calm(worlds)
    orders = bracket(entry=19_900)
    world.broker.send(orders, world.now_ns)
    world.pass_ms(500)
    world.do("order-fault", on="cancel", code=code)
    world.broker.cancel([orders[0].id], world.now_ns)
    world.pass_ms(500)
    assert world.updates("E")[-1].status is BrokerStatus.CANCEL_REFUSED
    assert world.orders()["E"]["status"] == "Submitted"


def test_a_changed_time_in_force_is_seen_in_the_echo(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.do("tif-echo", tif="DAY")
    world.broker.send(bracket(entry=19_900), world.now_ns)
    world.pass_ms(500)
    assert {u.echoed_tif for u in world.updates("S") if u.code is None} == {"DAY"}
    assert 10349 in {u.code for u in world.updates("T")} | {u.code for u in world.updates("S")}


def test_the_group_an_exit_is_held_in_is_seen_in_the_echo(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.broker.send(bracket(entry=19_900), world.now_ns)
    world.pass_ms(500)
    assert {u.echoed_oca_group for u in world.updates("S") if u.code is None} == {"oca1"}
    world.do("regroup", ref="S")
    world.pass_ms(500)
    assert world.updates("S")[-1].echoed_oca_group == ""


def test_repeated_and_reordered_news_tell_each_fill_with_one_id(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.do("duplicate", what="EXECUTION")
    world.do("duplicate", what="ORDER_STATUS")
    world.do("executions-first")
    orders = bracket()
    world.broker.send(orders, world.now_ns)
    world.pass_ms(500)
    told = fills(world.events)
    assert len(told) == 2
    assert len({f.exec_id for f in told}) == 1
    assert {f.order_id for f in told} == {orders[0].id}


def test_fills_are_told_although_no_status_ever_comes(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.do("drop", what="ORDER_STATUS")
    world.do("drop", what="OPEN_ORDER")
    orders = bracket()
    world.broker.send(orders, world.now_ns)
    world.pass_ms(500)
    assert [f.order_id for f in fills(world.events)] == [orders[0].id]


def test_a_correction_is_told_with_the_same_base_and_a_higher_revision(worlds: MakeWorld) -> None:
    world = calm(worlds)
    entered(world, quantity=2)
    world.do("correct", quantity=1)
    world.pass_ms(500)
    first, second = fills(world.events)
    assert first.base_id == second.base_id
    assert (first.revision, second.revision, second.quantity) == (1, 2, 1)


def test_partial_fills_are_told_one_by_one(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.do("habits", most_per_fill=1)
    world.broker.send(bracket(quantity=3), world.now_ns)
    world.pass_ms(500)
    world.do("step", count=6)
    world.pass_ms(500)
    assert [f.quantity for f in fills(world.events)] == [1, 1, 1]
    assert [u.filled for u in world.updates("E") if u.filled][-1] == 3


def test_a_manual_trade_and_a_liquidation_are_nobodys_order(worlds: MakeWorld) -> None:
    world = calm(worlds)
    entered(world)
    world.events.clear()
    world.do("liquidate")
    world.broker.ask_report(world.now_ns)
    world.pass_ms(1_000)
    report = world.reports()[-1]
    (forced,) = [f for f in report.fills if f.order_id is None]
    assert forced.liquidation
    assert report.positions == ()


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own zone is nobody's here."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def executions_told_at(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """The gateway writes the time of executions, which it knows in UTC, in another form."""
    told = messages.execution

    def otherwise(request: int, done: Execution) -> list[Field]:
        fields = told(request, done)
        fields[15] = datetime.fromtimestamp(done.time_ns / 1e9, UTC).astimezone(ZoneInfo("America/Chicago")).strftime(form)
        if form.startswith("%Y%m%d-"):
            fields[15] = datetime.fromtimestamp(done.time_ns / 1e9, UTC).strftime(form)
        return fields

    monkeypatch.setattr(messages, "execution", otherwise)


@pytest.mark.usefixtures("far_away")
@pytest.mark.parametrize("form", ["%Y%m%d-%H:%M:%S", "%Y%m%d %H:%M:%S US/Central", "%Y%m%d  %H:%M:%S America/Chicago"])
def test_an_execution_of_a_report_is_dated_by_the_zone_it_names(
    worlds: MakeWorld, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    executions_told_at(monkeypatch, form)
    world = calm(worlds)
    done_ns = world.now_ns
    world.do("manual", symbol="MES", side="BUY")
    world.pass_ms(600_000)
    world.broker.ask_report(world.now_ns)
    world.pass_ms(500)
    (fill,) = world.reports()[-1].fills
    assert 0 <= (fill.ts_ns - done_ns) / 1e9 + 1 < 3
    assert world.session.line is not None
    assert world.session.line.undated == ""


@pytest.mark.usefixtures("far_away")
@pytest.mark.parametrize("form", ["%Y%m%d %H:%M:%S", "%Y%m%d  %H:%M:%S", "%Y%m%d %H:%M:%S CST", "?"])
def test_an_execution_nobody_can_date_is_as_new_as_its_report_and_never_lost(
    worlds: MakeWorld, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    executions_told_at(monkeypatch, form)
    world = calm(worlds)
    entered(world)
    (live,) = fills(world.events)
    assert world.now_ns - live.ts_ns < 2e9
    world.pass_ms(600_000)
    world.broker.ask_report(world.now_ns)
    world.pass_ms(500)
    report = world.reports()[-1]
    (fill,) = report.fills
    assert report.complete
    assert (fill.base_id, fill.ts_ns) == (live.base_id, report.ts_ns)
    assert world.session.line is not None
    assert world.session.line.undated.startswith(form[:1].replace("%", "2"))


def test_fills_made_while_away_are_in_the_report_after_the_reconnect(worlds: MakeWorld) -> None:
    world = calm(worlds)
    _, stop, _ = entered(world)
    world.do("cut")
    world.print_trade(19_980)
    world.do("play", on=True)
    world.until(lambda: world.session.generation == 2 and world.session.link is Link.READY)
    report = world.reports()[-1]
    assert stop.id in {f.order_id for f in report.fills}
    assert {o.order_id: o.status for o in report.completed}[stop.id] is BrokerStatus.FILLED
    assert report.positions == ()


def test_after_a_restart_our_stop_is_recognised_and_can_be_moved(worlds: MakeWorld) -> None:
    world = calm(worlds)
    _, stop, _ = entered(world)
    world.do("play", on=True)
    world.reborn().ready()
    assert stop.id in {o.order_id for o in world.reports()[-1].orders}
    world.broker.change(*moved_stop(stop, 19_991), world.now_ns)
    world.pass_ms(500)
    assert world.orders()["S"]["stop"] == 19_991 * 0.25
    assert world.updates("S")[-1].revision == 1, "from its own change on it is known"
    assert world.sent("PLACE_ORDER")[-1]["fields"][28] == "0"  # the parent of an earlier run is not named again


def test_no_revision_is_told_of_an_order_of_an_earlier_run(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.broker.send(bracket(entry=19_900), world.now_ns)
    world.pass_ms(500)
    world.do("play", on=True)
    world.reborn().ready().still()
    world.do("fill", ref="E", price=19_900 * 0.25)
    world.pass_ms(500)
    assert {u.revision for u in world.updates("S")} == {None}, "nobody here counted its changes"


def test_after_a_restart_numbers_go_on_above_the_brokers(worlds: MakeWorld) -> None:
    world = calm(worlds)
    entered(world)
    world.do("play", on=True)
    world.reborn().ready()
    assert world.session.next_number == 4


def test_an_order_of_another_install_is_foreign(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.broker.send(bracket(entry=19_900), world.now_ns)
    world.pass_ms(500)
    world.do("play", on=True)
    world.reborn(own_prefix="of1-other-", client_id=12).ready()
    assert {o.order_id for o in world.reports()[-1].orders} == {None}
    assert {o.foreign_ref[-1] for o in world.reports()[-1].orders} == {"E", "S", "T"}
    assert not [e for e in world.events if isinstance(e, OrderUpdate)], "the report tells them"


def test_live_news_of_another_installs_order_and_its_fill_keep_their_reference(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.broker.send(bracket(entry=19_900), world.now_ns)
    world.pass_ms(500)
    world.do("play", on=True)
    world.reborn(own_prefix="of1-other-").ready().still()
    world.events.clear()
    world.do("fill", ref="E", price=19_900 * 0.25)
    world.pass_ms(500)
    assert [f.order_id for f in fills(world.events)] == ["of1-test-1-E"]
    assert {e.order_id[-1] for e in world.events if isinstance(e, OrderUpdate)} == {"E", "S", "T"}


@pytest.mark.parametrize("break_it", ["cut", "lose-broker"])
def test_nothing_is_sent_or_queued_while_the_broker_is_out_of_reach(worlds: MakeWorld, break_it: str) -> None:
    world = calm(worlds)
    world.do(break_it)
    world.pass_ms(50)
    for orders in (bracket(), (flatten(),)):
        with pytest.raises(NotSent):
            world.broker.send(orders, world.now_ns)
    with pytest.raises(NotSent):
        world.broker.cancel(["of1-test-1-E"], world.now_ns)
    with pytest.raises(NotSent):
        world.broker.cancel_everything(world.now_ns)
    world.pass_ms(20_000)
    assert world.sent("PLACE_ORDER") == []


def test_degraded_data_refuses_entries_and_lets_a_flatten_through(worlds: MakeWorld) -> None:
    world = calm(worlds)
    entered(world)
    world.do("farm", down=True)
    world.pass_ms(500)
    with pytest.raises(NotSent, match="DEGRADED"):
        world.broker.send(bracket(number=60), world.now_ns)
    world.broker.send([flatten()], world.now_ns)
    world.pass_ms(500)
    assert world.do("state")["positions"] == {}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"instrument": "CL"}, "CL"),
        ({"quantity": 0}, "at least 1"),
        ({"limit_ticks": None}, "no price"),
        ({"account": "U999"}, "U999"),
    ],
)
def test_an_order_that_cannot_be_meant_is_not_sent(worlds: MakeWorld, change: dict[str, object], why: str) -> None:
    world = calm(worlds)
    parent, stop, target = bracket()
    with pytest.raises(NotSent, match=why):
        world.broker.send((replace(parent, **change), stop, target), world.now_ns)  # type: ignore[arg-type]
    assert world.sent("PLACE_ORDER") == []


def test_a_what_if_that_answers_twice_gives_one_figure(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.do("what-if", manner="unset-first")
    world.broker.ask_margin("MES", world.now_ns)
    world.pass_ms(1_000)
    (figure,) = [e for e in world.events if isinstance(e, MarginFigure)]
    assert (figure.instrument, figure.init_margin_cents) == ("MES", 165_000)


def test_a_what_if_without_an_answer_gives_no_figure_and_spoils_no_number(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.do("what-if", manner="never")
    world.broker.ask_margin("MES", world.now_ns)
    world.pass_ms(4_000)
    assert not [e for e in world.events if isinstance(e, MarginFigure)]
    world.broker.send(bracket(number=1, entry=19_900), world.now_ns)
    world.pass_ms(500)
    assert BrokerStatus.WORKING in statuses(world, "E")
    assert BrokerStatus.REJECTED not in statuses(world, "E")


def test_an_incomplete_report_says_what_is_missing(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.do("mute", what="COMPLETED_ORDERS", count=1)
    world.broker.ask_report(world.now_ns)
    world.pass_ms(6_000)
    (report,) = world.reports()
    assert not report.complete
    assert report.missing == ("completed orders",)


def test_a_report_holds_money_and_the_profit_of_the_day(worlds: MakeWorld) -> None:
    world = calm(worlds)
    entered(world)
    world.pass_ms(2_000)
    world.broker.ask_report(world.now_ns)
    world.pass_ms(1_000)
    report = world.reports()[-1]
    assert report.equity_cents is not None
    assert report.excess_liquidity_cents is not None
    assert report.day_pnl_cents is not None
    assert report.day_pnl_cents < 0  # commission and spread


@pytest.mark.parametrize(("told", "named"), [("HKD", "HKD"), ("BASE", "BASE"), ("", "no currency")])
def test_money_in_another_currency_is_not_read_as_dollars(worlds: MakeWorld, told: str, named: str) -> None:
    """80,000 Hong Kong dollars were 80,000 US dollars of equity."""
    world = calm(worlds)
    entered(world)
    world.pass_ms(2_000)
    world.stage.gateway.house.account.currency = told
    world.broker.ask_report(world.now_ns)
    world.pass_ms(1_000)
    report = world.reports()[-1]
    assert report.complete
    assert (report.equity_cents, report.excess_liquidity_cents, report.day_pnl_cents, report.currency) == (
        None,
        None,
        None,
        named,
    )
    world.stage.gateway.house.account.currency = "USD"
    world.broker.ask_report(world.now_ns)
    world.pass_ms(1_000)
    assert (world.reports()[-1].equity_cents is None, world.reports()[-1].currency) == (False, "")


def margins(world: IbWorld) -> list[MarginFigure]:
    """The figures that came."""
    return [e for e in world.events if isinstance(e, MarginFigure)]


def test_a_what_if_of_an_account_in_another_currency_is_no_figure_in_dollars(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.stage.gateway.house.account.currency = "EUR"
    world.broker.ask_report(world.now_ns)
    world.pass_ms(1_000)
    world.broker.ask_margin("MES", world.now_ns)
    world.pass_ms(1_000)
    assert margins(world) == []
    world.stage.gateway.house.account.currency = "USD"
    world.broker.ask_report(world.now_ns)
    world.pass_ms(1_000)
    world.broker.ask_margin("MES", world.now_ns)
    world.pass_ms(1_000)
    assert [m.init_margin_cents for m in margins(world)] == [165_000]


def test_money_whose_currency_was_never_told_is_not_known(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    world.do("mute", what="ACCOUNT_SUMMARY", count=2)
    world.start()
    world.ready().still()
    entered(world)
    world.pass_ms(2_000)
    world.broker.ask_margin("MES", world.now_ns)
    world.broker.ask_report(world.now_ns)
    world.pass_ms(6_000)
    report = world.reports()[-1]
    assert (margins(world), report.equity_cents, report.day_pnl_cents, report.currency) == ([], None, None, "")
    world.broker.ask_report(world.now_ns)
    world.pass_ms(1_000)
    assert world.reports()[-1].day_pnl_cents is not None
    world.do("mute", what="ACCOUNT_SUMMARY", count=1)
    world.broker.ask_report(world.now_ns)
    world.pass_ms(6_000)
    report = world.reports()[-1]
    assert (report.equity_cents, report.day_pnl_cents is None) == (None, False), "told in dollars before, they still are"


def test_a_commission_in_another_currency_is_not_read_as_dollars(worlds: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    told = messages.commission
    monkeypatch.setattr(messages, "commission", lambda *a: [*told(*a)[:4], "EUR", *told(*a)[5:]])
    world = calm(worlds)
    entered(world)
    assert len(fills(world.events)) == 1
    assert not [e for e in world.events if isinstance(e, Commission)]


def test_commissions_follow_their_fills_in_cents(worlds: MakeWorld) -> None:
    world = calm(worlds)
    entered(world, quantity=2)
    kinds: list[Event] = [e for e in world.events if isinstance(e, Fill | Commission)]
    fill, fee = kinds
    assert isinstance(fill, Fill)
    assert isinstance(fee, Commission)
    assert (fee.exec_id, fee.cents) == (fill.exec_id, 124)


def test_reports_do_not_tell_the_commissions_of_the_day_again_and_again(worlds: MakeWorld) -> None:
    world = calm(worlds)
    entered(world)
    for _ in range(3):
        world.broker.ask_report(world.now_ns)
        world.pass_ms(1_000)
    assert len([e for e in world.events if isinstance(e, Commission)]) == 1


@pytest.mark.parametrize("highest", [950_000_000, 999_999_990, 1_000_000_005, 1_764_000_000])
def test_a_rejection_is_heard_however_high_the_order_numbers_are(worlds: MakeWorld, highest: int) -> None:
    """Clients that count from the clock leave such numbers behind; they were taken for those of requests."""
    world = worlds(start=False)
    world.stage.gateway.house.exchange.highest[11] = highest
    world.start()
    world.ready().still()
    world.do("order-fault", on="place", code=201, role="E")
    world.broker.send(bracket(entry=19_900), world.now_ns)
    world.pass_ms(500)
    assert world.inner._tickets.highest == highest + 3
    assert [world.updates(ref)[-1].status for ref in "EST"] == [BrokerStatus.REJECTED] * 3
    line = world.session.line
    assert line is not None
    assert line.new_request() > highest + 1_000_000


def test_an_entry_whose_stop_was_rejected_does_not_lie_in_the_gateway_waiting_for_a_click(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.do("order-fault", on="place", code=201, role="S")
    entry, stop, target = bracket(entry=19_900)
    world.broker.send((entry, replace(target, number=2), replace(stop, number=3)), world.now_ns)
    world.pass_ms(500)
    assert {ref: o["status"] for ref, o in world.orders().items()} == {"E": "Cancelled", "T": "Cancelled"}
    assert [world.updates(ref)[-1].status for ref in "EST"] == [
        BrokerStatus.CANCELLED,
        BrokerStatus.REJECTED,
        BrokerStatus.CANCELLED,
    ]


def test_the_legs_of_a_rejected_entry_are_rejected_with_it_and_not_unknown_for_ten_seconds(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.do("order-fault", on="place", code=201, role="E")
    world.broker.send(bracket(entry=19_900), world.now_ns)
    world.pass_ms(500)
    assert [world.updates(ref)[-1].status for ref in "EST"] == [BrokerStatus.REJECTED] * 3
    assert [world.updates(ref)[-1].code for ref in "ST"] == [10006, 10006]


def test_a_missing_parent_that_was_not_rejected_proves_nothing_of_the_leg_and_frees_no_entry(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.do("order-fault", on="place", code=10006, role="T")
    world.broker.send(bracket(entry=19_900), world.now_ns)
    world.pass_ms(500)
    assert world.updates("T")[-1].status is BrokerStatus.SUSPECT
    assert {ref: o["status"] for ref, o in world.orders().items()} == {"E": "Cancelled", "S": "Cancelled"}


def test_an_entry_whose_stop_misses_it_is_cancelled_before_it_fills(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.do("order-fault", on="place", code=10006, role="S")
    world.broker.send(bracket(entry=19_900), world.now_ns)
    world.pass_ms(500)
    assert {ref: o["status"] for ref, o in world.orders().items()} == {"E": "Cancelled", "T": "Cancelled"}
    assert len(world.sent("CANCEL_ORDER")) == 1, "the entry takes its legs along"
    assert world.updates("S")[-1].status is BrokerStatus.SUSPECT
    assert world.updates("E")[-1].status is BrokerStatus.CANCELLED


def test_a_filled_entry_whose_stop_missed_it_keeps_its_target(worlds: MakeWorld) -> None:
    world = calm(worlds)
    world.do("order-fault", on="place", code=10006, role="S")
    world.broker.send(bracket(), world.now_ns)
    world.pass_ms(500)
    assert [f.quantity for f in fills(world.events)] == [1]
    assert world.updates("S")[-1].status is BrokerStatus.SUSPECT
    assert world.orders()["T"]["status"] == "Submitted"
