"""A house at Interactive Brokers: one session that feed, broker and account share, the account's lock, the past.

What is known about account and contract is read from the session as it becomes known. The simulated broker of mode `sim`
has its own books; there the session only says whether data comes, and its reports are left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from loguru import logger

from orderflow_tui.adapters.ib_codec import Proof
from orderflow_tui.adapters.ib_feed import IbFeed
from orderflow_tui.adapters.ib_history import SESSIONS, HistoryMissing, backfill
from orderflow_tui.adapters.ib_line import Line
from orderflow_tui.adapters.ib_link import UP
from orderflow_tui.adapters.ib_session import IbSession
from orderflow_tui.adapters.ib_settings import IbSettings
from orderflow_tui.adapters.instance_lock import InstanceLock, LockHeld, account_lock_path
from orderflow_tui.domain.account import ContractMonth, LinkStatus
from orderflow_tui.domain.action import Alert, Tier
from orderflow_tui.domain.event import ClockTick, Event, MarketEvent, Trouble
from orderflow_tui.domain.history import History
from orderflow_tui.domain.latch import LatchKind, TradingState
from orderflow_tui.domain.market import Bars
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.engine import Engine
from orderflow_tui.modes import AccountProof, BrokerKind, Mode
from orderflow_tui.view.model import ReplayView
from orderflow_tui.wiring.paced import Service
from orderflow_tui.wiring.past import HeardFeed, Past, TooMuchToKeep
from orderflow_tui.wiring.plan import SUFFIX, Plan

if TYPE_CHECKING:
    from orderflow_tui.runtime import Runtime

PROOFS = {AccountProof.NOT_NEEDED: Proof.NONE, AccountProof.PAPER: Proof.PAPER, AccountProof.EXACT: Proof.EXACT}
TELL_EVERY = 10  # sessions of progress between two notes
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
        library=ib.library,
        settle_ms=plan.loaded.config.feed.settle_ms,
    )


class IbSide:
    """The broker's market with everything that hangs on the session. Build it inside the engine's loop."""

    def __init__(self, plan: Plan, engine: Engine, runtime: Runtime, clock_ns: Callable[[], int]) -> None:
        params = engine.params
        self._plan, self._runtime, self._clock_ns = plan, runtime, clock_ns
        self._mode: Mode = plan.mode
        self.symbol = params.analysis.symbol
        self.history = History()
        self.session = IbSession(
            ib_settings(plan, params.execution.symbol, params.install),
            params.instruments,
            self._post,
            clock_ns,
            tells_account=plan.mode.broker is not BrokerKind.SIMULATED,
        )
        self.synced = asyncio.Event()
        self._lock: InstanceLock | None = None
        self.session.followers.append(_Onlooker(self))
        self._past = Past(engine, lambda: runtime.waiting, runtime.settle)
        self.feed = HeardFeed(IbFeed(self.session, clock_ns), self._past.hear)
        asking = (self._keep_asking,) if plan.mode.broker is BrokerKind.NONE else ()
        self.services: tuple[Service, ...] = (self._run_session, self._fetch_past, *asking)

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

    def tell_months(self) -> None:
        """The engine is told when what is traded expires."""
        for symbol, traded in self.session.traded.items():
            self._runtime.post(ContractMonth(self._clock_ns(), symbol, traded.listed.expiry))

    def own_account(self, account: str) -> None:
        """Lock an account that became known only now; a configured one was locked before the start."""
        if self._mode.proof is AccountProof.NOT_NEEDED or self._plan.account_to_lock or self._lock is not None:
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

    async def _fetch_past(self) -> None:
        """Once, at the first synchronisation after which the broker delivers; until then the screen says what is missing."""
        while True:
            await self.synced.wait()
            self.synced.clear()
            if await self._past_made():
                await asyncio.Event().wait()

    async def _past_made(self) -> bool:
        self._past.begin()
        try:
            bars = await self._bars()
            self._note(f"history: {len(bars):,} one-minute bars came, working them in")
            await self._past.fold(bars)
        except (HistoryMissing, TooMuchToKeep, OSError) as fault:
            self._past.drop()
            self._note(f"no history: {fault}; value areas build up from now", Tier.WARNING)
            return False
        self._runtime.post(ClockTick(self._clock_ns() - self._plan.loaded.config.bars.close_grace_ms * MS_NS))
        self._note("history: complete")
        return True

    async def _bars(self) -> Bars:
        line, traded = self.session.line, self.session.traded.get(self.symbol)
        if line is None or traded is None:
            raise HistoryMissing("the connection was lost")
        told = 0

        def progress(done: int, wanted: int) -> None:
            nonlocal told
            if done - told >= TELL_EVERY:
                told = done
                self._note(f"history: {done} of {wanted} sessions")

        bars = await backfill(line, traded, self._clock_ns(), SESSIONS, progress)
        if not len(bars):
            raise HistoryMissing(f"the broker knows no bars of {self.symbol}")
        return bars


class _Onlooker:
    """Follows the session for the house's sake. Implements `ib_settings.Follower`."""

    def __init__(self, side: IbSide) -> None:
        self._side = side

    def opened(self, line: Line) -> None:  # noqa: ARG002 - the protocol hands it over
        """The account is proven."""
        self._side.own_account(self._side.session.account)

    def synced(self, keep_subscriptions: bool) -> None:  # noqa: ARG002 - the protocol hands it over
        """Contracts are known."""
        self._side.tell_months()
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
