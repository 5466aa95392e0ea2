"""The verbs that speak to a running engine: which folder they look into, what they say, how they end."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orderflow_tui.adapters.control import control_path
from orderflow_tui.cli import Quit, app
from orderflow_tui.domain.action import Json
from tests.e2e.terminal import COMMAND, PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
DOORS = (
    ("flatten",),
    ("halt",),
    ("reconcile",),
    ("roll",),
    ("limit", "daily_loss_cents", "20000"),
    ("pattern", "RULE_80", "off"),
    ("resume", "--word", "RESUME"),
    ("status",),
)


@dataclass
class Engine:
    """What a listening engine heard; `answer` is what it says to everything but a question for its status."""

    heard: list[str] = field(default_factory=list)
    answer: dict[str, Json] = field(default_factory=lambda: {"ok": True, "id": "door-1"})


@contextmanager
def listening(folder: Path) -> Iterator[Engine]:
    """An engine behind the door of a data folder."""
    path, engine = control_path(folder), Engine()
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()

        def serve() -> None:
            while True:
                caller = door.accept()[0]
                with caller, caller.makefile("rw") as lines:
                    verb = json.loads(lines.readline())["verb"]
                    if verb == "end":
                        return
                    engine.heard.append(verb)
                    lines.write(json.dumps({"ok": True, "status": {}} if verb == "status" else engine.answer) + "\n")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield engine
        finally:
            with socket.socket(socket.AF_UNIX) as last:
                last.connect(str(path))
                last.sendall(b'{"verb": "end"}\n')
            thread.join()


def spoken(*args: str) -> tuple[int, str]:
    """Exit code and what stands on standard error."""
    done = CliRunner().invoke(app, args)
    if isinstance(done.exception, Quit):
        return done.exception.code, done.stderr + str(done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stderr


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to start from and an environment without names of ours."""
    for name in [n for n in os.environ if n.startswith("ORDERFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_dotenv(folder: Path, mode: int = 0o600) -> None:
    (folder / ".env").write_text(f"ORDERFLOW_DATA={folder / 'srv'}\n")
    (folder / ".env").chmod(mode)


# -- which folder ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("args", DOORS, ids=lambda args: str(args[0]))
@pytest.mark.parametrize("named", ["option", "environment", "dotenv", "file", "nothing"])
def test_every_verb_speaks_to_the_engine_of_the_folder_that_run_would_use(
    here: Path, monkeypatch: pytest.MonkeyPatch, named: str, args: tuple[str, ...]
) -> None:
    match named:
        case "option":
            args = (*args, "--data-dir", "srv")
        case "environment":
            monkeypatch.setenv("ORDERFLOW_DATA", "srv")
        case "dotenv":
            write_dotenv(here)
        case "file":
            (here / "orderflow.toml").write_text('[paths]\ndata = "srv"\n')
    with listening(here / ("data" if named == "nothing" else "srv")) as engine:
        code, told = spoken(*args)
    assert engine.heard[-1] == args[0]
    assert code == (1 if args[0] == "status" else 0), told  # status also wants a heartbeat


@pytest.mark.parametrize("spoilt", ["key", "toml", "dotenv mode", "both"])
def test_a_spoilt_configuration_keeps_nobody_from_the_brakes_and_is_told(here: Path, spoilt: str) -> None:
    match spoilt:
        case "key":
            (here / "orderflow.toml").write_text('[paths]\ndata = "srv"\n[risk]\nmax_contract = 1\n')
        case "toml":
            (here / "orderflow.toml").write_text("[risk\n")
            write_dotenv(here)
        case "dotenv mode":
            write_dotenv(here, mode=0o644)
        case "both":
            (here / "orderflow.toml").write_text('[paths]\ndata = "elsewhere"\n[risk]\nmax_contract = 1\n')
            write_dotenv(here, mode=0o644)
    with listening(here / "srv") as engine:
        code, told = spoken("flatten")
    assert (code, engine.heard) == (0, ["flatten"])
    assert f"the configuration cannot be used ({here}/" in told
    assert f"speaking to the engine on {here / 'srv'}" in told


def test_a_spoilt_configuration_that_names_no_folder_leaves_the_usual_one(here: Path) -> None:
    (here / "orderflow.toml").write_text("paths = 3\n")
    with listening(here / "data") as engine:
        assert spoken("halt")[0] == 0
    assert engine.heard == ["halt"]


# -- what is typed wrong, and where nothing can be read or written --------------------------------------------------------

TRADES = "ts_utc,price,size,side\n2026-03-05T15:00:00Z,6713.25,2,B\n2026-03-05T15:00:01Z,6713.50,1,S\n"


@pytest.mark.parametrize("seconds", ["inf", "nan", "-5", "0", "1e12"])
@pytest.mark.parametrize("verb", [("run", "--headless"), ("replay", "tape.csv", "--headless")], ids=["run", "replay"])
def test_a_time_that_cannot_be_waited_for_is_wrong_usage(here: Path, verb: tuple[str, ...], seconds: str) -> None:
    code, told = spoken(*verb, "--for", seconds)
    assert (code, "--for takes seconds" in told) == (2, True)
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    ("target", "sentence"),
    [("nowhere/x", "there is no folder"), (".", "is a folder: name a file in it"), ("tape.csv/x", "no folder")],
)
@pytest.mark.parametrize("verb", [("analyze", "tape.csv", "--json"), ("journal", "--csv")], ids=["analyze", "journal"])
def test_a_document_that_cannot_be_written_is_told_before_the_work(
    here: Path, verb: tuple[str, ...], target: str, sentence: str
) -> None:
    (here / "tape.csv").write_text("nothing that can be read\n")
    code, told = spoken(*verb, target)
    assert (code, sentence in told) == (1, True), told


def test_a_bar_of_no_length_is_told_by_the_option_that_was_typed(here: Path) -> None:
    (here / "tape.csv").write_text(TRADES)
    code, told = spoken("analyze", "tape.csv", "--bars", "0")
    assert code == 2
    assert told.startswith("--bars 0: bars.seconds is 0")


@pytest.mark.parametrize("args", [("run", "--headless"), ("import", "tape.csv", "--instrument", "ES")])
def test_a_data_folder_that_is_a_file_is_one_sentence_and_exit_1(here: Path, args: tuple[str, ...]) -> None:
    (here / "tape.csv").write_text(TRADES)
    (here / "data").touch()
    code, told = spoken(*args)
    assert code == 1
    assert "a file stands where a folder is needed; move it away, or name another" in told
    assert "Errno" not in told


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root reads everything")
@pytest.mark.parametrize(
    "args", [("run", "--headless"), ("doctor",), ("status",), ("flatten",), ("journal",)], ids=lambda a: a[0]
)
def test_a_folder_that_is_not_ours_to_read_is_one_sentence_and_exit_1(here: Path, args: tuple[str, ...]) -> None:
    (here / "closed").mkdir(mode=0o000)
    as_others = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    command = [*as_others, *COMMAND, *args, "--data-dir", "closed"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    told = done.stderr + done.stdout
    assert done.returncode == 1, told
    assert "permission denied" in told.lower()
    assert "Errno" not in told
    assert "Traceback" not in told


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root reads everything")
def test_a_recording_that_may_not_be_read_is_told_in_words(here: Path) -> None:
    (here / "tape.csv").touch(mode=0o000)
    as_others = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    command = [*as_others, *COMMAND, "analyze", "tape.csv"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stderr) == (1, "orderflow-tui: tape.csv cannot be read: permission denied\n")


def test_whichever_verb_comes_first_the_folder_is_ours_alone(here: Path) -> None:
    (here / "tape.csv").write_text(TRADES)
    before = os.umask(0o022)
    try:
        assert spoken("import", "tape.csv", "--instrument", "ES")[0] == 0
    finally:
        os.umask(before)
    written = [here / "data", *(here / "data").rglob("*")]
    assert len(written) > 2
    assert [path for path in written if path.stat().st_mode & 0o077] == []


# -- what the help says ---------------------------------------------------------------------------------------------------


def test_the_help_offers_only_what_can_be_done() -> None:
    told = {verb: " ".join(CliRunner().invoke(app, [verb, "--help"]).stdout.split()) for verb in ("run", "replay", "pattern")}
    assert "One of demo, monitor, sim, paper, live." in told["run"]
    assert "`status --json` lists them" in told["pattern"]
    example = re.search(r"Example: orderflow-tui replay (\S+)", told["replay"])
    assert example is not None
    assert (ROOT / example[1]).is_file()


def test_without_a_terminal_each_verb_names_its_own_headless_form(here: Path) -> None:
    (here / "tape.csv").write_text(TRADES)
    assert "`run --headless` works without one" in spoken("run")[1]
    assert "`replay … --headless` works without one" in spoken("replay", "tape.csv")[1]


# -- what an engine that is not there, or is not ours, leaves to do -------------------------------------------------------


@pytest.mark.parametrize("verb", ["flatten", "halt"])
def test_a_brake_without_an_engine_says_where_the_stops_are_and_what_to_do_now(here: Path, verb: str) -> None:
    code, told = spoken(verb)
    assert code == 1
    assert f"no engine answers on {here / 'data'}, {verb} did nothing" in told
    assert "stops rest at the broker" in told
    assert "broker's own program (docs/runbook.md §4)" in told


def test_a_verb_that_is_no_brake_without_an_engine_names_the_folder(here: Path) -> None:
    code, told = spoken("limit", "daily_loss_cents", "20000")
    assert (code, f"no engine answers on {here / 'data'}" in told, "broker" in told) == (1, True, False)


@pytest.mark.parametrize("text", ["[]", "{}", "not json", '{"wall_ns": null, "mono_ns": 1}'])
def test_a_heartbeat_that_is_none_is_told_in_words(here: Path, text: str) -> None:
    (here / "data" / "state").mkdir(parents=True)
    (here / "data" / "state" / "heartbeat.json").write_text(text)
    code, told = spoken("status")
    assert (code, "is no heartbeat of ours" in told) == (1, True)
    assert "Error" not in told


def test_the_preflight_of_a_data_folder_that_is_a_file_advises_nothing_that_loses_a_key(here: Path) -> None:
    (here / "data").touch()
    told = CliRunner().invoke(app, ["doctor"]).stdout
    assert "is no folder: move it away" in told
    assert "remove" not in told.partition("safety key")[2]
    assert "Error" not in told


# -- what a running engine answers ----------------------------------------------------------------------------------------


def test_what_a_running_engine_refuses_ends_with_3_and_its_reason_and_what_it_does_with_0(here: Path) -> None:
    engine = subprocess.Popen([*COMMAND, "run", "--headless", "--set", "console.tour=false"], cwd=here, stderr=subprocess.DEVNULL)
    try:
        limit = time.monotonic() + PATIENCE_S
        while '"RUNNING"' not in CliRunner().invoke(app, ["status", "--json"]).stdout and time.monotonic() < limit:
            time.sleep(0.1)
        for args, reason in (
            (("limit", "foo", "1"), "foo"),
            (("limit", "daily_loss_cents", "abc"), "abc"),
            (("pattern", "FOO", "off"), "expected one of "),
            (("resume", "--word", "nope"), "the word does not match"),
        ):
            code, told = spoken(*args)
            assert (code, f"{args[0]} was refused: " in told, reason in told) == (3, True, True), told
        for line in ("limit daily_loss_cents 20000", "pattern RULE_80 off", "halt", "resume --word resume", "flatten"):
            code, told = spoken(*line.split())
            assert (code, f"{line.split()[0]} taken by the engine" in told) == (0, True), told
    finally:
        engine.terminate()
        assert engine.wait(PATIENCE_S) == 143
