"""A house of the real command line in a process of its own, without a screen."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orderflow_tui.adapters.control import NoAnswer, Refused, ask, control_path
from orderflow_tui.domain.action import Json

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 90.0


def command(data_dir: Path, seconds: float) -> list[str]:
    return [sys.executable, "-m", "orderflow_tui", "run", "--headless", "--for", str(seconds), "--data-dir", str(data_dir)]


def environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("ORDERFLOW_")}


@contextmanager
def running(data_dir: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A house that has said that it is there: it holds the lock then."""
    child = subprocess.Popen(
        [*command(data_dir, 600), *words],
        cwd=ROOT,
        env=environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert child.stderr is not None
        said, deadline = "", time.monotonic() + PATIENCE_S
        while "data in" not in said:
            readable, _, _ = select.select([child.stderr], [], [], max(0.0, deadline - time.monotonic()))
            assert readable, "the first instance did not start"
            said = child.stderr.readline()
            assert said, f"the first instance ended with {child.wait()}"
        yield child
    finally:
        child.kill()
        child.wait()
        if child.stderr is not None:
            child.stderr.close()


def status(data_dir: Path) -> dict[str, Json]:
    """What the engine says of itself, empty while it does not answer."""
    try:
        told = ask(control_path(data_dir), "status").get("status")
    except (NoAnswer, Refused):
        return {}
    return told if isinstance(told, dict) else {}


def until(seen: Callable[[], bool], what: str) -> None:
    """Wait for it as long as a busy machine may take."""
    deadline = time.monotonic() + PATIENCE_S
    while not seen():
        assert time.monotonic() < deadline, f"never saw {what}"
        time.sleep(0.05)
