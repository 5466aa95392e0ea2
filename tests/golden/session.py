"""The sample tape through the whole engine: analytics, gate, simulated broker, ledger, journal rows, all in one record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.adapters.importers import open_sources
from orderflow_tui.adapters.journal_memory import MemoryJournal
from orderflow_tui.adapters.rows import to_json
from orderflow_tui.adapters.sim_broker import SimBroker
from orderflow_tui.closed_loop import ClosedLoop
from orderflow_tui.config import Places, config_dir, load
from orderflow_tui.domain.account import Link, LinkStatus
from orderflow_tui.domain.action import Json, Observation
from orderflow_tui.domain.event import Command, Event, OperatorCommand, stamp_of
from orderflow_tui.domain.market import Trades
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.engine import Engine
from orderflow_tui.modes import mode_named
from orderflow_tui.stream import TradeStream
from orderflow_tui.wiring.params import engine_params

SAMPLE = Path(__file__).resolve().parent.parent.parent / "data" / "sample"
TRADES = SAMPLE / "es_sample_trades.csv"
BRACKETS_AT_S = (70, 400, 640, 1000)  # seconds into the tape at which the operator sends a bracket


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that came of a run, as JSON values."""

    observations: list[Json]
    rows: list[Json]
    trades: list[Json]
    net_cents: int

    def digest(self) -> str:
        """A hash over all of it."""
        text = json.dumps([self.observations, self.rows, self.trades, self.net_cents], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def tape(paths: Sequence[Path] = (TRADES,)) -> list[Event]:
    """The sample as market events."""
    loaded = load(Places(config_dir()))
    return list(open_sources(paths, loaded.instruments, instrument="ES").recording())


def operated(events: Iterable[Event]) -> list[Event]:
    """The tape with an operator: bar length of a minute is the run's; arm and send brackets at fixed instants."""
    tape_events = list(events)
    start = min(stamp_of(e) if not isinstance(e, Trades) else int(e.ts_ns[0]) for e in tape_events)
    wishes: list[Event] = [LinkStatus(start, Link.READY, 1, "simulated", next_number=1)]
    for i, second in enumerate(BRACKETS_AT_S):
        at_ns = start + second * SECOND_NS
        side = "BUY" if i % 2 == 0 else "SELL"
        wishes.append(OperatorCommand(at_ns, Command.ARM, f"k{i}a"))
        wishes.append(OperatorCommand(at_ns + 1, Command.BRACKET, f"k{i}b", {"side": side, "quantity": "1"}))
    return merged(tape_events, wishes)


def merged(market: Iterable[Event], wishes: list[Event]) -> list[Event]:
    """Market events with wishes put in at their instants, blocks cut there."""
    out: list[Event] = []
    waiting = sorted(wishes, key=stamp_of)
    for event in market:
        rest: Event | None = event
        while waiting and rest is not None and stamp_of(waiting[0]) <= stamp_of(rest):
            at_ns = stamp_of(waiting[0])
            if isinstance(rest, Trades) and int(rest.ts_ns[0]) < at_ns:
                stop = int((rest.ts_ns < at_ns).sum())
                out.append(rest.cut(0, stop))
                rest = rest.cut(stop, len(rest)) if stop < len(rest) else None
            out.append(waiting.pop(0))
        if rest is not None:
            out.append(rest)
    return out + waiting


def run(events: Iterable[Event], *, streamed: bool = False) -> Outcome:
    """Feed events through a fresh engine with a one-minute bar; `streamed` through open columns, as a live feed would."""
    loaded = load(Places(config_dir()), ["bars.seconds=60", "session.lunch=[]", "risk.stop_ticks=6", "risk.target_ticks=8"])
    table = session_table(date(2025, 1, 2), date(2027, 12, 30))
    params = engine_params(loaded, table, mode_named("replay"), account="SIM", install="gold1")
    engine = Engine(params)
    broker = SimBroker((params.analysis, params.execution), "ES", table=table, balance_cents=1_000_000)
    journal = MemoryJournal()
    seen: list[Observation] = []
    loop = ClosedLoop(engine, broker, journal, observe=seen.append)
    stream = TradeStream(loop.driver)
    for event in events:
        if streamed:
            stream.step(event)
        else:
            loop.feed(event)
    stream.flush()
    return Outcome(
        [to_json(item) for item in seen],
        [to_json(replace(row)) for row in journal.rows()],
        [to_json(trip) for trip in engine.desk.trades],
        engine.desk.ledger.net_cents,
    )
