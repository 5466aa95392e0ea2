"""The connection to Interactive Brokers: one supervisor that moves the link's state machine and owns every line.

It connects, proves the account, learns contracts and account, watches that the gateway answers, and tells the engine each
change of the link with its generation number. Feed and broker follow it: they are told of a new line before anything is
asked on it, and when it is gone. It decides nothing about trading.

Two unanswered probes in a row fence the link within five seconds of a gateway that hangs; a lost socket does at once.
Broken lines are replaced, never repaired: a new client object and a new generation for each attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from loguru import logger

from orderflow_tui.adapters import ib_codec as codec
from orderflow_tui.adapters.ib_attempts import ID_TRIES, ID_WAIT_S, Attempts
from orderflow_tui.adapters.ib_codec import Proof
from orderflow_tui.adapters.ib_contracts import in_reset_window
from orderflow_tui.adapters.ib_desk import Choice, ContractDesk, Traded
from orderflow_tui.adapters.ib_library import load
from orderflow_tui.adapters.ib_line import Line, NoAnswer, Refused
from orderflow_tui.adapters.ib_link import UP, LinkNews, after
from orderflow_tui.adapters.ib_probes import Probes
from orderflow_tui.adapters.ib_settings import Follower, IbSettings
from orderflow_tui.adapters.ib_snapshot import Held, Reader, Snapshot
from orderflow_tui.domain.account import Link, LinkStatus
from orderflow_tui.domain.event import Event, Trouble
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import Purpose

WATCH_S = 0.1
MOST_NEWS = 1_000


@dataclass(slots=True)
class IbSession:
    """Run `run()` as a task; read `link`, `line`, `account`, `traded`; stop with `stop()`.

    `post` gets LinkStatus, Trouble and (with `tells_account`) AccountReport events. `rng` spreads reconnects.
    """

    settings: IbSettings
    instruments: Mapping[str, Instrument]
    post: Callable[[Event], None]
    clock_ns: Callable[[], int]
    rng: Random = field(default_factory=Random)
    tells_account: bool = True
    followers: list[Follower] = field(default_factory=list)
    link: Link = Link.OFF
    generation: int = 0
    line: Line | None = None
    account: str = ""
    traded: Mapping[str, Traded] = field(default_factory=dict)
    leads: Mapping[str, Traded] = field(default_factory=dict)  # the same in the month that leads
    leads_unsure: bool = False  # the calendar alone decided, because volumes were not told
    months: dict[str, str] = field(default_factory=dict)  # YYYYMM by symbol: what stays until it is rolled
    held: tuple[Held, ...] = ()
    currency: str = ""  # the account's money was last told in; empty before
    next_number: int = 0
    _news: asyncio.Queue[tuple[int, LinkNews, str]] = field(default_factory=lambda: asyncio.Queue(MOST_NEWS))
    _attempts: Attempts = field(default_factory=Attempts)
    _probes: Probes = field(init=False)
    _report: asyncio.Task[None] | None = None
    _subscriptions_lost: bool = True  # by a new line or 1101, until they are made anew
    _broker_away: str = ""  # what the gateway said of it last on this line, empty when nothing or that it is back
    _entered_s: float = 0.0
    _good_since_s: float | None = None  # data without a fault since then

    def __post_init__(self) -> None:
        self._probes = Probes(self.settings, self._time_ns, lambda reason: self._tell(LinkNews.HUNG, reason))

    def _time_ns(self) -> int:
        return self.clock_ns()

    # -- for others --------------------------------------------------------------------------------------------------

    @property
    def con_ids(self) -> dict[str, int]:
        """The broker's ids of the contracts that are analysed and traded, by symbol; empty before the first synchronisation."""
        return {symbol: traded.listed.con_id for symbol, traded in self.traded.items()}

    @property
    def skew_s(self) -> float | None:
        """Our clock minus the gateway's, None before it told the time."""
        return self._probes.skew_s

    def refusal(self, purpose: Purpose) -> str:
        """Why an order of this purpose must not leave now; empty when it may. Entries need everything in order, the rest
        needs a broker that can be reached."""
        if self.line is None or not self.line.alive:
            return f"not connected to the gateway ({self.link.value})"
        if self.settings.proof is Proof.NONE:
            return "this mode has no way to send orders"
        if purpose is not Purpose.ENTRY:
            return "" if self.link in UP else f"the link is {self.link.value}"
        return self._probes.unproven() if self.link is Link.READY else f"the link is {self.link.value}"

    def ask_report(self) -> None:
        """Post an AccountReport; joins the one that is on its way. Raises ConnectionError without a line."""
        if self.line is None or not self.line.alive or self.link not in UP:
            raise ConnectionError(f"no account report while the link is {self.link.value}")
        if self._report is None or self._report.done():
            self._report = asyncio.get_running_loop().create_task(self._periodic_report(self.line))

    def acknowledge(self) -> None:
        """A person has seen why the link is blocked: it tries again."""
        self._attempts.id_refused = 0
        self._tell(LinkNews.ACKNOWLEDGED, "acknowledged")

    def stop(self) -> None:
        """End the session in order."""
        self._tell(LinkNews.STOP, "stopped")

    # -- the supervisor ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Move the link until stopped."""
        self._move(LinkNews.START, "start")
        try:
            while self.link is not Link.OFF:
                self._move(*await self._next())
        finally:
            self._drop_line("stopped")

    async def _next(self) -> tuple[LinkNews, str]:
        """What the present state leads to."""
        match self.link:
            case Link.CONNECTING:
                return await self._interruptible(self._connect())
            case Link.SYNCING:
                return await self._interruptible(self._sync())
            case Link.BACKOFF:
                return await self._interruptible(self._wait())
            case Link.BLOCKED:
                return await self._interruptible(asyncio.Event().wait())
            case _:
                return await self._interruptible(self._watch())

    async def _interruptible(self, work: Coroutine[Any, Any, Any]) -> tuple[LinkNews, str]:
        """The outcome of the work, unless news that moves the link comes first."""
        doing = asyncio.ensure_future(work)
        try:
            while True:
                listening = asyncio.ensure_future(self._news.get())
                try:
                    await asyncio.wait({doing, listening}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    if not listening.done():
                        listening.cancel()
                if listening.done() and not listening.cancelled():
                    generation, news, reason = listening.result()
                    if generation == self.generation and (self._resyncs(news) or after(self.link, news) is not self.link):
                        return news, reason
                if doing.done():
                    outcome: tuple[LinkNews, str] = doing.result()
                    return outcome
        finally:
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)

    def _resyncs(self, news: LinkNews) -> bool:
        """Whether news in SYNCING starts the synchronisation again."""
        return self.link is Link.SYNCING and news in {LinkNews.RESTORED_KEPT, LinkNews.RESTORED_LOST}

    def _tell(self, news: LinkNews, reason: str) -> None:
        if not self._news.full():
            self._news.put_nowait((self.generation, news, reason))

    def _move(self, news: LinkNews, reason: str) -> None:
        """Take the step the table says, with what belongs to it."""
        before, self.link = self.link, after(self.link, news)
        now_s = asyncio.get_running_loop().time()
        if news is LinkNews.RESTORED_LOST:
            self._subscriptions_lost = True
        if self.link in {Link.BACKOFF, Link.BLOCKED, Link.OFF} or (self.link is Link.CONNECTING and self.line is not None):
            self._drop_line(reason)
        if self.link is Link.BROKER_LOST:
            for follower in self.followers:
                follower.lost(reason)
        if self.link is Link.WARMUP and news is LinkNews.ACKNOWLEDGED:
            for follower in self.followers:
                follower.resubscribe()
        if self.link is not before:
            self._entered_s = now_s
            logger.info("link {} -> {}: {} ({})", before.value, self.link.value, news.value, reason)
            self._post_link(f"{news.value}: {reason}" if reason and reason != news.value else news.value)

    def _post_link(self, reason: str) -> None:
        self.post(LinkStatus(self.clock_ns(), self.link, self.generation, reason, self.next_number))

    def _drop_line(self, reason: str) -> None:
        """Close what belongs to the present line."""
        self._probes.stop()
        if self._report is not None:
            self._report.cancel()
        self._report = None
        if self.line is not None:
            self.line.close()
            self.line = None
            for follower in self.followers:
                follower.lost(reason)

    # -- connecting --------------------------------------------------------------------------------------------------

    async def _connect(self) -> tuple[LinkNews, str]:
        """A new line, tapped before it is opened."""
        library = load(self.settings.library)
        self.generation += 1
        self._subscriptions_lost, self._broker_away = True, ""
        generation, settings = self.generation, self.settings
        codes: list[int] = []

        def notice(code: int, text: str) -> None:
            codes.append(code)
            self._on_notice(generation, code, text)

        self.line = line = Line(library, generation, notice, lambda reason: self._on_lost(generation, reason))
        try:
            await line.open(settings.host, settings.port, settings.client_id, settings.connect_limit_s)
        except (OSError, TimeoutError) as fault:
            if codec.ID_IN_USE in codes:
                return await self._id_in_use()
            return LinkNews.REFUSED, f"{settings.host}:{settings.port}: {fault or type(fault).__name__}"
        if codec.ID_IN_USE in codes:
            return await self._id_in_use()
        if not line.has_room:
            reason = (
                f"the gateway gives order number {line.next_number:,} to client id {settings.client_id}: too few are left; "
                "reset the API order ID sequence in the gateway's settings"
            )
            self.post(Trouble(self.clock_ns(), LatchKind.CLIENT_ID, reason))
            return LinkNews.NO_NUMBERS, reason
        self._attempts.id_refused = 0
        self._attempts.connected_s = asyncio.get_running_loop().time()
        return LinkNews.CONNECTED, f"client {settings.client_id}"

    async def _id_in_use(self) -> tuple[LinkNews, str]:
        """Wait and try again with the same id, three times; another id would blind us to our own orders."""
        self._attempts.id_refused += 1
        if self._attempts.id_refused >= ID_TRIES:
            reason = f"client id {self.settings.client_id} is in use by another program"
            self.post(Trouble(self.clock_ns(), LatchKind.CLIENT_ID, reason))
            return LinkNews.ID_IN_USE, reason
        await asyncio.sleep(ID_WAIT_S)
        return LinkNews.REFUSED, "client id in use, trying again"

    async def _wait(self) -> tuple[LinkNews, str]:
        """The pause between two attempts."""
        now_s, resetting = asyncio.get_running_loop().time(), in_reset_window(self.clock_ns())
        await asyncio.sleep(self._attempts.wait_s(now_s, resetting, self.rng.random()))
        return LinkNews.WAITED, ""

    # -- synchronising -----------------------------------------------------------------------------------------------

    async def _sync(self) -> tuple[LinkNews, str]:
        """Prove the account, learn contracts and account; everything one after the other with its own limit."""
        line = self.line
        assert line is not None, "SYNCING has a line"
        refusal = self._prove(line)
        if refusal:
            self.post(Trouble(self.clock_ns(), LatchKind.WRONG_ACCOUNT, refusal))
            return LinkNews.WRONG_ACCOUNT, refusal
        for follower in self.followers:
            follower.opened(line)
        if self._broker_away:  # told with the greeting, while CONNECTING, where it moves nothing
            return LinkNews.BROKER_LOST, self._broker_away
        try:
            await self._probes.check_clock(line)
            snapshot = self._snapshot(line)
            await snapshot.take()
            self.held, self.currency = snapshot.held, snapshot.currency
            self._chosen(await self._choose(line))
        except (NoAnswer, Refused, OSError) as fault:
            return LinkNews.SYNC_FAILED, str(fault)
        except LookupError as fault:
            return LinkNews.SYNC_FAILED, f"contracts: {fault}"
        self.next_number = max(self.next_number, line.next_number)
        self._post_link("account known")
        report = snapshot.report(self.con_ids)
        if self.tells_account:
            self.post(report)
        blind = [piece for piece in report.missing if self.settings.proof is not Proof.NONE or piece == "positions"]
        if blind:  # a mode that sends nothing does not need to know orders, which a read-only gateway hides
            return LinkNews.SYNC_FAILED, f"no end of {', '.join(blind)}"
        self._probes.watch(line)
        for follower in self.followers:
            follower.synced(not self._subscriptions_lost)
        self._subscriptions_lost = False
        return LinkNews.SYNCED, self.account

    def _prove(self, line: Line) -> str:
        """Why the gateway serves a wrong account; empty when it is ours. Where none is configured the first that was proven stays
        that of the run: positions, orders and limits that are known belong to it."""
        configured = self.settings.account
        proven = codec.prove(line.accounts, self.settings.proof, configured or self.account)
        if proven.refusal and self.account and not configured:
            served = ", ".join(line.accounts) or "none"
            return f"this run began with account {self.account}, the gateway serves {served} now"
        refusal = proven.refusal or self.settings.not_ours(proven.account)
        if not refusal:
            self.account = proven.account
        return refusal

    async def _choose(self, line: Line) -> Choice:
        settings = self.settings
        desk = ContractDesk(
            line, self.instruments, settings.request_limit_s, self.clock_ns, by_volume=settings.roll_by_volume
        )  # fmt: skip
        return await desk.choose(settings.analysis, settings.execution, self.held, self.months)

    def _chosen(self, choice: Choice) -> None:
        self.traded, self.leads, self.leads_unsure = choice.traded, choice.leads, choice.unsure
        self.months.update({symbol: traded.listed.month for symbol, traded in choice.traded.items()})

    async def look_at_months(self) -> None:
        """Ask again which month leads. Raises LookupError, NoAnswer, Refused, ConnectionError."""
        if self.line is None or not self.line.alive:
            raise ConnectionError("not connected to the gateway")
        self._chosen(await self._choose(self.line))

    def take_month(self, *symbols: str) -> None:
        """From now on the leading month of these is the one that is analysed or traded."""
        self.traded = {**self.traded, **{symbol: self.leads[symbol] for symbol in symbols}}
        self.months.update({symbol: self.leads[symbol].listed.month for symbol in symbols})

    def _snapshot(self, line: Line) -> Snapshot:
        reader = Reader(self.instruments, self.account, self.settings.own_prefix, self.clock_ns)
        return Snapshot(line, reader, self.settings.request_limit_s, self.currency)

    async def _periodic_report(self, line: Line) -> None:
        snapshot = self._snapshot(line)
        try:
            await snapshot.take()
        except OSError:
            return  # the line went down; the link says so
        self.currency = snapshot.currency
        report = snapshot.report(self.con_ids)
        if "positions" not in report.missing:  # not knowing is not holding nothing
            self.held = snapshot.held
        if self.tells_account and line is self.line:
            self.post(report)

    # -- watching ----------------------------------------------------------------------------------------------------

    async def _watch(self) -> tuple[LinkNews, str]:
        """Look at the data ten times a second, in any state that has a line."""
        while True:
            news = self._judge_data()
            if news is not None and after(self.link, news[0]) is not self.link:
                return news
            await asyncio.sleep(WATCH_S)

    def _judge_data(self) -> tuple[LinkNews, str] | None:
        now_s = asyncio.get_running_loop().time()
        in_state_s = now_s - self._entered_s
        if self.link is Link.BROKER_LOST:
            return (LinkNews.WAITED, "the broker stayed away") if in_state_s > self.settings.broker_lost_limit_s else None
        denied = next((why for f in self.followers if (why := f.denied())), "")
        if denied:
            return LinkNews.NO_PERMISSION, denied
        impaired = next((why for f in self.followers if (why := f.impairment())), "")
        if impaired:
            self._good_since_s = None
        elif self._good_since_s is None:
            self._good_since_s = now_s
        if self.link is Link.WARMUP and not impaired:
            return LinkNews.WARM, "quote, trade and book"
        if self.link is Link.WARMUP and not self._surely_open():
            return None
        if self._good_since_s is None:
            return self._nurse(impaired, now_s)
        if self.link is Link.DEGRADED and now_s - self._good_since_s < self.settings.good_again_s:
            return None
        self._attempts.resubscribed = 0
        return LinkNews.FRESH, "data good"

    def _surely_open(self) -> bool:
        """Whether the analysed contract trades now: a closed market may be silent until it opens."""
        traded = self.traded.get(self.settings.analysis)
        return traded is not None and traded.listed.is_open(self.clock_ns()) is True

    def _nurse(self, impaired: str, now_s: float) -> tuple[LinkNews, str]:
        """Impaired data, or none at all: say so; after 30 s subscribe anew, after another 30 s connect anew."""
        if self.link in {Link.DEGRADED, Link.WARMUP} and now_s - self._entered_s > self.settings.impaired_limit_s:
            if self._attempts.resubscribed >= 1:
                self._attempts.resubscribed = 0
                return LinkNews.GIVE_UP, impaired
            self._attempts.resubscribed += 1
            self._entered_s = now_s
            for follower in self.followers:
                follower.resubscribe()
        return LinkNews.STALE, impaired

    # -- what the gateway says about itself --------------------------------------------------------------------------

    def _on_lost(self, generation: int, reason: str) -> None:
        if generation == self.generation:
            self._tell(LinkNews.SOCKET_LOST, reason)

    def _on_notice(self, generation: int, code: int, text: str) -> None:
        """A message about the connection as a whole."""
        if generation != self.generation:
            return
        if code in codec.LOST:
            self._broker_away = f"{code} {text}"
            self._tell(LinkNews.BROKER_LOST, self._broker_away)
            return
        if code in {codec.RESTORED_KEPT, codec.RESTORED_LOST}:
            self._broker_away = ""
        if code == codec.RESTORED_KEPT:
            self._tell(LinkNews.RESTORED_KEPT, f"{code} {text}")
        elif code == codec.RESTORED_LOST:
            self._tell(LinkNews.RESTORED_LOST, f"{code} {text}")
        elif code == codec.PORT_CHANGED:
            self._tell(LinkNews.SOCKET_LOST, f"{code} {text}")
        else:
            for follower in self.followers:
                follower.on_notice(code, text)
