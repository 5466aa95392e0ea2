"""The traded month changes only when flat: the desk says so, the shell does it."""

from __future__ import annotations

from orderflow_tui.domain.action import RollContract
from orderflow_tui.domain.event import Command
from tests.trading.house import House


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
