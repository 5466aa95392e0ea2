"""Building a house inside the engine's loop: journal first, then market, engine, broker, screen's picture, services."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, assert_never

from orderflow_tui import __version__
from orderflow_tui.adapters import stop_file
from orderflow_tui.adapters.control import ControlDoor, control_path
from orderflow_tui.adapters.heartbeat import Heartbeat, heartbeat_path
from orderflow_tui.adapters.journal import Damage, Journal, Run
from orderflow_tui.adapters.safety_key import SafetyKey, key_path
from orderflow_tui.adapters.sim_broker import SimBroker
from orderflow_tui.adapters.sim_broker_orders import FillRules
from orderflow_tui.domain.account import Link, LinkStatus
from orderflow_tui.domain.action import Alert, Observation, Row
from orderflow_tui.domain.event import Event, MarketEvent, Trouble
from orderflow_tui.domain.history import History
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.market import FeedState
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.engine import Engine, EngineParams
from orderflow_tui.house import House
from orderflow_tui.modes import BrokerKind, FeedKind
from orderflow_tui.ports import Broker, Feed, MatchingBroker, TapeWriter
from orderflow_tui.pulse import HouseClock, Pulse
from orderflow_tui.runtime import Runtime
from orderflow_tui.view.build import Surroundings, ViewBuilder
from orderflow_tui.view.model import ConsoleView, ReplayView
from orderflow_tui.wiring.alerting import notifier_of, sending, telling
from orderflow_tui.wiring.damage import damage_alert, locked_rows
from orderflow_tui.wiring.footing import Footing
from orderflow_tui.wiring.owner import owner_of
from orderflow_tui.wiring.paced import ET, MINUTE_NS, Service, paced_side, table_around
from orderflow_tui.wiring.params import engine_params
from orderflow_tui.wiring.permission import grant_args
from orderflow_tui.wiring.plan import Plan
from orderflow_tui.wiring.roll import months_of
from orderflow_tui.wiring.status import status_document

if TYPE_CHECKING:
    from orderflow_tui.adapters.whatsapp import WhatsApp

SIM_ACCOUNT = "SIM"
DAY_NS = 86_400_000_000_000


class Side(Protocol):
    """A market with its clock: what differs between a paced one and the broker's. `account_suffix` and `contract` may become
    known later; `services` must run as long as the house."""

    symbol: str
    history: History
    services: tuple[Service, ...]

    @property
    def pulse(self) -> Pulse | None:
        """What feels how the machine does, None where time is not real."""
        ...

    @property
    def feed(self) -> Feed:
        """The source of market events."""
        ...

    @property
    def account_suffix(self) -> str:
        """The last characters of the account, empty while unknown."""
        ...

    @property
    def contract(self) -> str:
        """The contract month, such as `Z6`, empty while unknown."""
        ...

    def warm(self) -> Iterable[MarketEvent]:
        """Today's market up to the start."""
        ...

    def now_ns(self) -> int:
        """The house clock."""
        ...

    @property
    def tape(self) -> TapeWriter | None:
        """Where live markets are recorded; simulated ones can be had again, recordings are there already."""
        ...

    def row_of(self, item: Observation) -> Row:
        """An observation as a row of the journal."""
        ...

    def boot_events(self) -> list[Event]:
        """What the engine is told of the market first."""
        ...

    def roll(self) -> None:
        """Change the traded month."""
        ...

    def acknowledge(self) -> None:
        """A person has seen why the link is held."""
        ...

    def steer(self, name: str, value: float | None) -> None:
        """Obey a feed command."""
        ...

    def replay(self, ended: bool) -> ReplayView | None:
        """The replay bar, None where time cannot be steered."""
        ...


def builder(plan: Plan, wall_ns: Callable[[], int] = time.time_ns) -> Callable[[Runtime], Awaitable[House]]:
    """What builds the planned house once the engine's loop runs. `wall_ns` is the wall clock of the live modes."""

    async def build(runtime: Runtime) -> House:
        return await _build(plan, runtime, HouseClock(wall_ns))

    return build


async def _build(plan: Plan, runtime: Runtime, clock_ns: HouseClock) -> House:
    loaded, config = plan.loaded, plan.loaded.config
    run = Run(f"{time.time_ns() // 1_000_000:x}-{plan.mode.name}", plan.mode.name, __version__, loaded.hash)
    journal = await Journal.open(journal_folder(plan, run.id), run, post=runtime.post, on_damage=locked_rows)
    try:
        rows = await journal.rows()
        furnished = await _furnish(plan, runtime, journal, rows, clock_ns)
        boots = await journal.unclean_boots(time.time_ns() - config.journal.crash_loop_min * MINUTE_NS)
        unclean = await journal.unclean_boots(time.time_ns() - DAY_NS)
        notifier = notifier_of(plan, runtime)
    except BaseException:
        await journal.close()
        raise
    side, engine = furnished.side, furnished.engine
    status = partial(status_document, plan, runtime, journal=journal)
    heartbeat = Heartbeat(heartbeat_path(plan.data_dir))
    door = ControlDoor(
        control_path(plan.data_dir),
        runtime.post,
        status,
        prove_key=runtime.prove_key,
        became=runtime.became,
        clock=runtime.inbox.stamp,
        real_time=side.pulse is not None,
    )
    footing = Footing(journal, heartbeat, runtime.post, runtime.alert, side.now_ns)
    bare: stop_file.Word = config.kill_switch.action

    async def keep_door_open() -> None:
        await door.start()
        try:
            await asyncio.Event().wait()
        finally:
            await door.close()
            heartbeat.close()

    return House(
        mode=plan.mode,
        engine=engine,
        feed=side.feed,
        broker=furnished.broker,
        matching=furnished.matching,
        journal=journal,
        boot_rows=rows,
        row_of=side.row_of,
        stop_seen=lambda: _found(plan.stop_file, bare),
        watch_stop=lambda post: stop_file.watch(plan.stop_file, post, bare=bare, poll_ms=config.kill_switch.poll_ms),
        write_stop=lambda word: stop_file.write_stop(plan.stop_file, "halt" if word == "halt" else "flatten"),
        clock=side.now_ns,
        steer=side.steer,
        warm=side.warm,
        view=Pictures(plan, engine, side).draw,
        beat=lambda seen: heartbeat.put(status(seen)),
        boot_events=_boot_events(plan, side, boots),
        roll=side.roll,
        acknowledge=side.acknowledge,
        tape=side.tape,
        grace_ns=config.bars.close_grace_ms * MS_NS,
        fps=float(plan.fps),
        notifier=notifier,
        check_key=SafetyKey(key_path(plan.data_dir), time.time_ns).check,
        grant=grant_args(plan) if journal.damage is None else {},  # it stays for the person who flattens
        pulse=side.pulse,
        services=(keep_door_open, footing.watch, *side.services, *_told(notifier, unclean, rows, runtime, side, journal.damage)),
    )


def _told(
    notifier: WhatsApp | None, unclean: int, rows: list[Row], runtime: Runtime, side: Side, damage: Damage | None
) -> tuple[Service, ...]:  # fmt: skip
    told = () if notifier is None else (sending(notifier, unclean, rows, runtime.alert, side.now_ns),)
    return told if damage is None else (*told, telling(replace(damage_alert(damage), ts_ns=side.now_ns()), runtime.alert))


@dataclass(frozen=True, slots=True)
class Furnished:
    """What the mode decides: the market, the engine that was told about it, the broker, the broker inside the loop."""

    side: Side
    engine: Engine
    broker: Broker | None
    matching: MatchingBroker | None


async def _furnish(
    plan: Plan, runtime: Runtime, journal: Journal, rows: list[Row], clock_ns: HouseClock
) -> Furnished:  # fmt: skip
    loaded, install = plan.loaded, journal.install
    if plan.mode.feed is not FeedKind.IB:
        table, paced = await asyncio.to_thread(paced_side, plan)
        params = engine_params(loaded, table, plan.mode, analysis=paced.symbol, account=SIM_ACCOUNT, install=install)
        broker = _simulated_broker(plan, params)
        return Furnished(paced, Engine(params, paced.history), broker, broker)
    from orderflow_tui.adapters.ib_broker import IbBroker
    from orderflow_tui.wiring.interactive import IbSide

    today = datetime.fromtimestamp(clock_ns() / 1e9, ET).date()
    table = await asyncio.to_thread(table_around, loaded, today, plan.instrument)
    account = SIM_ACCOUNT if plan.mode.broker is BrokerKind.SIMULATED else loaded.config.ib.account
    params = engine_params(
        loaded,
        table,
        plan.mode,
        analysis=plan.instrument,
        account=account,
        install=install,
        key_needed=plan.key_needed,
    )
    engine = Engine(params)
    side = IbSide(plan, engine, runtime, journal, months_of(rows), owner_of(rows), clock_ns)
    match plan.mode.broker:
        case BrokerKind.IB:
            return Furnished(side, engine, IbBroker(side.session, runtime.post, clock_ns), None)
        case BrokerKind.SIMULATED:
            matching = _simulated_broker(plan, params)
            return Furnished(side, engine, matching, matching)
        case BrokerKind.NONE:
            return Furnished(side, engine, None, None)
        case _:
            assert_never(plan.mode.broker)


def _simulated_broker(plan: Plan, params: EngineParams) -> SimBroker:
    config = plan.loaded.config
    return SimBroker(
        tuple(params.instruments[s] for s in sorted({params.analysis.symbol, *params.traded})),
        params.analysis.symbol,
        rules=FillRules(config.sim.latency_ms * MS_NS, config.sim.slippage_ticks),
        balance_cents=config.risk.starting_balance_cents,
        account=SIM_ACCOUNT,
        table=params.table,
    )


class Pictures:
    """Draws the screen's picture; starts a new builder whenever something it keeps parts of was exchanged."""

    def __init__(self, plan: Plan, engine: Engine, side: Side) -> None:
        self._plan, self._engine, self._side = plan, engine, side
        self._market: object = None
        self._known: tuple[str, str] | None = None
        self._views: ViewBuilder | None = None

    def draw(self, seq: int, alerts: Sequence[tuple[int, Alert, str]]) -> ConsoleView:
        """The picture now."""
        side, engine = self._side, self._engine
        ended = engine.feed is not None and engine.feed.state is FeedState.ENDED
        return self._builder().build(seq, time.monotonic_ns(), side.now_ns(), alerts, side.replay(ended))

    def _builder(self) -> ViewBuilder:
        known = (self._side.account_suffix, self._side.contract)
        if self._views is None or known != self._known or self._engine.market is not self._market:
            self._known, self._market = known, self._engine.market
            suffix, contract = known
            around = Surroundings(self._plan.mode.name.upper(), suffix, contract, str(self._plan.stop_file))
            self._views = ViewBuilder(self._engine, around)
        return self._views


def journal_folder(plan: Plan, run_id: str) -> Path:
    """Where a run's journal lies. A simulated broker and a simulated clock end with their run, so such a run has a journal
    of its own; where broker and clock are real, all runs share one."""
    folder = plan.data_dir / "journal" / plan.mode.name
    return folder if plan.mode.waits_for_journal else folder / run_id


def _boot_events(plan: Plan, side: Side, boots: int) -> list[Event]:
    """What the engine is told first: a crash loop halts, too many wrong keys lock, a market inside the house is there."""
    now = side.now_ns()
    events = side.boot_events()
    journal = plan.loaded.config.journal
    if boots >= journal.crash_loop_boots:
        reason = f"{boots} starts within {journal.crash_loop_min} min ended without a clean stop"
        events.append(Trouble(now, LatchKind.CRASH_LOOP, reason))
    locked = SafetyKey(key_path(plan.data_dir), time.time_ns).locked
    if locked:
        events.append(Trouble(now, LatchKind.KEY_ATTEMPTS, locked))
    if plan.mode.feed is not FeedKind.IB:
        events.append(LinkStatus(now, Link.READY, 1, plan.mode.broker.value, next_number=1))
    return events


def _found(path: Path, bare: stop_file.Word) -> str | None:
    seen = stop_file.look(path, bare)
    return None if seen is None else seen.detail
