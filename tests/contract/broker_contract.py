"""What every broker must keep, whoever it is. Plug one in by subclassing `BrokerContract` and giving it a world.

A world drives the broker's surroundings: prints trades, moves quotes, lets time pass, and collects the events that come
back. For the simulated broker that is a loop in virtual time, for Interactive Brokers a gateway on the loopback.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import pytest

from orderflow_tui.domain.account import AccountReport, MarginFigure
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.order import (
    BrokerStatus,
    Change,
    Commission,
    Fill,
    Order,
    OrderType,
    OrderUpdate,
    Purpose,
    Role,
    Side,
)
from orderflow_tui.ports import Broker, NotSent

ES = Instrument("ES", "E-mini S&P 500", "CME", 250_000_000, 1250, 50, 225, 1_500_000, 16, 24, 20, 150)
MES = Instrument("MES", "Micro E-mini S&P 500", "CME", 250_000_000, 125, 5, 62, 150_000, 16, 24, 5, 30)


def bracket(
    number: int = 1,
    side: Side = Side.BUY,
    quantity: int = 1,
    entry: int | None = 20_010,
    stop: int = 19_990,
    target: int = 20_030,
    instrument: str = "MES",
) -> tuple[Order, Order, Order]:
    """Entry, stop and target as the gate builds them; `entry` None is a market order. Numbers run from `number`."""
    intent, group = f"i{number}", f"oca{number}"
    leave = side.opposite
    entry_id = f"of1-test-{number}-E"

    def child(offset: int, role: Role, kind: OrderType, limit: int | None, touch: int | None) -> Order:
        return Order(
            id=f"of1-test-{number}-{role.value}",
            intent_id=intent,
            number=number + offset,
            revision=0,
            instrument=instrument,
            side=leave,
            role=role,
            purpose=Purpose.PROTECT,
            type=kind,
            quantity=quantity,
            limit_ticks=limit,
            stop_ticks=touch,
            parent_id=entry_id,
            oca_group=group,
        )

    parent = Order(
        id=entry_id,
        intent_id=intent,
        number=number,
        revision=0,
        instrument=instrument,
        side=side,
        role=Role.ENTRY,
        purpose=Purpose.ENTRY,
        type=OrderType.MARKET if entry is None else OrderType.LIMIT,
        quantity=quantity,
        limit_ticks=entry,
    )
    return (
        parent,
        child(1, Role.STOP, OrderType.STOP, None, stop),
        child(2, Role.TARGET, OrderType.LIMIT, target, None),
    )


class BrokerWorld(Protocol):
    """The surroundings of a broker under test."""

    events: list[Event]

    @property
    def broker(self) -> Broker:
        """The broker under test."""
        ...

    @property
    def now_ns(self) -> int:
        """The time a request is made at."""
        ...

    def pass_ms(self, ms: int) -> None:
        """Let time pass; what the broker tells is appended to `events`."""
        ...

    def print_trade(self, price_ticks: int, size: int = 1) -> None:
        """One trade on the tape, with the quote one tick wide around it."""
        ...


class BrokerContract:
    """Subclass, implement `world`, and pytest runs every promise."""

    instrument = "MES"

    def world(self) -> BrokerWorld:
        """A fresh broker, flat, connected, with the market at 20,000 ticks."""
        raise NotImplementedError

    def test_an_order_is_acknowledged_with_permanent_id_and_echo(self) -> None:
        world = self.world()
        parent, _, _ = orders = bracket(entry=19_900)
        world.broker.send(orders, world.now_ns)
        world.pass_ms(1_000)
        acks = [e for e in updates(world.events, parent.id) if e.status is BrokerStatus.WORKING]
        assert acks, f"no acknowledgement of {parent.id}"
        assert acks[0].perm_id
        assert (acks[0].echoed_quantity, acks[0].echoed_price_ticks, acks[0].echoed_tif) == (1, 19_900, "GTC")

    def test_an_order_handed_over_twice_is_refused(self) -> None:
        world = self.world()
        orders = bracket()
        world.broker.send(orders, world.now_ns)
        with pytest.raises(NotSent):
            world.broker.send(orders, world.now_ns)

    def test_a_revision_handed_over_twice_is_refused(self) -> None:
        world = self.world()
        orders = bracket(entry=19_900)
        world.broker.send(orders, world.now_ns)
        world.pass_ms(1_000)
        change, changed = moved_stop(orders[1], 19_980)
        world.broker.change(change, changed, world.now_ns)
        with pytest.raises(NotSent):
            world.broker.change(change, changed, world.now_ns)

    def test_a_bracket_fills_its_entry_and_only_then_its_children_live(self) -> None:
        world = self.world()
        orders = bracket(entry=19_995, stop=19_985, target=20_030)
        world.broker.send(orders, world.now_ns)
        world.pass_ms(1_000)
        world.print_trade(20_040)  # would have filled a living target
        assert fills(world.events) == []
        world.print_trade(19_990)
        world.pass_ms(1_000)
        assert [(f.order_id, f.quantity) for f in fills(world.events)] == [(orders[0].id, 1)]

    def test_a_target_fills_beyond_its_price_and_takes_the_stop_with_it(self) -> None:
        world = self.world()
        parent, stop, target = self._entered(world)
        world.print_trade(20_032)
        world.pass_ms(1_000)
        assert [f.order_id for f in fills(world.events)] == [parent.id, target.id]
        assert updates(world.events, stop.id)[-1].status is BrokerStatus.CANCELLED

    def test_a_stop_fills_at_its_trigger_or_worse_and_takes_the_target_with_it(self) -> None:
        world = self.world()
        parent, stop, target = self._entered(world)
        world.print_trade(19_986)
        world.pass_ms(1_000)
        got = fills(world.events)
        assert [f.order_id for f in got] == [parent.id, stop.id]
        assert got[-1].price_ticks <= 19_986
        assert updates(world.events, target.id)[-1].status is BrokerStatus.CANCELLED

    def test_every_fill_has_its_own_id_and_its_commission_follows_it(self) -> None:
        world = self.world()
        self._entered(world)
        world.print_trade(19_986)
        world.pass_ms(1_000)
        ids = [f.exec_id for f in fills(world.events)]
        assert len(ids) == len(set(ids)) == 2
        for exec_id in ids:
            kinds = [type(e) for e in world.events if isinstance(e, Fill | Commission) and e.exec_id == exec_id]
            assert kinds == [Fill, Commission]

    def test_a_cancel_is_confirmed_and_ends_the_children(self) -> None:
        world = self.world()
        orders = bracket(entry=19_900)
        world.broker.send(orders, world.now_ns)
        world.pass_ms(1_000)
        world.broker.cancel([orders[0].id], world.now_ns)
        world.pass_ms(1_000)
        assert [updates(world.events, o.id)[-1].status for o in orders] == [BrokerStatus.CANCELLED] * 3

    def test_cancelling_a_filled_order_is_refused_and_never_confirmed(self) -> None:
        world = self.world()
        parent, _, _ = self._entered(world)
        world.broker.cancel([parent.id], world.now_ns)
        world.pass_ms(1_000)
        states = [u.status for u in updates(world.events, parent.id)]
        assert BrokerStatus.CANCEL_REFUSED in states
        assert BrokerStatus.CANCELLED not in states

    def test_a_moved_stop_is_echoed_and_triggers_at_its_new_price(self) -> None:
        world = self.world()
        _, stop, _ = self._entered(world)
        change, changed = moved_stop(stop, 19_995)
        world.broker.change(change, changed, world.now_ns)
        world.pass_ms(1_000)
        echo = updates(world.events, stop.id)[-1]
        assert (echo.status, echo.revision, echo.echoed_price_ticks) == (BrokerStatus.WORKING, 1, 19_995)
        world.print_trade(19_994)
        world.pass_ms(1_000)
        assert fills(world.events)[-1].order_id == stop.id

    def test_the_global_cancel_leaves_nothing_working(self) -> None:
        world = self.world()
        self._entered(world)
        world.broker.cancel_everything(world.now_ns)
        world.pass_ms(1_000)
        assert self._report(world).orders == ()

    def test_a_report_is_complete_and_tells_position_orders_and_executions(self) -> None:
        world = self.world()
        parent, stop, target = self._entered(world)
        report = self._report(world)
        assert report.complete
        assert report.positions == ((self.instrument, 1),)
        assert {o.order_id for o in report.orders} == {stop.id, target.id}
        assert {o.order_id: o.status for o in report.completed}[parent.id] is BrokerStatus.FILLED
        assert {f.exec_id for f in report.fills} == {f.exec_id for f in fills(world.events)}
        assert report.began_ns <= report.ts_ns

    def test_a_second_request_joins_the_report_that_is_on_its_way(self) -> None:
        world = self.world()
        world.broker.ask_report(world.now_ns)
        world.broker.ask_report(world.now_ns)
        world.pass_ms(2_000)
        assert len([e for e in world.events if isinstance(e, AccountReport)]) == 1

    def test_a_flat_account_reports_no_position(self) -> None:
        assert self._report(self.world()).positions == ()

    def test_margin_is_answered_for_the_instrument_asked(self) -> None:
        world = self.world()
        world.broker.ask_margin(self.instrument, world.now_ns)
        world.pass_ms(2_000)
        figures = [e for e in world.events if isinstance(e, MarginFigure)]
        assert [f.instrument for f in figures] == [self.instrument]
        assert figures[0].init_margin_cents > 0

    def _entered(self, world: BrokerWorld) -> tuple[Order, Order, Order]:
        orders = bracket(instrument=self.instrument)
        world.broker.send(orders, world.now_ns)
        world.pass_ms(1_000)
        world.print_trade(20_000)
        world.pass_ms(1_000)
        assert [f.order_id for f in fills(world.events)] == [orders[0].id], "the entry should have filled"
        return orders

    def _report(self, world: BrokerWorld) -> AccountReport:
        world.broker.ask_report(world.now_ns)
        world.pass_ms(2_000)
        reports = [e for e in world.events if isinstance(e, AccountReport)]
        assert reports, "no report came"
        return reports[-1]


def updates(events: Sequence[Event], order_id: str) -> list[OrderUpdate]:
    """News of one order, in order."""
    return [e for e in events if isinstance(e, OrderUpdate) and e.order_id == order_id]


def fills(events: Sequence[Event]) -> list[Fill]:
    """Executions, in order."""
    return [e for e in events if isinstance(e, Fill)]


def moved_stop(stop: Order, ticks: int, revision: int = 1) -> tuple[Change, Order]:
    """A change of a stop's price, and the order after it."""
    change = Change(stop.id, revision, stop.quantity, ticks, Purpose.PROTECT)
    return change, replace(stop, revision=revision, stop_ticks=ticks)
