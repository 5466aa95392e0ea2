"""`doctor --paper-check`: what only a paper account can settle, as a list that records what was found.

What can be seen without sending an order is looked at through the session and the feed of the product itself: no broker
adapter is built, so no order can leave. Everything else is a step for a person, with a place for the finding. A step says
"seen" only when this run saw it; what a person noted stays in the file from run to run.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from loguru import logger

from orderflow_tui.adapters.heartbeat import write_whole
from orderflow_tui.adapters.ib_codec import Proof
from orderflow_tui.adapters.ib_feed import IbFeed
from orderflow_tui.adapters.ib_library import LibraryMissing
from orderflow_tui.adapters.ib_line import NoAnswer
from orderflow_tui.adapters.ib_session import IbSession
from orderflow_tui.adapters.ib_settings import IbSettings
from orderflow_tui.adapters.ib_snapshot import DOLLARS
from orderflow_tui.adapters.instance_lock import InstanceLock, LockHeld, instance_lock_path
from orderflow_tui.domain.account import AccountReport, Link, LinkStatus
from orderflow_tui.domain.action import Json
from orderflow_tui.domain.event import Event, Trouble
from orderflow_tui.domain.market import Depth, FeedState, FeedStatus, Quote, SideMethod, Trades
from orderflow_tui.ops.preflight import Finding, fail, ok, warn
from orderflow_tui.wiring import Plan
from orderflow_tui.wiring.interactive import feed_rules, ib_settings

SCHEMA = "orderflow-tui/paper-check/1"
FILE = "paper-check.json"
NOTE = "noted"
ROUND_TRIPS = 5
LOOK_S = 0.1
MOST_KEPT = 1_000
STOPPED = {Link.BLOCKED, Link.DATA_BLOCKED}
CURRENCY = "currency"
IN_DOLLARS = "equity and margins are read in USD only, and without them no entry leaves: its base currency must be USD"


class Status(Enum):
    """How a step stands."""

    SEEN = "seen"
    WRONG = "not as expected"
    NOT_SEEN = "not seen"
    BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `finding` is what this run saw, `noted` what a person wrote into the file."""

    id: str
    task: str
    status: Status
    finding: str = ""
    noted: str = ""


BY_HAND: tuple[tuple[str, str], ...] = (
    ("ladder", "Watch the ladder beside the gateway's own book for five minutes of regular hours: rows, sizes, no row left over"),
    ("last-and-quote", "Compare delta of ten bars with another platform: does `Last` come before or after its quote?"),
    ("bracket", "Arm, buy one MES: stop and target are shown `at broker`, GTC, outside regular hours, one OCA group"),
    ("partial", "Buy two MES with a limit that fills in part: are the children released for the part or for the whole?"),
    ("staged", "Have a stop rejected (by a price limit): are entry and target gone, or left untransmitted in the gateway?"),
    ("what-if", "Is a margin figure for ES and MES in the journal (AskMargin), once or twice, and within how many seconds?"),
    ("parent-id", "Restart the gateway with a position: move the stop. Does the change pass, or must parentId be cleared?"),
    ("order-id", "After a restart of the program place an order: the gateway takes its number, no error 103"),
    ("oca", "Let the target fill: the stop is cancelled by the broker; note the milliseconds between"),
    ("night-stop", "Outside regular hours let a stop trigger on paper: at which price and how late did it fill?"),
    ("midnight", "After midnight: are yesterday's executions gone from the report, and does the position still agree?"),
    ("nightly-reset", "Leave it over the nightly reset: link back without a person, subscriptions kept (1102) or lost (1101)?"),
    ("hang", "Freeze the gateway (kill -STOP) with a position: fenced within 5 s, told, back after kill -CONT"),
    ("cut", "Pull the network with a position: fenced at once, told, reconciled after it is back"),
    ("stop-file", "touch STOP with a position and a working entry: cancelled, flat, halted; removing it re-arms nothing"),
    ("wrong-account", "Start mode live against this paper gateway: refused before any order"),
    ("alert", "orderflow-tui doctor --send-test: did it arrive, in how many seconds, also 24 h after your last message?"),
)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait for a ready link, and to watch the market then."""

    ready_s: float = 30.0
    watch_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Checked:
    """The checklist of this run. `trouble`: why it could not be recorded."""

    path: Path
    when: str
    steps: tuple[Step, ...]
    trouble: str = ""

    def document(self) -> dict[str, Json]:
        """As it is recorded."""
        steps: list[Json] = [
            {"id": s.id, "task": s.task, "status": s.status.value, "finding": s.finding, NOTE: s.noted} for s in self.steps
        ]
        return {"schema": SCHEMA, "when": self.when, "steps": steps}

    def lines(self) -> list[str]:
        """For people."""
        found = [
            f"paper checklist, recorded in {self.path}" if not self.trouble else f"paper checklist, NOT recorded: {self.trouble}"
        ]
        for step in self.steps:
            found.append(f"  {step.status.value:<15}  {step.id:<15} {step.finding or step.task}")
            if step.noted:
                found.append(f"{'':<34} noted: {step.noted}")
        return [*found, f'  steps by hand: do them, then write what you saw beside "{NOTE}" in the file; it is kept']


@dataclass(slots=True)
class Watched:
    """What came while we watched."""

    trades: int = 0
    methods: Counter[SideMethod] = field(default_factory=Counter)
    quotes: int = 0
    depths: int = 0
    deepest: int = 0
    crossed: int = 0
    feed: list[FeedStatus] = field(default_factory=list)
    asked: tuple[str, ...] = ()  # streams that were asked for and not refused
    refused: Mapping[str, str] = field(default_factory=dict)  # streams that were, and why
    links: list[LinkStatus] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    report: AccountReport | None = None
    round_trips_ms: list[float] = field(default_factory=list)
    server_version: int = 0

    def on_event(self, event: Event) -> None:
        """Hear the session."""
        match event:
            case LinkStatus() if len(self.links) < MOST_KEPT:
                self.links.append(event)
            case Trouble() if len(self.troubles) < MOST_KEPT:
                self.troubles.append(event)
            case AccountReport():
                self.report = event
            case _:
                return

    def on_market(self, event: object) -> None:
        """Hear the feed."""
        match event:
            case Trades():
                self.trades += len(event)
                self.methods.update(SideMethod(int(method)) for method in event.method)
            case Quote():
                self.quotes += 1
            case Depth():
                self.depths += 1
                self.deepest = max(self.deepest, len(event.bids), len(event.asks))
                self.crossed += bool(event.bids and event.asks and event.bids[0][0] >= event.asks[0][0])
            case FeedStatus() if len(self.feed) < MOST_KEPT:
                self.feed.append(event)
            case _:
                return


# -- the check ------------------------------------------------------------------------------------------------------------


def check(plan: Plan, *, reachable: bool, wall_ns: Callable[[], int] = time.time_ns, patience: Patience | None = None) -> Checked:
    """Look at what can be seen, merge it with what people noted, and record it."""
    path = plan.data_dir / "state" / FILE
    when = datetime.fromtimestamp(wall_ns() / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    seen = _observed(plan, patience or Patience()) if reachable else _unseen("nothing answers at the gateway's address")
    try:
        notes = noted(path)
    except (OSError, ValueError) as fault:
        trouble = f"{path} is no checklist of ours ({type(fault).__name__}); repair it or move it away, it may hold notes"
        return Checked(path, when, _merged(seen, {}), trouble)
    checked = Checked(path, when, _merged(seen, notes))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, json.dumps(checked.document(), indent=1, ensure_ascii=False) + "\n")
    except OSError as fault:
        return Checked(path, when, checked.steps, f"{path}: {fault.strerror}")
    return checked


def finding(checked: Checked) -> Finding:
    """The preflight's row about the checklist."""
    wrong = [step.id for step in checked.steps if step.status is Status.WRONG]
    unseen = [step.id for step in checked.steps if step.status is Status.NOT_SEEN]
    open_ = [step.id for step in checked.steps if step.status is Status.BY_HAND and not step.noted]
    if checked.trouble:
        return fail("paper check", f"not recorded: {checked.trouble}")
    if wrong:
        return fail("paper check", f"not as expected: {', '.join(wrong)}")
    if unseen or open_:
        return warn("paper check", f"{len(unseen)} steps not seen, {len(open_)} steps by hand without a note")
    return ok("paper check", "everything seen or noted")


def currency(plan: Plan) -> Finding:
    """The preflight's row about the currency of the account, which only the gateway knows: what it told last."""
    try:
        document = _recorded(plan.data_dir / "state" / FILE)
        told: dict[str, Any] = next((step for step in document.get("steps", []) if step["id"] == CURRENCY), {})
        status, sentence = str(told.get("status", "")), f"{told.get('finding')} (paper check of {document.get('when')})"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        status, sentence = "", ""  # the row of the checklist tells it
    match status:
        case Status.SEEN.value:
            return ok("currency", sentence)
        case Status.WRONG.value:
            return fail("currency", sentence)
        case _:
            return warn("currency", f"not known before a paper check (--paper-check) has asked; {IN_DOLLARS}")


def noted(path: Path) -> dict[str, str]:
    """What people wrote, by step. Raises OSError or ValueError when the file is not one of ours."""
    document = _recorded(path)
    try:
        return {str(step["id"]): str(step.get(NOTE, "")) for step in document.get("steps", [])}
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError("a step without an id") from fault


def _recorded(path: Path) -> dict[str, Any]:
    """The checklist of the last run, empty where there is none. Raises OSError or ValueError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ValueError("another schema")
    return document


def _merged(seen: list[Step], notes: Mapping[str, str]) -> tuple[Step, ...]:
    steps = [*seen, *(Step(name, task, Status.BY_HAND) for name, task in BY_HAND)]
    return tuple(Step(s.id, s.task, s.status, s.finding, notes.get(s.id, "")) for s in steps)


# -- looking --------------------------------------------------------------------------------------------------------------


def _observed(plan: Plan, patience: Patience) -> list[Step]:
    """Connect with the product's own client id, which nobody else may use meanwhile: the lock is held."""
    try:
        with InstanceLock.take(instance_lock_path(plan.data_dir), "paper check"):
            logger.disable("orderflow_tui")  # the steps say it, the terminal need not
            try:
                return asyncio.run(_look(plan, patience))
            finally:
                logger.enable("orderflow_tui")
    except LockHeld as fault:
        return _unseen(f"{fault.holder} runs here and owns the client id: stop it first")
    except (LibraryMissing, OSError) as fault:
        return _unseen(str(fault))


async def _look(plan: Plan, patience: Patience) -> list[Step]:
    watched = Watched()
    session = IbSession(_settings(plan), plan.loaded.instruments, watched.on_event, time.time_ns)
    feed = IbFeed(session, time.time_ns, rules=feed_rules(plan))
    running = [asyncio.ensure_future(session.run()), asyncio.ensure_future(_listen(feed, watched))]
    try:
        await _until_ready(session, running[0], patience.ready_s)
        if session.line is not None and session.line.alive:
            await _measure(session, watched)
        if session.link is Link.READY:
            await asyncio.sleep(patience.watch_s)
        watched.asked = tuple(map(str, feed.subscriptions.by_request.values()))
        watched.refused = {str(stream): why for stream, why in feed.refused.items()}
        return _steps(session, watched)
    finally:
        session.stop()
        await feed.close()
        await asyncio.wait(running, timeout=2.0)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _settings(plan: Plan) -> IbSettings:
    """As configured; whatever the mode, the account must be a paper one."""
    return replace(ib_settings(plan, plan.loaded.config.instrument.execution, ""), proof=Proof.PAPER)


async def _listen(feed: IbFeed, watched: Watched) -> None:
    async for event in feed.events():
        watched.on_market(event)


async def _until_ready(session: IbSession, supervisor: asyncio.Future[None], limit_s: float) -> None:
    """Until the link is ready, cannot become so, or the time is up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            while session.link is not Link.READY and session.link not in STOPPED and not supervisor.done():
                await asyncio.sleep(LOOK_S)
    if supervisor.done():
        supervisor.result()  # a fault inside is ours to hear


async def _measure(session: IbSession, watched: Watched) -> None:
    """The way to the gateway and back."""
    line = session.line
    assert line is not None, "measured on a live line"
    watched.server_version = int(line.client.serverVersion())
    for _ in range(ROUND_TRIPS):
        began = time.perf_counter()
        try:
            await line.ask("time", line.client.reqCurrentTime, session.settings.probe_limit_s)
        except (NoAnswer, OSError):
            return
        watched.round_trips_ms.append((time.perf_counter() - began) * 1000)


# -- judging --------------------------------------------------------------------------------------------------------------

OBSERVED: tuple[tuple[str, str], ...] = (
    ("connect", "The gateway greets our client in the text protocol"),
    ("account", "The account behind the gateway is a paper account, proven by its id"),
    (CURRENCY, "The account is kept in US dollars"),
    ("clock", "Our clock agrees with the gateway's"),
    ("round-trip", "The gateway answers a question for the time"),
    ("snapshot", "Positions, open and completed orders and executions each end with their marker"),
    ("contracts", "Analysed and traded contract are found, in the same month"),
    ("trades", "Single trades of the analysed contract arrive, with quotes to settle their sides"),
    ("depth", "The book arrives, ordered and never crossed"),
    ("subscriptions", "Tick-by-tick data and depth are granted within the 15-second rule"),
)


def _unseen(why: str) -> list[Step]:
    return [Step(name, task, Status.NOT_SEEN, f"not seen: {why}") for name, task in OBSERVED]


def _steps(session: IbSession, watched: Watched) -> list[Step]:
    told = watched.links[-1].reason if watched.links else "nothing happened"
    nothing = (Status.NOT_SEEN, f"not seen: the link is {session.link.value}, {_masked(told)}")
    judged = {name: nothing for name, _ in OBSERVED}
    if watched.server_version:
        judged["connect"] = (Status.SEEN, f"{session.settings.library} speaks with server version {watched.server_version}")
    judged["account"] = _account(session, watched, nothing)
    if session.currency:
        judged[CURRENCY] = _currency(session.currency)
    if session.skew_s is not None:
        near = abs(session.skew_s) <= session.settings.skew_limit_s
        judged["clock"] = (Status.SEEN if near else Status.WRONG, f"ours is {session.skew_s:+.1f} s from the gateway's")
    if watched.round_trips_ms:
        best, worst = min(watched.round_trips_ms), max(watched.round_trips_ms)
        judged["round-trip"] = (Status.SEEN, f"{best:.1f} to {worst:.1f} ms over {len(watched.round_trips_ms)} questions")
    if watched.report is not None:
        judged["snapshot"] = _snapshot(watched.report, "" if session.line is None else session.line.undated)
    if session.traded:
        judged["contracts"] = _contracts(session)
    if session.link in {Link.READY, Link.DEGRADED, Link.WARMUP, Link.DATA_BLOCKED}:
        judged |= _market(watched)
    return [Step(name, task, *judged[name]) for name, task in OBSERVED]


def _account(session: IbSession, watched: Watched, nothing: tuple[Status, str]) -> tuple[Status, str]:
    if session.account:
        return Status.SEEN, f"…{session.account[-3:]} is a paper account"
    refused = next((t.reason for t in watched.troubles), "")
    return (Status.WRONG, _masked(refused)) if refused else nothing


def _currency(told: str) -> tuple[Status, str]:
    if told == DOLLARS:
        return Status.SEEN, f"the account is kept in {DOLLARS}"
    return (
        Status.WRONG,
        f"the account is kept in {told}: {IN_DOLLARS}; change it in the broker's portal, or trade another account",
    )


def _masked(text: str) -> str:
    """A refusal names accounts; only their last digits are recorded."""
    return " ".join(f"…{w.strip(',;')[-3:]}" if w[:1] in "DUF" and any(c.isdigit() for c in w) else w for w in text.split())


def _snapshot(report: AccountReport, undated: str) -> tuple[Status, str]:
    if report.missing:
        return Status.WRONG, f"no end of {', '.join(report.missing)}: is the API read-only?"
    if undated:
        return Status.WRONG, f"an execution is dated {undated!r}, in no zone that is known: let attributes be sent in UTC format"
    positions = ", ".join(f"{quantity:+d} {symbol}" for symbol, quantity in report.positions) or "flat"
    return Status.SEEN, f"{positions}; {len(report.orders)} working orders, {len(report.fills)} executions since midnight"


def _contracts(session: IbSession) -> tuple[Status, str]:
    traded = session.traded
    told = ", ".join(f"{symbol} {t.listed.month} (expires {t.listed.expiry})" for symbol, t in traded.items())
    held = " ".join(t.held_back for t in traded.values() if t.held_back)
    same = len({t.listed.month for t in traded.values()}) == 1
    return (Status.SEEN if same else Status.WRONG), f"{told} {held}".strip()


def _market(watched: Watched) -> dict[str, tuple[Status, str]]:
    """What the market showed. A quiet market is not a fault: it was not seen."""
    quiet = "is the market closed, or the subscription missing?"
    by = ", ".join(f"{method.name.lower()} {n}" for method, n in watched.methods.most_common())
    judged: dict[str, tuple[Status, str]] = {
        "trades": (Status.SEEN, f"{watched.trades} trades (side by {by}), {watched.quotes} quotes")
        if watched.trades and watched.quotes
        else (Status.NOT_SEEN, f"{watched.trades} trades, {watched.quotes} quotes: {quiet}"),
        "depth": (Status.SEEN, f"{watched.depths} books, up to {watched.deepest} rows a side, none crossed")
        if watched.depths
        else (Status.NOT_SEEN, f"no book came: {quiet}"),
    }
    if watched.crossed:
        judged["depth"] = (Status.WRONG, f"{watched.crossed} of {watched.depths} books were crossed")
    lost = [status for status in watched.feed if status.state is FeedState.DOWN]
    if watched.refused:
        told = "; ".join(f"{stream}: {why}" for stream, why in watched.refused.items())
        judged["subscriptions"] = (Status.WRONG, f"refused {told}")
    elif lost:
        judged["subscriptions"] = (Status.WRONG, f"{lost[-1].state.value}: {lost[-1].reason}")
    elif watched.trades and watched.quotes and watched.depths:
        judged["subscriptions"] = (Status.SEEN, f"none was refused of {', '.join(watched.asked)}")
    else:
        judged["subscriptions"] = (Status.NOT_SEEN, f"nothing was refused and not everything came: {quiet}")
    return judged
