"""The flatten campaign: a small state machine that ends with the broker saying *flat* twice.

Theory. Three things turn a flatten into a disaster: closing while a stop or target still works (it fills afterwards and
reverses), closing a position from memory (it has changed meanwhile), and cancelling the stop when the close cannot trade
(naked). So: nothing is touched while the market is closed, the broker is out of reach or a lock forbids it, and the stops
stay (PENDING); entries and targets go first; the stops go last, when those have ended (or after 4 s) and only on a fresh word
from the broker; then nothing is sent until a report *begun after the last of our orders ended* shows none of ours alive: an
order may fill while it is being cancelled, its execution may get lost, and a report reads positions and orders one after the
other. Quantity and sign come from that report; one exit at a time; and two flat reports a second apart end it. Three failed
rounds end it too: FAILED, which locks. An order of ours that the journal lost counts as alive until three reports lack it.
Books that differ (an exit of contracts they did not know) keep it open until the broker's word is adopted: the guard would put
a stop against what nobody holds.

`step` says what is wanted now and is asked again after every event and at `due_ns`. It keeps no order of its own: the desk
makes the exit through the gate. The campaign is journalled at begin and end; after a restart it begins anew from PENDING,
which is safe because every step is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from orderflow_tui.domain.account import AccountReport
from orderflow_tui.domain.order import Role, Side, closing
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.trading.blotter import Ticket
from orderflow_tui.trading.trade import ExitReason

FRESH_NS = 2 * SECOND_NS
ASK_NS = SECOND_NS
CANCEL_AGAIN_NS = 2 * SECOND_NS
STRIP_NS = 4 * SECOND_NS
EVERYTHING_NS = 10 * SECOND_NS
CLEAR_BUDGET_NS = 20 * SECOND_NS
EXIT_NS = 3 * SECOND_NS
ROUNDS = 3


class Stage(Enum):
    """Where the campaign stands."""

    PENDING = "PENDING"  # cannot trade now: the stops stay
    OPENING = "OPENING"  # entries and targets are being cancelled
    CLEARING = "CLEARING"  # everything is being cancelled, waiting for the broker to show nothing alive
    EXITING = "EXITING"
    SETTLING = "SETTLING"  # the exit is over, waiting for the next report
    DONE = "DONE"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Exit:
    """A market exit wanted for exactly what the broker reported."""

    instrument: str
    side: Side
    quantity: int


@dataclass(frozen=True, slots=True)
class Scene:
    """What a step sees: what bars it from acting (None: nothing), our live orders, the newest complete report, when the newest
    execution was booked, whether an order of ours that the journal lost may still live, and whether our books hold something."""

    now_ns: int
    barred: str | None
    live: tuple[Ticket, ...]
    report: AccountReport | None
    instruments: frozenset[str]
    booked_ns: int | None = None
    strangers: bool = False
    holding: bool = False


@dataclass(frozen=True, slots=True)
class CampaignWish:
    """What is wanted now; `pending` is told once when the campaign must wait."""

    cancel: tuple[str, ...] = ()
    everything: bool = False
    ask: bool = False
    exit: Exit | None = None
    pending: str | None = None


IDLE = CampaignWish()


class Campaign:
    """One campaign. `manual`: a person wanted it, which is what lets it act in LOCKED."""

    def __init__(self, campaign_id: str, reason: str, exit_reason: ExitReason, manual: bool, then: Side | None = None) -> None:
        self.id = campaign_id
        self.reason = reason
        self.exit_reason = exit_reason
        self.manual = manual
        self.then = then  # the side to enter afterwards: a reversal
        self.stage = Stage.PENDING
        self.rounds = 0
        self.due_ns: int | None = None
        self._told = False
        self._round_ns = 0
        self._cancel_ns = 0
        self._ask_ns = 0
        self._exit_ns = 0
        self._alive = False
        self._ended_ns = 0
        self._swept = False
        self._exit_ids: frozenset[str] = frozenset()
        self._flat_ns: int | None = None

    @property
    def over(self) -> bool:
        """Ended, one way or the other."""
        return self.stage in (Stage.DONE, Stage.FAILED)

    def step(self, scene: Scene) -> CampaignWish:
        """What is wanted now."""
        if self.over:
            return IDLE
        if scene.barred is not None:
            return self._wait(scene.barred)
        match self.stage:
            case Stage.PENDING:
                return self._open(scene)
            case Stage.OPENING:
                return self._strip(scene)
            case Stage.EXITING:
                return self._leave(scene)
            case _:
                return self._clear(scene)

    def exit_sent(self, order_ids: tuple[str, ...], now_ns: int) -> None:
        """The exit passed the gate under these ids."""
        self._exit_ids = frozenset(order_ids)
        self._exit_ns = now_ns

    def exit_refused(self, now_ns: int) -> None:
        """The gate refused the exit: a failed round."""
        self._fail_round(now_ns)

    def _wait(self, barred: str) -> CampaignWish:
        self.stage, self.due_ns = Stage.PENDING, None
        if self._told:
            return IDLE
        self._told = True
        return CampaignWish(pending=barred)

    def _open(self, scene: Scene) -> CampaignWish:
        now = scene.now_ns
        self.stage, self._told, self._swept, self._flat_ns = Stage.OPENING, False, False, None
        self._round_ns = self._cancel_ns = now
        self._ask(now)
        return CampaignWish(cancel=_but_stops(scene), ask=True)

    def _strip(self, scene: Scene) -> CampaignWish:
        """Cancel the stops too, once the broker has proven it listens and the rest has ended. What does not end keeps the exit
        waiting, and the position its stop: but not for ever."""
        report, now = scene.report, scene.now_ns
        rest = _but_stops(scene)
        listens = report is not None and report.began_ns >= self._round_ns and now - report.ts_ns < FRESH_NS
        if listens and (not rest or now - self._round_ns >= STRIP_NS):
            self.stage = Stage.CLEARING
            return self._cancel_all(scene)
        if rest and now - self._cancel_ns >= CANCEL_AGAIN_NS:
            self._cancel_ns = now
            self._ask(now)
            return CampaignWish(cancel=rest, ask=True)
        return self._ask_when_due(now)

    def _cancel_all(self, scene: Scene) -> CampaignWish:
        self._cancel_ns = scene.now_ns
        self._ask(scene.now_ns)
        return CampaignWish(cancel=tuple(t.order.id for t in scene.live), ask=True)

    def _clear(self, scene: Scene) -> CampaignWish:
        """Wait for a report begun after the last cancel (or exit), after the last of ours ended and after the newest execution,
        with nothing of ours alive; then act on it. An older one may show contracts that are gone: exiting those would reverse.
        """
        now, report = scene.now_ns, scene.report
        if self._just_ended(scene):
            self._ended_ns = now
            self._ask(now)
            return CampaignWish(ask=True)
        since_ns = max(self._cancel_ns, self._ended_ns, scene.booked_ns or 0)
        ended = not scene.live and not scene.strangers
        if report is not None and report.began_ns >= since_ns and ended and not _ours(report):
            return self._act_on(report, scene)
        if now - self._round_ns >= CLEAR_BUDGET_NS:
            self._fail_round(now)
            return IDLE
        if now - self._round_ns >= EVERYTHING_NS and not self._swept:
            self._swept = True
            self._ask(now)
            return CampaignWish(everything=True, ask=True)
        if now - self._cancel_ns >= CANCEL_AGAIN_NS and (scene.live or (report is not None and _ours(report))):
            self._flat_ns = None
            return self._cancel_all(scene)
        return self._ask_when_due(now)

    def _just_ended(self, scene: Scene) -> bool:
        """Whether the last of our orders ended since the step before."""
        before, self._alive = self._alive, bool(scene.live)
        return before and not self._alive

    def _act_on(self, report: AccountReport, scene: Scene) -> CampaignWish:
        held = next(((s, q) for s, q in report.positions if s in scene.instruments and q), None)
        if held is None:
            return self._verify(report, scene)
        self.stage, self._flat_ns = Stage.EXITING, None
        self._exit_ids, self._exit_ns = frozenset(), scene.now_ns
        self.due_ns = scene.now_ns + EXIT_NS
        symbol, quantity = held
        return CampaignWish(exit=Exit(symbol, closing(quantity), abs(quantity)))

    def _verify(self, report: AccountReport, scene: Scene) -> CampaignWish:
        """Flat: the second such report, begun a second after the first, ends it once our books say so too."""
        now = scene.now_ns
        if self._flat_ns is not None and report.began_ns - self._flat_ns >= SECOND_NS and not scene.holding:
            self.stage, self.due_ns = Stage.DONE, None
            return IDLE
        if self._flat_ns is None:
            self._flat_ns = report.began_ns
            self._ask_ns = self.due_ns = now + ASK_NS
            return IDLE
        return self._ask_when_due(now)

    def _leave(self, scene: Scene) -> CampaignWish:
        """An exit is under way: wait for its end, cancel it when it rests."""
        now = scene.now_ns
        if any(t.order.id in self._exit_ids for t in scene.live):
            if now - self._exit_ns < EXIT_NS:
                self.due_ns = self._exit_ns + EXIT_NS
                return IDLE
            self._fail_round(now)
            return IDLE if self.over else self._cancel_all(scene)
        self.stage = Stage.SETTLING
        self._round_ns = self._cancel_ns = now
        self._swept = False
        self._ask(now)
        return CampaignWish(ask=True)

    def exit_failed(self, now_ns: int) -> None:
        """The broker rejected the exit: a failed round."""
        if self.stage is Stage.EXITING:
            self._fail_round(now_ns)

    def _fail_round(self, now: int) -> None:
        self.rounds += 1
        self._flat_ns, self._swept = None, False
        self._round_ns = self._cancel_ns = now
        self.stage = Stage.FAILED if self.rounds >= ROUNDS else Stage.CLEARING
        self._ask(now)
        if self.over:
            self.due_ns = None

    def _ask(self, now: int) -> None:
        self._ask_ns = self.due_ns = now + ASK_NS

    def _ask_when_due(self, now: int) -> CampaignWish:
        if now < self._ask_ns:
            self.due_ns = self._ask_ns
            return IDLE
        self._ask(now)
        return CampaignWish(ask=True)


def _but_stops(scene: Scene) -> tuple[str, ...]:
    """Our live orders that are no stops."""
    return tuple(t.order.id for t in scene.live if t.order.role not in (Role.STOP, Role.EMERGENCY))


def _ours(report: AccountReport) -> tuple[str, ...]:
    """Orders of ours the report shows alive."""
    return tuple(o.order_id for o in report.orders if o.order_id is not None)
