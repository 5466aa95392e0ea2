"""A gateway in a process of its own, as a test holds it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ANSWER_WITHIN_S = 10.0


class GatewayProcess:
    """Starts `python -m tests.gateway`, talks to its control channel, freezes, thaws and ends it."""

    def __init__(self, *options: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.gateway", *options], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
        )
        assert self._process.stdout is not None
        ports = json.loads(self._process.stdout.readline())
        self.port: int = ports["port"]
        self._socket = socket.create_connection(("127.0.0.1", ports["control"]), timeout=ANSWER_WITHIN_S)
        self._lines = self._socket.makefile("r")

    def do(self, command: str, **arguments: Any) -> Any:
        """One command over the control channel."""
        self._socket.sendall(json.dumps({"do": command, **arguments}).encode() + b"\n")
        answer = json.loads(self._lines.readline())
        if not answer["ok"]:
            raise RuntimeError(f"the gateway refused {command!r}: {answer['error']}")
        return answer["value"]

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, nothing answers."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Kill it, frozen or not."""
        self._lines.close()
        self._socket.close()
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> GatewayProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.end()
