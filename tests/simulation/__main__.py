"""`python -m tests.simulation --seeds N [--first S] [--jobs J]`: run seeds, count, report, shrink. Exit 0 when none failed.

`--seed S --trace` prints what happened in one seed.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.simulation.faults import KINDS, Plan
from tests.simulation.run import run_seed
from tests.simulation.shrink import case, shrink
from tests.simulation.world import LIVENESS_S, Failure

BATCH = 25
SHRUNK = 8  # failures that are shrunk; the rest is listed


@dataclass(slots=True)
class Tally:
    """What a batch of seeds came to."""

    seeds: int = 0
    events: int = 0
    entries: int = 0
    boots: int = 0
    naked_ns: int = 0
    injected: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[Plan, Failure]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take another batch in."""
        self.seeds += other.seeds
        self.events += other.events
        self.entries += other.entries
        self.boots += other.boots
        self.naked_ns = max(self.naked_ns, other.naked_ns)
        self.injected += other.injected
        self.failures += other.failures


def run_batch(first: int, count: int, chaos_s: int) -> Tally:
    """Run consecutive seeds."""
    tally = Tally()
    for seed in range(first, first + count):
        outcome = run_seed(seed, chaos_s)
        tally.add(
            Tally(
                1,
                outcome.events,
                outcome.entries,
                outcome.boots,
                outcome.naked_ns,
                outcome.injected,
                [] if outcome.failure is None else [(outcome.plan, outcome.failure)],
            )
        )
    return tally


def batches(first: int, count: int) -> Iterator[tuple[int, int]]:
    """(first seed, number) of each batch."""
    for start in range(first, first + count, BATCH):
        yield start, min(BATCH, first + count - start)


def prepare() -> None:
    """A worker's memory is static after the imports: the collector need not walk it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def run_many(first: int, count: int, jobs: int, chaos_s: int, *, stop_at: int = 0) -> Tally:
    """Run seeds on several processes; with `stop_at` stop after so many failures."""
    total, parts = Tally(), list(batches(first, count))
    if jobs <= 1:
        prepare()
        for start, number in parts:
            total.add(run_batch(start, number, chaos_s))
            if stop_at and len(total.failures) >= stop_at:
                break
        return total
    with ProcessPoolExecutor(jobs, initializer=prepare) as pool:
        pending = [pool.submit(run_batch, start, number, chaos_s) for start, number in parts]
        for future in pending:
            total.add(future.result())
            if stop_at and len(total.failures) >= stop_at:
                pool.shutdown(cancel_futures=True)
                break
    return total


def report(total: Tally, took_s: float, chaos_s: int) -> None:
    """Print the figures."""
    simulated_h = total.seeds * (chaos_s + LIVENESS_S) / 3600
    say(f"{total.seeds} seeds in {took_s:.1f} s: {60 * total.seeds / took_s:,.0f} seeds/min, {simulated_h:,.1f} simulated hours")
    say(f"{total.events:,} events, {total.entries:,} entries sent, {total.boots:,} boots")
    say(f"a position stood without its stop for at most {total.naked_ns / 1e9:.2f} s while connected")
    struck = [kind for kind in KINDS if total.injected[kind]]
    say(f"faults injected: {sum(total.injected[k] for k in KINDS):,} of {len(struck)}/{len(KINDS)} kinds")
    width = max(len(kind) for kind in KINDS)
    for start in range(0, len(KINDS), 4):
        say("  " + "  ".join(f"{kind:<{width}} {total.injected[kind]:>8,}" for kind in KINDS[start : start + 4]))


def report_failures(failures: list[tuple[Plan, Failure]]) -> None:
    """Print each failure; the first few shrunk, as ready tests."""
    for name, count in Counter(f.name for _, f in failures).most_common():
        say(f"  {count:>5}  {name}")
    shrunk: set[str] = set()
    for plan, failure in failures:
        say(f"seed {plan.seed} at {failure.at_s} s: {failure.sentence}")
        if failure.name in shrunk or len(shrunk) >= SHRUNK:
            continue
        shrunk.add(failure.name)
        small = shrink(plan, failure.name)
        say(f"  shrunk to {small.chaos_s} s with {', '.join(small.kinds) or 'no fault at all'}")
        say(case(small, failure))


def say(line: str) -> None:
    """A line on standard output."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


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
    began = time.perf_counter()
    total = run_many(first, count, options.jobs, options.chaos)
    report(total, time.perf_counter() - began, options.chaos)
    say(f"{len(total.failures)} of {total.seeds} seeds failed")
    report_failures(total.failures)
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main())
