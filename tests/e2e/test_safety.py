"""The safety key and unattended trading through the real commands, on a real terminal, with a canary for a key."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderflow_tui.adapters.journal_memory import read_events
from orderflow_tui.adapters.safety_key import key_path, matches, set_key
from orderflow_tui.domain.event import Command
from tests.e2e.paper_desk import PaperDesk
from tests.e2e.terminal import COMMAND, PATIENCE_S, Terminal
from tests.gateway.process import GatewayProcess

CANARY = "canary-3f9a-never-written"
LIVE = ["run", "--mode", "live", "--live", "--account-suffix", "4321", "--headless", "--set", "ib.account=U7654321"]


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Account locks of this test's own, in its children."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "locks"))


def once(cwd: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A command with nobody at a terminal."""
    variables = {**os.environ, **env}
    return subprocess.run(
        [*COMMAND, *args],
        cwd=cwd,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def status(cwd: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(once(cwd, "status", "--json").stdout)
    return found


def until(cwd: Path, name: str, wanted: object) -> dict[str, object]:
    """Ask for the status until a fact is what it should be."""
    limit = time.monotonic() + PATIENCE_S
    found: dict[str, object] = {}
    while time.monotonic() < limit:
        found = status(cwd)
        if found.get(name) == wanted and found.get("answering"):
            return found
        time.sleep(0.2)
    raise AssertionError(f"{name} never was {wanted!r}: {found}")


def kept(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below a folder with its bytes."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path, path.read_bytes()


def type_key(terminal: Terminal, prompt: str, key: str) -> None:
    terminal.shows(prompt)
    time.sleep(0.1)  # the prompt is out before the terminal has stopped to echo
    terminal.type(key + "\n")


def test_a_key_is_set_by_typing_it_twice_and_is_never_shown(tmp_path: Path) -> None:
    with Terminal(["safety-key", "set"], cwd=tmp_path) as terminal:
        type_key(terminal, "at least 12 characters", CANARY)
        type_key(terminal, "once more", CANARY)
        assert terminal.wait() == 0
        assert CANARY.encode() not in terminal.raw
    assert matches(key_path(tmp_path / "data"), CANARY)
    assert not [path for path, content in kept(tmp_path) if CANARY.encode() in content]


def test_two_different_answers_or_a_short_one_set_nothing(tmp_path: Path) -> None:
    with Terminal(["safety-key", "set"], cwd=tmp_path) as terminal:
        type_key(terminal, "at least 12 characters", CANARY)
        type_key(terminal, "once more", CANARY + "x")
        assert terminal.wait() == 3
    with Terminal(["safety-key", "set"], cwd=tmp_path) as terminal:
        type_key(terminal, "at least 12 characters", "too short")
        assert terminal.wait() == 3
    assert not key_path(tmp_path / "data").exists()


def test_a_key_with_a_brake_of_the_key_map_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "orderflow.toml").touch()
    (tmp_path / "keymap.toml").write_text('[keys]\nhalt = ["9"]\n')
    for key, held in (("trusty-Kite-quay", "holds K:"), (CANARY + "9", "holds 9:")):
        with Terminal(["safety-key", "set"], cwd=tmp_path) as terminal:
            type_key(terminal, "at least 12 characters", key)
            assert terminal.wait() == 3
            assert terminal.process.stderr is not None
            assert held in terminal.process.stderr.read().decode()
    assert not key_path(tmp_path / "data").exists()


def test_another_key_needs_the_one_that_is_set(tmp_path: Path) -> None:
    set_key(key_path(tmp_path / "data"), CANARY)
    with Terminal(["safety-key", "set"], cwd=tmp_path) as terminal:
        type_key(terminal, "that is set now", "not the old key")
        assert terminal.wait() == 3
    assert matches(key_path(tmp_path / "data"), CANARY)


def test_without_a_terminal_no_key_is_taken(tmp_path: Path) -> None:
    done = once(tmp_path, "safety-key", "set")
    assert done.returncode == 3
    assert "at a terminal" in done.stderr


def test_a_key_in_the_environment_is_hashed_once_and_leaves_no_trace(tmp_path: Path) -> None:
    first = once(tmp_path, "run", "--headless", "--for", "2", SAFETY_AUTH_KEY=CANARY)
    assert first.returncode == 0, first.stderr
    assert "no longer needed" in first.stderr
    assert matches(key_path(tmp_path / "data"), CANARY)
    again = once(tmp_path, "run", "--headless", "--for", "1", SAFETY_AUTH_KEY=CANARY)
    assert again.returncode == 0
    assert "no longer needed" not in again.stderr
    other = once(tmp_path, "run", "--headless", "--for", "1", SAFETY_AUTH_KEY="another key altogether")
    assert other.returncode == 78
    assert "is not the key that is set" in other.stderr
    assert not [path for path, content in kept(tmp_path) if CANARY.encode() in content]


def test_ten_misses_lock_an_engine_that_was_not_running_when_they_came(tmp_path: Path) -> None:
    set_key(key_path(tmp_path / "data"), CANARY)
    misses = key_path(tmp_path / "data").with_name("safety-misses.json")
    misses.write_text('{"misses": 10, "until_ns": 0}')
    done = once(tmp_path, "run", "--headless", "--auto")
    assert done.returncode == 3
    assert "KEY_ATTEMPTS" in done.stderr


@pytest.mark.slow
def test_live_resumes_with_the_key_typed_at_the_second_door_and_keeps_no_trace_of_it(tmp_path: Path) -> None:
    set_key(key_path(tmp_path / "data"), CANARY)
    with GatewayProcess("--accounts", "U7654321") as gateway:
        engine = subprocess.Popen([*COMMAND, *LIVE, "--set", f"ib.port={gateway.port}"], cwd=tmp_path, stderr=subprocess.DEVNULL)
        try:
            until(tmp_path, "link_state", "READY")
            assert once(tmp_path, "halt").returncode == 0
            assert [latch[0] for latch in until_latched(tmp_path, 1)] == ["OPERATOR"]
            nobody = once(tmp_path, "resume", "--word", "RESUME")
            assert nobody.returncode == 3
            assert "type it at a terminal" in nobody.stderr
            with Terminal(["resume"], cwd=tmp_path) as terminal:
                resume(terminal, "RESUME", "a wrong key, typed")
                assert terminal.wait() == 1
            assert len(until_latched(tmp_path, 1)) == 1
            with Terminal(["resume"], cwd=tmp_path) as terminal:
                resume(terminal, "RESUME", CANARY)
                line = Path(f"/proc/{terminal.process.pid}/cmdline")
                assert CANARY.encode() not in (line.read_bytes() if line.exists() else b"")
                assert terminal.wait() == 0
                assert CANARY.encode() not in terminal.raw
            assert until_latched(tmp_path, 0) == []
        finally:
            engine.terminate()
            assert engine.wait(PATIENCE_S) == 143
    assert not [path for path, content in kept(tmp_path) if CANARY.encode() in content]
    alerts = (tmp_path / "data" / "log" / "orderflow.log").read_text()
    assert "does not match, miss 1" in alerts


def resume(terminal: Terminal, word: str, key: str) -> None:
    """Answer both questions, which stand on standard error and on the terminal itself."""
    time.sleep(0.5)
    terminal.type(word + "\n")
    type_key(terminal, "safety key", key)


def until_latched(cwd: Path, count: int) -> list[list[str]]:
    limit = time.monotonic() + PATIENCE_S
    while time.monotonic() < limit:
        latches = status(cwd).get("latches")
        if isinstance(latches, list) and len(latches) == count:
            return latches
        time.sleep(0.2)
    raise AssertionError(f"there never were {count} latches: {status(cwd)}")


def test_automation_is_granted_to_a_headless_run_and_journalled(tmp_path: Path) -> None:
    done = once(tmp_path, "run", "--headless", "--auto", "--for", "3", "--set", "demo.start=2026-03-05T10:05")
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "data" / "journal" / "demo").iterdir()
    grants = [entry.row.payload for entry in read_events(folder) if entry.row.kind == "grant"]
    assert grants[0]["granted"] is True
    assert grants[0]["trade_date"] == "2026-03-05"
    assert grants[0]["unattended"] is True


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["run", "--auto"], "to a headless run"),
        (["run", "--auto", "--headless", "--mode", "monitor"], "watches and never sends"),
        ([*LIVE, "--auto"], "typed at a terminal"),
        (["run", "--auto", "--headless", "--set", "demo.start=2026-03-05T15:56"], "flat time has come"),
    ],
)
def test_automation_is_refused_where_it_is_not_allowed(tmp_path: Path, args: list[str], sentence: str) -> None:
    done = once(tmp_path, *args)
    assert done.returncode == 3, done.stderr
    assert sentence in done.stderr


def test_automation_is_refused_while_a_stop_file_is_there(tmp_path: Path) -> None:
    (tmp_path / "STOP").touch()
    done = once(tmp_path, "run", "--auto", "--headless", "--set", "demo.start=2026-03-05T10:05")
    assert done.returncode == 3
    assert "STOP" in done.stderr


@pytest.mark.slow
def test_paper_resumes_on_screen_with_the_key_once_one_is_set_and_brakes_never_wait_for_it(tmp_path: Path) -> None:
    set_key(key_path(tmp_path), CANARY)
    with PaperDesk(tmp_path) as desk:
        desk.running()
        desk.seam.command(Command.HALT)
        desk.until(lambda v: v.truth.state.value == "HALTED", "HALTED")
        desk.seam.command(Command.RESUME, {"word": "RESUME"})
        desk.until(lambda v: any("safety key is needed" in str(row) for row in v.news), "a refusal without the key")
        desk.seam.command(Command.RESUME, {"word": "RESUME", "key": "a wrong key, typed", "key_ok": "yes"})
        desk.until(lambda v: any("miss 1" in text for _, text, _ in v.alerts), "an alert of the miss")
        desk.seam.command(Command.RESUME, {"word": "RESUME", "key": CANARY})
        desk.until(lambda v: v.truth.state.value == "RUNNING", "RUNNING")
        desk.seam.command(Command.HALT)
        desk.until(lambda v: v.truth.state.value == "HALTED", "HALTED")
        desk.seam.command(Command.RESUME, {"word": "RESUME", "key": CANARY})
        desk.seam.command(Command.STOP)  # pressed after the key, done before it is proven
        desk.until(lambda v: any("its cause came after resume was asked for" in str(row) for row in v.news), "a latch that stays")
        desk.close()
        commands = [ref for ref in desk.refs("command") if ref.startswith("test-k")]
        assert len(commands) == len(set(commands)) == 7, "every key press is there once"
    assert not [path for path, content in kept(tmp_path) if CANARY.encode() in content]
