"""What the gateway remembers about positions and their stops, and the clock several processes share."""

from __future__ import annotations

from pathlib import Path

from tests.adapters.ib_fixtures import MakeWorld, worlds
from tests.contract.broker_contract import bracket
from tests.gateway.clock import SharedClock
from tests.gateway.exposure import Exposed, longest_naked_s

__all__ = ["worlds"]
S = 1_000_000_000


def test_a_bracket_is_guarded_by_one_stop_from_its_fill_to_its_end(worlds: MakeWorld) -> None:
    world = worlds().ready().still()
    world.broker.send(bracket(quantity=2), world.now_ns)
    world.pass_ms(500)
    world.print_trade(19_980)
    world.pass_ms(500)
    seen = [(e.position, e.guarded) for e in world.stage.gateway.exposure.entries]
    assert seen[0] in {(2, 2), (0, 0)}
    assert (2, 2) in seen
    assert seen[-1] == (0, 0)
    assert longest_naked_s(world.stage.gateway.exposure.entries, world.now_ns) == 0


def test_a_stop_that_dies_leaves_the_position_naked_until_another_stands(worlds: MakeWorld) -> None:
    world = worlds().ready().still()
    world.broker.send(bracket(), world.now_ns)
    world.pass_ms(500)
    world.do("kill", ref="-S")
    world.pass_ms(3_000)
    assert 2.9 < longest_naked_s(world.stage.gateway.exposure.entries, world.now_ns) < 3.1


def test_a_stop_that_would_sleep_at_night_or_end_with_the_day_guards_nothing(worlds: MakeWorld) -> None:
    world = worlds().ready().still()
    world.do("manual", symbol="MES", side="BUY")
    world.do("manual", symbol="MES", side="SELL", type="STP", stop=4_990.0)
    world.pass_ms(1_000)
    assert {(e.position, e.guarded) for e in world.stage.gateway.exposure.entries} == {(1, 0)}


def test_time_in_which_nobody_could_have_acted_is_not_counted() -> None:
    bare = [Exposed(0, "MESZ6", 1, 0, False), Exposed(60 * S, "MESZ6", 1, 0, True), Exposed(62 * S, "MESZ6", 1, 1, True)]
    assert longest_naked_s(bare, 100 * S) == 2
    assert longest_naked_s(bare[:2], 100 * S) == 40


def test_a_leap_of_the_shared_clock_is_everybodys(tmp_path: Path) -> None:
    one, other = SharedClock(tmp_path / "clock"), SharedClock(tmp_path / "clock")
    one.leap_to(10**18)
    assert 0 <= other() - 10**18 < 60 * S
