"""The goals P1 to P13 beside what this machine does: `python -m tests.bench [--quick]`.

Lines are parts of goals; the last line has one verdict a goal. Exit code 1 when any part is missed. `--quick` does smaller work
and ends within 50 seconds. docs/performance.md says what each line measures.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from tests.bench.analytics import PATTERNS, cutting_differences, detectors_us, live_costs
from tests.bench.disk import journal_rows, tape_rows
from tests.bench.goal import Row, at_least, at_most, not_measured, overall, without_peer
from tests.bench.make_ticks import TRADES, make_ticks
from tests.bench.parity import by_block, by_plain, by_trade, differences, seconds, singles
from tests.bench.sessions import Figures, run_apart, write_tape

GOALS = tuple(f"P{number}" for number in range(1, 14))
SESSIONS = 160
NAUTILUS, HFT = "nautilus_trader", "hftbacktest"
SESSION_H = 6.5
LINEAR = 1.15  # growth of costs that still counts as linear, for what a shared machine adds


@dataclass(frozen=True, slots=True)
class Size:
    """How much work each part does."""

    sessions: int
    parity: int
    streamed: int
    cutting: int
    cuttings: int
    recorded: int
    journal: int
    commits: int
    console: bool


QUICK = Size(6, TRADES, 60_000, 15_000, 2, 30_000, 6_000, 100, console=False)
WHOLE = Size(SESSIONS, TRADES, 200_000, 60_000, 3, 100_000, 20_000, 500, console=True)


def engine_rows(found: Figures) -> Iterator[Row]:
    """P1, P8 and P9 from one run over many sessions."""
    engine, factor = sum(found.engine_s), SESSIONS / found.sessions
    how = "all sessions run" if factor == 1 else f"projected from {found.sessions} sessions"
    work = f"{how}; {found.signals} signals, {found.accepted} accepted, {found.round_trips} round trips"
    whole = (engine + found.decode_s) * factor
    yield at_most("P1", "120 M trades, tape and whole engine", whole, 10, "s", note=work)
    ratio = (engine + found.decode_s) / found.decode_s
    decode = f"decode {found.decode_s * factor:.1f} s"
    yield at_most("P1", "the same against decoding alone", ratio, 4, "x", peer=decode)
    yield at_most("P1", "detectors on a closed bar of 60 levels", detectors_us(60), 150, "us")
    yield at_most("P1", "pieces a session", found.pieces / found.sessions, 500, "")
    yield without_peer("P1", "parity fixture against NautilusTrader", ">= 100 x", NAUTILUS)
    later = found.resident[1:]
    slope = (later[-1] - later[0]) / ((len(later) - 1) * SESSION_H)
    label = f"smaller work: {found.sessions} regular sessions, not 23 h"
    note = f"first {later[0]:.0f}, last {later[-1]:.0f} MiB"
    yield at_most("P8", f"memory, {label}", max(found.resident), 250, "MiB")
    yield at_most("P8", "memory slope over them", slope, 1, "MiB/h", note=note)
    yield not_measured("P8", "full collections in an active hour", "0", "no live hour is run here", str(found.full_collections))
    yield at_most("P9", f"backtest memory, peak, {found.trades / 1e6:.1f} M trades", found.peak, 200, "MiB",
                  note="" if factor == 1 else "smaller work")  # fmt: skip


def parity_rows(size: Size) -> Iterator[Row]:
    """P2 to P4: speed beside the plain design, and equality."""
    tape = make_ticks(size.parity)
    plain_s, plain = seconds(lambda: by_plain(tape))
    block_s, block = seconds(lambda: by_block(tape), 5)
    plain_rate, rate = len(tape) / plain_s / 1e6, len(tape) / block_s / 1e6
    note = f"in-process, both from columns: {rate:.1f} M/s, {len(tape):,} trades"
    yield at_least("P2", "one day against the plain design", rate / plain_rate, 10, "x", peer=f"plain {plain_rate:.2f} M/s",
                   note=note)  # fmt: skip
    yield without_peer("P2", "one day against NautilusTrader, whole process", ">= 40 x", NAUTILUS)
    part = tape.cut(0, size.streamed)
    trades = singles(part)
    stream_s, streamed = seconds(lambda: by_trade(trades))
    speed = f"{len(part) / stream_s / 1e6:.2f} M/s"
    yield without_peer("P3", "trade by trade against NautilusTrader", ">= 10 x, <= .4 mem", NAUTILUS, speed)
    yield without_peer("P3", "trade by trade against hftbacktest", "for comparison", HFT, speed)
    wrong = differences(plain, block) + differences(by_plain(part), streamed)
    yield at_most("P4", "parity: block, single trades, plain design", wrong, 0, "", note=f"{len(plain.levels)} levels")
    small = make_ticks(size.cutting)
    yield at_most("P4", "whole engine: random cuttings, single trades", cutting_differences(small, size.cuttings), 0, "",
                  note=f"{len(small):,} trades, {size.cuttings} cuttings and one by one")  # fmt: skip


def live_rows(size: Size) -> Iterator[Row]:
    """P5 and P6."""
    found = live_costs(make_ticks(size.streamed))
    note = f"thread time, p50 {found.trade_p50:.1f} us, back to back instead of 5,000 a second"
    yield at_most("P5", "engine, one live trade, p99", found.trade_p99, 20, "us", note=note)
    closed = f"thread time, p50 {found.close_p50 / 1000:.2f} ms"
    yield at_most("P5", "bar close with everything, p99", found.close_p99 / 1000, 1, "ms", note=closed)
    yield not_measured("P5", "trade to published signal while painting", "<= 8 ms", "no bench joins console and engine")
    yield not_measured("P6", "engine's beat while the console paints", "<= 8 ms, max 30", "no bench joins console and engine")


def console_rows(size: Size) -> Iterator[Row]:
    """P7 on a pseudo-terminal."""
    if not size.console:
        yield not_measured("P7", "console", "15 % of a core", "left out of --quick: python -m tests.bench.console")
        return
    from tests.bench import console

    try:
        figures = console.measure()
    except (OSError, RuntimeError) as fault:
        yield not_measured("P7", "console", "15 % of a core", f"no console on a pseudo-terminal here: {fault}")
        return
    for name, bar in console.BARS.items():
        yield at_most("P7", f"console: {name}", figures[name], bar, "", note="wall" if name != "cpu_pct" else "")


def growth_rows(folder: Path, found: Figures, size: Size) -> Iterator[Row]:
    """P10 and P13."""
    built = find_spec("orderflow_tui.research.sweep") is not None
    why = "no bench runs the sweep yet" if built else "there is no sweep to run yet"
    yield not_measured("P10", "48 parameter sets; two processes", "<= 4 x; <= 0.6 x", why)
    small, large = make_ticks(size.parity // 10), make_ticks(size.parity)
    growth = seconds(lambda: by_block(large), 5)[0] / seconds(lambda: by_block(small), 5)[0]
    yield at_most("P13", "cost of trades x 10", growth, round(10 * LINEAR, 2), "x")
    half = len(found.engine_s) // 2
    drift = sum(found.engine_s[-half:]) / sum(found.engine_s[:half])
    yield at_most("P13", "cost of a session, late against early", drift, LINEAR, "x", note=f"{half} and {half} sessions")
    yield at_most("P13", "cost of levels x 4 (60 to 240)", detectors_us(240) / detectors_us(60), 4 * LINEAR, "x")
    some = run_apart(folder, 3, PATTERNS)
    many = run_apart(folder, 3, (*PATTERNS, "imbalance.ratio=1.01"))
    factor, cost = many.signals / some.signals, sum(many.engine_s) / sum(some.engine_s)
    yield at_most(
        "P13", f"cost of signals x {factor:.1f}", cost, round(factor * LINEAR, 2), "x", note="x 10 cannot be had from this tape"
    )


def rows(size: Size) -> Iterator[Row]:
    """Every part of every goal."""
    with tempfile.TemporaryDirectory() as root:
        folder = write_tape(Path(root))
        found = run_apart(folder, size.sessions, PATTERNS)
        yield from engine_rows(found)
        yield from parity_rows(size)
        yield from live_rows(size)
        yield from console_rows(size)
        yield from growth_rows(folder, found, size)
        yield from tape_rows(folder, size.recorded)
        yield from journal_rows(size.journal, size.commits)


def main() -> int:
    """Print the table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller work, within 50 seconds")
    quick = parser.parse_args().quick
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    sys.stdout.write(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load {load}, "
        f"Python {sys.version.split()[0]}{', --quick' if quick else ''}\n"
        "Processor time unless a note says wall: other programs may share this machine, and their work is not ours.\n"
    )
    found = sorted(rows(QUICK if quick else WHOLE), key=lambda row: GOALS.index(row.goal))
    sys.stdout.write("".join(f"{row.text()}\n" for row in found))
    verdicts = {goal: overall([row for row in found if row.goal == goal]).value for goal in GOALS}
    sys.stdout.write(" · ".join(f"{goal} {verdict}" for goal, verdict in verdicts.items()) + "\n")
    return 1 if "MISSED" in verdicts.values() else 0


if __name__ == "__main__":
    sys.exit(main())
