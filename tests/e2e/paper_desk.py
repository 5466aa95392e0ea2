"""A whole house in this process, at a gateway in another one, both on a clock that says a Wednesday morning."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from orderflow_tui.adapters.journal_memory import read_events
from orderflow_tui.domain.event import Command
from orderflow_tui.house import House
from orderflow_tui.runtime import Runtime
from orderflow_tui.seam import Seam
from orderflow_tui.trading.look import Refusal
from orderflow_tui.view.model import ConsoleView, Truth
from orderflow_tui.wiring import Wish, builder, plan_of
from tests.gateway.process import GatewayProcess

PATIENCE_S = 60.0  # how long a busy machine may take; a test that passes never waits for it
MORNING_NS = int(datetime(2026, 11, 18, 15, 30, tzinfo=UTC).timestamp()) * 1_000_000_000  # 10:30 in New York
Build = Callable[[Runtime], Awaitable[House]]


class PaperDesk:
    """Use as a context manager: gateway and house run inside it. `gateway_options` go to the gateway's command line;
    `around` may put ears into the house that is built; `after` is an earlier life, closed, at whose gateway this one starts."""

    def __init__(
        self,
        folder: Path,
        *gateway_options: str,
        mode: str = "paper",
        sets: tuple[str, ...] = (),
        around: Callable[[Build], Build] | None = None,
        morning_ns: int = MORNING_NS,
        lead: int = 0,
        after: PaperDesk | None = None,
    ) -> None:
        self.ahead_ns: int = morning_ns - time.time_ns() if after is None else after.ahead_ns
        ahead_ns = self.ahead_ns
        self._ends_gateway = after is None
        self.gateway: GatewayProcess = (
            GatewayProcess("--ahead-ns", str(ahead_ns), *gateway_options) if after is None else after.gateway
        )
        self.folder, self.mode = folder, mode
        if after is None:
            self.gateway.do("lead", rank=lead)
        plan = plan_of(Wish(mode=mode, data_dir=folder, sets=(f"ib.port={self.gateway.port}", *sets)))
        self.seam = Seam("test")
        build = builder(plan, lambda: time.time_ns() + ahead_ns)
        self.runtime = Runtime(build if around is None else around(build), self.seam)

    def __enter__(self) -> PaperDesk:
        self.runtime.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
        if self._ends_gateway:
            self.gateway.end()

    def close(self) -> None:
        """Stop the house in order. Idempotent."""
        self.runtime.stop()
        assert self.runtime.join(PATIENCE_S), "the house did not stop"

    @property
    def truth(self) -> Truth | None:
        """The truth bar as it stands."""
        view = self.seam.view()
        return None if view is None else view.truth

    def until(self, seen: Callable[[ConsoleView], bool], what: str) -> ConsoleView:
        """Wait until the picture satisfies a condition."""
        limit = time.monotonic() + PATIENCE_S
        while time.monotonic() < limit:
            view = self.seam.view()
            if view is not None and seen(view):
                return view
            assert not self.runtime.join(0.02), f"the house ended before {what}: {self.runtime.failure}"
        view = self.seam.view()
        raise AssertionError(f"never saw {what}: {None if view is None else (view.truth, view.latches, view.alerts)}")

    def running(self) -> PaperDesk:
        """Wait until entries are allowed."""
        self.until(lambda view: view.truth.state.value == "RUNNING", "RUNNING")
        return self

    def bracket(self, side: str) -> ConsoleView:
        """Arm, enter, and wait for a position with its stop at the broker. A refusal (a book that is just being asked for anew
        fences for five seconds) is taken as it is meant: tried again when entries are allowed."""
        for _ in range(6):
            self.running().seam.command(Command.ARM)
            self.until(lambda view: view.truth.armed_left_ms > 0, "armed")
            refused = len(self._refusals)
            self.seam.command(Command.BRACKET, {"side": side})
            seen = self.until(lambda v, n=refused: v.truth.local_position != 0 or len(self._refusals) > n, "an answer")  # type: ignore[misc]
            if seen.truth.local_position:
                break
        return self.until(lambda v: v.truth.local_position != 0 and v.truth.protection.value == "at broker", "a held position")

    @property
    def _refusals(self) -> tuple[Refusal, ...]:
        return self.runtime.house.engine._desk.refusals

    def flatten(self) -> ConsoleView:
        """Flatten and wait until ours and the broker's position are zero and nothing works."""
        self.seam.command(Command.FLATTEN)
        return self.until(
            lambda v: (
                (v.truth.local_position, v.truth.broker_position, v.truth.working_orders) == (0, 0, 0)
                and v.truth.state.value == "HALTED"
            ),
            "flat and halted",
        )

    def state(self) -> dict[str, Any]:
        """The gateway's own books."""
        found: dict[str, Any] = self.gateway.do("state")
        return found

    def rows(self, *kinds: str) -> list[dict[str, Any]]:
        """Payloads of the journal's rows, proven while they are read. Only after `close`."""
        return [dict(entry.row.payload) for entry in read_events(self.folder / "journal" / self.mode, kinds)]

    def refs(self, *kinds: str) -> list[str]:
        """What those rows are about, oldest first. Only after `close`."""
        return [entry.row.ref for entry in read_events(self.folder / "journal" / self.mode, kinds)]
