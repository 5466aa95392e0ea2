"""The real command on a real terminal, as a trader meets it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from orderflow_tui.adapters.journal_memory import read_events, read_observations
from orderflow_tui.adapters.rows import observation_of
from orderflow_tui.domain.action import Observation
from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.signal import Signal
from orderflow_tui.research.document import bar_hash
from tests.e2e.terminal import COMMAND, PATIENCE_S, Terminal

QUICK = ["--set", "demo.start=2026-03-05T10:05", "--set", "console.tour=false"]
PANELS = ("DOM", "FOOTPRINT", "PROFILE", "SIGNALS", "REGIME", "P&L")


def demo(tmp_path: Path, *more: str) -> list[str]:
    return ["run", "--data-dir", str(tmp_path), *QUICK, *more]


def beat(tmp_path: Path) -> dict[str, object]:
    """The newest heartbeat."""
    found: dict[str, object] = json.loads((tmp_path / "state" / "heartbeat.json").read_text())
    return found


def wait_for_beat(tmp_path: Path, sequence: int) -> dict[str, object]:
    """Wait, without touching the terminal, until the engine has beaten so often."""
    limit = time.monotonic() + PATIENCE_S
    while time.monotonic() < limit:
        try:
            found = beat(tmp_path)
        except (OSError, ValueError):
            found = {"sequence": -1}
        if int(str(found["sequence"])) >= sequence:
            return found
        time.sleep(0.05)
    raise AssertionError(f"the engine did not reach beat {sequence}")


def kinds(tmp_path: Path) -> list[str]:
    """Kinds of all order rows of the journal, which is proven while it is read."""
    (folder,) = (tmp_path / "journal" / "demo").iterdir()
    return [entry.row.kind for entry in read_events(folder)]


def test_six_panels_live_a_bracket_a_flatten_and_quit(tmp_path: Path) -> None:
    with Terminal(demo(tmp_path), cwd=tmp_path) as terminal:
        terminal.shows(*PANELS, "RUNNING", "CVA 5d")
        first = terminal.text()
        terminal.until(lambda now: now.splitlines()[3:30] != first.splitlines()[3:30], "panels that move")
        terminal.type("A")
        terminal.shows("armed 0:")
        terminal.type("B")
        terminal.shows("BUY BRACKET")
        time.sleep(0.4)  # what asks must have been readable before Enter counts
        terminal.type("\r")
        terminal.shows("stop ● at broker")
        terminal.type("FF")
        terminal.shows("HALTED", "pos flat")
        terminal.type("q")
        terminal.shows("QUIT?")
        time.sleep(0.4)
        terminal.type("\r")
        assert terminal.wait() == 0
        assert terminal.restored()
    rows = kinds(tmp_path)
    assert rows.count("fill") == 2
    assert rows[-1] == "run_end"


def test_a_size_exported_by_the_shell_does_not_overrule_the_terminal(tmp_path: Path) -> None:
    with Terminal(demo(tmp_path), cwd=tmp_path, env={"COLUMNS": "80", "LINES": "24"}) as terminal:
        terminal.shows(*PANELS, "RUNNING", "CVA 5d")


def test_eighty_by_twenty_four_is_usable(tmp_path: Path) -> None:
    with Terminal(demo(tmp_path), columns=80, rows=24, cwd=tmp_path) as terminal:
        terminal.shows("DOM", "flatten", "RUNNING")
        terminal.type("H")
        terminal.shows("HALTED")
        terminal.signal(signal.SIGTERM)
        assert terminal.wait() == 143


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_in_order_and_restores_the_terminal(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with Terminal(demo(tmp_path), cwd=tmp_path) as terminal:
        terminal.shows("RUNNING")
        terminal.signal(number)
        assert terminal.wait() == code
        assert terminal.restored()
    assert kinds(tmp_path)[-1] == "run_end"


def test_the_interrupt_key_stops_in_order(tmp_path: Path) -> None:
    with Terminal(demo(tmp_path), cwd=tmp_path) as terminal:
        terminal.shows("RUNNING")
        terminal.type("\x03")
        assert terminal.wait() == 130
        assert terminal.restored()


def test_a_terminal_that_stops_reading_never_delays_the_engine(tmp_path: Path) -> None:
    with Terminal(demo(tmp_path, "--set", "demo.speed=20"), cwd=tmp_path) as terminal:
        terminal.shows("RUNNING")
        start = int(str(beat(tmp_path)["sequence"]))
        seen = wait_for_beat(tmp_path, start + 8)  # nobody reads the pty meanwhile: its buffer is full after a second
        later = wait_for_beat(tmp_path, start + 12)
        assert int(str(later["engine_time_ns"])) > int(str(seen["engine_time_ns"]))
        terminal.signal(signal.SIGTERM)
        limit = time.monotonic() + PATIENCE_S
        while terminal.process.poll() is None and time.monotonic() < limit:
            time.sleep(0.05)  # still nobody reads
        assert terminal.process.returncode == 143
    assert kinds(tmp_path)[-1] == "run_end"


def test_a_vanished_terminal_leaves_the_engine_reduce_only(tmp_path: Path) -> None:
    with Terminal(demo(tmp_path), cwd=tmp_path) as terminal:
        terminal.shows("RUNNING")
        terminal.hang_up()
        limit = time.monotonic() + PATIENCE_S
        found: dict[str, object] = {}
        while time.monotonic() < limit and found.get("trading_state") != "REDUCE_ONLY":
            found = beat(tmp_path)
            time.sleep(0.05)
        assert found["trading_state"] == "REDUCE_ONLY"
        start = int(str(found["sequence"]))
        wait_for_beat(tmp_path, start + 3)
        terminal.signal(signal.SIGTERM)
        terminal.process.wait(PATIENCE_S)
        assert terminal.process.returncode == 143
    assert kinds(tmp_path)[-1] == "run_end"


def test_status_answers_from_another_shell_and_a_second_instance_is_refused(tmp_path: Path) -> None:
    with Terminal(demo(tmp_path), cwd=tmp_path) as terminal:
        terminal.shows("RUNNING")
        status = subprocess.run(
            [*COMMAND, "status", "--json", "--data-dir", str(tmp_path)], capture_output=True, text=True, check=True
        )
        document = json.loads(status.stdout)
        assert document["trading_state"] == "RUNNING"
        assert document["stop_file"] == str(tmp_path / "STOP")
        assert document["answering"] is True
        assert document["engine_time"].endswith("Z")
        assert (document["session"]["net"], document["pnl"]["net"]) == (0.0, 0.0)
        second = subprocess.run(
            [*COMMAND, "run", "--headless", "--for", "1", "--data-dir", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 75
        assert f"process {terminal.process.pid}" in second.stderr
        terminal.signal(signal.SIGTERM)
        assert terminal.wait() == 143


def test_the_stop_file_flattens_and_its_removal_re_arms_nothing(tmp_path: Path) -> None:
    with Terminal(demo(tmp_path), cwd=tmp_path) as terminal:
        terminal.shows("RUNNING")
        (tmp_path / "STOP").touch()
        terminal.shows("HALTED", "STOP")
        (tmp_path / "STOP").unlink()
        start = int(str(beat(tmp_path)["sequence"]))
        wait_for_beat(tmp_path, start + 2)
        assert beat(tmp_path)["trading_state"] == "HALTED"
        terminal.signal(signal.SIGTERM)
        assert terminal.wait() == 143


def test_without_a_terminal_a_sentence_names_headless(tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, *demo(tmp_path)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "--headless" in done.stderr


def test_a_dumb_terminal_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with Terminal(demo(tmp_path), cwd=tmp_path, env={"TERM": "dumb"}) as terminal:
        assert terminal.wait() == 2


def test_headless_runs_for_its_time_and_ends_clean(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "orderflow_tui", "run", "--headless", "--for", "3", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TERM": "dumb"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert str(tmp_path / "STOP") in done.stderr
    assert kinds(tmp_path)[-1] == "run_end"


def test_a_replay_concludes_what_an_analysis_of_the_same_files_does(tmp_path: Path) -> None:
    sample = Path(__file__).resolve().parents[2] / "data" / "sample"
    files = [str(sample / "es_sample_trades.csv"), str(sample / "es_sample_depth.csv")]
    document = tmp_path / "analysis.json"
    analyzed = subprocess.run(
        [*COMMAND, "analyze", *files, "--json", str(document), "--bars", "60"], capture_output=True, check=False
    )
    assert analyzed.returncode == 0, analyzed.stderr
    expected = json.loads(document.read_text())
    command = [*COMMAND, "replay", *files, "--headless", "--speed", "max", "--data-dir", str(tmp_path)]
    replayed = subprocess.run([*command, "--set", "bars.seconds=60"], capture_output=True, timeout=PATIENCE_S, check=False)
    assert replayed.returncode == 0, replayed.stderr  # the end of the recording is the end of the run
    found = [bar_hash(bar) for bar in observed(tmp_path, "bar") if isinstance(bar, FootprintBar)]
    assert found == [bar["hash"] for bar in expected["bars"]]
    signals = [item.id for item in observed(tmp_path, "signal") if isinstance(item, Signal)]
    assert signals == [item["id"] for item in expected["signals"]]


def observed(tmp_path: Path, kind: str) -> list[Observation]:
    """What a replay's journal holds of a kind."""
    (folder,) = (tmp_path / "journal" / "replay").iterdir()
    return [observation_of(stored.row) for stored in read_observations(folder, kind)]


BROKEN_SCREEN = """
import time
from orderflow_tui.__main__ import main
from orderflow_tui.tui.app import OrderflowApp
from orderflow_tui.tui.screens.console_screen import ConsoleScreen

drawn = ConsoleScreen.paint
begun = []

def paint(self, glance, clock):
    if glance.view is not None and glance.view.truth.state.value == "RUNNING":
        begun.append(time.monotonic())
    if begun and time.monotonic() - begun[0] > 1.0:
        raise ValueError("a reading nobody foresaw")
    drawn(self, glance, clock)

def paint_fault(self, reason):
    raise ValueError(reason)

ConsoleScreen.paint, ConsoleScreen.paint_fault = paint, paint_fault
main()
"""


def test_an_exception_that_ends_the_screen_leaves_the_engine_reduce_only_and_says_so(tmp_path: Path) -> None:
    broken = [sys.executable, "-c", BROKEN_SCREEN]
    with Terminal(demo(tmp_path), cwd=tmp_path, command=broken) as terminal:
        limit = time.monotonic() + PATIENCE_S
        found: dict[str, object] = {}
        while time.monotonic() < limit and found.get("trading_state") != "REDUCE_ONLY":
            terminal.pump()
            with suppress(OSError, ValueError):
                found = beat(tmp_path)
        assert found["trading_state"] == "REDUCE_ONLY"
        wait_for_beat(tmp_path, int(str(found["sequence"])) + 3)
        assert terminal.restored()
        terminal.signal(signal.SIGINT)
        assert terminal.wait() == 1
        assert terminal.process.stderr is not None
        said = terminal.process.stderr.read().decode()
    assert "the screen ended by an error: ValueError: " in said
    assert "stops and targets stay at the broker" in said
    assert "Traceback" not in said
    assert len(said) < 2_000
    assert kinds(tmp_path)[-1] == "run_end"
