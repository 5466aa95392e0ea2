"""Who sits at the keys: a trader who wants to trade, somebody who resumes, and in storms a cat."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from orderflow_tui.domain.event import Command
from orderflow_tui.domain.signal import Decision, Direction, Regime
from tests.simulation.faults import stream
from tests.simulation.house import RESUME_WORD

if TYPE_CHECKING:
    from tests.simulation.world import World

SIDES = ("BUY", "SELL")


def schedule(world: World) -> None:
    """The trader comes back every few seconds until the chaos ends."""
    rng = stream(world.plan.seed, "trader")
    world.at(6.0, lambda: _trade(world, rng))
    resumer = stream(world.plan.seed, "resumer")
    world.at(20.0 + 20 * resumer.random(), lambda: _resume(world, resumer))
    if world.setting.auto:
        signals = stream(world.plan.seed, "signals")
        world.at(8.0, lambda: _decide(world, signals))


def _trade(world: World, rng: Random) -> None:
    """Arm, perhaps grant automation, press a bracket; sometimes leave, reverse or flatten."""
    pause, what, side, eager = 1.5 + 9 * rng.random(), rng.random(), rng.choice(SIDES), rng.random() < 0.2
    forgets = rng.random() < 0.15
    quantity = str(rng.choice((1, 1, 2, 2, 3, 3)))
    if world.calm:
        return
    if what >= 0.9 or eager or not world.busy:
        _press_something(world, what, side, quantity, forgets=forgets)
    world.at(pause, lambda: _trade(world, rng))


def _press_something(world: World, what: float, side: str, quantity: str, *, forgets: bool) -> None:
    if not forgets:
        world.press(Command.ARM)
    if world.setting.auto and what < 0.4:
        world.press(Command.AUTOMATION, mode="AUTO")
    elif what < 0.90:
        world.press(Command.BRACKET, side=side, quantity=quantity)
    elif what < 0.93:
        world.press(Command.REVERSE)
    elif what < 0.95:
        world.press(Command.FLATTEN)
    elif what < 0.97:
        world.press(Command.CANCEL_ENTRIES)
    else:
        world.press(Command.RECONCILE)


def _resume(world: World, rng: Random) -> None:
    """Whenever something is latched, somebody types the word; not always the right one."""
    pause, right, key = 8 + 25 * rng.random(), rng.random() < 0.85, rng.random() < 0.6
    if world.calm:
        return
    if world.loop is not None and world.oracle.floor.board.latches:
        world.press(Command.RESUME, word=RESUME_WORD if right else "resume", key_ok="true" if key else "false")
    world.at(pause, lambda: _resume(world, rng))


def _decide(world: World, rng: Random) -> None:
    """An accepted decision of the analytics, sometimes the same one again."""
    pause, direction, again = 3 + 12 * rng.random(), rng.choice((Direction.LONG, Direction.SHORT)), rng.random() < 0.2
    patterns, factor = rng.choice((1, 1, 2)), rng.choice((1.0, 1.0, 0.5, 0.0))
    if world.calm:
        return
    if world.loop is not None and not world.stalled:
        world.keys += 0 if again else 1
        name = f"d{world.keys}"
        price = world.market.price
        decision = Decision(
            name, world.now_ns, f"s-{name}", "SIM", direction, True, "", "", Regime.RANGING, 0.8, 80.0, factor, patterns, price
        )
        world.decide(decision)
    world.at(pause, lambda: _decide(world, rng))


def random_key(world: World, rng: Random) -> None:
    """Any key with any arguments."""
    command = rng.choice(list(Command))
    args = {
        "side": rng.choice(("BUY", "SELL", "", "buy")),
        "quantity": rng.choice(("1", "2", "0", "99", "-1", "x", "²")),
        "mode": rng.choice(("AUTO", "OFF", "ALERT", "CONFIRM", "?")),
        "word": rng.choice((RESUME_WORD, "resume", "")),
        "key_ok": rng.choice(("true", "false", "")),
        "id": rng.choice(("d1", "d2", "s-d3", "")),
    }
    world.press(command, **args)
