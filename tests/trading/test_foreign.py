"""What the account holds outside of what is traded here: never acted upon, never overlooked, never called flat."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orderflow_tui.domain.account import Link
from orderflow_tui.domain.event import Command
from orderflow_tui.domain.facts import Facts
from orderflow_tui.domain.market import Mark
from orderflow_tui.domain.order import Purpose, Role, Side, closing
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.trading.desk import Desk
from orderflow_tui.trading.left_open import Holding
from orderflow_tui.trading.limits import TradingParams
from orderflow_tui.trading.reconcile import Persistence
from tests.builders import ES, MES
from tests.trading.house import RICH, START_NS, House, TinyBroker
from tests.trading.house import facts as quiet
from tests.trading.test_brakes import flat
from tests.trading.test_truth import foreign

NQ = replace(ES, symbol="NQ")


class Wide(House):
    """Executes MES, analyses ES, knows NQ. ES stands where MES does, of NQ no price is known."""

    def __init__(self) -> None:
        params = TradingParams(risk=RICH, analysis="ES")
        desk = Desk(params, {"MES": MES, "ES": ES, "NQ": NQ}, "MES", "U1", "t")
        super().__init__(params, desk=desk, broker=TinyBroker())

    @property
    def facts(self) -> Facts:
        made = quiet(self.now, self.last, **self.changes)
        return replace(made, marks=(*made.marks, Mark("ES", self.last - 1, self.last + 1, self.last, self.now)))


# -- seen in a report ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["NQ", "MESH7"])
def test_a_position_that_cannot_be_traded_here_fences_then_halts_and_nothing_is_done_about_it(symbol: str) -> None:
    house = Wide()
    house.broker.others[symbol] = -2
    house.press(Command.RECONCILE)
    assert house.state == "FENCED"
    assert house.desk.state_reason(house.facts) == f"{symbol}: broker -2, not traded here"
    assert house.latched == set()
    house.wait(3_000)
    assert house.latched == {"MISMATCH"}
    (told,) = house.alerts("foreign position")
    assert f"-2 {symbol}" in told
    assert "close it in the broker's own program" in told
    house.wait(120_000)
    assert house.sent() == []
    assert house.desk.ledger.held == ()
    assert len(house.alerts("foreign position")) == 1
    assert house.latched == {"MISMATCH"}


def test_where_it_is_known_to_stay_the_broker_is_asked_no_more_often_than_usual() -> None:
    house = Wide()
    house.broker.others["NQ"] = 1
    house.wait(10_000)
    asked = len(house.done)
    house.wait(60_000)
    assert len(house.done) - asked < 10


def test_no_word_ends_the_halt_while_it_is_held_and_one_does_when_it_is_gone() -> None:
    house = Wide()
    house.broker.others["NQ"] = 1
    house.wait(5_000)
    house.press(Command.RESUME, word="RESUME")
    assert house.latched == {"MISMATCH"}
    assert "NQ: broker +1, not traded here" in house.desk.refusals[-1].reason
    house.broker.others.clear()
    house.press(Command.RECONCILE)
    house.press(Command.RESUME, word="RESUME")
    assert house.latched == set()
    house.wait(6_000)
    assert house.state == "RUNNING"


def test_more_of_it_is_told_anew() -> None:
    house = Wide()
    house.broker.others["NQ"] = 1
    house.wait(5_000)
    house.broker.others["NQ"] = 3
    house.press(Command.RECONCILE)
    house.wait(3_000)
    assert [t.split(":")[0] for t in house.alerts("foreign position")] == [
        "the account holds +1 NQ",
        "the account holds +3 NQ",
    ]


def test_what_is_ours_recovers_and_stays_guarded_beside_it() -> None:
    house = Wide().enter()
    house.broker.others["NQ"] = 1
    house.wait(5_000)
    house.broker.end(house.broker.orders["of1-t-1-S"], house.now)
    house._deliver()
    house.wait(10)
    assert house.ticket(Role.EMERGENCY).order.instrument == "MES"
    assert house.desk.protection.value == "at broker"
    again = House(house.params, desk=Desk(house.params, {"MES": MES, "ES": ES}, "MES", "U1", "t"), broker=house.broker)
    again.now = house.now + SECOND_NS
    again.desk.restore(house.rows)
    again.wait(5_000)
    assert again.state == "HALTED", "recovered: ours agrees"


def test_a_person_who_asks_is_told_of_it_too() -> None:
    house = Wide()
    house.broker.others["NQ"] = 1
    house.wait(1_000)
    house.press(Command.RECONCILE)
    assert house.alerts("reconcile") == ["MES: broker +0, ours +0, they agree; NQ: broker +1, not traded here"]


# -- an execution -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["NQ", "MESH7"])
def test_an_execution_in_what_is_not_traded_here_halts_and_is_left_out_of_the_books(symbol: str) -> None:
    house = Wide().enter()
    house.broker.others[symbol] = 1
    house.tell(foreign(1, symbol=symbol))
    assert house.latched == {"MISMATCH"}
    assert f"somebody traded BUY 1 {symbol}" in house.alerts("foreign position")[0]
    before = len(house.sent())
    house.wait(20_000)
    assert len(house.sent()) == before, "no emergency stop, no flatten"
    assert house.desk.ledger.held == ("MES",)
    assert house.desk.protection.value == "at broker"
    assert house.desk.flattening is None


def test_an_execution_of_an_earlier_life_halts_only_by_what_is_left_of_it() -> None:
    house = Wide()
    house.wait(2_000)
    house.tell(replace(foreign(1, symbol="NQ"), ts_ns=START_NS - 1))
    house.tell(foreign(0, symbol="NQ", name="bust"))
    assert house.latched == set()


# -- the analysed instrument --------------------------------------------------------------------------------------------


def test_yesterdays_position_in_the_analysed_instrument_is_a_mismatch_and_is_adopted_and_protected() -> None:
    house = Wide()
    house.broker.others["ES"] = -2
    house.press(Command.RECONCILE)
    assert house.desk.state_reason(house.facts) == "ES: broker -2, ours +0"
    house.wait(6_000)
    assert house.latched == {"MISMATCH"}
    assert house.desk.position("ES") == -2
    assert (house.ticket(Role.EMERGENCY).order.instrument, house.ticket(Role.EMERGENCY).order.side) == ("ES", Side.BUY)


def test_a_stop_in_the_analysed_instrument_does_not_outlive_what_it_protected() -> None:
    house = Wide()
    house.broker.others["ES"] = 2
    house.wait(6_000)
    stop = house.ticket(Role.EMERGENCY)
    assert (stop.order.instrument, stop.live) == ("ES", True)
    house.broker.others["ES"] = 0
    house.broker.fills.append(foreign(2, Side.SELL, symbol="ES"))
    house.tell(house.broker.fills[-1])
    house.wait(3_000)
    assert house.desk.position("ES") == 0
    assert not stop.live, "left alone it would open a position that nobody wanted"


def test_what_is_held_beside_the_execution_instrument_is_told_and_its_stop_counts() -> None:
    house = Wide().enter()
    house.broker.others["ES"] = 2
    house.press(Command.RECONCILE)
    assert house.desk.elsewhere == (Holding("ES", 2, 0),)
    assert house.desk.protection.value == "at broker", "of what is ours"
    house.wait(6_000)
    assert (house.desk.position(), house.desk.broker_position) == (1, 1)
    assert house.desk.elsewhere == (Holding("ES", 2, 2),)
    house.broker.deaf = True
    house.broker.end(house.broker.orders[house.ticket(Role.EMERGENCY).order.id], house.now)
    house._deliver()
    house.wait(1)
    assert house.desk.protection.value == "pending", "the worst of both"
    house.broker.mute_reports = True
    house.link(Link.READY, 2)
    assert house.desk.elsewhere == (Holding("ES", None, 2),), "in this connection nothing has been told"


def test_what_was_closed_since_the_report_is_not_held_elsewhere() -> None:
    house = Wide()
    house.broker.others["ES"] = 2
    house.wait(6_000)
    house.broker.mute_reports = True
    house.tell(foreign(2, Side.SELL, symbol="ES"))
    assert house.desk.elsewhere == ()
    assert house.desk.protection.value == "flat"


@pytest.mark.parametrize("held", [2, -2])
def test_a_flatten_closes_the_analysed_instrument_too_where_the_report_alone_tells_of_it(held: int) -> None:
    house = Wide()
    house.broker.others["ES"] = held
    house.wait(1)
    house.press(Command.FLATTEN)
    flat(house, 10_000)
    assert house.broker.others["ES"] == 0
    assert [(o.instrument, o.side, o.quantity) for o in house.sent(Purpose.FLATTEN)] == [("ES", closing(held), 2)]
    assert house.alerts("flatten")[-1] == "flat: the broker said so twice"
    house.wait(10_000)
    assert house.desk.position("ES") == 0
    assert house.desk.working == ()


@pytest.mark.parametrize("symbol", ["MES", "ES"])
def test_a_flatten_of_what_the_books_did_not_know_leaves_no_stop_against_nothing(symbol: str) -> None:
    """The exit takes the books from nothing to short until the broker's word is adopted: nobody holds what they show."""
    house = Wide()
    house.broker.position, house.broker.others = (2, {}) if symbol == "MES" else (0, {symbol: 2})
    house.wait(1)
    house.press(Command.FLATTEN)
    flat(house, 10_000)
    assert [o.role for o in house.sent()] == [Role.FLATTEN]
    assert house.desk.flattening is None
    assert house.desk.position(symbol) == 0
    assert house.alerts("naked") == []


def test_a_flatten_needs_no_price_of_the_analysed_instrument() -> None:
    house = House(TradingParams(risk=RICH, analysis="ES"))
    assert house.facts.mark("ES") is None
    house.broker.others["ES"] = 2
    house.wait(1)
    house.press(Command.FLATTEN)
    flat(house, 10_000)
    assert house.broker.others["ES"] == 0
    assert house.desk.position("ES") == 0
    assert house.desk.working == ()


# -- what is held from before and cannot be traded any more -------------------------------------------------------------


def carried() -> Wide:
    """One NQ of an earlier life, that executed it, is in the books and at the broker."""
    before = House(desk=Desk(TradingParams(risk=RICH), {"NQ": NQ}, "NQ", "U1", "t"))
    before.tell(foreign(1, symbol="NQ"))
    house = Wide()
    house.desk.restore([r for r in before.rows if r.kind == "fill"])
    house.broker.others["NQ"] = 1
    return house


def test_a_position_of_an_earlier_life_that_cannot_be_traded_any_more_is_told_and_left_alone() -> None:
    house = carried()
    house.wait(10_000)
    assert house.latched == {"MISMATCH"}
    assert house.sent() == []
    assert "value" in {f.name for f in house.desk.fences(house.facts)}, "no price of it is known"
    house.broker.others.clear()
    house.tell(foreign(1, Side.SELL, name="out", symbol="NQ"))
    assert house.desk.ledger.held == (), "closed by hand, it leaves the books"


def test_the_flat_time_flattens_nothing_that_cannot_be_traded() -> None:
    house = carried()
    house.wait(10_000)
    house.changes["flat_at_ns"] = house.now
    house.wait(10_000)
    assert house.alerts("flatten") == []


# -- flatten ------------------------------------------------------------------------------------------------------------


def test_a_flatten_never_calls_the_account_flat_while_something_else_is_held() -> None:
    house = Wide().enter()
    house.broker.others = {"MESH7": 1, "NQ": -2}
    house.press(Command.FLATTEN)
    flat(house, 8_000)
    assert house.broker.position == 0
    assert house.broker.others == {"MESH7": 1, "NQ": -2}
    end = house.alerts("flatten")[-1]
    assert "ours is flat" in end
    assert "still holds +1 MESH7, -2 NQ, which is not ours to close" in end


def test_a_flatten_with_nothing_else_held_says_flat() -> None:
    house = Wide().enter()
    house.press(Command.FLATTEN)
    flat(house, 8_000)
    assert house.alerts("flatten")[-1] == "flat: the broker said so twice"


def test_enough_takes_three_reports_and_two_seconds_and_counts_anew_after_a_good_one() -> None:
    seen = Persistence()
    assert [seen.enough(s * SECOND_NS) for s in (0, 1)] == [False, False]
    seen.over()
    assert [seen.enough(s * SECOND_NS) for s in (2, 3, 4)] == [False, False, True]
    assert [seen.enough(10 * SECOND_NS + n) for n in range(4)] == [False] * 4


def test_a_revision_that_comes_under_the_old_months_name_belongs_to_what_was_booked() -> None:
    """After a roll the adapter calls the month MESZ6 in which `MES` was bought."""
    house = Wide()
    house.enter()
    bought = next(fill for fill in house.broker.fills if fill.order_id == house.ticket(Role.ENTRY).order.id)
    house.tell(
        replace(bought, instrument="MESZ6", revision=2, exec_id=f"{bought.base_id}.02", price_ticks=bought.price_ticks - 2)
    )
    assert house.latched == set()
    assert house.floor.position("MES") == house.floor.blotter.position("MES") == 1
    assert house.alerts("foreign position") == []


def test_a_report_that_tells_a_foreign_execution_is_still_compared_with_ours() -> None:
    house = Wide()
    house.wait(1)
    house.broker.others["NQ"] = -1
    house.broker.position = 1
    house.broker.fills.append(replace(foreign(1, Side.SELL, symbol="NQ"), ts_ns=START_NS - SECOND_NS))
    house.press(Command.RECONCILE)
    assert [(d.broker, d.local) for d in house.floor.reconciler.differences] == [(1, 0)]


def test_a_report_begun_with_a_foreign_execution_is_still_compared_with_ours() -> None:
    house = Wide()
    house.broker.others["NQ"] = -1
    house.broker.position = 1
    house.tell(foreign(1, Side.SELL, symbol="NQ"))
    assert [(d.broker, d.local) for d in house.floor.reconciler.differences] == [(1, 0)]
