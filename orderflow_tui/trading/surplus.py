"""What is too much: exits that would take out more than is held.

Theory. Such an exit opens a position the other way when it fills.

* More assured than held: shrink by a change, the youngest group first, both of its legs (a target beside a stop that is not of
  its group and covers the same contracts goes: if nobody were awake, both would fill); after an exit's fill not for a second,
  which is the time the broker has to make the rest of that group smaller itself. An exit that is still too large 10 s later
  would reverse when it fills: flatten.
* Nothing held on its side (none, or the position was turned around) and nothing coming: what is left over is cancelled after a
  second, for the same reason; an emergency stop at once. What still works 10 s later would open a position: flatten.
* A market exit that a failed flatten left behind counts among the stops; it is cancelled, never made smaller.
"""

from __future__ import annotations

from collections.abc import Sequence

from orderflow_tui.domain.order import OrderState, Purpose, Role, Side
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.trading.blotter import Owed, Ticket
from orderflow_tui.trading.lifecycle import SENT_STATES, WORKING_STATES
from orderflow_tui.trading.protection import NOTHING, TAKING_OUT, GuardWish, exits, kept, later

ORPHAN_NS = SECOND_NS
# what is left over is called off again while it may work, parked at the broker or on its way, and while no report tells whether
# it does: that does no harm
AGAIN_NS = {**dict.fromkeys(SENT_STATES, 2 * SECOND_NS), OrderState.UNKNOWN: 5 * SECOND_NS}
TOO_LARGE_NS = 10 * SECOND_NS
ALONE = frozenset({Role.EMERGENCY, Role.FLATTEN})  # in no group the broker would end by itself, and the market is near


class Surplus:
    """Remembers since when exits are too large or left over. Times in ns."""

    __slots__ = ("_exit_ns", "_large_ns", "_left_ns", "_left_works", "_over_ns")

    def __init__(self) -> None:
        self._left_works = False  # something left over is known to work
        self.reset()

    def reset(self) -> None:
        """Begin counting anew."""
        self._exit_ns: int | None = None  # when an exit of a group last filled
        self._large_ns: int | None = None  # since when more would be taken out than is held
        self._left_ns: int | None = None  # since when exits are left over although nothing is held
        self._over_ns: int | None = None  # since when such a one works without having been called off

    def not_before(self, ready_ns: int) -> None:
        """Nothing is due before."""
        self._over_ns = later(self._over_ns, ready_ns - ORPHAN_NS)
        self._large_ns = later(self._large_ns, ready_ns - TOO_LARGE_NS)
        self._left_ns = later(self._left_ns, ready_ns - TOO_LARGE_NS)

    def exited(self, now_ns: int) -> None:
        """An exit of a group filled: the broker makes the others of the group smaller, or cancels them."""
        self._exit_ns = now_ns

    @property
    def times(self) -> list[int]:
        """When something is due although nothing happened."""
        left_ns = self._left_ns if self._left_works else None
        spans = ((self._exit_ns, ORPHAN_NS), (self._over_ns, ORPHAN_NS), (self._large_ns, TOO_LARGE_NS), (left_ns, TOO_LARGE_NS))
        return [since_ns + span_ns for since_ns, span_ns in spans if since_ns is not None]

    def too_large(self, need: int, live: Sequence[Ticket], side: Side, owed: Sequence[Owed], now_ns: int) -> GuardWish | None:
        """A flatten when exits have been able to take out more than is held for too long."""
        if not _exceeds(need, live, side, owed):
            self._large_ns = None
            return None
        if self._large_ns is None:
            self._large_ns = now_ns
        if now_ns - self._large_ns < TOO_LARGE_NS:
            return None
        return GuardWish(flatten="the broker does not make the exits as small as the position")

    def cut(self, need: int, live: Sequence[Ticket], side: Side, owed: Sequence[Owed]) -> GuardWish:
        """Shrink exits beyond what is held or can still join by a live entry. The oldest groups keep theirs."""
        if self._exit_ns is not None:
            return NOTHING
        stops, targets, may_be = exits(need, live, side, WORKING_STATES, owed)
        shrink: list[tuple[str, int]] = []
        cancel: list[str] = []
        for leg, keep in kept(stops, targets, may_be, owed):
            if leg.remaining <= keep or leg.change is not None or leg.cancel_ns is not None or leg.refused_ns is not None:
                continue
            if keep and leg.order.role is not Role.FLATTEN:
                shrink.append((leg.order.id, leg.gone + keep))
            else:
                cancel.append(leg.order.id)
        return GuardWish(shrink=tuple(shrink), cancel=tuple(cancel)) if shrink or cancel else NOTHING

    def left_over(self, position: int, live: Sequence[Ticket], owed: Sequence[Owed], now_ns: int) -> GuardWish:
        """Exits with nothing to exit on their side and no entry that could still bring something, or has and nobody said so."""
        self._forget_the_exit(now_ns)
        if not position:
            self._large_ns = None
        coming = {t.order.intent_id for t in live if t.order.purpose is Purpose.ENTRY} | {o.intent_id for o in owed}
        left = [
            t for t in live if t.order.purpose in TAKING_OUT and t.order.intent_id not in coming and t.order.side * position >= 0
        ]
        if self._refuses_to_go(left, now_ns):
            return GuardWish(
                flatten="what is left over with nothing to take out is not cancelled and would open or add to a position"
            )
        called_off = tuple(t.order.id for t in left if t.order.role in ALONE and t.state in SENT_STATES and t.cancel_ns is None)
        if called_off:
            return GuardWish(cancel=called_off)
        asked = [t for t in left if t.state in AGAIN_NS and (t.cancel_ns is None or now_ns - t.cancel_ns >= AGAIN_NS[t.state])]
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

    def _forget_the_exit(self, now_ns: int) -> None:
        if self._exit_ns is not None and now_ns - self._exit_ns >= ORPHAN_NS:
            self._exit_ns = None


def _exceeds(need: int, live: Sequence[Ticket], side: Side, owed: Sequence[Owed]) -> bool:
    """Whether exits may take out more than is held. One of unknown outcome counts: not knowing does not make it smaller."""
    stops, targets, may_be = exits(need, live, side, WORKING_STATES | {OrderState.UNKNOWN}, owed)
    return any(leg.remaining > keep for leg, keep in kept(stops, targets, may_be, owed))
