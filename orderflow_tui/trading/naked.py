"""The guard of the stop: protective quantity always equals the position.

Theory. What is missing is put there; what is too much is taken away (`surplus.py`).

* Hoped-for stops do not even add up: an additional emergency stop at once, in the group of a target that lost its stop,
  else in a group of its own. On a new line not before the first report or 2 s: what filled meanwhile has not been told yet.
* They add up but are not confirmed within 2 s: an emergency stop in the *same* group, one for each such group, so that two
  living stops could never reverse the position.
* Exits of the other side (of a position that somebody turned around) would add to it: they are left over, and go.
* Neither is confirmed 3 s later, the broker rejects it, or the market stands beyond where the stop should be: flatten. One
  that provably never left is sent again.
* A child of an entry that has not filled sleeps at the broker and protects nothing, least of all somebody else's contracts.

The guard only says what it wants; the desk asks the gate. While a flatten campaign runs or the broker cannot be reached it
is not asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orderflow_tui.domain.order import Role, Side, closing
from orderflow_tui.domain.session import MS_NS, SECOND_NS
from orderflow_tui.domain.watch import Watch
from orderflow_tui.trading.blotter import Owed, Ticket
from orderflow_tui.trading.protection import NOTHING, Emergency, GuardWish, assured, covers, is_assured, later, missing, stand_ins
from orderflow_tui.trading.surplus import Surplus

BEYOND_NS = 5 * SECOND_NS
SEND_AGAIN_NS = 250 * MS_NS
READ_NS = 500 * MS_NS  # what came while nobody was awake is read by then


class Guard:
    """Remembers since when a position is not covered. Times in ns."""

    __slots__ = ("_again_ns", "_beyond_ns", "_confirm_ns", "_emergency_ns", "_naked_ns", "_rejected", "_surplus", "since_ns")

    def __init__(self, naked_ms: int, confirm_ms: int) -> None:
        self._naked_ns = naked_ms * MS_NS
        self._confirm_ns = confirm_ms * MS_NS
        self._surplus = Surplus()
        self.since_ns: int | None = None  # since when less is assured than held
        self._emergency_ns: int | None = None  # when the first of them passed the gate
        self._again_ns: int | None = None  # when one that never left is sent again
        self._rejected = False
        self._beyond_ns: int | None = None

    def reset(self) -> None:
        """Begin counting anew: after a reconnect, after a campaign."""
        self._covered()
        self._beyond_ns = None
        self._surplus.reset()

    def _covered(self) -> None:
        self.since_ns = self._emergency_ns = self._again_ns = None
        self._rejected = False

    def woke(self, now_ns: int) -> None:
        """Nobody was awake: nothing is due before what came meanwhile has been read, for the target may have filled, and a stop
        sent now would reverse."""
        ready = now_ns + READ_NS
        self.since_ns = later(self.since_ns, ready - self._naked_ns)
        self._emergency_ns = later(self._emergency_ns, ready - self._confirm_ns)
        self._beyond_ns = later(self._beyond_ns, ready - BEYOND_NS)
        self._surplus.not_before(ready)

    def sent(self, now_ns: int) -> None:
        """An emergency stop passed the gate."""
        self._again_ns = None
        if self._emergency_ns is None:
            self._emergency_ns = now_ns

    def not_sent(self, now_ns: int) -> None:
        """It provably never left."""
        self._again_ns = now_ns + SEND_AGAIN_NS

    def rejected(self) -> None:
        """The broker does not take it."""
        self._rejected = True

    def exited(self, now_ns: int) -> None:
        """An exit of a group filled."""
        self._surplus.exited(now_ns)

    @property
    def due_ns(self) -> int | None:
        """When it wants to be asked again although nothing happened."""
        times = self._surplus.times
        if self._again_ns is not None:
            times.append(self._again_ns)
        if self._emergency_ns is not None:
            times.append(self._emergency_ns + self._confirm_ns)
        elif self.since_ns is not None:
            times.append(self.since_ns + self._naked_ns)
        if self._beyond_ns is not None:
            times.append(self._beyond_ns + BEYOND_NS)
        return min(times, default=None)

    def watch(self, position: int, live: Sequence[Ticket]) -> Watch:
        """The trade at which a working stop is passed; once passed, the one that comes back."""
        side, roles = closing(position), (Role.STOP, Role.EMERGENCY)
        prices = [
            t.order.stop_ticks
            for t in live
            if t.order.role in roles and t.order.side is side and t.order.stop_ticks is not None and is_assured(t)
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
        strays = self._surplus.left_over(position, live, owed, now_ns)
        if not position:
            self._covered()
            self._beyond_ns = None
            return strays
        wish = self._held(position, live, last_ticks, now_ns, owed, informed) if strays.flatten is None else strays
        return replace(wish, cancel=wish.cancel + strays.cancel)

    def _held(
        self,
        position: int,
        live: Sequence[Ticket],
        last_ticks: int | None,
        now_ns: int,
        owed: Sequence[Owed],
        informed: bool,
    ) -> GuardWish:
        need, side = abs(position), closing(position)
        wish = self._surplus.too_large(need, live, side, owed, now_ns)
        if wish is not None:
            return wish
        stops = covers(live, side)
        if assured(stops) >= need:
            self._covered()
            if self._beyond(side, stops, last_ticks, now_ns):
                return GuardWish(flatten="the stop was reached and did not fill")
            return self._surplus.cut(need, live, side, owed)
        targets = [t for t in live if t.order.role is Role.TARGET and t.order.side is side]
        return self._uncovered(need, stops, targets, informed, now_ns)

    def _uncovered(self, need: int, stops: Sequence[Ticket], targets: Sequence[Ticket], informed: bool, now_ns: int) -> GuardWish:
        if self.since_ns is None:
            self.since_ns = now_ns
        self._beyond_ns = None  # it is about stops that are assured
        wanted, waited = missing(need, stops, targets), now_ns - self.since_ns >= self._naked_ns
        if self._emergency_ns is not None:
            return self._unconfirmed(wanted, now_ns)
        if wanted:
            return GuardWish(emergencies=wanted) if informed or waited else NOTHING
        return GuardWish(emergencies=stand_ins(need, stops, targets)) if waited else NOTHING

    def _unconfirmed(self, wanted: tuple[Emergency, ...], now_ns: int) -> GuardWish:
        """Emergency stops were sent, and still not everything is assured."""
        assert self._emergency_ns is not None, "only asked when one was sent"
        if now_ns - self._emergency_ns >= self._confirm_ns:
            return GuardWish(flatten="no stop was confirmed in time")
        if wanted and self._rejected:
            return GuardWish(flatten="the broker does not take an emergency stop")
        if self._again_ns is not None and now_ns >= self._again_ns:
            self._again_ns = None
            return GuardWish(emergencies=wanted)
        return NOTHING

    def _beyond(self, side: Side, stops: Sequence[Ticket], last_ticks: int | None, now_ns: int) -> bool:
        """Whether the market has stood beyond a working stop for too long: it was triggered and rests unfilled."""
        passed = last_ticks is not None and any(
            t.order.stop_ticks is not None and is_assured(t) and (last_ticks - t.order.stop_ticks) * side > 0 for t in stops
        )
        if not passed:
            self._beyond_ns = None
            return False
        if self._beyond_ns is None:
            self._beyond_ns = now_ns
        return now_ns - self._beyond_ns >= BEYOND_NS
