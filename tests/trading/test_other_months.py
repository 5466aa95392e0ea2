"""Positions and fills in a month that is not traded come under its own name: they are never ours to act upon."""

from dataclasses import replace

from orderflow_tui.domain.action import Send
from orderflow_tui.domain.event import Command
from orderflow_tui.domain.order import Fill, Role, Side
from tests.trading.house import PRICE, House
from tests.trading.test_truth import foreign


def test_a_position_in_another_month_is_neither_protected_nor_closed_nor_taken_for_ours() -> None:
    house = House().enter()
    house.wait(10)
    sent = len(house.all(Send))
    told = house.broker.report(house.now, 1)
    for _ in range(5):
        house.tell(replace(told, ts_ns=house.now, began_ns=house.now, positions=(*told.positions, ("MESH7", -2))))
        house.wait(1_000)
    house.tell(foreign(2, Side.SELL, symbol="MESH7"))
    house.wait(5_000)
    assert house.desk.position("MES") == 1
    assert house.desk.position("MESH7") == 0
    assert len(house.all(Send)) == sent
    house.press(Command.FLATTEN)
    house.wait(10_000)
    assert {o.instrument for s in house.all(Send) for o in s.orders} == {"MES"}


def test_an_order_of_ours_that_fills_in_another_month_leaves_our_position_as_it_is() -> None:
    house = House().enter()
    house.wait(10)
    stop = next(order for sent in house.all(Send) for order in sent.orders if order.role is Role.STOP)
    house.tell(Fill("old.01", "old", 1, stop.id, house.now, "MESZ5", stop.side, 1, PRICE))
    house.wait(1_000)
    assert house.desk.position("MES") == 1
    assert "INVARIANT" not in house.latched
