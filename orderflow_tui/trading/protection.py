"""What protects a position: stops and targets counted, and the words the guard of the stop speaks in.

Stops are counted by group, because in a group one fill cancels the rest. What works at the broker with its safety fields is
*assured*; what is on its way, or of unknown outcome, is *hoped for*. Pure functions over tickets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from orderflow_tui.domain.order import OrderState, Purpose, Role, Side
from orderflow_tui.trading.blotter import Owed, Ticket, covered, hoped
from orderflow_tui.trading.lifecycle import WORKING_STATES


class Cover(Enum):
    """Where the protective stop is, in the words of the screen."""

    NONE_NEEDED = "flat"
    AT_BROKER = "at broker"
    PENDING = "pending"
    MISSING = "missing"
    UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Emergency:
    """A wanted emergency stop; `group` empty: of its own."""

    quantity: int
    group: str


@dataclass(frozen=True, slots=True)
class GuardWish:
    """What the guard wants now. `shrink` are (order id, new total quantity)."""

    emergencies: tuple[Emergency, ...] = ()
    shrink: tuple[tuple[str, int], ...] = ()
    cancel: tuple[str, ...] = ()
    flatten: str | None = None


NOTHING = GuardWish()
COVERING = frozenset({Role.STOP, Role.EMERGENCY, Role.FLATTEN})
TAKING_OUT = frozenset({Purpose.PROTECT, Purpose.FLATTEN})  # a market exit is there when a campaign that failed left one behind


def later(since_ns: int | None, at_least_ns: int) -> int | None:
    """A span that is being counted begins no earlier than this."""
    return None if since_ns is None else max(since_ns, at_least_ns)


def covers(live: Iterable[Ticket], side: Side) -> list[Ticket]:
    """What takes a position out when the market goes against it. A market exit still working at the broker (of a campaign that
    failed) closes it too: one more stop beside it could reverse."""
    return [t for t in live if t.order.role in COVERING and t.order.side is side]


def is_assured(ticket: Ticket) -> bool:
    """Whether it works at the broker and protects as it should."""
    return ticket.state in WORKING_STATES and ticket.sound


def assured(stops: Sequence[Ticket]) -> int:
    """Contracts whose stop is assured."""
    return covered(t for t in stops if is_assured(t))


def cover_of(position: int, stops: Sequence[Ticket]) -> Cover:
    """The word for the truth bar; `stops` are the live stops against the position."""
    need = abs(position)
    if not need:
        return Cover.NONE_NEEDED
    if assured(stops) >= need:
        return Cover.AT_BROKER
    if covered(t for t in stops if t.state is not OrderState.UNKNOWN and t.sound) >= need:
        return Cover.PENDING
    return Cover.UNKNOWN if covered(stops) >= need else Cover.MISSING


def widowed(missing: int, stops: Sequence[Ticket], targets: Sequence[Ticket]) -> str:
    """The group of a target that lost its stop, or holds one that does not protect, and takes out exactly what is missing (the
    rest of it sleeps while its entry has not filled): there one fill cancels the rest, so that no two exits ever fill. Empty: a
    group of its own."""
    taken = {t.group for t in stops if t.sound}
    return next((t.group for t in targets if t.group not in taken and t.protecting == missing), "")


def missing(need: int, stops: Sequence[Ticket], targets: Sequence[Ticket]) -> tuple[Emergency, ...]:
    """What not even hope covers, in one emergency stop."""
    short = need - hoped(t for t in stops if t.sound)
    return (Emergency(short, widowed(short, stops, targets)),) if short > 0 else ()


def stand_ins(need: int, stops: Sequence[Ticket], targets: Sequence[Ticket]) -> tuple[Emergency, ...]:
    """For what is hoped for in vain: in each group whose stop is doubtful one that is no larger than that, for there one fill
    cancels the rest, so that two living stops never reverse the position. What is short beyond that in a group of its own."""
    short = need - assured(stops)
    found: list[Emergency] = []
    for group in dict.fromkeys(t.group for t in stops if t.order.role is not Role.FLATTEN and t.sound and not is_assured(t)):
        there = [t for t in stops if t.group == group and t.sound]
        surely = assured(there)
        quantity = min(covered(there), surely + short)
        if quantity > surely:
            found.append(Emergency(quantity, group))
            short -= quantity - surely
    return (*found, *((Emergency(short, widowed(short, stops, targets)),) if short > 0 else ()))


def exits(
    need: int, live: Sequence[Ticket], side: Side, states: Collection[OrderState], owed: Sequence[Owed]
) -> tuple[list[Ticket], list[Ticket], int]:
    """Stops (market exits among them) and targets on this side that are in one of these states, and the most that may be held:
    what is, what live entries may still bring, and what ended ones have brought without our hearing of it."""
    entering = sum(t.remaining for t in live if t.order.purpose is Purpose.ENTRY and t.order.side is not side)
    entering += sum(o.quantity for o in owed if o.side is not side)
    legs = [t for t in live if t.order.purpose in TAKING_OUT and t.order.side is side and t.state in states]
    stops = [t for t in legs if t.order.role is not Role.TARGET]
    return stops, [t for t in legs if t.order.role is Role.TARGET], need + entering


def allotments(legs: Sequence[Ticket], left: int, owed: Sequence[Owed]) -> list[tuple[Ticket, int]]:
    """How many contracts each leg may keep, oldest group first, so that the groups together keep `left`. A stop without its
    safety fields keeps nothing, nor does a child that sleeps for ever because its entry ended."""
    waiting = {o.intent_id: o.quantity for o in owed}
    groups: dict[str, list[Ticket]] = {}
    for leg in legs:
        groups.setdefault(leg.group if leg.sound else leg.order.id, []).append(leg)
    found: list[tuple[Ticket, int]] = []
    for group in groups.values():
        keep = min(max(_takes_out(leg, waiting) for leg in group), left) if group[0].sound else 0
        left -= keep
        found += [(leg, keep) for leg in group]
    return found


def kept(stops: Sequence[Ticket], targets: Sequence[Ticket], left: int, owed: Sequence[Owed]) -> list[tuple[Ticket, int]]:
    """How many contracts each exit may keep, so that all of them together never take out more than `left`. Stop and target of a
    group are alternatives: the broker sees to that, also when nobody here is awake. Those of different groups are not: a target
    keeps what the stop of its own group takes out, and of what no stop does."""
    found = allotments(stops, left, owed)
    stopped: dict[str, int] = {}
    for stop, keep in found:
        stopped[stop.group] = max(stopped.get(stop.group, 0), keep)
    free = left - sum(stopped.values())
    for target, most in allotments(targets, left, owed):
        beside = stopped.get(target.group, 0)
        keep = min(most, beside + free)
        free -= max(0, keep - beside)
        found.append((target, keep))
    return found


def _takes_out(leg: Ticket, waiting: Mapping[str, int]) -> int:
    """What fills when its price comes: of a child whose entry has ended only what that filled, told or not; more may come of one
    that lives."""
    if leg.parent is None or leg.parent.live:
        return leg.assured
    return min(leg.assured, leg.protecting + waiting.get(leg.order.intent_id, 0))
