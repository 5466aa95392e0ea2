"""`python -m tests.e2e.operated CLOCK ARGUMENTS…`: the real command on a clock of the test's, with a hand at its keys.

Four things differ from `orderflow-tui ARGUMENTS…`. The time of day comes from the file CLOCK (`tests.gateway.clock`).
A line that lived a second counts as stable, where a minute is needed otherwise: a session's disconnects come within
minutes here and would wait longer each time. The past that is asked for is one session instead of thirty. And without a
screen the operator types commands as lines of JSON on standard input, `{"command": "bracket", "side": "BUY"}`, which
become what keys become. With a screen the keys are the keys.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

from tests.gateway.clock import SharedClock


def _hear_operator() -> None:
    """Commands from standard input, from the first engine on."""
    from orderflow_tui import console
    from orderflow_tui.domain.event import Command
    from orderflow_tui.seam import Seam

    class OperatedSeam(Seam):
        """A seam with somebody at it."""

        def __init__(self, run_id: str) -> None:
            super().__init__(run_id)
            threading.Thread(target=self._listen, daemon=True, name="operator").start()

        def _listen(self) -> None:
            for line in sys.stdin:
                words = json.loads(line)
                self.command(Command(words.pop("command")), words)

    console.Seam = OperatedSeam  # type: ignore[attr-defined]


STABLE_S = 1.0
SESSIONS = 1


def main() -> None:
    """Run the command."""
    clock = SharedClock(Path(sys.argv[1]))
    time.time_ns = clock
    time.time = lambda: clock() / 1e9
    sys.argv = ["orderflow-tui", *sys.argv[2:]]
    if "--headless" in sys.argv:
        _hear_operator()
    from orderflow_tui.adapters import ib_attempts
    from orderflow_tui.cli import main as command
    from orderflow_tui.wiring import interactive

    ib_attempts.STABLE_S = STABLE_S
    interactive.SESSIONS = SESSIONS  # type: ignore[attr-defined]
    command()


if __name__ == "__main__":
    main()
