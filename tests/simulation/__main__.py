"""`python -m tests.simulation --seeds N [--first S] [--jobs J]`: run seeds, count, report, shrink. Exit 0 when none failed.

`--seed S --trace` prints what happened in one seed. `--alone N` runs each kind of fault alone in N seeds, `--pairs N` runs
N random pairs of kinds. A long run tells its progress on standard error, and the number to go on from with `--first`.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections import Counter

from tests.simulation.crew import prepare, run_many
from tests.simulation.faults import KINDS, Plan
from tests.simulation.run import run_seed
from tests.simulation.shrink import case, shrink
from tests.simulation.tally import Tally, report
from tests.simulation.world import Failure

SHRUNK = 8  # failures that are shrunk; the rest is listed
PROGRESS_S = 15.0


def say(line: str) -> None:
    """A line on standard output."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def murmur(line: str) -> None:
    """A line on standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def run(plans: str, first: int, count: int, jobs: int, chaos_s: int) -> int:
    """Run, tell failures as they come, report at the end or when interrupted."""
    total, began, told = Tally(), time.perf_counter(), time.perf_counter()
    interrupted = False
    for wish in (signal.SIGINT, signal.SIGTERM):  # also in the background, where a shell has the first one ignored
        signal.signal(wish, signal.default_int_handler)
    try:
        for tally in run_many(first, count, jobs, chaos_s, plans):
            total.add(tally)
            for plan, failure in tally.failures:
                say(f"FAILED seed {plan.seed} at {failure.at_s} s: {failure.sentence}")
            now = time.perf_counter()
            if now - told >= PROGRESS_S:
                told, rate = now, 60 * total.seeds / (now - began)
                murmur(
                    f"{total.seeds:,} of {count:,} seeds, {rate:,.0f} seeds/min, {total.failed} failed; "
                    f"next is --first {first + total.seeds}"
                )
    except KeyboardInterrupt:
        interrupted = True
        say(f"interrupted: go on with --first {first + total.seeds} --seeds {count - total.seeds}")
    for line in report(total, time.perf_counter() - began, chaos_s):
        say(line)
    if plans == "alone":
        missing = total.never_struck
        say(f"kinds that never struck: {', '.join(missing) or 'none'}")
        if missing and not interrupted:
            total.failed += 1
    say(f"{total.failed} of {total.seeds:,} seeds failed")
    if not interrupted:
        report_failures(total.failures)
    return 1 if total.failed or interrupted else 0


def report_failures(failures: list[tuple[Plan, Failure]]) -> None:
    """Count failures by property; the first few shrunk, as ready tests."""
    for name, count in Counter(f.name for _, f in failures).most_common():
        say(f"  {count:>5}  {name}")
    shrunk: set[str] = set()
    for plan, failure in failures:
        if failure.name in shrunk or len(shrunk) >= SHRUNK:
            continue
        shrunk.add(failure.name)
        small = shrink(plan, failure.name)
        say(f"seed {plan.seed} shrunk to {small.chaos_s} s with {', '.join(small.kinds) or 'no fault at all'}")
        say(case(small, failure))


def trace(seed: int, chaos_s: int) -> int:
    """Print what happened in one seed."""
    outcome = run_seed(seed, chaos_s, keep=True)
    for line in outcome.lines:
        say(line)
    say(f"trace {outcome.trace}: {outcome.failure or 'all properties held'}")
    return 0 if outcome.failure is None else 1


def until_failure(first: int, count: int, chaos_s: int) -> int:
    """Seed by seed until one fails; prints it with the property, tab between."""
    prepare()
    for seed in range(first, first + count):
        failure = run_seed(seed, chaos_s).failure
        if failure is not None:
            say(f"{seed}\t{failure.name}")
            return 1
    return 0


def main() -> int:
    """Parse, run, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--chaos", type=int, default=180, help="seconds of chaos; a minute of liveness comes on top")
    parser.add_argument("--alone", type=int, metavar="N", help="each kind of fault alone, in N seeds")
    parser.add_argument("--pairs", type=int, metavar="N", help="N random pairs of kinds")
    parser.add_argument("--seed", type=int, help="one seed only")
    parser.add_argument("--trace", action="store_true", help="print what happened in --seed")
    parser.add_argument("--until-failure", action="store_true", help="stop at the first failing seed: prints seed, property")
    parser.add_argument("--hashes", action="store_true", help="print the trace hash of every seed and nothing else")
    options = parser.parse_args()
    if options.seed is not None and options.trace:
        return trace(options.seed, options.chaos)
    first, count = (options.first, options.seeds) if options.seed is None else (options.seed, 1)
    if options.hashes:
        for seed in range(first, first + count):
            say(f"{seed} {run_seed(seed, options.chaos).trace}")
        return 0
    if options.until_failure:
        return until_failure(first, count, options.chaos)
    if options.alone is not None:
        return run("alone", first, options.alone * len(KINDS), options.jobs, options.chaos)
    if options.pairs is not None:
        return run("pairs", first, options.pairs, options.jobs, options.chaos)
    return run("swarm", first, count, options.jobs, options.chaos)


if __name__ == "__main__":
    sys.exit(main())
