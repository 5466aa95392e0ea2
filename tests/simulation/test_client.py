"""The layer with the real client library: no seed of a push breaks a property, the same seed is the same run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from orderflow_tui import inbox
from orderflow_tui.domain.account import Link
from tests.simulation.client import run_seed
from tests.simulation.client_chaos import KINDS, kinds_of
from tests.simulation.client_world import ClientWorld, Outcome, unhurried

SEEDS = range(12)
CHAOS_S = 60.0


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Accidents fill logs; the pump's slices are the machine's speed again afterwards."""
    monkeypatch.setattr(inbox, "PUMP_NS", inbox.PUMP_NS)
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return [run_seed(seed, CHAOS_S) for seed in SEEDS]


def test_no_property_breaks_in_the_seeds_of_a_push(outcomes: list[Outcome]) -> None:
    assert [(o.seed, o.failure.sentence) for o in outcomes if o.failure is not None] == []


def test_the_trader_really_trades_and_dies_and_every_kind_is_drawn_by_some_seed(outcomes: list[Outcome]) -> None:
    assert sum(o.entries for o in outcomes) > len(SEEDS)
    assert sum(o.boots for o in outcomes) > len(SEEDS)
    assert {kind for seed in range(200) for kind in kinds_of(seed)} == set(KINDS)


def test_the_same_seed_is_the_same_run(outcomes: list[Outcome]) -> None:
    assert run_seed(3, CHAOS_S).trace == outcomes[3].trace
    assert len({o.trace for o in outcomes}) == len(SEEDS)


async def nothing() -> None:
    """No accident and no key."""


def test_a_quiet_world_comes_up_by_itself_and_stays_well() -> None:
    unhurried()
    outcome = ClientWorld(1).run(nothing())
    assert outcome.failure is None
    assert (outcome.entries, outcome.fills, outcome.boots) == (0, 0, 1)


def test_a_link_that_was_blocked_comes_back_when_a_person_asks() -> None:
    """Three times 326, through the whole house: the key reaches the session."""
    unhurried()
    world = ClientWorld(1)

    async def another_program_takes_our_id() -> None:
        await asyncio.sleep(5)
        world.stage.do("refuse-id", count=99)
        world.stage.do("cut")
        await asyncio.sleep(40)
        assert world.session.link is Link.BLOCKED

    assert world.run(another_program_takes_our_id()).failure is None


def test_an_engine_that_sends_the_same_order_again_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness itself: a bracket placed twice under new numbers must not survive."""
    from orderflow_tui.adapters.ib_broker import IbBroker

    place = IbBroker._place

    def twice(self: IbBroker, line: object, ticket: object, order: object, transmit: bool) -> None:
        place(self, line, ticket, order, transmit)  # type: ignore[arg-type]
        ticket.number += 500  # type: ignore[attr-defined]
        place(self, line, ticket, order, transmit)  # type: ignore[arg-type]

    monkeypatch.setattr(IbBroker, "_place", twice)
    broken = [o.failure.name for seed in SEEDS if (o := run_seed(seed, CHAOS_S)).failure is not None]
    assert "no order twice" in broken
