"""What happens to the layer with the real client: accidents of the wire, the gateway, the disk and the process, and a
trader's keys. A seed takes some of the kinds only, each with a random stream of its own, so that rare pairs meet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from orderflow_tui.domain.event import Command
from tests.simulation.client_world import SYMBOL, ClientWorld
from tests.simulation.faults import stream

TICK = 0.25
Accident = Callable[[ClientWorld, Random], object]


def _order_fault(on: str, codes: tuple[int, ...], *, may_live: bool = True) -> Accident:
    """An error about the next order of a role. Codes that mean a rejection come with one."""

    def play(w: ClientWorld, r: Random) -> None:
        alive = may_live and r.random() < 0.5
        w.stage.do("order-fault", on=on, code=r.choice(codes), role=r.choice(("-E", "-S", "-T", "")), alive=alive)

    return play


def _hold(w: ClientWorld, r: Random) -> None:
    """News kept back for up to two seconds, then told, perhaps last first."""
    w.stage.do("hold", what=["ORDER_STATUS", "EXECUTION", "OPEN_ORDER"][: r.randint(1, 3)])
    w.loop.call_later(2 * r.random(), lambda: w.stage.do("release", backwards=r.random() < 0.5))


def _freeze(w: ClientWorld, r: Random) -> None:
    """SIGSTOP for a while."""
    if not w.loop.frozen:
        w.loop.frozen = True
        w.loop.call_later(0.5 + 8 * r.random(), w.loop.thaw)


def _lose_broker(w: ClientWorld, r: Random) -> None:
    w.stage.do("lose-broker", code=r.choice((1100, 2110)))
    w.loop.call_later(0.2 + 6 * r.random(), lambda: w.stage.do("regain-broker", kept=r.random() < 0.5))


def _farm(w: ClientWorld, r: Random) -> None:
    w.stage.do("farm", down=True, code=r.choice((2103, 2105)))
    w.loop.call_later(0.2 + 6 * r.random(), lambda: w.stage.do("farm", down=False))


def _compete(w: ClientWorld, r: Random) -> None:
    w.stage.do("compete", on=True)
    w.loop.call_later(0.2 + 6 * r.random(), lambda: w.stage.do("compete", on=False))


def _disk_slow(w: ClientWorld, r: Random) -> None:
    w.disk.slow_s = r.choice((0.1, 0.3, 1.0, 3.0))
    disk = w.disk
    w.loop.call_later(0.5 + 4 * r.random(), lambda: setattr(disk, "slow_s", 0.0))


def _kill(w: ClientWorld, r: Random) -> None:
    if w.runtime is None:
        return
    w.die()
    w.loop.call_later(0.2 + 5 * r.random() ** 2, lambda: w.boot() if w.runtime is None else None)


def _outsider(w: ClientWorld, r: Random) -> None:
    w.outsiders += 1
    w.stage.do("manual", symbol=SYMBOL, side=r.choice(("BUY", "SELL")))


def _correct(w: ClientWorld, r: Random) -> None:
    done = w.stage.gateway.house.exchange.executions
    if done:
        w.stage.do("correct", price=(done[-1].price + r.choice((-1, 1, 2))) * TICK)


def _jump(w: ClientWorld, r: Random) -> None:
    last = w.stage.do("quote", symbol=SYMBOL)["last"]
    w.stage.do("jump", symbol=SYMBOL, price=last + r.choice((-48, -20, -6, 6, 20, 48)) * TICK)


ENDS = ("POSITION_END", "OPEN_ORDER_END", "COMPLETED_ORDERS_END", "EXECUTION_END", "CONTRACT_DETAILS_END")
ASKS = ("POSITIONS", "ALL_OPEN_ORDERS", "COMPLETED_ORDERS", "EXECUTIONS", "CURRENT_TIME", "ACCOUNT_SUMMARY", "CONTRACT_DETAILS")
NEWS = ("EXECUTION", "ORDER_STATUS", "OPEN_ORDER", "COMMISSION", "POSITION")
KINDS: dict[str, Accident] = {
    "cut": lambda w, r: w.stage.do("cut", mid_frame=r.random() < 0.5),
    "restart": lambda w, r: w.stage.do("restart", down_s=4 * r.random(), reset_ids=r.random() < 0.5),
    "lose_broker": _lose_broker,
    "farm_down": _farm,
    "other_session": _compete,
    "port_changed": lambda w, r: w.stage.do("error", code=1300),
    "id_in_use": lambda w, r: (w.stage.do("refuse-id", count=r.choice((1, 2))), w.stage.do("cut")),
    "half_open": _freeze,
    "news_twice": lambda w, r: w.stage.do("duplicate", what=r.choice(NEWS), count=r.randint(1, 5)),
    "news_lost": lambda w, r: w.stage.do("drop", what=r.choice(("ORDER_STATUS", "OPEN_ORDER")), count=r.randint(1, 4)),
    "execution_lost": lambda w, r: w.stage.do("drop", what="EXECUTION", count=1),
    "news_held": _hold,
    "execution_first": lambda w, r: w.stage.do("executions-first", on=r.random() < 0.7),
    "end_missing": lambda w, r: w.stage.do("drop", what=r.choice(ENDS), count=1),
    "muted": lambda w, r: w.stage.do("mute", what=r.choice(ASKS), count=r.choice((1, 1, 2))),
    "split": lambda w, r: w.stage.do("split", bytes=r.choice((0, 1, 7, 50))),
    "order_rejected": _order_fault("place", (201, 203, 110, 321, 451), may_live=False),
    "order_doubted": _order_fault("place", (10349, 399, 161, 507, 104)),
    "change_refused": _order_fault("change", (104, 105, 110, 134, 321, 329, 2102, 99_999)),
    "cancel_refused": _order_fault("cancel", (135, 136, 161, 10147, 10148, 99_999)),
    "data_refused": lambda w, r: (w.stage.do("answer", what="TICK_BY_TICK", code=r.choice((10189, 10190))), w.stage.do("cut")),
    "book_reset": lambda w, r: w.stage.do("reset-depth", resend=r.random() < 0.5),
    "what_if": lambda w, r: w.stage.do("what-if", manner=r.choice(("", "never", "unset-first"))),
    "partial_fills": lambda w, r: w.stage.do("habits", most_per_fill=r.choice((None, 1))),
    "group_late": lambda w, r: w.stage.do("habits", group_delay_s=r.choice((0, 0.3, 1.5))),
    "corrected": _correct,
    "gap": _jump,
    "disk_slow": _disk_slow,
    "disk_fails": lambda w, r: setattr(w.disk, "fails", 1),
    "killed": _kill,
    "outsider": _outsider,
}


def kinds_of(seed: int) -> list[str]:
    """The kinds a seed plays."""
    rng = stream(seed, "client kinds")
    share = rng.choice((0.15, 0.3, 0.6))
    return [kind for kind in KINDS if rng.random() < share and (kind != "outsider" or rng.random() < 0.4)]


async def chaos(world: ClientWorld, seconds: float) -> None:
    """Keys and accidents until the time is over."""
    accidents = [_happen(world, kind, seconds) for kind in kinds_of(world.seed)]
    playing = [asyncio.ensure_future(work) for work in (_trade(world, seconds), *accidents)]
    try:
        await asyncio.gather(*playing)
    finally:
        for task in playing:
            task.cancel()


async def _happen(world: ClientWorld, kind: str, seconds: float) -> None:
    rng, until_s = stream(world.seed, f"client {kind}"), world.loop.now_s + seconds
    mean_s = rng.choice((5.0, 15.0, 40.0))
    while True:
        await asyncio.sleep(min(rng.expovariate(1 / mean_s), until_s - world.loop.now_s))
        if world.loop.now_s >= until_s:
            return
        world.accidents[kind] += 1
        world.note(f"accident {kind}")
        KINDS[kind](world, rng)


async def _trade(world: ClientWorld, seconds: float) -> None:
    """A hasty trader: arms, enters, flattens, resumes, asks."""
    rng, until_s = stream(world.seed, "client trader"), world.loop.now_s + seconds
    while world.loop.now_s < until_s:
        await asyncio.sleep(0.3 + 4 * rng.random())
        match rng.randrange(12):
            case 0:
                world.press(Command.FLATTEN)
            case 1:
                world.press(Command.RECONCILE)
            case 2:
                world.press(Command.CANCEL_ENTRIES)
            case _:
                world.press(Command.RESUME, word="RESUME")
                world.press(Command.ARM)
                await asyncio.sleep(0.3)
                world.press(Command.BRACKET, side=rng.choice(("BUY", "SELL")))
                await asyncio.sleep(0.2 + 3 * rng.random())
                if rng.random() < 0.7:  # the market takes the target or the stop
                    _jump(world, rng)
