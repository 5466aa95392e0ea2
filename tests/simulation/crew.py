"""Many runs on several processes: a window of batches at a time, so that a run of hours keeps no more than a run of minutes."""

from __future__ import annotations

import gc
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress

from tests.simulation.faults import Plan, alone, draw, pair
from tests.simulation.run import run_plan
from tests.simulation.tally import Tally

BATCH = 25
AHEAD = 3  # batches a worker may be behind: the next one is always waiting for it

PLANS: dict[str, Callable[[int, int], Plan]] = {"swarm": draw, "alone": alone, "pairs": pair}


def run_batch(plans: str, first: int, count: int, chaos_s: int) -> Tally:
    """Run consecutive numbers of one of PLANS."""
    tally = Tally()
    for number in range(first, first + count):
        tally.take(run_plan(PLANS[plans](number, chaos_s)))
    return tally


def prepare() -> None:
    """A worker's memory is static after the imports: the collector need not walk it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def begin_worker() -> None:
    """A worker ends when its parent says so: an interruption from outside is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    prepare()


def batches(first: int, count: int) -> Iterator[tuple[int, int]]:
    """(first number, how many) of each batch."""
    for start in range(first, first + count, BATCH):
        yield start, min(BATCH, first + count - start)


def run_many(first: int, count: int, jobs: int, chaos_s: int, plans: str = "swarm") -> Iterator[Tally]:
    """The batches' tallies in the order of their numbers, as they are done."""
    if jobs <= 1:
        prepare()
        for start, number in batches(first, count):
            yield run_batch(plans, start, number, chaos_s)
        return
    with ProcessPoolExecutor(jobs, initializer=begin_worker) as pool:
        coming: deque[Future[Tally]] = deque()
        parts = batches(first, count)
        try:
            for start, number in parts:
                coming.append(pool.submit(run_batch, plans, start, number, chaos_s))
                if len(coming) >= jobs * AHEAD:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            with suppress(RuntimeError):
                pool.shutdown(wait=False, cancel_futures=True)


def total_of(first: int, count: int, jobs: int, chaos_s: int, plans: str = "swarm") -> Tally:
    """All of them in one tally."""
    total = Tally()
    for tally in run_many(first, count, jobs, chaos_s, plans):
        total.add(tally)
    return total
