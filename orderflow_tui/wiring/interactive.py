"""A house at Interactive Brokers: one session that feed, broker and account share, the account's lock, the past.

What is known about account and contract is read from the session as it becomes known. The simulated broker of mode `sim`
has its own books; there the session only says whether data comes, and its reports are left out.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from loguru import logger

from orderflow_tui.adapters.ib_codec import Proof
from orderflow_tui.adapters.ib_contracts import in_reset_window
from orderflow_tui.adapters.ib_feed import IbFeed
from orderflow_tui.adapters.ib_feed_rules import FeedPace, FeedRules, QuoteSource
from orderflow_tui.adapters.ib_history import SESSIONS, HistoryMissing, backfill
from orderflow_tui.adapters.ib_line import Line, NoAnswer, Refused
from orderflow_tui.adapters.ib_link import UP
from orderflow_tui.adapters.ib_session import IbSession
from orderflow_tui.adapters.ib_settings import IbSettings
from orderflow_tui.adapters.instance_lock import InstanceLock, LockHeld, account_lock_path
from orderflow_tui.adapters.journal import Journal
from orderflow_tui.adapters.rows import row_of
from orderflow_tui.adapters.tape import TapeRecorder
from orderflow_tui.domain.account import LinkStatus
from orderflow_tui.domain.action import Alert, Observation, Row, Tier
from orderflow_tui.domain.event import ClockTick, Event, MarketEvent, Trouble
from orderflow_tui.domain.history import History
from orderflow_tui.domain.latch import LatchKind, TradingState
from orderflow_tui.domain.market import Bars, FeedState, FeedStatus
from orderflow_tui.domain.session import MS_NS, SessionTable
from orderflow_tui.domain.signal import Signal
from orderflow_tui.engine import Engine, EngineParams
from orderflow_tui.market.aggressor import AggressorParams
from orderflow_tui.modes import AccountProof, BrokerKind, Mode
from orderflow_tui.pulse import HouseClock, Pulse, never
from orderflow_tui.view.model import ReplayView
from orderflow_tui.wiring.memory import Memory, Place, begin_after, folders_of, remember
from orderflow_tui.wiring.owner import Owner
from orderflow_tui.wiring.paced import Service
from orderflow_tui.wiring.past import HeardTape, Past, TooMuchToKeep
from orderflow_tui.wiring.plan import SUFFIX, Plan
from orderflow_tui.wiring.roll import Months
from orderflow_tui.wiring.timeline import AWAY, Now, holes, missing_sessions

if TYPE_CHECKING:
    from orderflow_tui.runtime import Runtime

PROOFS = {AccountProof.NOT_NEEDED: Proof.NONE, AccountProof.PAPER: Proof.PAPER, AccountProof.EXACT: Proof.EXACT}
TELL_EVERY = 5  # sessions of progress between two notes
RETRY_S = (15.0, 30.0, 60.0, 120.0, 300.0)  # a failed back-fill is asked for again after these, the last for ever
MEGABYTE = 1_000_000
SOON_S = 1.5  # agreeing reports count a second apart
ONE_LINE = 1  # the simulated broker is one connection, however often data is lost


def ib_settings(plan: Plan, execution: str, install: str) -> IbSettings:
    """How this plan reaches the gateway and what the account must prove."""
    ib = plan.loaded.config.ib
    return IbSettings(
        host=ib.host,
        port=ib.port,
        client_id=ib.client_id,
        analysis=plan.instrument,
        execution=execution,
        proof=PROOFS[plan.mode.proof],
        own_prefix=f"of1-{install}-",
        account=ib.account,
        roll_by_volume=plan.loaded.config.roll.rule == "volume_or_calendar",
        library=ib.library,
    )


def other_contract(params: EngineParams) -> str:
    """The contract that is known and quoted beside the analysed one: what is executed, or with tiers may be."""
    return next((s for s in params.traded if s != params.analysis.symbol), params.analysis.symbol)


class IbSide:
    """The broker's market with everything that hangs on the session. Build it inside the engine's loop."""

    def __init__(
        self,
        plan: Plan,
        engine: Engine,
        runtime: Runtime,
        journal: Journal,
        months: dict[str, str],
        owner: Owner,
        clock_ns: HouseClock,
    ) -> None:
        params, config = engine.params, plan.loaded.config
        self._plan, self._runtime, self._clock_ns, self._engine = plan, runtime, clock_ns, engine
        self._mode: Mode = plan.mode
        self.symbol = params.analysis.symbol
        self.history = History()
        self._owner = owner
        settings = ib_settings(plan, other_contract(params), params.install)
        if self._keeps_account:
            settings = replace(settings, not_ours=owner.refusal)
        self.session = IbSession(
            settings,
            params.instruments,
            self._post,
            clock_ns,
            tells_account=plan.mode.broker is not BrokerKind.SIMULATED,
        )
        resets = in_reset_window if plan.mode.broker is BrokerKind.IB else never
        self.pulse = Pulse(clock_ns, skew_s=lambda: self.session.skew_s, resets=resets)
        self.synced = asyncio.Event()
        self._lock: InstanceLock | None = None
        self._told = 0  # notes of the memory that were shown
        self.session.followers.append(_Onlooker(self))
        self._journal, self._reader = journal, journal.reader()
        self._folders = folders_of(plan.data_dir / "tape", self.symbol)
        self._past = Past(engine, runtime.inbox.settle)
        self._past_stands = asyncio.Event()
        self.recorder = _recorder(plan, self.symbol, params.table)
        self.tape = HeardTape(self.recorder, self._past.hear)
        self.feed = IbFeed(self.session, clock_ns, pace=feed_pace(plan), rules=feed_rules(plan))
        self.months = Months(
            self.session,
            self.feed,
            params.table,
            clock_ns,
            auto=plan.mode.broker is BrokerKind.NONE or (plan.mode.auto_roll and config.roll.confirm == "auto"),
            together=params.analysis.symbol in params.traded,
            post=runtime.post,
            record=journal.record,
            say=lambda text, tier: runtime.alert(Alert(clock_ns(), "contract", text, tier)),
        )
        self.months.known(months)
        asking = (self._keep_asking,) if plan.mode.broker is BrokerKind.NONE else ()
        follow: Service = partial(self.months.follow, self._past_stands)
        self.services: tuple[Service, ...] = (self._run_session, self._make_past, follow, *asking)

    def row_of(self, item: Observation) -> Row:
        """An observation as the journal's row; what the book told between two closes with its place in the tape."""
        market = self._engine.market
        if not isinstance(item, Signal) or item.ts_ns != market.last_trade_ns:
            return row_of(item)
        self._past.hear_signal(Place(item, market.trades_at_stamp))
        return row_of(item, market.trades_at_stamp)

    def boot_events(self) -> list[Event]:
        """Nothing was seen until now, which the tape should know."""
        begins_ns = begin_after(self._folders, self._clock_ns())
        return [FeedStatus(self.symbol, begins_ns, FeedState.GAP, AWAY)]

    def roll(self) -> None:
        """Trade the month that is analysed."""
        self.months.confirm()

    def acknowledge(self) -> None:
        """Let a held link try again."""
        self.session.acknowledge()

    # -- what the house asks -------------------------------------------------------------------------------------------

    def now_ns(self) -> int:
        """The house clock: the wall's."""
        return self._clock_ns()

    def warm(self) -> tuple[MarketEvent, ...]:
        """Nothing is known before the session is there."""
        return ()

    def steer(self, name: str, value: float | None) -> None:
        """Nobody steers the market."""
        logger.debug("feed command {} {} has no meaning in mode {}", name, value, self._mode.name)

    def replay(self, ended: bool) -> ReplayView | None:  # noqa: ARG002 - the protocol hands it over
        """No replay bar."""
        return None

    @property
    def account_suffix(self) -> str:
        """The last characters of the proven account."""
        return self.session.account[-SUFFIX:]

    @property
    def contract(self) -> str:
        """The month of the analysed contract."""
        traded = self.session.traded.get(self.symbol)
        return "" if traded is None else str(traded.contract.localSymbol).removeprefix(self.symbol)

    # -- events ----------------------------------------------------------------------------------------------------------

    def _post(self, event: Event) -> None:
        """To the engine. The simulated broker draws its own numbers and has one connection for the whole run."""
        if self._mode.broker is BrokerKind.SIMULATED and isinstance(event, LinkStatus):
            event = replace(event, epoch=ONE_LINE, next_number=0)
        self._runtime.post(event)

    def _note(self, text: str, tier: Tier = Tier.INFO) -> None:
        self._runtime.alert(Alert(self._clock_ns(), "history", text, tier))

    @property
    def _keeps_account(self) -> bool:
        """Whether this mode trades an account: then its journal is of that one only."""
        return self._mode.proof is not AccountProof.NOT_NEEDED

    def own_account(self, account: str) -> None:
        """Note whose journal it is; lock an account that became known only now, a configured one was locked before the start."""
        if not self._keeps_account:
            return
        row = self._owner.proven(account, self._clock_ns())
        if row is not None:
            self._journal.record(row)
        if self._plan.account_to_lock or self._lock is not None:
            return
        try:
            self._lock = InstanceLock.take(account_lock_path(account), self._mode.name)
        except LockHeld as held:
            self._runtime.post(Trouble(self._clock_ns(), LatchKind.SECOND_HOST, str(held)))
            self._runtime.give_up(held, held.exit_code)

    # -- services ----------------------------------------------------------------------------------------------------------

    async def _run_session(self) -> None:
        try:
            await self.session.run()
        finally:
            if self._lock is not None:
                self._lock.release()

    async def _keep_asking(self) -> None:
        """Without a broker nobody else asks for reports; often until the account is known, then now and then."""
        while True:
            view = self._runtime.view
            recovering = view is None or view.truth.state is TradingState.RECOVERING
            await asyncio.sleep(SOON_S if recovering else self._plan.loaded.config.timing.reconcile_ms / 1000)
            if self.session.link in UP and self.session.line is not None and self.session.line.alive:
                self.session.ask_report()

    async def _make_past(self) -> None:
        """What is remembered at once; what is missing from the broker, asked for until it comes. Then nothing more."""
        try:
            memory = await self._remember()
            await self._fill(memory)
        except TooMuchToKeep as fault:
            self._note(f"no history: {fault}; a restart reads it from the tape", Tier.WARNING)
        finally:
            await self._reader.close()
        self._past.finish()
        if self.recorder is not None:
            self.recorder.read_by_others = False
        self._past_stands.set()
        await asyncio.Event().wait()

    async def _remember(self) -> Memory:
        params, now_ns = self._engine.params, self._clock_ns()
        memory = await remember(
            self._reader, self.symbol, params.table, params.market.archive_days, now_ns, self._folders
        )  # fmt: skip
        if memory:
            await self._fold(memory, None)
            days = len(self._engine.market.archive)
            last = "none" if memory.state is None else str(memory.state.trade_date)
            self._note(f"history: {days} sessions remembered (archive of {last}), {len(memory.folders)} session(s) of tape read")
        for text in self._journal.notes:
            self._note(text, Tier.WARNING)
        self._tell_notes(memory)
        return memory

    async def _fold(self, memory: Memory, bars: Bars | None) -> None:
        """Put what is known in place. The last day that closed on the way leaves its state, as at its close."""
        closed = await self._past.fold(memory, self._past.now(self._clock_ns()), bars, self.months.contract)
        self._runtime.post(ClockTick(self._clock_ns() - self._plan.loaded.config.bars.close_grace_ms * MS_NS))
        if closed:
            self._journal.record(await asyncio.to_thread(row_of, closed[-1]))

    async def _fill(self, memory: Memory) -> None:
        """Bars for the days nobody recorded."""
        failures = 0
        while True:
            await self.synced.wait()
            self.synced.clear()
            if memory.state is not None and memory.state.contract not in ("", self.months.contract) and not memory.folders:
                memory.note(f"the archive is of {memory.state.contract}, {self.months.contract} is analysed: value starts anew")
                memory.state = None
            sessions = await asyncio.to_thread(self._wanted_sessions, memory, self._past.now(self._clock_ns()))
            if not sessions:
                self._tell_notes(memory)
                self._note("history: complete")
                return
            if await self._filled(memory, sessions):
                return
            self._past_stands.set()  # a roll does not wait for a broker without history
            wait_s = RETRY_S[min(failures, len(RETRY_S) - 1)]
            failures += 1
            self._note(f"history is asked for again in {wait_s:g} s, or at the next synchronisation", Tier.WARNING)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self.synced.wait()
            self.synced.set()

    def _wanted_sessions(self, memory: Memory, now: Now) -> int:
        """How many trading days back bars are wanted, 0 when nothing is missing."""
        table, keep = memory.table, self._engine.params.market.archive_days
        whole = SESSIONS + 1  # the running day is one of them
        if missing_sessions(memory, keep):
            return whole
        gaps = holes(memory, now)
        if not gaps or memory.state is None:
            return whole if gaps else 0
        since_ns = min(gap.start_ns or 0 for gap in gaps)
        days = [d for d in table.days if d.close_ns > since_ns and d.open_ns <= self._clock_ns()]
        return min(len(days), whole)

    async def _filled(self, memory: Memory, sessions: int) -> bool:
        try:
            bars = await self._bars(sessions)
            self._note(f"history: {len(bars):,} one-minute bars came, working them in")
            await self._fold(memory, bars)
        except (HistoryMissing, NoAnswer, Refused, OSError) as fault:
            last = "the beginning" if memory.state is None else str(memory.state.trade_date)
            left = f"sessions since {last} are missing or cut short, value areas stand on what is known"
            self._note(f"no history: {fault}; {left}", Tier.WARNING)
            return False
        self._tell_notes(memory)
        self._note("history: complete")
        return True

    async def _bars(self, sessions: int) -> Bars:
        line, traded = self.session.line, self.session.traded.get(self.symbol)
        if line is None or traded is None:
            raise HistoryMissing("the connection was lost")
        told = 0

        def progress(done: int, wanted: int) -> None:
            nonlocal told
            if done - told >= TELL_EVERY:
                told = done
                self._note(f"history: {done} of {wanted} sessions")

        bars = await backfill(line, traded, self._clock_ns(), sessions, progress)
        if not len(bars):
            raise HistoryMissing(f"the broker knows no bars of {self.symbol}")
        return bars

    def _tell_notes(self, memory: Memory) -> None:
        for text in memory.notes[self._told :]:
            self._note(text, Tier.WARNING)
        self._told = len(memory.notes)


def feed_rules(plan: Plan) -> FeedRules:
    """The configuration's `feed` table as the feed takes it."""
    feed = plan.loaded.config.feed
    return FeedRules(feed.trades, QuoteSource(feed.quotes), AggressorParams(feed.settle_ms, feed.max_quote_age_s))


def feed_pace(plan: Plan) -> FeedPace:
    """How soon the configuration lets the feed ask again."""
    return FeedPace(spacing_s=plan.loaded.config.feed.tick_spacing_s)


def _recorder(plan: Plan, symbol: str, table: SessionTable) -> TapeRecorder | None:
    tape = plan.loaded.config.tape
    if not tape.record:
        return None
    budget = tape.depth_mb * MEGABYTE if tape.depth else 0
    recorder = TapeRecorder(plan.data_dir / "tape", symbol, table, depth_budget_bytes=budget)
    recorder.read_by_others = True  # until the past stands
    return recorder


class _Onlooker:
    """Follows the session for the house's sake. Implements `ib_settings.Follower`."""

    def __init__(self, side: IbSide) -> None:
        self._side = side

    def opened(self, line: Line) -> None:  # noqa: ARG002 - the protocol hands it over
        """The account is proven."""
        self._side.own_account(self._side.session.account)

    def synced(self, keep_subscriptions: bool) -> None:  # noqa: ARG002 - the protocol hands it over
        """Contracts are known."""
        self._side.months.synced()
        self._side.synced.set()

    def lost(self, reason: str) -> None:
        """The session tells the engine itself."""

    def impairment(self) -> str:
        """Nothing of ours can be impaired."""
        return ""

    def denied(self) -> str:
        """Nor denied."""
        return ""

    def resubscribe(self) -> None:
        """Nor subscribed."""

    def on_notice(self, code: int, text: str) -> None:
        """Notices about data farms do not concern the house."""
