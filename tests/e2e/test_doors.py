"""The verbs that speak to a running engine: which folder they look into, what they say, how they end."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orderflow_tui.adapters.control import control_path
from orderflow_tui.cli import Quit, app
from orderflow_tui.domain.action import Json

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
