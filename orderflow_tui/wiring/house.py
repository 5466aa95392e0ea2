"""Building a house inside the engine's loop: journal first, then market, engine, broker, screen's picture, services."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from orderflow_tui import __version__
from orderflow_tui.adapters import stop_file
from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.adapters.control import ControlDoor, control_path
from orderflow_tui.adapters.heartbeat import Heartbeat, heartbeat_path
from orderflow_tui.adapters.importers import open_sources
from orderflow_tui.adapters.journal import Journal, Run
from orderflow_tui.adapters.pace import Pace
from orderflow_tui.adapters.replay import ReplayFeed
from orderflow_tui.adapters.rows import row_of
from orderflow_tui.adapters.sim_broker import SimBroker
from orderflow_tui.adapters.sim_broker_orders import FillRules
from orderflow_tui.adapters.sim_market import SimMarket
from orderflow_tui.config import Loaded
from orderflow_tui.domain.account import Link, LinkStatus
from orderflow_tui.domain.action import Alert
from orderflow_tui.domain.event import Event, MarketEvent, Trouble
from orderflow_tui.domain.history import History
from orderflow_tui.domain.instrument import quarterly_contract
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.session import MS_NS, SessionTable
from orderflow_tui.engine import Engine
from orderflow_tui.modes import FeedKind
from orderflow_tui.ports import Feed
from orderflow_tui.runtime import House, Runtime
from orderflow_tui.view.build import Surroundings, ViewBuilder
from orderflow_tui.view.model import ConsoleView, ReplayView
from orderflow_tui.wiring.params import engine_params, market_params
from orderflow_tui.wiring.plan import Plan
from orderflow_tui.wiring.status import status_document

ET = ZoneInfo("America/New_York")
YEARS_AROUND = 2
MINUTE_NS = 60_000_000_000


class FeedSide:
    """A feed with its clock: what differs between a simulated market and a recording."""

    def __init__(self, feed: Feed, pace: Pace, symbol: str, history: History, warm: Callable[[], Iterable[MarketEvent]]) -> None:
        self.feed, self.pace, self.symbol, self.history, self.warm = feed, pace, symbol, history, warm
        self.source = ""
        self.begins: date | None = None  # the trade date it starts on, None when only the recording knows

    def steer(self, name: str, value: float | None) -> None:
        """Obey a feed command; unknown ones are for other feeds."""
        match name:
            case "pause":
                self.pace.pause()
            case "play":
                self.pace.resume()
            case "speed" if value is not None:
                self.pace.set_speed(min(max(value, 0.05), 5_000.0))
            case "step_bar":
                self.pace.step(5 * MINUTE_NS)
            case "step_trade":
                self.pace.step(200 * MS_NS)
            case "seek" if value is not None:
                self.pace.run_to(int(value))
            case _:
                return

    def replay(self, first_ns: int, last_ns: int, ended: bool) -> ReplayView:
        """The replay bar."""
        pace = self.pace
        return ReplayView(self.source, pace.paused, pace.speed, pace.now_ns, first_ns, last_ns, ended)


def table_around(loaded: Loaded, when: date) -> SessionTable:
    """Trading days two years to either side, with the configured close."""
    first, last = when - timedelta(days=366 * YEARS_AROUND), when + timedelta(days=366 * YEARS_AROUND)
    return session_table(max(first, date(2008, 1, 2)), min(last, date(2030, 12, 31)), rth_close=loaded.config.session.rth_close)


def builder(plan: Plan) -> Callable[[Runtime], Awaitable[House]]:
    """What builds the planned house once the engine's loop runs."""

    async def build(runtime: Runtime) -> House:
        return await _build(plan, runtime)

    return build


async def _build(plan: Plan, runtime: Runtime) -> House:
    loaded, config = plan.loaded, plan.loaded.config
    run = Run(f"{time.time_ns() // 1_000_000:x}-{plan.mode.name}", plan.mode.name, __version__, loaded.hash)
    journal = await Journal.open(journal_folder(plan, run.id), run, post=runtime.post)
    try:
        table, side = await asyncio.to_thread(_market_side, plan)
        params = engine_params(loaded, table, plan.mode, analysis=side.symbol, account="SIM", install=journal.install)
        engine = Engine(params, side.history)
        broker = SimBroker(
            tuple(params.instruments[s] for s in sorted({params.analysis.symbol, params.execution.symbol})),
            params.analysis.symbol,
            rules=FillRules(config.sim.latency_ms * MS_NS, config.sim.slippage_ticks),
            balance_cents=config.risk.starting_balance_cents,
            table=table,
        )
        rows = await journal.rows()
        boots = await journal.unclean_boots(time.time_ns() - config.journal.crash_loop_min * MINUTE_NS)
    except BaseException:
        await journal.close()
        raise
    contract = quarterly_contract(side.begins) if side.begins and params.analysis.roll_months == "HMUZ" else ""
    surroundings = Surroundings(mode=plan.mode.name.upper(), account_suffix="", contract=contract, stop_file=str(plan.stop_file))
    views = ViewBuilder(engine, surroundings)
    heartbeat = Heartbeat(heartbeat_path(plan.data_dir))
    status = partial(status_document, plan, runtime)
    door = ControlDoor(control_path(plan.data_dir), runtime.post, status, clock=lambda: side.pace.now_ns)
    bare: stop_file.Word = config.kill_switch.action

    def view(seq: int, alerts: Sequence[tuple[int, Alert, str]]) -> ConsoleView:
        return views.build(seq, time.monotonic_ns(), side.pace.now_ns, alerts, _replay_bar(plan, side, engine))

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
        broker=broker,
        matching=broker,
        journal=journal,
        boot_rows=rows,
        row_of=row_of,
        stop_seen=lambda: _found(plan.stop_file, bare),
        watch_stop=lambda post: stop_file.watch(plan.stop_file, post, bare=bare, poll_ms=config.kill_switch.poll_ms),
        write_stop=lambda word: stop_file.write_stop(plan.stop_file, "halt" if word == "halt" else "flatten"),
        clock=lambda: side.pace.now_ns,
        steer=side.steer,
        warm=side.warm,
        view=view,
        beat=lambda seen: heartbeat.put(status_document(plan, runtime, seen)),
        boot_events=_boot_events(plan, side, boots),
        grace_ns=config.bars.close_grace_ms * MS_NS,
        fps=float(plan.fps),
        services=(keep_door_open,),
    )


def journal_folder(plan: Plan, run_id: str) -> Path:
    """Where a run's journal lies. A simulated broker and a simulated clock end with their run, so such a run has a journal
    of its own; where broker and clock are real, all runs share one."""
    folder = plan.data_dir / "journal" / plan.mode.name
    return folder if plan.mode.waits_for_journal else folder / run_id


def _boot_events(plan: Plan, side: FeedSide, boots: int) -> list[Event]:
    """What the engine is told first: a crash loop halts, and a broker inside the house is there at once."""
    now = side.pace.now_ns
    events: list[Event] = []
    journal = plan.loaded.config.journal
    if boots >= journal.crash_loop_boots:
        reason = f"{boots} starts within {journal.crash_loop_min} min ended without a clean stop"
        events.append(Trouble(now, LatchKind.CRASH_LOOP, reason))
    events.append(LinkStatus(now, Link.READY, 1, plan.mode.broker.value, next_number=1))
    return events


def _found(path: Path, bare: stop_file.Word) -> str | None:
    seen = stop_file.look(path, bare)
    return None if seen is None else seen.detail


def _replay_bar(plan: Plan, side: FeedSide, engine: Engine) -> ReplayView | None:
    if plan.mode.feed is FeedKind.IB:
        return None
    ended = engine.feed is not None and engine.feed.state.value == "ENDED"
    return side.replay(0, 0, ended)


def _market_side(plan: Plan) -> tuple[SessionTable, FeedSide]:
    """The feed of the mode with its past. Reads files; runs beside the loop."""
    if plan.mode.feed is FeedKind.FILES:
        return _recording(plan)
    return _simulated(plan)


def _simulated(plan: Plan) -> tuple[SessionTable, FeedSide]:
    loaded, demo = plan.loaded, plan.loaded.config.demo
    start = datetime.fromisoformat(demo.start).replace(tzinfo=ET)
    start_ns = int(start.timestamp()) * 1_000_000_000
    table = table_around(loaded, start.date())
    pace = Pace(plan.speed)
    market = SimMarket(
        loaded.instruments[plan.instrument], table, seed=demo.seed, start_ns=start_ns, speed=plan.speed, clock=pace
    )
    pace.start(start_ns)
    side = FeedSide(market, pace, plan.instrument, market.history(market_params(loaded.config)), market.warm_events)
    side.source, side.begins = f"simulated market, seed {demo.seed}", start.date()
    return table, side


def _recording(plan: Plan) -> tuple[SessionTable, FeedSide]:
    loaded = plan.loaded
    table = session_table(date(2008, 1, 2), date(2030, 12, 31), rth_close=loaded.config.session.rth_close)
    sources = open_sources(plan.paths, loaded.instruments, instrument=None, table=table)
    begins_ns = min(reading.begins_ns() for reading in sources.readings)
    pace = Pace(plan.speed)
    pace.start(begins_ns)
    side = FeedSide(ReplayFeed(sources, pace), pace, sources.instrument, History(), tuple)
    side.source, side.begins = ", ".join(path.name for path in plan.paths), table.trade_date(begins_ns)
    return table, side
