"""What can go wrong, and how a seed draws its share of it.

Swarm: each run takes a random subset of the kinds at random intensities, so that rare combinations meet. Every kind has a
random stream of its own (`stream`), hence leaving one out never reshuffles the others, and a failing run can be shrunk
fault by fault.

A kind is one of five things: a probability per opportunity inside the simulated broker (`BROKER`, the fields of
SimFaults), a probability per journal commit (`COMMITS`), something that happens at drawn instants (`MOMENTS`), a
probability per report on the line (`WORDS`), or what holds as long as the chaos does (`STANDING`). New kinds go to the
end: then the others are drawn as before.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from random import Random

from orderflow_tui.adapters.sim_broker_faults import Fault, SimFaults

BROKER: tuple[str, ...] = tuple(kind.value for kind in Fault)
COMMITS: tuple[str, ...] = ("commit_fails", "commit_slow", "commit_uncertain")
MOMENTS: tuple[str, ...] = (
    # feed
    "feed_silence",
    "feed_crossed",
    "feed_locked",
    "feed_outlier",
    "feed_burst",
    "feed_gap",
    "feed_jump",
    "feed_limit_locked",
    "feed_no_quotes",
    "feed_one_sided",
    "feed_down",
    "feed_snapshot",
    "feed_far_prints",
    "feed_out_of_order",
    # link
    "link_drop",
    "link_flap",
    "link_long_drop",
    "link_new_epoch",
    "link_hung",
    "link_hung_short",
    "link_broker_lost",
    "link_data_blocked",
    "number_reset",
    # disk
    "disk_full",
    "disk_stalled",
    "market_batch_lost",
    # process
    "crash",
    "crash_loop",
    "crash_torn_tail",
    "loop_stall",
    "second_host",
    "task_dead",
    # time
    "clock_forward",
    "suspended",
    # people
    "random_keys",
    "key_storm",
    "stop_halt",
    "stop_flatten",
    "stop_unreadable",
    "stop_brief",
    "stop_between",
    "hand_trade",
    "position_drift",
    # added later
    "reports_silent",
    "cause_again",
    "changes_refused",
    "flatten_race",
    "foreign_trade",
    "clock_back",
    "clock_hour",
    "broker_clock",
    "nightly_reset",
    "margin_raised",
)
WORDS: tuple[str, ...] = ("report_torn", "report_omits")
STANDING: tuple[str, ...] = ("feed_trades_only",)
KINDS: tuple[str, ...] = BROKER + COMMITS + MOMENTS + WORDS + STANDING
RARE = frozenset({"account_swapped", "second_host", "task_dead", "position_drift", "tif_changed", "outside_rth_changed"})
LOUD = frozenset({"manual_trade", "liquidation", "exec_busted", "hand_trade", "foreign_trade", "suspended"})
SELDOM = frozenset(
    {"stop_stuck", "change_lost", "change_refused", "partial_fill", "exit_rests"}
)  # few opportunities: drawn stronger
# a kind that has no opportunity in an honest world comes with the kind that makes one
NEEDS: dict[str, tuple[str, ...]] = {
    "change_lost": ("partial_fill",),
    "change_refused": ("partial_fill",),
    "report_torn": ("fill_after_cancel",),
    "reject_stop": ("partial_fill",),  # the emergency stop of a whole bracket is an easier one
    "feed_trades_only": ("feed_silence",),  # with quotes, old data has old quotes
}


@dataclass(frozen=True, slots=True)
class Dose:
    """A kind and how strongly: a probability for BROKER and COMMITS, an expected number of times for MOMENTS."""

    kind: str
    strength: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A run: its seed, its faults and how long the chaos lasts. The liveness phase comes on top. Moments are drawn over `span_s`:
    a run with a shorter chaos is the begin of the same run.
    """

    seed: int
    doses: tuple[Dose, ...]
    chaos_s: int = 180
    span_s: int = 180

    def without(self, kinds: Collection[str]) -> Plan:
        """The same run with these kinds left out."""
        return replace(self, doses=tuple(d for d in self.doses if d.kind not in kinds))

    def weaker(self, factor: float = 0.5) -> Plan:
        """The same kinds at a part of their strength."""
        return replace(self, doses=tuple(Dose(d.kind, d.strength * factor) for d in self.doses))

    def strength(self, kind: str) -> float:
        """How strongly a kind is drawn, 0 when it is not."""
        return next((d.strength for d in self.doses if d.kind == kind), 0.0)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds drawn."""
        return tuple(d.kind for d in self.doses)

    def broker(self) -> SimFaults:
        """What the simulated broker is told."""
        chances = {d.kind: min(1.0, d.strength) for d in self.doses if d.kind in BROKER}
        delay_s = stream(self.seed, "longest delay").choice((1, 3, 3, 6, 8))
        return SimFaults(**chances, longest_delay_ns=delay_s * 1_000_000_000)


def stream(seed: int, name: str) -> Random:
    """A random stream of its own; text seeds are hashed by SHA-512, so it is the same in every process."""
    return Random(f"{seed}:{name}")


def draw(seed: int, chaos_s: int = 180) -> Plan:
    """The plan of a seed. One seed in sixteen is quite honest: nothing may ever go wrong there."""
    rng = stream(seed, "swarm")
    share = rng.choice((0.0, 0.03, 0.06, 0.06, 0.1, 0.1, 0.15, 0.15, 0.2, 0.3)) if rng.random() > 1 / 16 else 0.0
    doses: list[Dose] = []
    for kind in KINDS:
        chance, strength = rng.random(), rng.random()
        weight = 0.15 if kind in RARE else 0.4 if kind in LOUD else 1.0
        if chance < share * weight:
            doses.append(Dose(kind, _strength(kind, strength)))
    return Plan(seed, _accompanied(doses), chaos_s, chaos_s)


def alone(number: int, chaos_s: int = 180) -> Plan:
    """One kind after the other, strongly, with nothing beside it but what it needs."""
    return Plan(number, _accompanied([_strong(KINDS[number % len(KINDS)])]), chaos_s, chaos_s)


def pair(number: int, chaos_s: int = 180) -> Plan:
    """Two kinds drawn at random, strongly."""
    kinds = stream(number, "pair").sample(KINDS, 2)
    return Plan(number, _accompanied([_strong(kind) for kind in kinds]), chaos_s, chaos_s)


def _strong(kind: str) -> Dose:
    if kind in MOMENTS:
        return Dose(kind, 3.0)
    return Dose(kind, 0.9 if kind in SELDOM else 0.4)


def _accompanied(doses: Collection[Dose]) -> tuple[Dose, ...]:
    """The doses and those they need, in the order of KINDS."""
    found = {dose.kind: dose for dose in doses}
    for dose in doses:
        for needed in NEEDS.get(dose.kind, ()):
            found.setdefault(needed, _strong(needed))
    return tuple(sorted(found.values(), key=lambda dose: KINDS.index(dose.kind)))


def _strength(kind: str, drawn: float) -> float:
    if kind in STANDING:
        return 1.0
    if kind in MOMENTS:
        return 1.0 + 3.0 * drawn
    if kind in SELDOM:
        return round(0.3 + 0.7 * drawn, 4)
    scale = 0.25 if kind in LOUD or kind in RARE else 0.6
    return round(0.03 + scale * drawn**2, 4)
