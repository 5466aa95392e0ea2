"""Running a seed."""

from __future__ import annotations

from tests.simulation import chaos, people
from tests.simulation.faults import Plan, draw
from tests.simulation.world import Outcome, World


def run_plan(plan: Plan, *, keep: bool = False) -> Outcome:
    """Run a plan to its end."""
    return World(plan, keep=keep).run(people.schedule, chaos.schedule)


def run_seed(seed: int, chaos_s: int = 180, *, keep: bool = False) -> Outcome:
    """Run what a seed draws."""
    return run_plan(draw(seed, chaos_s), keep=keep)
