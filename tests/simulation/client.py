"""`python -m tests.simulation.client --seeds N [--first S]`: seeds of the layer with the real client library.

Counts, reports, exit code 1 when a property broke. `--seed S --trace` prints what happened in one seed.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections import Counter

from loguru import logger

from tests.simulation.client_chaos import KINDS, chaos
from tests.simulation.client_world import ClientWorld, Outcome, unhurried

CHAOS_S = 120.0


def run_seed(seed: int, chaos_s: float = CHAOS_S, *, keep: bool = False) -> Outcome:
    """One seed to its end."""
    unhurried()
    world = ClientWorld(seed, keep=keep)
    return world.run(chaos(world, chaos_s))


def say(line: str) -> None:
    """A line on standard output."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(argv: list[str] | None = None) -> int:
    """Parse, run, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.client", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--chaos", type=float, default=CHAOS_S, help="seconds of accidents; healing comes on top")
    parser.add_argument("--seed", type=int, help="one seed only")
    parser.add_argument("--trace", action="store_true", help="print what happened in --seed")
    options = parser.parse_args(argv)
    logger.remove()
    logging.disable(logging.CRITICAL)
    first, count = (options.first, options.seeds) if options.seed is None else (options.seed, 1)
    began, outcomes, accidents = time.perf_counter(), [], Counter[str]()
    for seed in range(first, first + count):
        outcome = run_seed(seed, options.chaos, keep=options.trace)
        outcomes.append(outcome)
        accidents += outcome.accidents
        for line in outcome.lines:
            say(line)
        if outcome.failure is not None:
            say(f"seed {seed} at {outcome.failure.at_s} s: {outcome.failure.sentence}")
    failed = sum(outcome.failure is not None for outcome in outcomes)
    say(
        f"{count} seeds in {time.perf_counter() - began:.0f} s: {sum(o.events for o in outcomes):,} events, "
        f"{sum(o.entries for o in outcomes):,} entries, {sum(o.fills for o in outcomes):,} executions, "
        f"{sum(o.boots for o in outcomes):,} boots; longest without a stop {max(o.naked_s for o in outcomes):.2f} s"
    )
    say(f"accidents {accidents.total():,} of {len(accidents)}/{len(KINDS)} kinds; {failed} of {count} seeds failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
