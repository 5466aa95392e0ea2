"""The child: a headless house on the real journal, trading until it is killed."""

from __future__ import annotations

import os
import socket
import traceback
from dataclasses import replace
from pathlib import Path
from random import Random

from orderflow_tui.adapters.journal_memory import SyncJournal
from orderflow_tui.closed_loop import ClosedLoop
from orderflow_tui.domain.event import ClockTick, Command, OperatorCommand
from orderflow_tui.domain.market import trades_of
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.engine import Engine, EngineParams
from orderflow_tui.trading.limits import RiskLimits, Timing, TradingParams
from orderflow_tui.window import WindowParams
from tests.process.wire import Gone, WireBroker, send
from tests.simulation.house import RESUME_WORD, USUAL, setting

STEP_NS = 1_000 * MS_NS
QUIET_STEPS = 80
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
        trading=TradingParams(risk=FREE, timing=Timing(fence_clear_ms=500)),
        window=WindowParams(lunch_start_min=0, lunch_end_min=0),
        install=install,
    )


def live(sock: socket.socket, folder: Path, run: str, seed: int, *, last: bool) -> None:
    """One life. `last`: nobody kills it; it flattens, waits and reports how it stands."""
    code = 0
    try:
        _live(WireBroker(sock), folder, run, Random(f"{seed}:{run}"), last=last)
    except Gone:
        code = 3
    except BaseException:
        send(sock, ("failed", (traceback.format_exc(),)))
        code = 1
    finally:
        os._exit(code)


def _live(broker: WireBroker, folder: Path, run: str, rng: Random, *, last: bool) -> None:
    with SyncJournal(folder, run, broker.now_ns) as journal:
        engine = Engine(params(journal.install))
        engine.restore(journal.rows())
        loop = ClosedLoop(engine, broker, journal)
        broker.ask("connect", broker.now_ns)
        broker.ask("ready")
        price, now_ns, key = 20_000, broker.now_ns, 0

        def press(command: Command, **args: str) -> None:
            nonlocal key
            key += 1
            loop.feed(OperatorCommand(now_ns, command, f"{run}-{key}", args))

        steps = QUIET_STEPS if last else 10**9
        for step in range(steps):
            now_ns += STEP_NS
            price += rng.choice((-2, -1, 0, 1, 2))
            loop.feed(trades_of("ES", [now_ns], [price], [1], [1], bid=[price - 1], ask=[price]))
            loop.feed(ClockTick(now_ns))
            if last:
                if step == QUIET_STEPS // 4:
                    press(Command.FLATTEN)
                continue
            _trade(press, rng, engine)
        desk = engine.desk
        unknown = tuple(t.order.id for t in desk.working)
        broker.ask("settled", desk.position(), unknown, tuple(latch.kind.value for latch in desk.latches))


def _trade(press: object, rng: Random, engine: Engine) -> None:
    """Arm and enter often, flatten and halt now and then, resume when latched."""
    assert callable(press)
    what = rng.random()
    if engine.desk.latches:
        if what < 0.2:
            press(Command.RESUME, word=RESUME_WORD, key_ok="true")
    elif what < 0.35:
        press(Command.ARM)
        press(Command.BRACKET, side=rng.choice(("BUY", "SELL")), quantity=str(rng.randint(1, 2)))
    elif what < 0.37:
        press(Command.FLATTEN)
    elif what < 0.38:
        press(Command.HALT)
