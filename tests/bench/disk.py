"""P11 and P12: what the tape and the journal cost. Disk figures are wall time, because waiting is what they are about."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

from orderflow_tui.adapters.journal import Journal, Run
from orderflow_tui.adapters.journal_schema import ORDER_MIGRATIONS, configure, migrate, payload_text, row_hash
from orderflow_tui.adapters.tape import TapeRecorder, read_folder
from orderflow_tui.domain.action import Row
from orderflow_tui.domain.market import Trades
from tests.bench.goal import Row as GoalRow
from tests.bench.goal import at_least, at_most, reported
from tests.bench.make_ticks import make_ticks
from tests.bench.parity import singles
from tests.bench.sessions import calendar

NOW = 1_790_000_000_000_000_000
BATCH = 512
INSERT = "INSERT INTO event(seq, run_id, ts_ns, kind, ref, payload, prev_hash, hash) VALUES(?,?,?,?,?,?,?,?)"
BEAT_S = 0.002


def tape_rows(folder: Path, recorded: int) -> list[GoalRow]:
    """Size and read rate of a finished session, and what recording single trades takes."""
    count = sum(len(event) for event in read_folder(folder) if isinstance(event, Trades))
    size = sum(path.stat().st_size for path in folder.iterdir() if path.suffix == ".parquet")
    best, best_wall = float("inf"), float("inf")
    for _ in range(5):
        busy, wall = process_time(), perf_counter()
        assert sum(len(event) for event in read_folder(folder) if isinstance(event, Trades)) == count
        best, best_wall = min(best, process_time() - busy), min(best_wall, perf_counter() - wall)
    whole, caller = asyncio.run(recording(recorded))
    wall_note = f"processor time of all threads; wall {count / best_wall / 1e6:.0f} M/s"
    note = f"recorder's thread included; the caller's share {caller * 1e6:.2f} us"
    return [
        at_most("P11", "tape: bytes a trade", size / count, 5, "B"),
        at_least("P11", "tape: read rate", count / best / 1e6, 30, "M/s", note=wall_note),
        at_most("P11", "tape: recording one trade live", whole * 1e6, 2, "us", note=note),
    ]


async def recording(count: int) -> tuple[float, float]:
    """Processor seconds a trade, recorded one by one: in all, and of the caller alone."""
    trades = singles(make_ticks(count))
    with tempfile.TemporaryDirectory() as root:
        recorder = TapeRecorder(Path(root), "ES", calendar())
        start = process_time()
        for trade in trades:
            recorder.write(trade)
        asked = process_time() - start
        await recorder.close()
        took = process_time() - start
        assert not recorder.lost, "the recorder must keep everything of this bench"
    return took / count, asked / count


def notes(count: int, first: int = 0) -> list[Row]:
    """Rows of orders as a journal gets them: small payloads, chained."""
    return [
        Row("orders", "note", f"n{first + i}", NOW + i, {"id": first + i, "purpose": "ENTRY", "price": 20_000 + i % 40})
        for i in range(count)
    ]


async def commits(folder: Path, count: int) -> list[float]:
    """Seconds from handing over an intent to its being on disk, one at a time."""
    journal = await Journal.open(folder, Run("bench", "bench"), clock=lambda: NOW)
    took = []
    for number in range(count):
        payload = {"id": f"i{number}", "purpose": "ENTRY", "cause": f"d{number}"}
        start = perf_counter()
        await journal.commit([Row("orders", "intent", f"i{number}", NOW + number, dict(payload))])
        took.append(perf_counter() - start)
    await journal.close()
    return sorted(took)


async def batches(folder: Path, rows: list[Row]) -> tuple[float, list[float]]:
    """Seconds the journal takes to write the rows, and how late the loop's beats came meanwhile."""
    journal = await Journal.open(folder, Run("bench", "bench"), clock=lambda: NOW)
    sys.setswitchinterval(0.0005)  # as the runtime sets it
    late: list[float] = []

    async def beat() -> None:
        while True:
            start = perf_counter()
            await asyncio.sleep(BEAT_S)
            late.append(perf_counter() - start - BEAT_S)

    heart = asyncio.create_task(beat())
    start = perf_counter()
    for row in rows:
        journal.record(row)
    await journal.flush()
    took = perf_counter() - start
    heart.cancel()
    await journal.close()
    return took, sorted(late)


def raw(folder: Path, rows: list[Row]) -> float:
    """Seconds plain sqlite3 takes for the same hashed rows in the same transactions."""
    connection = sqlite3.connect(folder / "raw.sqlite", isolation_level=None)
    configure(connection, durable=True)
    migrate(connection, ORDER_MIGRATIONS)
    start, head = perf_counter(), b"\0" * 32
    for first in range(0, len(rows), BATCH):
        connection.execute("BEGIN IMMEDIATE")
        for seq, row in enumerate(rows[first : first + BATCH], first + 1):
            payload = payload_text(row.payload)
            own = row_hash(head, seq, "bench", row.ts_ns, row.kind, row.ref, payload)
            connection.execute(INSERT, (seq, "bench", row.ts_ns, row.kind, row.ref, payload, head, own))
            head = own
        connection.execute("COMMIT")
    took = perf_counter() - start
    connection.close()
    return took


def journal_rows(count: int, single: int) -> list[GoalRow]:
    """Commit latency, batch rate against raw sqlite3, and the loop's beat while the journal writes."""
    rows = notes(count)
    ours, plain, late = float("inf"), float("inf"), [0.0]
    with tempfile.TemporaryDirectory() as root:
        waits = asyncio.run(commits(Path(root) / "single", single))
        for number in range(3):  # in turns, so that both meet the same neighbours
            folder = Path(root) / f"b{number}"
            folder.mkdir()
            plain = min(plain, raw(folder, rows))
            took, beats = asyncio.run(batches(folder, rows))
            ours, late = min(ours, took), beats or late
    p50, p99 = 1000 * waits[len(waits) // 2], 1000 * waits[int(len(waits) * 0.99)]
    jitter = 1000 * late[int(len(late) * 0.99)]
    commit_note = f"wall, {single} intents one by one, p50 {p50:.2f} ms"
    rate_note = f"wall, best of 3 in turns; {count / ours / 1000:.0f} k rows/s"
    peer = f"raw {count / plain / 1000:.0f} k rows/s"
    return [
        reported("P12", "journal: intent commit (FULL), p99", p99, "ms", note=commit_note),
        at_least("P12", "journal: batches against raw sqlite3", plain / ours, 0.8, "x", peer=peer, note=rate_note),
        at_most("P12", "journal: loop late, p99, while it writes", jitter, 1, "ms", note=f"wall, {len(late)} beats of 2 ms"),
    ]
