"""A paper house of the real command in a process of its own, at a gateway in another one, with a hand that types and breaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from orderflow_tui.adapters.journal_memory import read_events
from orderflow_tui.domain.action import Json, Row
from tests.gateway.clock import SharedClock
from tests.gateway.process import GatewayProcess
from tests.process.headless import PATIENCE_S, ROOT, status, until

MORNING_NS = int(datetime(2026, 11, 18, 15, 30, tzinfo=UTC).timestamp()) * 1_000_000_000  # 10:30 in New York
ENTRY_TRIES = 8
REFUSED_S = 5.0
SETS = ("timing.commit_wait_ms=1000", "timing.fence_clear_ms=500", "feed.tick_spacing_s=1")


class PaperProcess:
    """Use as a context manager: gateway and house run inside it. `house_clock` is the house's alone and may be let leap; the
    gateway's stays a Wednesday morning's. `demo`: no gateway, the house's own market."""

    def __init__(self, folder: Path, *, demo: bool = False) -> None:
        self.data, self._folder, self._demo = folder / "data", folder, demo
        self.house_clock = SharedClock(folder / "clock")
        ahead_ns = MORNING_NS - time.time_ns()
        self.house_clock.leap_to(MORNING_NS)
        self.gateway = None if demo else GatewayProcess("--ahead-ns", str(ahead_ns))
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        words = ["run", "--headless", "--mode", "demo", "--set", "demo.start=2026-03-05T10:05"]
        if self.gateway is not None:
            self.gateway.do("lead", rank=0)
            words = ["run", "--headless", "--mode", "paper", "--set", f"ib.port={self.gateway.port}"]
        words += [word for key in SETS for word in ("--set", key)]
        return subprocess.Popen(
            [sys.executable, "-m", "tests.process.faulty", str(self._folder / "clock"), *words, "--data-dir", str(self.data)],
            cwd=self._folder,
            env={**{k: v for k, v in os.environ.items() if not k.startswith("ORDERFLOW_")}, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def again(self) -> None:
        """The next start on the same folder, at the same gateway. Only after the end."""
        self._close_streams()
        self.process = self._start()

    def _close_streams(self) -> None:
        for stream in (self.process.stdin, self.process.stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> PaperProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        self._close_streams()
        if self.gateway is not None:
            self.gateway.end()

    # -- looking ------------------------------------------------------------------------------------------------------

    def until(self, seen: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Wait until the engine's status satisfies a condition."""
        newest: dict[str, Any] = {}

        def look() -> bool:
            assert self.process.poll() is None, f"the house ended before {what}: {self.process.returncode}"
            newest.clear()
            newest.update(status(self.data))
            return bool(newest.get("position")) and seen(newest)

        until(look, what)
        return newest

    def ended(self) -> tuple[int, str]:
        """Exit code, and what stood on standard error."""
        assert self.process.stderr is not None
        code = self.process.wait(PATIENCE_S)
        return code, self.process.stderr.read()

    def rows(self, *kinds: str) -> list[Row]:
        """The journal's rows, proven while they are read. Only after the end."""
        folder = self.data / "journal" / "paper"
        if self._demo:
            (folder,) = (self.data / "journal" / "demo").iterdir()
        return [entry.row for entry in read_events(folder, kinds)]

    def payloads(self, *kinds: str) -> list[dict[str, Json]]:
        """What those rows say."""
        return [dict(row.payload) for row in self.rows(*kinds)]

    # -- acting -------------------------------------------------------------------------------------------------------

    def _say(self, **words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def press(self, command: str, **args: str) -> None:
        """What a key does."""
        self._say(command=command, **args)

    def break_(self, task: str) -> None:
        """Let a task of the engine raise, or its `loop` stand still."""
        self._say(**{"break": task})

    def running(self) -> None:
        """Wait until entries are allowed."""
        self.until(lambda s: s["trading_state"] == "RUNNING", "RUNNING")

    def bracket(self, side: str = "BUY") -> dict[str, Any]:
        """Enter, and wait for a position with its stop at the broker. What is refused rightly is tried again."""
        for _ in range(ENTRY_TRIES):
            self.running()
            self.press("arm")
            self.press("bracket", side=side)
            limit = time.monotonic() + REFUSED_S
            if self.until(lambda s, t=limit: s["position"]["local"] or time.monotonic() > t, "an answer")["position"]["local"]:  # type: ignore[misc]
                break
        return self.until(lambda s: s["position"]["local"] and s["protective_stop"] == "at broker", "a held position")
