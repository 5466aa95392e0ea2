"""What a run that ends says of what it leaves behind."""

from __future__ import annotations

from dataclasses import replace

from orderflow_tui.domain.event import Command
from orderflow_tui.domain.order import Role
from orderflow_tui.trading.left_open import Holding, left_open
from orderflow_tui.trading.protection import Cover
from tests.builders import MES
from tests.trading.house import PRICE, House, TinyBroker
from tests.trading.test_foreign import Wide


def said(house: House) -> str:
    left = house.desk.left_open
    return "" if left is None else left.text


def test_flat_without_orders_nothing_is_said() -> None:
    assert House().desk.left_open is None


def test_a_position_is_told_with_its_stop_and_its_orders() -> None:
    house = House().enter()
    left = house.desk.left_open
    assert left is not None
    stop, target = (house.ticket(role).order for role in (Role.STOP, Role.TARGET))
    assert stop.stop_ticks is not None
    assert target.limit_ticks is not None
    assert left.text.startswith("a position is left open: +1 MES; its stop is at the broker; working: ")
    assert f"stop SELL 1 MES {MES.text(stop.stop_ticks)}" in left.text
    assert f"target SELL 1 MES {MES.text(target.limit_ticks)}" in left.text
    assert left.sure


def test_a_position_whose_stop_is_not_known_to_stand_is_not_sure() -> None:
    house = House(broker=TinyBroker(reject=lambda o: o.role in (Role.STOP, Role.EMERGENCY)))
    house.bracket()
    house.trade(PRICE)
    left = house.desk.left_open
    assert left is not None
    assert "it has NO STOP" in left.text
    assert "a flatten had begun and is NOT DONE" in left.text
    assert not left.sure


def test_an_entry_that_works_is_told_without_a_position() -> None:
    house = House(broker=TinyBroker(mute=True))
    house.bracket()
    left = house.desk.left_open
    assert left is not None
    assert left.text.startswith("flat, but orders are left working; working: entry BUY 1 MES ")
    assert left.sure


def test_what_the_account_holds_beside_our_books_is_told_in_both_words() -> None:
    house = Wide()
    house.broker.others["NQ"] = -2
    house.press(Command.RECONCILE)
    assert said(house).startswith("a position is left open: +0 NQ (the broker says -2); no stop of ours is there for it")
    assert str(Holding("MES", None, 1)) == "+1 MES (the broker has not told)"


def test_an_order_without_a_price_is_told_as_one_at_market() -> None:
    order = replace(House().enter().ticket(Role.TARGET).order, limit_ticks=None)
    left = left_open([], Cover.NONE_NEEDED, [order], False, {"MES": MES})
    assert left is not None
    assert left.text == "flat, but orders are left working; working: target SELL 1 MES at market"
