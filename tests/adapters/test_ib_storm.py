"""Seeded storms: the adapters trade through random accidents of the gateway; in the end our books are the broker's.

Each seed draws what happens and when; the same seed gives the same run. A ledger here books what the engine would be told
(fills as they come, executions of reports) once per execution, corrections as differences.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from orderflow_tui.domain.account import AccountReport, Link
from orderflow_tui.domain.order import BrokerStatus, Fill, Order, OrderType, Purpose, Role, Side
from orderflow_tui.ports import NotSent
from tests.adapters.ib_fixtures import MakeWorld, worlds
from tests.adapters.ib_world import IbWorld
from tests.contract.broker_contract import bracket, moved_stop

__all__ = ["worlds"]

STEPS = 25
Accident = Callable[[IbWorld, Random], object]

ACCIDENTS: tuple[Accident, ...] = (
    lambda w, r: w.do("cut", mid_frame=r.random() < 0.5),
    lambda w, r: w.do("restart", down_s=r.random() * 5),
    lambda w, r: w.do("lose-broker", code=r.choice((1100, 2110))),
    lambda w, r: w.do("regain-broker", kept=r.random() < 0.5),
    lambda w, r: w.do("farm", down=r.random() < 0.5),
    lambda w, r: w.do("duplicate", what=r.choice(("EXECUTION", "ORDER_STATUS", "OPEN_ORDER")), count=3),
    lambda w, r: w.do("drop", what=r.choice(("ORDER_STATUS", "OPEN_ORDER")), count=3),
    lambda w, r: w.do("executions-first", on=r.random() < 0.5),
    lambda w, r: w.do("hold", what=["ORDER_STATUS", "EXECUTION"]),
    lambda w, r: w.do("release", backwards=r.random() < 0.5),
    lambda w, r: w.do("mute", what=r.choice(("POSITIONS", "ALL_OPEN_ORDERS", "EXECUTIONS", "CURRENT_TIME")), count=1),
    lambda w, r: w.do("split", bytes=r.choice((0, 1, 7, 50))),
    lambda w, r: w.do(
        "order-fault", on="place", code=r.choice((201, 10349, 399, 161)), alive=r.random() < 0.5, role=r.choice("EST")
    ),
    lambda w, r: w.do("order-fault", on="cancel", code=10147),
    lambda w, r: w.do("manual", symbol="MES", side=r.choice(("BUY", "SELL"))),
    lambda w, r: w.do("habits", most_per_fill=r.choice((None, 1)), group_delay_s=r.choice((0, 1))),
    lambda w, r: w.do("jump", symbol="MES", price=w.do("quote", symbol="MES")["last"] + r.choice((-6, -3, 3, 6))),
)


class Books:
    """Positions and order states as the engine would know them."""

    def __init__(self) -> None:
        self.fills: dict[str, Fill] = {}
        self.status: dict[str, BrokerStatus] = {}

    def learn(self, world: IbWorld) -> None:
        """Book everything that was told."""
        for event in world.events:
            told = event.fills if isinstance(event, AccountReport) else (event,) if isinstance(event, Fill) else ()
            for fill in told:
                known = self.fills.get(fill.base_id)
                if known is None or fill.revision > known.revision:
                    self.fills[fill.base_id] = fill

    @property
    def position(self) -> int:
        """Contracts of MES."""
        return sum(f.quantity * f.side for f in self.fills.values())


def trade(world: IbWorld, draw: Random, number: int, stops: list[Order]) -> None:
    """What the engine might do next: a bracket, a moved stop, a cancel, a flatten, a question."""
    try:
        match draw.randrange(6):
            case 0 | 1:
                last = round(world.do("quote", symbol="MES")["last"] * 4)
                side = draw.choice((Side.BUY, Side.SELL))
                away = 16 * side
                orders = bracket(number, side, draw.choice((1, 2)), last + 4 * side, last - away, last + away)
                world.broker.send(orders, world.now_ns)
                stops.append(orders[1])
            case 2 if stops:
                stop = stops.pop(draw.randrange(len(stops)))
                assert stop.stop_ticks is not None
                world.broker.change(*moved_stop(stop, stop.stop_ticks + draw.choice((-2, 2))), world.now_ns)
            case 3 if stops:
                world.broker.cancel([draw.choice(stops).id], world.now_ns)
            case 4:
                exit_ = Order(
                    f"of1-test-{number}-F", f"i{number}", number, 0, "MES", draw.choice((Side.BUY, Side.SELL)),
                    Role.FLATTEN, Purpose.FLATTEN, OrderType.MARKET, 1, tif="DAY",
                )  # fmt: skip
                world.broker.send([exit_], world.now_ns)
            case _:
                world.broker.ask_report(world.now_ns)
    except NotSent:
        return  # the adapter knew that it could not: nothing left


def calm_down(world: IbWorld) -> None:
    """The accidents stop: everything is told, the link comes back."""
    faults = world.stage.gateway.house.faults
    world.do("release")
    faults.mute.clear()
    faults.drop.clear()
    faults.orders.clear()
    faults.split_bytes = 0
    world.do("habits", group_delay_s=0)
    world.do("regain-broker", kept=False)
    world.do("farm", down=False)
    world.do("play", on=True)
    world.until(lambda: world.session.link is Link.READY, 300)
    world.do("play", on=False)
    world.pass_ms(200)


@pytest.mark.parametrize("seed", range(20))
def test_after_any_storm_our_books_are_the_brokers(worlds: MakeWorld, seed: int) -> None:
    world, draw, books = worlds().ready(), Random(seed), Books()
    stops: list[Order] = []
    for step in range(STEPS):
        if draw.random() < 0.6:
            draw.choice(ACCIDENTS)(world, draw)
        trade(world, draw, 10 * (step + 1), stops)
        world.pass_ms(draw.choice((5, 50, 400, 2_500)))
    calm_down(world)
    world.broker.ask_report(world.now_ns)
    world.pass_ms(2_000)
    books.learn(world)
    report, truth = world.reports()[-1], world.do("state")
    assert report.complete
    assert dict(report.positions).get("MES", 0) == truth["positions"].get("MESZ6", 0) == books.position
    refs = [o["ref"] for o in truth["orders"] if o["ref"]]
    assert len(refs) == len(set(refs)), "an order was placed twice"
    alive = {o["ref"] for o in truth["orders"] if o["ref"] and o["status"] in {"PreSubmitted", "Submitted"} and not o["staged"]}
    assert {o.order_id for o in report.orders if o.order_id} == alive
    assert all(leg["outside_rth"] and leg["tif"] == "GTC" for leg in truth["orders"] if leg["ref"].endswith("-S"))


def test_the_same_seed_gives_the_same_run(worlds: MakeWorld) -> None:
    def run(seed: int) -> list[str]:
        world, draw = worlds().ready(), Random(seed)
        stops: list[Order] = []
        for step in range(8):
            draw.choice(ACCIDENTS)(world, draw)
            trade(world, draw, 10 * (step + 1), stops)
            world.pass_ms(400)
        world.close()
        return [repr(e) for e in world.events]

    assert run(4) == run(4)


def test_a_rejected_entry_takes_no_child_to_market(worlds: MakeWorld) -> None:
    world = worlds().ready().still()
    world.do("order-fault", on="place", code=201, role="E")
    orders = bracket(entry=20_010)
    world.broker.send(tuple(replace(o) for o in orders), world.now_ns)
    world.pass_ms(1_000)
    assert world.updates("E")[-1].status is BrokerStatus.REJECTED
    assert world.do("state")["positions"] == {}
    assert world.reports()[-1].orders == ()
