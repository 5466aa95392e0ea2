"""The desk: the one object the engine speaks to about orders and money.

`on`, `on_decision`, `on_time` and `on_mark` take what happened and the facts of that instant, and return what must be done
about it, in order. Nothing here reads a clock, sends, writes or waits. The read side below is what the view is built from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import assert_never

from orderflow_tui.domain.account import AccountReport, LinkStatus, MarginFigure
from orderflow_tui.domain.action import Action, Row
from orderflow_tui.domain.event import (
    Automation,
    Committed,
    HouseHealth,
    JournalFailed,
    OperatorCommand,
    SendFailed,
    StopFileGone,
    StopFileSeen,
)
from orderflow_tui.domain.facts import Facts
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.latch import Latch, LatchKind, TradingState
from orderflow_tui.domain.order import Commission, Fill, Order, OrderUpdate, Role
from orderflow_tui.domain.signal import Decision
from orderflow_tui.domain.watch import Watch
from orderflow_tui.trading import audit, booking, commands, health, standing, timers
from orderflow_tui.trading.blotter import Ticket
from orderflow_tui.trading.fences import Fence, age_ms
from orderflow_tui.trading.floor import Floor, OrderNews
from orderflow_tui.trading.gate import Answer
from orderflow_tui.trading.latches import how_to_clear
from orderflow_tui.trading.ledger import Ledger
from orderflow_tui.trading.left_open import Holding, LeftOpen, left_open
from orderflow_tui.trading.lifecycle import News
from orderflow_tui.trading.limits import RiskLimits, TierRow, TradingParams
from orderflow_tui.trading.look import Refusal
from orderflow_tui.trading.proposing import look_again
from orderflow_tui.trading.protection import Cover, cover_of
from orderflow_tui.trading.replay import replay
from orderflow_tui.trading.trade import RoundTrip
from orderflow_tui.trading.trading_session import Summary, TradingSession, summary_of
from orderflow_tui.trading.unknown_orders import unknown_stops

DeskEvent = (
    OrderUpdate
    | Fill
    | Commission
    | AccountReport
    | LinkStatus
    | MarginFigure
    | OperatorCommand
    | StopFileSeen
    | StopFileGone
    | Committed
    | JournalFailed
    | SendFailed
    | HouseHealth
)

WORST_FIRST = (Cover.MISSING, Cover.UNKNOWN, Cover.PENDING, Cover.AT_BROKER)


class Desk:
    """Everything between a decision and a closed trade, for one account and one execution instrument at a time."""

    __slots__ = ("_floor",)

    def __init__(
        self,
        params: TradingParams,
        instruments: Mapping[str, Instrument],
        execution: str,
        account: str,
        install: str,
        *,
        tiered: tuple[str, ...] = (),
    ) -> None:
        for symbol in (execution, *tiered):
            if symbol not in instruments:
                raise ValueError(f"execution instrument {symbol!r} is not among {', '.join(instruments)}: configure it first")
        self._floor = Floor(params, instruments, execution, account, install, tiered)

    # -- what happens -------------------------------------------------------------------------------------------------

    def on(self, event: DeskEvent, facts: Facts) -> list[Action]:
        """Process one event of the broker, the operator, the STOP file or the journal."""
        floor = self._begin(facts, event if isinstance(event, LinkStatus) else None)
        match event:
            case OrderUpdate():
                booking.on_update(floor, event)
            case Fill():
                booking.on_fill(floor, event)
            case Commission():
                booking.on_commission(floor, event)
            case AccountReport():
                audit.on_report(floor, event)
            case LinkStatus():
                audit.on_link(floor, event)
            case MarginFigure():
                audit.on_margin(floor, event)
            case OperatorCommand():
                commands.on_command(floor, event)
            case StopFileSeen():
                commands.on_stop_file(floor, event)
            case StopFileGone():
                commands.on_stop_gone(floor)
            case HouseHealth():
                health.on_health(floor, event)
            case Committed():
                self._answered(event.ids, Answer.COMMITTED)
                floor.pace.took(floor.now, event.took_ms)  # an entry is never held up by its own commit, only the next
            case JournalFailed():
                floor.latch(LatchKind.JOURNAL_FAILED, event.reason)
                self._answered(event.ids, Answer.FAILED)
            case SendFailed():
                self._not_sent(event)
            case _:  # pragma: no cover
                assert_never(event)
        return self._end()

    def on_decision(self, decision: Decision, facts: Facts) -> list[Action]:
        """Do with a decision what the automation says."""
        commands.on_decision(self._begin(facts), decision)
        return self._end()

    def on_time(self, facts: Facts) -> list[Action]:
        """Do everything due at `facts.now_ns`."""
        timers.on_due(self._begin(facts))
        return self._end()

    def on_mark(self, facts: Facts) -> list[Action]:
        """The market moved: excursions, the breaker, a stop that was passed."""
        floor = self._begin(facts)
        for mark in facts.marks:
            floor.ledger.see(mark)
        if floor.ledger.held:
            return self._end()
        return floor.take()

    def open_latch(self, kind: LatchKind, reason: str, facts: Facts) -> list[Action]:
        """Open a latch for a cause that others see (broken chain, dead task, crash loop, wrong client id …)."""
        self._begin(facts).latch(kind, reason)
        return self._end()

    def restore(self, rows: Sequence[Row]) -> None:
        """Rebuild from the journal; afterwards RECOVERING until the broker has agreed twice."""
        replay(self._floor, rows)
        self._floor.out.clear()

    def unread(self, today: date | None) -> str:
        """What in the journal is no state here and locks at the first instant, with what to do; empty where nothing does."""
        return self._floor.evidence.sentence(today, self._floor.told_trades)

    def begin(self) -> None:
        """The past has been folded, which no broker saw: how long nobody has reported counts from the next event on."""
        self._floor.started_ns = None

    def watch(self, facts: Facts | None = None) -> Watch:
        """When the desk must be woken: due time, price bands and give-backs of the execution instrument."""
        return timers.wake(self._floor, self._floor.facts if facts is None else facts)

    def _begin(self, facts: Facts, said: LinkStatus | None = None) -> Floor:
        """The facts of this instant. A link that changed comes first: in the words of the news itself, where it is that."""
        floor = self._floor
        floor.facts = facts
        if facts.link is not floor.link or facts.link_epoch != floor.epoch:
            audit.on_link(floor, said or LinkStatus(facts.now_ns, facts.link, facts.link_epoch))
        timers.turn_day(floor)
        return floor

    def _end(self) -> list[Action]:
        timers.settle(self._floor)
        return self._floor.take()

    def _answered(self, ids: tuple[str, ...], answer: Answer) -> None:
        for key in ids:
            self._floor.row_answered(key, failed=answer is Answer.FAILED)
        for key in list(self._floor.waiting):
            waiting = self._floor.waiting.get(key)
            if waiting is not None and not set(waiting.proposal.ids).isdisjoint(ids):
                look_again(self._floor, key, answer)

    def _not_sent(self, event: SendFailed) -> None:
        for order_id in event.ids:
            ticket = self._floor.blotter.tickets.get(order_id.split("#")[0])
            if ticket is None:
                continue
            if "#" in order_id or ticket.change is not None:
                ticket.change = ticket.changed = ticket.answer_due_ns = None
                ticket.refused_ns = self._floor.now
                continue
            if not ticket.live and event.proven:
                continue
            self._floor.tell(ticket.order.id, News.SEND_FAILED if event.proven else News.SEND_DOUBT, event.reason)
            if event.proven and ticket.order.role is Role.EMERGENCY:
                self._floor.guard(ticket.order.instrument).not_sent(self._floor.now)

    # -- where it stands ----------------------------------------------------------------------------------------------

    def state(self, facts: Facts) -> TradingState:
        """What may be done now."""
        self._floor.facts = facts
        return standing.trading_state(self._floor)[0]

    def state_reason(self, facts: Facts) -> str:
        """What makes it so, empty when RUNNING."""
        self._floor.facts = facts
        return standing.trading_state(self._floor)[1]

    def fences(self, facts: Facts) -> tuple[Fence, ...]:
        """Every passing condition that stops entries now."""
        self._floor.facts = facts
        return standing.standing_fences(self._floor)

    def unpriced(self, facts: Facts) -> str | None:
        """Something held of which no price is known: what the day is worth is unknown, whatever the ledger makes of it."""
        self._floor.facts = facts
        return standing.unpriced(self._floor)

    @property
    def latches(self) -> tuple[Latch, ...]:
        """Open latches, worst first."""
        return self._floor.board.latches

    @staticmethod
    def how_to_clear(kind: LatchKind) -> str:
        """What ends a latch, for the screen."""
        return how_to_clear(kind)

    def armed_left_ms(self, now_ns: int) -> int:
        """Arming time left, 0 when not armed."""
        return self._floor.arming.left_ms(now_ns)

    @property
    def automation(self) -> Automation:
        """What is done with accepted decisions."""
        return self._floor.automation.mode

    @property
    def stop_file(self) -> str | None:
        """The action of a STOP file that is there, None when it is provably absent."""
        return self._floor.stop_file

    @property
    def flattening(self) -> str | None:
        """Stage of the running flatten campaign, None without one."""
        return None if self._floor.campaign is None else self._floor.campaign.stage.value

    @property
    def trade_date(self) -> date | None:
        """The trade date the figures are of."""
        return self._floor.ledger.trade_date

    # -- position and orders ------------------------------------------------------------------------------------------

    @property
    def execution(self) -> str:
        """The execution instrument now: the configured one, with tiers that of the tier."""
        return self._floor.execution

    def position(self, instrument: str | None = None) -> int:
        """Our own count of an instrument (the execution instrument by default), signed."""
        return self._floor.position(instrument or self._floor.execution)

    def average_ticks(self, instrument: str | None = None) -> float | None:
        """Average entry price of what is held, in ticks."""
        episode = self._floor.ledger.episode(instrument or self._floor.execution)
        return None if episode is None else episode.average_ticks

    @property
    def broker_position(self) -> int | None:
        """What the broker has told of the execution instrument: its last report and its executions since.

        None when it has not told in this connection, or when an execution came while the report was being drawn up.
        """
        return self._told(self._floor.execution)

    def _told(self, symbol: str) -> int | None:
        report = self._report
        if report is None:
            return None
        position = dict(report.positions).get(symbol, 0)
        for when_ns, instrument, signed in self._floor.executed:
            if instrument != symbol or when_ns < report.began_ns:
                continue
            if when_ns <= report.ts_ns:
                return None
            position += signed
        return position

    @property
    def _report(self) -> AccountReport | None:
        """The newest complete report of this connection."""
        report = self._floor.report
        return report if report is not None and report.epoch == self._floor.epoch else None

    @property
    def elsewhere(self) -> tuple[Holding, ...]:
        """What is held beside the execution instrument, by our own count or as the broker told."""
        floor, report = self._floor, self._report
        told = () if report is None else (symbol for symbol, held in report.positions if held)
        others = (s for s in dict.fromkeys((*floor.ledger.held, *told)) if s != floor.execution)
        found = (Holding(s, self._told(s), floor.position(s)) for s in others)
        return tuple(h for h in found if h.broker != 0 or h.local)

    @property
    def left_open(self) -> LeftOpen | None:
        """What a run that ended now would leave behind, None when nothing is held and nothing works."""
        floor = self._floor
        holdings = (Holding(floor.execution, self.broker_position, self.position()), *self.elsewhere)
        return left_open(holdings, self.protection, self.orders, floor.campaign is not None, floor.instruments)

    def report_age_ms(self, now_ns: int) -> int | None:
        """Age of the last complete account report, None before the first."""
        return age_ms(now_ns, self._floor.reconciler.heard_ns)

    @property
    def working(self) -> tuple[Ticket, ...]:
        """Live orders with what is believed about them, oldest first."""
        return self._floor.blotter.live

    @property
    def orders(self) -> tuple[Order, ...]:
        """Live orders as agreed with the broker."""
        return tuple(t.order for t in self._floor.blotter.live)

    @property
    def protection(self) -> Cover:
        """Where the protective stop is: of everything we hold the worst word."""
        floor = self._floor
        found = {self._cover(s) for s in floor.ledger.held}
        return next((cover for cover in WORST_FIRST if cover in found), Cover.NONE_NEEDED)

    def _cover(self, symbol: str) -> Cover:
        cover = cover_of(self._floor.position(symbol), self._floor.against(symbol))
        return Cover.UNKNOWN if cover is Cover.MISSING and unknown_stops(self._floor, symbol) else cover

    @property
    def news(self) -> tuple[OrderNews, ...]:
        """The last order news, oldest first."""
        return tuple(self._floor.news)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """The last refusals, oldest first."""
        return tuple(self._floor.refusals)

    @property
    def offers(self) -> tuple[Decision, ...]:
        """Accepted decisions a person may take, oldest first."""
        return tuple(self._floor.decisions.values())

    # -- money --------------------------------------------------------------------------------------------------------

    @property
    def ledger(self) -> Ledger:
        """Money of the trade date: net, realised, open, fees, peak, drawdown, equity, wins, expectancy, streak."""
        return self._floor.ledger

    @property
    def trades(self) -> tuple[RoundTrip, ...]:
        """Closed trades of the trade date, oldest first."""
        return tuple(self._floor.ledger.trips)

    @property
    def last_trade(self) -> RoundTrip | None:
        """The last closed trade of the trade date."""
        return self._floor.ledger.trips[-1] if self._floor.ledger.trips else None

    @property
    def worst_case_cents(self) -> int:
        """Value of the day if every stop fills with slippage."""
        return standing.worst_case_cents(self._floor)

    @property
    def loss_limit_cents(self) -> int:
        """The day's loss limit in force."""
        return standing.loss_limit_cents(self._floor)

    @property
    def equity_cents(self) -> int | None:
        """The account's equity, None while unknown."""
        return standing.equity_cents(self._floor)

    @property
    def session(self) -> TradingSession | None:
        """The trading session that is open, with the limits it began with and what was changed since."""
        return self._floor.session

    @property
    def session_so_far(self) -> Summary | None:
        """What the open session has come to by now; None without one."""
        floor = self._floor
        return None if floor.session is None else summary_of(floor.session, floor.ledger.trips, floor.now, "open")

    @property
    def summary(self) -> Summary | None:
        """What the session that ended last came to."""
        return self._floor.summary

    @property
    def limits(self) -> RiskLimits:
        """The limits in force, changes of a person included."""
        return self._floor.params.risk

    @property
    def tier(self) -> TierRow | None:
        """The tier in force, None when tiers are off."""
        return standing.tier(self._floor)

    @property
    def contracts_allowed(self) -> int:
        """The cap on one entry before the regime."""
        return standing.contract_cap(self._floor).contracts

    @property
    def trades_today(self) -> int:
        """Trades of the day, open ones included."""
        return self._floor.ledger.trades_begun
