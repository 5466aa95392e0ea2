"""The child: the real runtime on the real journal, asynchronous as in paper and live, trading until it is killed.

Only the broker is the parent's, behind a socket, and time is the tape's: each step of the market is half a second, so that a
life of a second holds a session. What waits for the disk is usually waited for before the next step, not always: then the
market goes on during a commit.
"""

from __future__ import annotations

import asyncio
import os
import socket
import traceback
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from loguru import logger

from orderflow_tui.adapters.journal import Journal, Run
from orderflow_tui.adapters.safety_key import Checked
from orderflow_tui.domain.action import Observation, Row
from orderflow_tui.domain.event import Command, MarketEvent
from orderflow_tui.domain.market import trades_of
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.engine import Engine, EngineParams
from orderflow_tui.house import House
from orderflow_tui.modes import mode_named
from orderflow_tui.runtime import Runtime
from orderflow_tui.seam import Seam
from orderflow_tui.trading.limits import RiskLimits, Timing, TradingParams
from orderflow_tui.view.build import Surroundings, ViewBuilder
from orderflow_tui.window import WindowParams
from tests.process.wire import Gone, WireBroker, send
from tests.simulation.house import RESUME_WORD, USUAL, setting

STEP_NS = 500 * MS_NS
QUIET_STEPS = 160
LOOP_TURNS = 12
WAITS_FOR_DISK = 0.7  # of the steps
COMMIT_WAIT_MS = 60_000  # the tape runs some hundred times faster than the disk: what may wait for it is stretched alike
FREE = RiskLimits(
    daily_loss_cents=10**9,
    daily_profit_cents=0,
    max_drawdown_cents=10**9,
    max_consecutive_losses=10**6,
    max_trades_per_day=10**6,
    max_contracts=2,
)


def params(install: str) -> EngineParams:
    """A house whose limits never end the day."""
    base = setting(0).params
    mes = replace(base.execution, stop_ticks=4, target_ticks=4)
    return replace(
        base,
        execution=mes,
        instruments={"ES": base.analysis, "MES": mes},
        table=USUAL,
        trading=TradingParams(risk=FREE, timing=Timing(fence_clear_ms=500, commit_wait_ms=COMMIT_WAIT_MS)),
        window=WindowParams(lunch_start_min=0, lunch_end_min=0),
        install=install,
    )


def live(sock: socket.socket, folder: Path, run: str, seed: int, mode: str, *, last: bool) -> None:
    """One life in the commit manner of `mode`. `last`: nobody kills it; it flattens, waits and reports how it stands."""
    code = 0
    logger.remove()
    try:
        life = Life(WireBroker(sock), folder, run, Random(f"{seed}:{run}"), mode, last)
        runtime = Runtime(life.build, Seam(run))
        runtime.start()
        runtime.join()
        if isinstance(runtime.failure, Gone):
            code = 3
        elif runtime.failure is not None:
            send(sock, ("failed", ("".join(traceback.format_exception(runtime.failure)),)))
    except BaseException:
        code = 1
    finally:
        os._exit(code)


@dataclass
class Life:
    """The parts of a house for one life; it is the feed too."""

    broker: WireBroker
    folder: Path
    run: str
    rng: Random
    mode: str
    last: bool

    async def build(self, runtime: Runtime) -> House:
        """The house, inside the engine's loop."""
        self.runtime, self.now_ns = runtime, self.broker.now_ns
        self.journal = await Journal.open(self.folder, Run(self.run, self.mode), post=runtime.post, clock=self.clock)
        engine = self.engine = Engine(params(self.journal.install))
        views = ViewBuilder(engine, Surroundings(mode=self.mode, account_suffix="", contract="", stop_file=""))
        self.broker.ask("connect", self.now_ns)
        return House(
            mode=mode_named(self.mode),
            engine=engine,
            feed=self,
            broker=self.broker,
            matching=None,
            journal=self.journal,
            boot_rows=await self.journal.rows(),
            row_of=_row_of,
            stop_seen=lambda: None,
            watch_stop=_forever,
            write_stop=lambda word: None,
            clock=self.clock,
            steer=lambda name, value: None,
            warm=tuple,
            view=lambda seq, alerts: views.build(seq, 0, self.now_ns, alerts, None),
            beat=lambda view: None,
            grace_ns=0,
            fps=2.0,
            check_key=lambda key: Checked() if key == "key" else Checked("wrong"),
        )

    def clock(self) -> int:
        """The tape's time."""
        return self.now_ns

    async def events(self) -> AsyncIterator[MarketEvent]:
        """The tape: the broker sees each trade first and tells what came of it; somebody presses keys in between."""
        price = 20_000
        for step in range(QUIET_STEPS if self.last else 10**9):
            self.now_ns += STEP_NS
            price += self.rng.choice((-2, -1, 0, 1, 2))
            trades = trades_of("ES", [self.now_ns], [price], [1], [1], bid=[price - 1], ask=[price])
            for report in self.broker.ask("step", trades):
                self.runtime.post(report)
            yield trades
            if self.last and step == QUIET_STEPS // 4:
                self.press(Command.FLATTEN)
            elif not self.last:
                self.trade()
            await self.turns()
            if self.rng.random() < WAITS_FOR_DISK:
                await self.journal.flush()
                await self.turns()
        desk = self.engine.desk
        unknown = tuple(ticket.order.id for ticket in desk.working)
        self.broker.ask("settled", desk.position(), unknown, tuple(latch.kind.value for latch in desk.latches))

    @staticmethod
    async def turns() -> None:
        """Let the loop do what was asked of it: a key is heard, looked at and acted on in a few turns."""
        for _ in range(LOOP_TURNS):
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Nothing to close."""

    def press(self, command: Command, **args: str) -> None:
        """A key, through the seam like every key."""
        self.runtime.seam.command(command, args)

    def trade(self) -> None:
        """Arm and enter often, flatten and halt now and then, resume when latched."""
        what = self.rng.random()
        if self.engine.desk.latches:
            if what < 0.2:
                self.press(Command.RESUME, word=RESUME_WORD, key="key")
        elif what < 0.25:
            self.press(Command.ARM)
            self.press(Command.BRACKET, side=self.rng.choice(("BUY", "SELL")), quantity=str(self.rng.randint(1, 2)))
        elif what < 0.26:
            self.press(Command.FLATTEN)
        elif what < 0.27:
            self.press(Command.HALT)


async def _forever(post: object) -> None:
    del post
    await asyncio.Event().wait()


def _row_of(item: Observation) -> Row:
    return Row("market", "other", type(item).__name__, 0)
