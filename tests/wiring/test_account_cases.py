"""Mode, port and account: only the account decides, and it decides before the first order."""

from __future__ import annotations

from itertools import product

import pytest

from orderflow_tui.domain.account import Link
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.wiring.interactive import ib_settings
from orderflow_tui.wiring.plan import Wish, plan_of
from tests.adapters.ib_fixtures import MakeWorld, worlds
from tests.contract.broker_contract import bracket
from tests.gateway.house import Settings

__all__ = ["worlds"]

PAPER, LIVE = "DU1234567", "U1234567"
CASES = [
    (mode, port, account, (mode == "paper") == (account == PAPER))
    for mode, port, account in product(("paper", "live"), (4002, 4001), (PAPER, LIVE))
]


@pytest.mark.parametrize(("mode", "port", "account", "passes"), CASES)
def test_only_the_matching_account_passes_whatever_the_port(
    worlds: MakeWorld, mode: str, port: int, account: str, passes: bool
) -> None:
    plan = plan_of(Wish(mode=mode, live=True, sets=(f"ib.port={port}", f"ib.account={account}")))
    world = worlds(Settings(accounts=(account,)), ib_settings(plan, "MES", "test"), start=False)
    world.loop.gateways[port] = world.stage.gateway
    world.start()
    world.until(lambda: world.session.link in {Link.READY, Link.BLOCKED})
    assert (world.session.link is Link.READY) is passes
    assert [t.latch for t in world.troubles()] == ([] if passes else [LatchKind.WRONG_ACCOUNT])
    if passes:
        world.broker.send(bracket(entry=26_900, stop=26_000, target=27_900), world.now_ns)
        world.pass_ms(100)
    assert bool(world.sent("PLACE_ORDER")) is passes


@pytest.mark.parametrize("mode", ["monitor", "sim"])
@pytest.mark.parametrize("account", [PAPER, LIVE])
def test_modes_that_send_nothing_take_any_account_and_refuse_every_order(worlds: MakeWorld, mode: str, account: str) -> None:
    world = worlds(Settings(accounts=(account,)), ib_settings(plan_of(Wish(mode=mode)), "MES", "test")).ready()
    order = bracket(entry=26_900, stop=26_000, target=27_900)[0]
    assert world.session.refusal(order.purpose) == "this mode has no way to send orders"


def test_what_a_report_repeats_of_an_order_is_not_told_as_news(worlds: MakeWorld) -> None:
    world = worlds().ready().still()
    world.broker.send(bracket(entry=19_000, stop=18_900, target=19_100), world.now_ns)
    world.pass_ms(500)
    world.broker.ask_report(world.now_ns)
    world.pass_ms(500)
    before, reports = len(world.updates("-E")), len(world.reports())
    assert before > 0
    world.broker.ask_report(world.now_ns)
    world.pass_ms(500)
    assert len(world.reports()) == reports + 1
    assert len(world.reports()[-1].orders) == 3
    assert len(world.updates("-E")) == before
    world.do("repeat-status", ref="-E")
    world.pass_ms(100)
    assert len(world.updates("-E")) > before
