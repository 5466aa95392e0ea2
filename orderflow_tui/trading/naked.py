"""The guard of the stop: protective quantity always equals the position.

Theory. Stops are counted by group, because in a group one fill cancels the rest. What works at the broker is *assured*;
what is on its way, or of unknown outcome, is *hoped for*.

* Hoped-for stops do not even add up: an additional emergency stop at once, in the group of a target that lost its stop,
  else in a group of its own. On a new line not before the first report or 2 s: what filled meanwhile has not been told yet.
* They add up but are not confirmed within 2 s: an emergency stop in the *same* group, so that two living stops could never
  reverse the position.
* Neither is confirmed 3 s later, the broker rejects it, or the market stands beyond where the stop should be: flatten. One
  that provably never left is sent again.
* A child of an entry that has not filled sleeps at the broker and protects nothing, least of all somebody else's contracts.
* More assured than held: shrink by a change, the youngest group first, both of its legs; after an exit's fill not for a second,
  which is the time the broker has to make the rest of that group smaller itself. An exit that is still too large 10 s later
  would reverse when it fills: flatten.
* Nothing held and nothing coming: what is left over is cancelled after a second, for the same reason; an emergency stop at
  once. What still works 10 s later would open a position: flatten.

The guard only says what it wants; the desk asks the gate. While a flatten campaign runs or the broker cannot be reached it
is not asked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum

from orderflow_tui.domain.order import OrderState, Purpose, Role, Side
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.domain.watch import Watch
from orderflow_tui.trading.blotter import Owed, Ticket, covered
from orderflow_tui.trading.lifecycle import SENT_STATES, WORKING_STATES

ORPHAN_NS = SECOND_NS
CANCEL_AGAIN_NS = 2 * SECOND_NS
BEYOND_NS = 5 * SECOND_NS
TOO_LARGE_NS = 10 * SECOND_NS
SEND_AGAIN_NS = 250 * MS_NS
READ_NS = 500 * MS_NS  # what came while nobody was awake is read by then


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

    emergency: Emergency | None = None
    shrink: tuple[tuple[str, int], ...] = ()
    cancel: tuple[str, ...] = ()
    flatten: str | None = None


NOTHING = GuardWish()


def _later(since_ns: int | None, at_least_ns: int) -> int | None:
    return None if since_ns is None else max(since_ns, at_least_ns)


def _assured(ticket: Ticket) -> bool:
    return ticket.state in WORKING_STATES and ticket.sound


def cover_of(position: int, stops: Sequence[Ticket]) -> Cover:
    """The word for the truth bar; `stops` are the live stops against the position."""
    need = abs(position)
    if not need:
        return Cover.NONE_NEEDED
    if covered(t for t in stops if _assured(t)) >= need:
        return Cover.AT_BROKER
    if covered(t for t in stops if t.state is not OrderState.UNKNOWN and t.sound) >= need:
        return Cover.PENDING
    return Cover.UNKNOWN if covered(stops) >= need else Cover.MISSING


def _widowed(missing: int, stops: Sequence[Ticket], targets: Sequence[Ticket]) -> str:
    """The group of a target that lost its stop, or holds one that does not protect, and is exactly as large as what is
    missing: there one fill cancels the rest, so that no two exits ever fill. Empty: a group of its own."""
    taken = {t.group for t in stops if t.sound}
    return next((t.group for t in targets if t.group not in taken and t.assured == missing), "")


def _allotments(legs: Sequence[Ticket], left: int) -> list[tuple[Ticket, int]]:
    """How many contracts each leg may keep, oldest group first, so that the groups together keep `left`."""
    groups: dict[str, list[Ticket]] = {}
    for leg in legs:
        groups.setdefault(leg.group if leg.sound else leg.order.id, []).append(leg)
    found: list[tuple[Ticket, int]] = []
    for group in groups.values():
        keep = min(max(leg.assured for leg in group), left) if group[0].sound else 0
        left -= keep
        found += [(leg, keep) for leg in group]
    return found


def _exits(
    need: int, live: Sequence[Ticket], against: Side, states: Collection[OrderState], owed: Sequence[Owed]
) -> tuple[list[Ticket], list[Ticket], int]:
    """Stops and targets against the position that are in one of these states, and the most that may be held: what is, what
    live entries may still bring, and what ended ones have brought without our hearing of it."""
    entering = sum(t.remaining for t in live if t.order.purpose is Purpose.ENTRY and t.order.side is not against)
    entering += sum(o.quantity for o in owed if o.side is not against)
    legs = [t for t in live if t.order.purpose is Purpose.PROTECT and t.order.side is against and t.state in states]
    stops = [t for t in legs if t.order.role is not Role.TARGET]
    return stops, [t for t in legs if t.order.role is Role.TARGET], need + entering


def _exceeds(need: int, live: Sequence[Ticket], against: Side, owed: Sequence[Owed]) -> bool:
    """Whether exits may take out more than is held. One of unknown outcome counts: not knowing does not make it smaller."""
    stops, targets, may_be = _exits(need, live, against, WORKING_STATES | {OrderState.UNKNOWN}, owed)
    return any(leg.remaining > keep for kind in (stops, targets) for leg, keep in _allotments(kind, may_be))


class Guard:
    """Remembers since when a position is not covered. Times in ns."""

    __slots__ = (
        *("_again_ns", "_beyond_ns", "_confirm_ns", "_emergency_ns", "_exit_ns", "_large_ns", "_left_ns", "_left_works"),
        *("_naked_ns", "_over_ns", "_rejected", "since_ns"),
    )

    def __init__(self, naked_ms: int, confirm_ms: int) -> None:
        self._naked_ns = naked_ms * MS_NS
        self._confirm_ns = confirm_ms * MS_NS
        self.since_ns: int | None = None  # since when less is assured than held
        self._emergency_ns: int | None = None  # when the first of them passed the gate
        self._again_ns: int | None = None  # when one that never left is sent again
        self._rejected = False
        self._exit_ns: int | None = None  # when an exit of a group last filled
        self._over_ns: int | None = None
        self._beyond_ns: int | None = None
        self._large_ns: int | None = None  # since when more would be taken out than is held
        self._left_ns: int | None = None  # since when exits are left over although nothing is held
        self._left_works = False  # one of them is known to work

    def reset(self) -> None:
        """Begin counting anew: after a reconnect, after a campaign."""
        self._covered()
        self._exit_ns = self._over_ns = self._beyond_ns = self._large_ns = self._left_ns = None

    def _covered(self) -> None:
        self.since_ns = self._emergency_ns = self._again_ns = None
        self._rejected = False

    def woke(self, now_ns: int) -> None:
        """Nobody was awake: nothing is due before what came meanwhile has been read, for the target may have filled, and a stop
        sent now would reverse."""
        ready = now_ns + READ_NS
        self.since_ns = _later(self.since_ns, ready - self._naked_ns)
        self._emergency_ns = _later(self._emergency_ns, ready - self._confirm_ns)
        self._over_ns = _later(self._over_ns, ready - ORPHAN_NS)
        self._beyond_ns = _later(self._beyond_ns, ready - BEYOND_NS)
        self._large_ns = _later(self._large_ns, ready - TOO_LARGE_NS)
        self._left_ns = _later(self._left_ns, ready - TOO_LARGE_NS)

    def sent(self, now_ns: int) -> None:
        """An emergency stop passed the gate."""
        self._again_ns = None
        if self._emergency_ns is None:
            self._emergency_ns = now_ns

    def not_sent(self, now_ns: int) -> None:
        """It provably never left."""
        self._again_ns = now_ns + SEND_AGAIN_NS

    def exited(self, now_ns: int) -> None:
        """An exit of a group filled: the broker makes the others of the group smaller, or cancels them."""
        self._exit_ns = now_ns

    def rejected(self) -> None:
        """The broker does not take it."""
        self._rejected = True

    @property
    def due_ns(self) -> int | None:
        """When it wants to be asked again although nothing happened."""
        times = []
        if self._again_ns is not None:
            times.append(self._again_ns)
        if self._emergency_ns is not None:
            times.append(self._emergency_ns + self._confirm_ns)
        elif self.since_ns is not None:
            times.append(self.since_ns + self._naked_ns)
        if self._exit_ns is not None:
            times.append(self._exit_ns + ORPHAN_NS)
        if self._over_ns is not None:
            times.append(self._over_ns + ORPHAN_NS)
        if self._beyond_ns is not None:
            times.append(self._beyond_ns + BEYOND_NS)
        if self._large_ns is not None:
            times.append(self._large_ns + TOO_LARGE_NS)
        if self._left_ns is not None and self._left_works:
            times.append(self._left_ns + TOO_LARGE_NS)
        return min(times, default=None)

    def watch(self, position: int, live: Sequence[Ticket]) -> Watch:
        """The trade at which a working stop is passed; once passed, the one that comes back."""
        against = Side.SELL if position > 0 else Side.BUY
        roles = (Role.STOP, Role.EMERGENCY)
        prices = [
            t.order.stop_ticks
            for t in live
            if t.order.role in roles and t.order.side is against and t.order.stop_ticks is not None and _assured(t)
        ]
        if not position or not prices:
            return Watch()
        if position > 0:
            nearest = max(prices)
            return Watch(below=nearest - 1) if self._beyond_ns is None else Watch(above=nearest)
        nearest = min(prices)
        return Watch(above=nearest + 1) if self._beyond_ns is None else Watch(below=nearest)

    def look(
        self,
        position: int,
        live: Sequence[Ticket],
        last_ticks: int | None,
        now_ns: int,
        *,
        owed: Sequence[Owed] = (),
        informed: bool = True,
    ) -> GuardWish:
        """What is wanted for this position, the live orders of its instrument and its last trade. `owed`: executions that the
        broker has counted and not told; `informed`: it has reported since the line came up."""
        if self._exit_ns is not None and now_ns - self._exit_ns >= ORPHAN_NS:
            self._exit_ns = None
        if not position:
            self._covered()
            self._beyond_ns = self._large_ns = None
            return self._orphans(live, owed, now_ns)
        self._over_ns = self._left_ns = None
        against = Side.SELL if position > 0 else Side.BUY
        # a market exit still working at the broker (of a campaign that failed) closes the position too: one more stop beside
        # it could reverse
        covers = (Role.STOP, Role.EMERGENCY, Role.FLATTEN)
        stops = [t for t in live if t.order.role in covers and t.order.side is against]
        need = abs(position)
        if self._too_large(_exceeds(need, live, against, owed), now_ns):
            return GuardWish(flatten="the broker does not make the exits as small as the position")
        if covered(t for t in stops if _assured(t)) >= need:
            self._covered()
            if self._beyond(against, stops, last_ticks, now_ns):
                return GuardWish(flatten="the stop was reached and did not fill")
            return NOTHING if self._exit_ns is not None else self._surplus(need, live, against, owed)
        targets = [t for t in live if t.order.role is Role.TARGET and t.order.side is against]
        return self._uncovered(need, stops, targets, informed, now_ns)

    def _uncovered(self, need: int, stops: Sequence[Ticket], targets: Sequence[Ticket], informed: bool, now_ns: int) -> GuardWish:
        if self.since_ns is None:
            self.since_ns = now_ns
        self._beyond_ns = None  # it is about stops that are assured
        missing = need - covered(t for t in stops if t.sound)
        waited = now_ns - self.since_ns >= self._naked_ns
        if self._emergency_ns is not None:
            return self._unconfirmed(missing, stops, targets, now_ns)
        if missing > 0:
            ready = informed or waited
            return GuardWish(emergency=Emergency(missing, _widowed(missing, stops, targets))) if ready else NOTHING
        if waited:
            doubtful = next(t for t in stops if t.protecting and t.sound and not _assured(t))
            return GuardWish(emergency=Emergency(need - covered(t for t in stops if _assured(t)), doubtful.group))
        return NOTHING

    def _unconfirmed(self, missing: int, stops: Sequence[Ticket], targets: Sequence[Ticket], now_ns: int) -> GuardWish:
        """An emergency stop was sent, and still not everything is assured."""
        assert self._emergency_ns is not None, "only asked when one was sent"
        if now_ns - self._emergency_ns >= self._confirm_ns:
            return GuardWish(flatten="no stop was confirmed in time")
        if missing > 0 and self._rejected:
            return GuardWish(flatten="the broker does not take an emergency stop")
        if self._again_ns is not None and now_ns >= self._again_ns:
            self._again_ns = None
            if missing > 0:
                return GuardWish(emergency=Emergency(missing, _widowed(missing, stops, targets)))
        return NOTHING

    def _beyond(self, against: Side, stops: Sequence[Ticket], last_ticks: int | None, now_ns: int) -> bool:
        """Whether the market has stood beyond a working stop for too long: it was triggered and rests unfilled."""
        passed = last_ticks is not None and any(
            t.order.stop_ticks is not None and _assured(t) and (last_ticks - t.order.stop_ticks) * against > 0 for t in stops
        )
        if not passed:
            self._beyond_ns = None
            return False
        if self._beyond_ns is None:
            self._beyond_ns = now_ns
        return now_ns - self._beyond_ns >= BEYOND_NS

    def _surplus(self, need: int, live: Sequence[Ticket], against: Side, owed: Sequence[Owed]) -> GuardWish:
        """Shrink exits beyond what is held or can still join by a live entry. Stops and targets are counted apart: they
        are alternatives. The oldest groups keep theirs; a stop without its safety fields keeps nothing."""
        stops, targets, may_be = _exits(need, live, against, WORKING_STATES, owed)
        shrink: list[tuple[str, int]] = []
        cancel: list[str] = []
        for kind in (stops, targets):
            for leg, keep in _allotments(kind, may_be):
                if leg.remaining <= keep or leg.change is not None or leg.cancel_ns is not None or leg.refused_ns is not None:
                    continue
                if keep:
                    shrink.append((leg.order.id, leg.filled + keep))
                else:
                    cancel.append(leg.order.id)
        return GuardWish(shrink=tuple(shrink), cancel=tuple(cancel)) if shrink or cancel else NOTHING

    def _too_large(self, large: bool, now_ns: int) -> bool:
        if not large:
            self._large_ns = None
            return False
        if self._large_ns is None:
            self._large_ns = now_ns
        return now_ns - self._large_ns >= TOO_LARGE_NS

    def _orphans(self, live: Sequence[Ticket], owed: Sequence[Owed], now_ns: int) -> GuardWish:
        """Exits with nothing to exit and no entry that could still bring something, or has and nobody said so."""
        coming = {t.order.intent_id for t in live if t.order.purpose is Purpose.ENTRY} | {o.intent_id for o in owed}
        left = [t for t in live if t.order.purpose is Purpose.PROTECT and t.order.intent_id not in coming]
        if self._refuses_to_go(left, now_ns):
            return GuardWish(flatten="what is left over with nothing held is not cancelled and would open a position")
        called_off = tuple(
            t.order.id for t in left if t.order.role is Role.EMERGENCY and t.state in SENT_STATES and t.cancel_ns is None
        )
        if called_off:  # in no group the broker would end by itself, and the market is near
            return GuardWish(cancel=called_off)
        asked = [
            t for t in left if t.state in WORKING_STATES and (t.cancel_ns is None or now_ns - t.cancel_ns >= CANCEL_AGAIN_NS)
        ]
        if not asked:
            self._over_ns = None
            return NOTHING
        if self._over_ns is None:
            self._over_ns = now_ns
        if now_ns - self._over_ns < ORPHAN_NS:
            return NOTHING
        self._over_ns = None
        return GuardWish(cancel=tuple(t.order.id for t in asked))

    def _refuses_to_go(self, left: Sequence[Ticket], now_ns: int) -> bool:
        """Whether something left over is known to work after all this time. One of unknown outcome keeps the time running but
        proves nothing: most often it has ended and nobody said so."""
        self._left_works = any(t.state in WORKING_STATES for t in left)
        if not any(t.state in WORKING_STATES or t.state is OrderState.UNKNOWN for t in left):
            self._left_ns = None
            return False
        if self._left_ns is None:
            self._left_ns = now_ns
        return self._left_works and now_ns - self._left_ns >= TOO_LARGE_NS
