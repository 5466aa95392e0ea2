"""The house at the gateway, killed without warning and started again: it goes on from its own journal and tape."""

from __future__ import annotations

import os
import pickle
import random
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orderflow_tui.adapters.tape import read_tape
from orderflow_tui.closed_loop import ClosedLoop
from orderflow_tui.domain.event import ClockTick, stamp_of
from orderflow_tui.domain.market import FeedState, FeedStatus
from orderflow_tui.engine import Engine
from orderflow_tui.wiring import Wish, plan_of
from orderflow_tui.wiring.paced import table_around
from orderflow_tui.wiring.params import engine_params
from orderflow_tui.wiring.timeline import AWAY
from tests.e2e.paper_desk import MORNING_NS, PATIENCE_S
from tests.gateway.process import ROOT, GatewayProcess
from tests.wiring.remembered import known

pytestmark = pytest.mark.slow
TODAY = date(2026, 11, 18)
NO_HISTORY = '[{"at": 0, "do": "answer", "what": "HISTORICAL_BARS", "code": 162, "count": 100000}]'


class Life:
    """One life of the house."""

    def __init__(self, folder: Path, gateway: GatewayProcess, ahead_ns: int, mode: str, *sets: str) -> None:
        command = [sys.executable, "-m", "tests.e2e.desk_process", str(folder), str(gateway.port), str(ahead_ns), mode, *sets]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._folder = folder

    def ready(self) -> Life:
        """Wait until its past stands and a price is shown."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line == "ready\n", (line, self._process.stderr.read()[-3000:] if self._process.stderr else "")
        return self

    def kill(self) -> None:
        """No warning."""
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()

    def end(self) -> tuple[int, str, dict[str, Any]]:
        """In order; the instant, the contract, and what was known then."""
        self._process.send_signal(signal.SIGTERM)
        _, errors = self._process.communicate(timeout=PATIENCE_S)
        assert self._process.returncode == 0, errors[-3000:]
        found: tuple[int, str, dict[str, Any]] = pickle.loads((self._folder / "known.pickle").read_bytes())
        return found


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "locks"))


def uninterrupted(folder: Path, mode: str, until_ns: int) -> Engine:
    """An engine that sees the whole tape of all lives, book included, in one piece."""
    plan = plan_of(Wish(mode=mode, data_dir=folder))
    engine = Engine(engine_params(plan.loaded, table_around(plan.loaded, TODAY), plan.mode))
    loop = ClosedLoop(engine)
    last_ns = None
    for event in read_tape(folder / "tape", "ES", TODAY, TODAY):
        if isinstance(event, FeedStatus) and event.reason == AWAY and last_ns is not None:
            loop.feed(FeedStatus("ES", last_ns, FeedState.DOWN, AWAY))
        loop.feed(event)
        last_ns = stamp_of(event)
    loop.feed(ClockTick(until_ns))
    return engine


@pytest.mark.parametrize("mode", ["monitor", "paper"])
def test_killed_at_random_instants_it_knows_what_one_life_would_know(tmp_path: Path, mode: str) -> None:
    folder, dice = tmp_path / "data", random.Random(os.getpid())
    ahead_ns = MORNING_NS - time.time_ns()
    with GatewayProcess("--ahead-ns", str(ahead_ns), "--json", NO_HISTORY, "--pace", "200") as gateway:
        for _ in range(3):
            life = Life(folder, gateway, ahead_ns, mode).ready()
            time.sleep(dice.uniform(0.1, 3.0))  # the instant of the kill is what is tried, not waited for
            life.kill()
        now_ns, contract, found = Life(folder, gateway, ahead_ns, mode).ready().end()
    expected = known(uninterrupted(folder, mode, now_ns))
    assert contract == "ESZ6"
    assert len(list((folder / "tape" / "ES" / TODAY.isoformat()).glob("live-*.log"))) == 4
    assert found["bars today"] or found["open bar"]
    made_when_asked_for = {"context"}  # until a bar closes it is as old as the first picture that was drawn
    assert [name for name in expected if found[name] != expected[name] and name not in made_when_asked_for] == []
