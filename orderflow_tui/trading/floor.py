"""The floor: every part of trading in one place, and the few verbs with which they act on the world.

It holds state and says *how* (open a latch, cancel, tell an order its news); *when* is decided in
`desk.py` and the files beside it, which are functions over a floor. Actions pile up in `out` in the order they happen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from orderflow_tui.domain.account import AccountReport, Link
from orderflow_tui.domain.action import Action, Alert, AskAccountReport, Cancel, Commit, Json, Record, Row, Tier
from orderflow_tui.domain.event import WELL, HouseHealth
from orderflow_tui.domain.facts import Facts
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.market import Grade, Mark
from orderflow_tui.domain.order import Intent, OrderState, Purpose, Role, closing
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.domain.signal import Decision
from orderflow_tui.trading import rejection, rows
from orderflow_tui.trading.arming import Arming, AutomationMode
from orderflow_tui.trading.blotter import Blotter, Moved, Ticket, UnknownOrder
from orderflow_tui.trading.cooldown import Cooldown
from orderflow_tui.trading.evidence import Evidence
from orderflow_tui.trading.fences import can_send
from orderflow_tui.trading.flatten import Campaign
from orderflow_tui.trading.foreign import Foreign
from orderflow_tui.trading.gate import Gate, Proposal
from orderflow_tui.trading.latches import LatchBoard
from orderflow_tui.trading.ledger import Ledger
from orderflow_tui.trading.lifecycle import UNSENT, IllegalNews, News
from orderflow_tui.trading.limits import RiskLimits, TradingParams
from orderflow_tui.trading.look import Refusal
from orderflow_tui.trading.naked import Guard
from orderflow_tui.trading.pace import CommitPace
from orderflow_tui.trading.rates import Rates
from orderflow_tui.trading.reconcile import Reconciler
from orderflow_tui.trading.sizing import TierWatch
from orderflow_tui.trading.trade import ExitReason, RoundTrip
from orderflow_tui.trading.trading_session import Summary, TradingSession

RECOVERED_AFTER = 2  # agreeing reports
NEWS_KEPT = 100
REFUSALS_KEPT = 50
DECISIONS_KEPT = 50


@dataclass(frozen=True, slots=True)
class Plan:
    """What an intent was for: kept for the trade journal and the exits' reasons."""

    intent: Intent
    anchor_ticks: int | None
    context: dict[str, Json]
    exit_reason: ExitReason


@dataclass(frozen=True, slots=True)
class OrderNews:
    """A line for the order table: what happened to an order, or a fill, or a refusal."""

    ts_ns: int
    order_id: str
    text: str


@dataclass(slots=True)
class Waiting:
    """A proposal between its two looks, or sent without its commit and still owed an answer."""

    proposal: Proposal
    sent: bool = False


NOWHERE = Facts(0, None, False, "nothing is known yet", None, False, False, None, Grade.UNKNOWN, Link.OFF, 0, ())


@dataclass
class Floor:
    """Parts and verbs. `facts` are those of the call being answered; `link` is the link as of the last event."""

    params: TradingParams
    instruments: Mapping[str, Instrument]
    execution: str
    account: str
    install: str
    tiered: tuple[str, ...] = ()  # further instruments a tier may execute in
    facts: Facts = NOWHERE
    link: Link = Link.OFF
    epoch: int = 0
    out: list[Action] = field(default_factory=list)
    blotter: Blotter = field(default_factory=Blotter)
    evidence: Evidence = field(default_factory=Evidence)  # what the journal tells that is no state here
    board: LatchBoard = field(default_factory=LatchBoard)
    rates: Rates = field(default_factory=Rates)
    arming: Arming = field(default_factory=Arming)
    cooldown: Cooldown = field(default_factory=Cooldown)
    guards: dict[str, Guard] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    causes: set[str] = field(default_factory=set)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    decisions: dict[str, Decision] = field(default_factory=dict)
    news: deque[OrderNews] = field(default_factory=lambda: deque(maxlen=NEWS_KEPT))
    refusals: deque[Refusal] = field(default_factory=lambda: deque(maxlen=REFUSALS_KEPT))
    campaign: Campaign | None = None
    report: AccountReport | None = None
    foreign: Foreign = field(default_factory=Foreign)
    equity_cents: int | None = None
    excess_cents: int | None = None  # as told last
    excess_ns: int | None = None  # and when
    recovering: bool = False
    stop_file: str | None = None  # the action of a STOP file that is there
    started_ns: int | None = None
    booked_ns: int | None = None  # when the newest execution was booked
    doubt_ns: int | None = None  # when link, outcome or mismatch were last in doubt
    link_lost_ns: int | None = None
    reached_ns: int | None = None  # since when the broker can be spoken to
    uncompared_ns: int | None = None  # when the broker came back, while no report has been compared with our books since
    unpriced_ns: int | None = None  # since when something held has no price, in an open market whose data are fresh
    house: HouseHealth = WELL  # as last told
    bare: dict[str, int] = field(default_factory=dict)  # instruments held without their stop, and since when
    ended_ns: int | None = None  # when an exit of what is held ended by itself, while no execution has come that explains it
    woke_ns: int | None = None  # when the guards last let what waited be read first
    pace: CommitPace = field(default_factory=CommitPace)
    margin_ask_ns: int | None = None
    executed: deque[tuple[int, str, int]] = field(default_factory=lambda: deque(maxlen=NEWS_KEPT))  # when, what, signed
    person_asks: bool = False  # a person waits to be told what the broker's next report says
    strangers: dict[str, int] = field(default_factory=dict)  # of our kind, unknown: how many reports in a row must lack it to end
    told: set[str] = field(default_factory=set)  # standing conditions an alert was raised for
    owed: dict[str, Row] = field(default_factory=dict)  # rows whose commit the journal has not answered yet
    commits: int = 0
    traded: tuple[str, ...] = field(init=False)  # every instrument entries may go out in, the configured one first
    tradable: tuple[str, ...] = field(init=False)  # every instrument orders can go out in: those, and the analysed one
    configured: RiskLimits = field(init=False)  # the limits every trade date begins with
    session: TradingSession | None = None
    summary: Summary | None = None  # of the session that ended last
    cut_off: bool = False  # the run before did not end in order: what it did last may have no row
    cut_short: Row | None = None  # the end of a session that a crash left open, not written yet
    held_tier: tuple[date | None, int] | None = None  # fixed for this trade date before a restart
    note_due_ns: int | None = None  # when the extremes of what is held are noted next
    told_day: Row | None = None  # the newest result of a trade date, written before a restart
    turns: dict[date, dict[str, int]] = field(default_factory=dict)  # what each trade date in the journal was carried into at
    noted_peak_cents: int = 0  # the day's peak as the journal last heard it
    noted_excursions: dict[str, tuple[str, int, int, int]] = field(default_factory=dict)  # trade, low, high, mark as journalled
    held_late: dict[str, int] = field(default_factory=dict)  # trades held past a flat time, and which
    told_trades: dict[str, RoundTrip] = field(default_factory=dict)  # as the journal last heard of each
    told_account_ns: int | None = None  # when the journal last heard how the account stands
    switched_off: dict[str, date | None] = field(default_factory=dict)  # patterns, and for which trade date
    held_changes: list[tuple[date | None, str, int]] = field(default_factory=list)  # of limits, before a restart

    def __post_init__(self) -> None:
        timing = self.params.timing
        self.configured = self.params.risk
        self.traded = (self.execution, *self.tiered)
        analysed = (s for s in (self.params.analysis,) if s in self.instruments and s not in self.traded)
        self.tradable = (*self.traded, *analysed)
        self.gate = Gate(self.install, self.account, timing.commit_wait_ms, timing.entry_timeout_ms)
        self.ledger = Ledger(self.instruments)
        self.reconciler = Reconciler(timing.reconcile_ms, timing.requery_ms)
        self.automation = AutomationMode(self.params.automation)
        self.tiers = TierWatch(self.params.tiers)

    # -- saying things ------------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The instant of the call being answered."""
        return self.facts.now_ns

    @property
    def trade_date(self) -> date | None:
        """The trade date of the call being answered."""
        return self.facts.trade_date

    def take(self) -> list[Action]:
        """The actions so far; the pile starts anew."""
        done, self.out = self.out, []
        return done

    def record(self, row: Row) -> None:
        """A row in the background."""
        self.out.append(Record(row))

    def note(self, kind: str, ref: str, **payload: Json) -> None:
        """A row of this kind, in the background, stamped now."""
        self.record(rows.row(kind, ref, self.now, **payload))

    def commit(self, row: Row) -> None:
        """A row that must survive, without anybody waiting for it: what could not be committed is recorded instead."""
        self.commits += 1
        key = f"{row.kind}:{row.ref}:{self.commits}"
        self.owed[key] = row
        self.out.append(Commit((row,), (key,)))

    def row_answered(self, key: str, *, failed: bool) -> None:
        """The journal answered for such a row. One that failed follows in the background while it still says what is so."""
        row = self.owed.pop(key, None)
        if row is None or not failed:
            return
        outdated = False
        if row.kind == "latch":
            outdated = bool(row.payload.get("open")) is not (LatchKind(row.ref) in self.board)
        elif row.kind == "campaign" and row.payload.get("what") == "begin":
            running = self.campaign
            outdated = running is None or running.id != row.ref or running.manual is not row.payload.get("manual")
        if not outdated:
            self.record(row)

    def alert(self, kind: str, text: str, tier: Tier = Tier.WARNING, subject: str = "") -> None:
        """Tell the operator."""
        self.out.append(Alert(self.now, kind, text, tier, subject))

    def alert_once(self, key: str, standing: bool, text: str, tier: Tier = Tier.WARNING) -> None:
        """Tell the operator when a condition begins; it may be told again after it ended."""
        if not standing:
            self.told.discard(key)
        elif key not in self.told:
            self.told.add(key)
            self.alert(key, text, tier)

    def say(self, order_id: str, text: str) -> None:
        """A line for the order table."""
        self.news.append(OrderNews(self.now, order_id, text))

    # -- stopping -----------------------------------------------------------------------------------------------------

    def latch(self, kind: LatchKind, reason: str) -> None:
        """Open a latch: journal it, tell the operator, take every permission back, stop what has not filled."""
        latch = self.board.open(kind, self.now, self.trade_date, reason)
        if latch is None:
            return
        self.commit(rows.latch_row(latch, self.now, True))
        self.alert("latch", f"{kind.value}: {reason}", Tier.CRITICAL, kind.value)
        self.disarm()
        self.end_grant(f"latch {kind.value}")
        self.revoke_entries(f"latch {kind.value}")
        self.cancel_entries()

    def disarm(self) -> None:
        """No key press increases risk from now on."""
        if self.arming.until_ns is not None:
            self.arming.disarm()
            self.note("arming", "", armed=False)
        self._drop_reversal("disarmed")

    def end_grant(self, why: str) -> None:
        """Unattended trading ends."""
        if self.automation.end_grant():
            self.commit(rows.row("grant", "", self.now, granted=False, why=why))
            self.alert("automation", f"automatic trading ended: {why}")

    def revoke_entries(self, why: str) -> None:
        """Entries that have not left never leave, one that a reversal plans included."""
        for key, waiting in list(self.waiting.items()):
            if waiting.proposal.purpose is Purpose.ENTRY:
                self.drop(key, News.REVOKED, why)
        self._drop_reversal(why)

    def _drop_reversal(self, why: str) -> None:
        """The flatten goes on, and nothing is entered the other way behind it."""
        if self.campaign is not None and self.campaign.then is not None:
            self.campaign.then = None
            self.say(self.campaign.id, f"no reversal after the flatten: {why}")

    def drop(self, key: str, news: News, why: str) -> None:
        """A proposal dies before it left."""
        proposal = self.waiting.pop(key).proposal
        if proposal.change is None:
            for order in proposal.orders:
                self.tell(order.id, news, why)

    def cancel_entries(self) -> None:
        """Ask the broker to cancel entries that may still fill."""
        self.cancel([t for t in self.blotter.entries() if t.cancel_ns is None])

    def cancel(self, tickets: list[Ticket]) -> None:
        """Cancel orders at the broker; what has not left is revoked instead."""
        for ticket in tickets:
            if ticket.state in UNSENT:
                key = next(k for k, w in self.waiting.items() if ticket.order in w.proposal.orders)
                self.drop(key, News.REVOKED, "cancelled before it left")
        ids = tuple(t.order.id for t in tickets if t.live and t.state not in UNSENT)
        if not ids:
            return
        for order_id in ids:
            ticket = self.blotter.tickets[order_id]
            ticket.cancel_ns = self.now
            self.expect_answer(ticket)
        self.note("cancel", ids[0], ids=list(ids))
        self.out.append(Cancel(ids))
        self.count_protective(len(ids))

    def count_protective(self, messages: int) -> None:
        """Protective traffic is never refused, but too much of it is told."""
        sentence = self.rates.protective(self.now, messages)
        if sentence is not None:
            self.alert("protective rate", sentence, Tier.CRITICAL)

    def expect_answer(self, ticket: Ticket) -> None:
        """Silence from now on makes it UNKNOWN."""
        if ticket.state is not OrderState.UNKNOWN:
            ticket.answer_due_ns = self.now + self.params.timing.answer_ms * MS_NS

    # -- asking -------------------------------------------------------------------------------------------------------

    @property
    def reachable(self) -> bool:
        """Whether the broker can be spoken to."""
        return can_send(self.link)

    @property
    def agreed(self) -> bool:
        """Whether it is known what is held: after a restart not before the broker has agreed twice, at least a second apart."""
        return not self.recovering or self.reconciler.agreements >= RECOVERED_AFTER

    def ask(self, reason: str) -> None:
        """Ask for an account report now; out of reach, nothing is asked."""
        if not self.reachable:
            return
        told = not self.blotter.unresolved() and not self.blotter.owing and not self.reconciler.differences
        self.ended_ns = None
        self.reconciler.asked(self.now, soon=self.recovering or not told)
        self.out.append(AskAccountReport(reason))

    def doubt(self) -> None:
        """Something is not known; entries wait until all has been well for a while."""
        self.doubt_ns = self.now

    # -- refusing -----------------------------------------------------------------------------------------------------

    def refused(self, refusal: Refusal, purpose: Purpose) -> None:
        """A wish that came to nothing: kept, journalled; too many entries halt."""
        self.refusals.append(refusal)
        if self.session is not None:
            self.session.refusals[refusal.rule] += 1
        self.note("refusal", refusal.intent_id, cause=refusal.cause, rule=refusal.rule, reason=refusal.reason)
        if refusal.rule == "rate":
            self.latch(LatchKind.RATE_LIMIT, refusal.reason)
        elif purpose is not Purpose.ENTRY:
            self.alert("refusal", f"{purpose.value} refused, {refusal.rule}: {refusal.reason}", Tier.CRITICAL)

    # -- orders -------------------------------------------------------------------------------------------------------

    def tell(self, order_id: str, news: News, note: str = "") -> Moved | None:
        """An order hears news; what cannot happen locks. None when it could not be told."""
        try:
            moved = self.blotter.tell(order_id, news, self.now, note)
        except (IllegalNews, UnknownOrder) as broken:
            self.latch(LatchKind.INVARIANT, str(broken))
            self.ask("invariant")
            return None
        self.moved(moved, note)
        return moved

    def moved(self, moved: Moved, note: str) -> None:
        """What follows from news and a change of state."""
        rejection.learn(self, moved, note)
        if moved.before is moved.after:
            return
        ticket = moved.ticket
        self.record(rows.state_row(ticket.order.id, self.now, moved.after, moved.news.value, ticket.filled))
        self.say(ticket.order.id, f"{moved.after.value}{': ' + note if note else ''}")
        if moved.after is OrderState.UNKNOWN:
            self.doubt()
            self.reconciler.ask_at(self.now)
        if moved.before is OrderState.UNKNOWN:
            self.doubt()
        exit_of_what_is_held = ticket.order.purpose is Purpose.PROTECT and self.position(ticket.order.instrument)
        if moved.after is OrderState.CANCELLED and ticket.cancel_ns is None and exit_of_what_is_held:
            self.ended_ns = self.now  # nobody called it off: most often another of its group has filled
        if ticket.order.role is Role.FLATTEN and moved.after in (OrderState.REJECTED, OrderState.NOT_SENT) and self.campaign:
            self.campaign.exit_failed(self.now)
        if moved.before in (OrderState.NOT_SENT, OrderState.ABANDONED):
            self.alert("returned order", f"{ticket.order.id}, {moved.before.value}, exists after all", Tier.CRITICAL)

    # -- figures ------------------------------------------------------------------------------------------------------

    def mark(self, instrument: str) -> Mark | None:
        """The mark of an instrument."""
        return self.facts.mark(instrument)

    def price(self, instrument: str, ticks: int) -> str:
        """A price as people read it; ticks of an instrument that is not ours."""
        known = self.instruments.get(instrument)
        return f"{ticks} ticks" if known is None else known.text(ticks)

    def position(self, instrument: str) -> int:
        """Our own count."""
        return self.ledger.position(instrument)

    @property
    def held(self) -> tuple[str, ...]:
        """Instruments that are ours to watch: those entries go out in, and the analysed one while we hold it or an order of ours
        lives there: what protected it must not outlive it."""
        ours = {*self.ledger.held, *(t.order.instrument for t in self.blotter.live)}
        return (*self.traded, *(s for s in self.tradable[len(self.traded) :] if s in ours))

    def guard(self, instrument: str) -> Guard:
        """The guard of one instrument's stop."""
        if instrument not in self.guards:
            timing = self.params.timing
            self.guards[instrument] = Guard(timing.naked_ms, timing.naked_confirm_ms)
        return self.guards[instrument]

    def against(self, instrument: str) -> tuple[Ticket, ...]:
        """Live stops against the position of an instrument."""
        return tuple(t for t in self.blotter.stops(closing(self.position(instrument))) if t.order.instrument == instrument)
