"""What many runs came to: counts that stay small however many runs there were, and their report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.faults import KINDS, Plan
from tests.simulation.world import LIVENESS_S, Failure, Outcome

MS_NS = 1_000_000
FAILURES_KEPT = 1_000


@dataclass(slots=True)
class Tally:
    """Sums over runs. `naked` counts runs by the longest time in ms a position stood without its stop while connected, flattens
    apart, `bare` by the longest in flattens. `flattens` counts flattens by the ms they took to flat at the broker, `calm` those
    of the runs without any fault."""

    seeds: int = 0
    events: int = 0
    entries: int = 0
    exits: int = 0
    boots: int = 0
    failed: int = 0
    naked: Counter[int] = field(default_factory=Counter)
    bare: Counter[int] = field(default_factory=Counter)
    flattens: Counter[int] = field(default_factory=Counter)
    calm: Counter[int] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[Plan, Failure]] = field(default_factory=list)  # the first ones

    def take(self, outcome: Outcome) -> None:
        """Count one run."""
        self.seeds += 1
        self.events += outcome.events
        self.entries += outcome.entries
        self.exits += outcome.exits
        self.boots += outcome.boots
        self.naked[outcome.naked_ns // MS_NS] += 1
        self.bare[outcome.bare_ns // MS_NS] += 1
        took = Counter(ns // MS_NS for ns in outcome.flattens_ns)
        self.flattens += took
        if not outcome.plan.doses:
            self.calm += took
        self.injected += outcome.injected
        if outcome.failure is not None:
            self.failed += 1
            self._keep([(outcome.plan, outcome.failure)])

    def add(self, other: Tally) -> None:
        """Take another batch in."""
        self.seeds += other.seeds
        self.events += other.events
        self.entries += other.entries
        self.exits += other.exits
        self.boots += other.boots
        self.failed += other.failed
        self.naked += other.naked
        self.bare += other.bare
        self.flattens += other.flattens
        self.calm += other.calm
        self.injected += other.injected
        self._keep(other.failures)

    def _keep(self, failures: list[tuple[Plan, Failure]]) -> None:
        self.failures += failures[: FAILURES_KEPT - len(self.failures)]

    def naked_ms(self, share: float) -> int:
        """The time in ms within which this share of the runs stayed; 0 without runs."""
        return within(self.naked, share)

    @property
    def never_struck(self) -> list[str]:
        """The kinds that were not injected once."""
        return [kind for kind in KINDS if not self.injected[kind]]


def within(times: Counter[int], share: float) -> int:
    """The time in ms within which this share of what was counted stayed; 0 where nothing was."""
    left = share * times.total()
    for ms in sorted(times):
        left -= times[ms]
        if left <= 0:
            return ms
    return max(times, default=0)


def _flattens(times: Counter[int]) -> str:
    p50, p99, longest = (within(times, share) / 1000 for share in (0.5, 0.99, 1.0))
    return f"{times.total():,}: p50 {p50:.2f} s, p99 {p99:.2f} s, max {longest:.2f} s"


def report(total: Tally, took_s: float, chaos_s: int) -> list[str]:
    """The figures, as lines."""
    struck = len(KINDS) - len(total.never_struck)
    simulated_h = total.seeds * (chaos_s + LIVENESS_S) / 3600
    reversed_by = sum(1 for _, failure in total.failures if failure.name == "flatten never reverses")
    lines = [
        f"{total.seeds:,} seeds of {chaos_s + LIVENESS_S} simulated seconds in {took_s:.1f} s: "
        f"{60 * total.seeds / max(took_s, 0.001):,.0f} seeds/min, {simulated_h:,.1f} simulated hours",
        f"{total.events:,} events, {total.boots:,} boots, {total.entries:,} entries and {total.exits:,} market exits sent, "
        f"{reversed_by} reversals by a flatten",
        f"longest time without a stop while connected, flattens apart, by seed: p99 {total.naked_ms(0.99) / 1000:.2f} s, "
        f"max {total.naked_ms(1.0) / 1000:.2f} s",
        f"the same in flattens: p99 {within(total.bare, 0.99) / 1000:.2f} s, max {within(total.bare, 1.0) / 1000:.2f} s",
        f"flattens, begin to flat at the broker: {_flattens(total.flattens)}; without any fault {_flattens(total.calm)}",
        f"faults injected: {sum(total.injected[k] for k in KINDS):,} of {struck}/{len(KINDS)} kinds",
    ]
    width = max(len(kind) for kind in KINDS)
    rows = [KINDS[start : start + 4] for start in range(0, len(KINDS), 4)]
    return lines + ["  " + "  ".join(f"{kind:<{width}} {total.injected[kind]:>9,}" for kind in row) for row in rows]
