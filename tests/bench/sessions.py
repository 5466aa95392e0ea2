"""The whole engine over many sessions of the parity tape, in a process of its own so that its memory is its own.

`python -m tests.bench.sessions FOLDER N [section.key=value]...` prints one line of JSON. FOLDER is one session of a finished
tape; each session is read from it, moved to its trading day, and fed through engine, gate, outbox and simulated broker,
automation granted every morning.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from time import process_time

from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.adapters.sim_broker import SimBroker
from orderflow_tui.adapters.tape import import_events, read_folder
from orderflow_tui.closed_loop import ClosedLoop
from orderflow_tui.config import Places, config_dir, load
from orderflow_tui.domain.account import Link, LinkStatus
from orderflow_tui.domain.action import Observation
from orderflow_tui.domain.event import Automation, ClockTick, Command, OperatorCommand
from orderflow_tui.domain.market import Trades
from orderflow_tui.domain.session import SECOND_NS, SessionDay, SessionTable
from orderflow_tui.domain.signal import Decision, Signal
from orderflow_tui.engine import Engine
from orderflow_tui.modes import mode_named
from orderflow_tui.wiring.params import engine_params
from tests.bench.make_ticks import RTH_OPEN_NS, TRADES, make_ticks

LIKE_THE_TAPE = date(2026, 3, 5)
MIB = 1024 * 1024
ACCEPTED = "accepted decision"


@dataclass(slots=True)
class Figures:
    """What a run took. Seconds are processor seconds of all threads; memory is MiB."""

    sessions: int
    trades: int = 0
    pieces: int = 0
    signals: int = 0
    accepted: int = 0
    granted: int = 0
    round_trips: int = 0
    decode_s: float = 0.0
    engine_s: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    peak: float = 0.0
    full_collections: int = 0


def calendar() -> SessionTable:
    """Two years of trading days."""
    return session_table(date(2025, 1, 2), date(2026, 12, 30))


def whole_days(table: SessionTable, count: int) -> list[SessionDay]:
    """The first `count` days with full regular hours from the tape's own date back to the table's start, in order."""
    days = [day for day in table.days if day.rth_open_ns is not None and not day.half_day and day.trade_date <= LIKE_THE_TAPE]
    assert len(days) >= count, f"the calendar has {len(days)} whole days up to {LIKE_THE_TAPE}, {count} were asked for"
    return days[-count:]


def moved(block: Trades, day: SessionDay) -> Trades:
    """The tape's trades on another trading day."""
    assert day.rth_open_ns is not None, "only days with regular hours are traded here"
    return Trades(
        block.instrument,
        block.ts_ns + (day.rth_open_ns - RTH_OPEN_NS),
        block.price,
        block.size,
        block.aggressor,
        block.method,
    )


def whole_engine(table: SessionTable, observe: Callable[[Observation], None], sets: Sequence[str] = ()) -> ClosedLoop:
    """Engine, gate, outbox and simulated broker as a replay has them; no journal."""
    loaded = load(Places(config_dir()), list(sets))
    params = engine_params(loaded, table, mode_named("replay"), account="SIM", install="bench")
    broker = SimBroker((params.analysis, params.execution), params.analysis.symbol, table=table, balance_cents=10_000_000)
    return ClosedLoop(Engine(params), broker, observe=observe)


def begin(loop: ClosedLoop, day: SessionDay, first: bool) -> None:
    """What happens before the bell: the link, and a person who grants automation for the session."""
    assert day.rth_open_ns is not None, "only days with regular hours are traded here"
    now = day.rth_open_ns - 60 * SECOND_NS
    if first:
        loop.feed(LinkStatus(now, Link.READY, 1, "bench", next_number=1))
    loop.feed(ClockTick(now + SECOND_NS))
    loop.feed(OperatorCommand(now + 2 * SECOND_NS, Command.ARM, f"{day.trade_date}a"))
    loop.feed(OperatorCommand(now + 3 * SECOND_NS, Command.AUTOMATION, f"{day.trade_date}g", {"mode": "AUTO"}))


def run(folder: Path, count: int, sets: Sequence[str] = ()) -> Figures:
    """Feed `count` sessions of the tape in `folder`."""
    table = calendar()
    figures, kinds = Figures(count), Counter[str]()

    def observe(item: Observation) -> None:
        accepted = isinstance(item, Decision) and item.accepted
        kinds[ACCEPTED if accepted else type(item).__name__] += 1

    loop = whole_engine(table, observe, sets)
    collected = gc.get_stats()[2]["collections"]
    for number, day in enumerate(whole_days(table, count)):
        start = process_time()
        blocks = [event for event in read_folder(folder) if isinstance(event, Trades)]
        figures.trades += sum(len(block) for block in blocks)
        decoded = process_time()
        begin(loop, day, first=number == 0)
        figures.granted += loop.engine.desk.automation is Automation.AUTO
        for block in blocks:
            loop.feed(moved(block, day))
        assert day.rth_close_ns is not None, "only days with regular hours are traded here"
        loop.feed(ClockTick(day.rth_close_ns))
        figures.engine_s.append(process_time() - decoded)
        figures.decode_s += decoded - start
        figures.round_trips += len(loop.engine.desk.trades)
        figures.resident.append(resident_mib())
    figures.full_collections = gc.get_stats()[2]["collections"] - collected
    figures.pieces, figures.signals, figures.accepted = loop.driver.pieces, kinds[Signal.__name__], kinds[ACCEPTED]
    figures.peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


def resident_mib() -> float:
    """Memory held now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB


def write_tape(root: Path, trades: int = TRADES) -> Path:
    """The parity tape as a finished session; its folder."""
    import_events([make_ticks(trades)], root, "ES", calendar())
    return root / "ES" / LIKE_THE_TAPE.isoformat()


def run_apart(folder: Path, count: int, sets: Sequence[str] = ()) -> Figures:
    """`run` in a child."""
    command = [sys.executable, "-m", "tests.bench.sessions", str(folder), str(count), *sets]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Figures(**json.loads(done.stdout))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(run(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))) + "\n")
