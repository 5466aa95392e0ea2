"""What is held or traded in another month than ours goes by its own name: it is never added to ours, nor closed in ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pytest

from orderflow_tui.adapters.ib_contracts import Listed
from orderflow_tui.adapters.ib_desk import staying
from orderflow_tui.adapters.ib_snapshot import Held
from orderflow_tui.domain.account import AccountReport
from tests.adapters.ib_fixtures import MakeWorld, worlds
from tests.adapters.ib_world import ACCOUNT, INSTRUMENTS, IbWorld, ib_settings
from tests.adapters.market_files import CL
from tests.contract.broker_contract import bracket, fills
from tests.gateway.account import Holding
from tests.gateway.contracts import MONTH_CODES, listings
from tests.gateway.house import Settings

__all__ = ["worlds"]


def holding(world: IbWorld, local: str, quantity: int) -> None:
    """The account holds contracts of this month."""
    house = world.stage.gateway.house
    (listing,) = [entry for entry in house.listings if entry.local_symbol == local]
    house.account.holdings[listing.con_id] = Holding(listing, quantity)


def reported(world: IbWorld) -> AccountReport:
    world.broker.ask_report(world.now_ns)
    world.pass_ms(1_000)
    return world.reports()[-1]


def test_a_position_in_another_month_is_never_added_to_ours(worlds: MakeWorld) -> None:
    world = worlds().ready().still()
    world.do("manual", local="MESH7", side="BUY")
    assert reported(world).positions == (("MESH7", 1),)
    world.broker.send(bracket(), world.now_ns)
    world.pass_ms(500)
    assert reported(world).positions == (("MES", 1), ("MESH7", 1))


def test_a_calendar_spread_is_not_flat(worlds: MakeWorld) -> None:
    world = worlds().ready().still()
    world.do("manual", local="MESH7", side="BUY")
    world.do("manual", local="MESZ6", side="SELL")
    assert reported(world).positions == (("MES", -1), ("MESH7", 1))


def test_a_fill_in_another_month_is_told_under_the_name_of_that_month(worlds: MakeWorld) -> None:
    world = worlds().ready().still()
    world.do("manual", local="MESH7", side="BUY")
    world.do("manual", symbol="MES", side="BUY")
    assert [f.instrument for f in reported(world).fills] == ["MESH7", "MES"]


def rolled(worlds: MakeWorld) -> IbWorld:
    """Z6 is known from before and still traded, H7 leads."""
    world = worlds(Settings(leading=1), days=22, start=False)
    world.session.months.update({"ES": "202612", "MES": "202612"})
    world.start()
    return world.ready().still()


def test_an_order_left_in_the_old_month_fills_there_and_not_in_the_new_one(worlds: MakeWorld) -> None:
    world = rolled(worlds)
    world.broker.send(bracket(entry=19_900), world.now_ns)
    world.pass_ms(500)
    world.call(lambda: world.session.take_month("MES"))
    world.do("fill", ref="E", price=19_900 * 0.25)
    world.pass_ms(500)
    assert [(f.order_id, f.instrument) for f in fills(world.events)] == [("of1-test-1-E", "MESZ6")]
    assert reported(world).positions == (("MESZ6", 1),)


def test_margin_is_asked_on_the_side_of_what_is_held_in_the_traded_month(worlds: MakeWorld) -> None:
    world = worlds().ready().still()
    world.do("manual", local="MESH7", side="SELL", quantity=2)
    reported(world)
    world.broker.ask_margin("MES", world.now_ns)
    world.pass_ms(500)
    assert world.sent("PLACE_ORDER")[-1]["fields"][16] == "BUY"


def test_the_first_report_is_read_with_the_contracts_chosen_after_it(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    holding(world, "MESH7", 1)
    world.start()
    world.ready()
    assert world.reports()[0].positions == (("MES", 1),), "nothing is known from before: what is held is ours"


def test_of_two_months_that_are_held_the_nearer_is_ours(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    holding(world, "MESH7", 1)
    holding(world, "MESZ6", -2)
    world.start()
    world.ready()
    assert world.reports()[0].positions == (("MES", -2), ("MESH7", 1))


def test_a_month_known_from_before_stays_although_another_is_held(worlds: MakeWorld) -> None:
    world = worlds().ready()
    world.do("cut")
    world.do("manual", local="MESH7", side="BUY")
    world.until(lambda: world.session.generation == 2 and bool(world.reports()))
    world.ready()
    assert world.session.traded["MES"].listed.month == "202612"
    assert world.reports()[-1].positions == (("MESH7", 1),)


def test_a_fill_told_before_the_contracts_are_known_waits_for_them(worlds: MakeWorld) -> None:
    world = worlds(start=False)
    (z6,) = [entry for entry in world.stage.gateway.house.listings if entry.local_symbol == "MESZ6"]
    contract = SimpleNamespace(symbol="MES", secType="FUT", conId=z6.con_id, localSymbol="MESZ6")
    execution = SimpleNamespace(
        execId="early.01", permId=0, orderId=0, clientId=0, orderRef="", acctNumber=ACCOUNT,
        side="BOT", shares=1.0, price=5000.0, liquidation=0,
    )  # fmt: skip
    world.call(lambda: world.inner.on_execution(contract, execution, live=True))
    assert fills(world.events) == []
    world.start()
    world.ready()
    assert [f.instrument for f in fills(world.events)] == ["MES"]


# -- months by their contract --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("month", "expiry"),
    [
        ("202611", date(2026, 10, 20)),
        ("202612", date(2026, 11, 20)),
        ("202703", date(2027, 2, 22)),
        ("202605", date(2026, 4, 21)),
    ],
)
def test_crude_oil_ends_three_business_days_before_the_25th_of_the_month_before(month: str, expiry: date) -> None:
    (found,) = [
        c for c in listings(date(2026, 4, 1), count=13) if c.product.symbol == "CL" and c.month == month
    ]  # fmt: skip
    assert (found.expiry, found.local_symbol) == (expiry, f"CL{MONTH_CODES[int(month[4:]) - 1]}{month[3]}")


def test_a_held_contract_is_found_by_its_id_where_it_expires_before_its_month(
    worlds: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(INSTRUMENTS, "CL", replace(CL, exchange="NYMEX", roll_months=MONTH_CODES))
    world = worlds(settings=ib_settings(analysis="CL", execution="CL"), start=False)
    holding(world, "CLF7", 1)
    world.start()
    world.until(lambda: bool(world.reports()))
    assert world.session.traded["CL"].contract.localSymbol == "CLF7", "its last trading day lies in December, as Z6 is named"
    assert world.reports()[0].positions == (("CL", 1),)


@pytest.mark.parametrize(
    ("con_id", "month", "stays"),
    [(2, "202612", "202701"), (0, "202612", "202612"), (9, "202612", ""), (0, "202611", "")],
    ids=["by its id", "without an id by its month", "an id that is not listed", "a month that is not listed"],
)
def test_the_month_that_stays(con_id: int, month: str, stays: str) -> None:
    listed = [Listed(1, "CL", date(2026, 11, 20), "202612"), Listed(2, "CL", date(2026, 12, 22), "202701")]
    held = [Held("CL", "CLF7", con_id, month, 1, 60.0)]
    assert staying(listed, "", held)[0] == stays
    assert staying(listed, "202612", held) == ("202612", "is traded")
    assert staying(listed, "202611", held)[0] == stays, "what is not listed any more does not stay"
