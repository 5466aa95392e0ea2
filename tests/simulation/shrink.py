"""From a failing seed to the smallest run that still breaks the same property, and the pytest case that keeps it.

Because every kind draws from a stream of its own and at seconds that do not depend on the length of the run, leaving kinds out,
halving the time and halving the strengths keep the rest of the run as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.simulation.faults import Plan
from tests.simulation.run import run_plan
from tests.simulation.world import Failure

SHORTEST_S = 12
TRIES = 80

Runs = Callable[[Plan], Failure | None]


def fails(plan: Plan) -> Failure | None:
    """What breaks in a plan."""
    return run_plan(plan).failure


def shrink(plan: Plan, name: str, run: Runs = fails, tries: int = TRIES) -> Plan:
    """The smallest plan found that breaks the property `name`; at most `tries` runs."""
    left = tries

    def still(candidate: Plan) -> bool:
        nonlocal left
        left -= 1
        failure = run(candidate) if left >= 0 else None
        return failure is not None and failure.name == name

    best = _fewer(plan, still)
    while best.chaos_s // 2 >= SHORTEST_S and still(replace(best, chaos_s=best.chaos_s // 2)):
        best = replace(best, chaos_s=best.chaos_s // 2)
    best = _fewer(best, still)
    for _ in range(3):
        weaker = best.weaker()
        if not still(weaker):
            break
        best = weaker
    return best


def _fewer(plan: Plan, still: Callable[[Plan], bool]) -> Plan:
    """Leave kinds out, half of them at a time, then one by one."""
    size = max(1, len(plan.doses) // 2)
    while size and plan.doses:
        for start in range(0, len(plan.doses), size):
            smaller = plan.without([d.kind for d in plan.doses[start : start + size]])
            if len(smaller.doses) < len(plan.doses) and still(smaller):
                plan = smaller
                break
        else:
            size //= 2
    return plan


def case(plan: Plan, failure: Failure) -> str:
    """A ready test."""
    name = "".join(c if c.isalnum() else "_" for c in failure.name.lower()).strip("_")
    doses = "".join(f"\n        Dose({d.kind!r}, {d.strength!r})," for d in plan.doses)
    return (
        f"def test_{name}_in_seed_{plan.seed}() -> None:\n"
        f"    # {failure.sentence}\n"
        f"    doses = ({doses}\n    )\n"
        f"    assert run_plan(Plan({plan.seed}, doses, {plan.chaos_s}, {plan.span_s})).failure is None\n"
    )
