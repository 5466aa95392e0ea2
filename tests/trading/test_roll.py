"""The traded month changes only when flat: the desk says so, the shell does it."""

from __future__ import annotations

from orderflow_tui.domain.action import RollContract
from orderflow_tui.domain.event import Command
from orderflow_tui.domain.order import BrokerStatus, OrderUpdate
from tests.trading.house import House, owing


def test_a_flat_desk_lets_the_month_change() -> None:
    house = House()
    house.press(Command.ROLL)
    assert len(house.all(RollContract)) == 1


def test_a_month_does_not_change_under_a_position() -> None:
    house = House().enter()
    house.press(Command.ROLL)
    assert house.all(RollContract) == []
    assert "only when flat: +1 MES" in house.desk.refusals[-1].reason


def test_a_month_does_not_change_under_a_working_order() -> None:
    house = House()
    house.bracket()
    house.press(Command.ROLL)
    assert house.all(RollContract) == []
    assert "3 order(s) live" in house.desk.refusals[-1].reason


def test_a_month_does_not_change_while_an_execution_is_owed() -> None:
    """The order is over and the books say flat: the broker counted a contract more than it told."""
    house = owing()
    for exit_id in [ticket.order.id for ticket in house.floor.blotter.live]:
        house.tell(OrderUpdate(exit_id, house.now, BrokerStatus.CANCELLED))
    assert house.desk.position() == 0
    assert not house.floor.blotter.live
    assert house.floor.blotter.owing
    house.press(Command.ROLL)
    assert house.all(RollContract) == []
    assert "not told yet" in house.desk.refusals[-1].reason
