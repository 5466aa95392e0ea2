"""The faults that happen at moments: when, how long, and what they do to the world. One stream a kind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from random import Random

from orderflow_tui.adapters import ib_codec
from orderflow_tui.domain.account import Link, LinkStatus
from orderflow_tui.domain.event import Command, JournalFailed, OperatorCommand, Trouble
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.market import FeedState, FeedStatus, Quote, trades_of
from orderflow_tui.domain.order import Order, OrderType, Purpose, Role, Side
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.ports import NotSent
from tests.simulation.faults import MOMENTS, STANDING, Dose, Plan, stream
from tests.simulation.memory import FOREIGN
from tests.simulation.people import random_key
from tests.simulation.world import UNREADABLE, World

Happening = Callable[[World, Random], None]
FIRST_S = 5.0  # until then the house comes up undisturbed


def schedule(world: World) -> None:
    """Put every moment of the plan on the agenda; those beyond the end of the chaos go with it."""
    for dose in world.plan.doses:
        if dose.kind in MOMENTS:
            for begin_s, bits in moments(world.plan, dose):
                world.at(begin_s, _strike(world, dose.kind, Random(bits)))
        elif dose.kind in STANDING:
            world.count(dose.kind)
            STANDS[dose.kind](world)


def moments(plan: Plan, dose: Dose) -> list[tuple[float, int]]:
    """When a kind strikes, in seconds from the begin, and what each draws from. A weaker dose has some of the same moments,
    a shorter run those that come before its end."""
    rng = stream(plan.seed, dose.kind)
    drawn = [
        (FIRST_S + rng.random() * (plan.span_s - FIRST_S - 1), rng.getrandbits(64)) for _ in range(max(1, round(dose.strength)))
    ]
    return sorted(m for m in drawn if m[0] < plan.chaos_s)


def _strike(world: World, kind: str, rng: Random) -> Callable[[], None]:
    """A strike counts where it acts: what finds nothing to act upon has not struck, and excuses nothing."""

    def strike() -> None:
        if world.calm or not FINDS.get(kind, _anything)(world):
            return
        if kind not in COUNT_THEMSELVES:
            world.count(kind)
        HAPPENINGS[kind](world, rng)

    return strike


def _lasts(rng: Random, low: float, high: float) -> float:
    return low + (high - low) * rng.random() ** 2


# -- feed ---------------------------------------------------------------------------------------------------------------


def _silence(world: World, rng: Random) -> None:
    """Nothing is heard of the market; somebody presses a key into it, soon or late."""
    lasts, side = _lasts(rng, 2, 40), rng.choice(("BUY", "SELL"))
    world.market.mood.silent_ns = world.now_ns + int(lasts * SECOND_NS)
    pressed = lasts * (1.0 - rng.random() / 2)
    for command in (Command.ARM, Command.BRACKET):
        world.at(pressed, partial(_press, world, command, side))


def _quote(world: World, bid: int, ask: int) -> None:
    world.line.phantom = True
    world.hear(Quote("ES", world.now_ns, bid, ask, 5, 5))
    world.line.phantom = False


def _crossed(world: World, rng: Random) -> None:
    """A crossed book, or a quote far from the tape; somebody presses a key into it."""
    far, side = rng.choice((0, 0, 30, -30)), rng.choice(("BUY", "SELL"))
    if far:
        _quote(world, world.market.price + far, world.market.price + far + 1)
        world.press(Command.ARM)
        world.press(Command.BRACKET, side=side)
        return
    _quote(world, world.market.price + rng.randint(1, 8), world.market.price - rng.randint(1, 8))


def _locked(world: World, rng: Random) -> None:
    _quote(world, world.market.price, world.market.price)


def _print(world: World, price: int, kind: str) -> None:
    """A print that never traded; the engine hears it when the product's own guard of the feed believes it."""
    if world.door.admits(price):
        world.count(kind)
        world.line.phantom = True
        world.hear(trades_of("ES", [world.now_ns], [price], [1], [1]))
        world.line.phantom = False


def _outlier(world: World, rng: Random) -> None:
    """A lone wrong print: within one percent it is believed, twice or five times the price it is not."""
    for _ in range(6):
        world.door.admits(world.market.price)
    near, side = rng.randint(60, 190), rng.choice((-1, 1))
    _print(world, world.market.price + side * near, "feed_outlier")
    _print(world, world.market.price * rng.choice((2, 5)), "feed_outlier")


def _far_prints(world: World, rng: Random) -> None:
    """Three wrong prints that agree with one another, more than one percent away: the third is believed."""
    for _ in range(6):
        world.door.admits(world.market.price)
    wrong = world.market.price + rng.choice((-1, 1)) * rng.randint(210, 900)
    for n in range(3):
        _print(world, wrong + n, "feed_far_prints")


def _burst(world: World, rng: Random) -> None:
    world.market.mood.burst_ns = world.now_ns + int(_lasts(rng, 1, 4) * SECOND_NS)


def _gap(world: World, rng: Random) -> None:
    world.hear(FeedStatus("ES", world.now_ns, FeedState.GAP, "simulated gap"))
    world.market.mood.silent_ns = world.now_ns + int(_lasts(rng, 0.5, 6) * SECOND_NS)
    world.market.jump(rng.randint(-12, 12))


def _jump(world: World, rng: Random) -> None:
    world.market.jump(rng.choice((-1, 1)) * rng.randint(6, 60))


def _limit_locked(world: World, rng: Random) -> None:
    """The price runs to its limit, and there one side finds nobody: stops are triggered and do not fill, exits wait."""
    lasts, side, ticks = _lasts(rng, 3, 60), rng.choice((Side.BUY, Side.SELL)), rng.choice((0, 6, 12, 30))
    world.market.jump(side * ticks)
    world.lock(side)
    world.at(lasts, lambda: world.lock(None))


def _no_quotes(world: World, rng: Random) -> None:
    mood = world.market.mood
    mood.no_quotes_ns = max(mood.no_quotes_ns, world.now_ns + int(_lasts(rng, 6, 60) * SECOND_NS))


def _trades_only(world: World) -> None:
    """A source that has no quotes; a wrong one may come all the same."""
    world.market.mood.no_quotes_ns = world.now_ns + 86_400 * SECOND_NS  # the calm ends it


def _one_sided(world: World, rng: Random) -> None:
    world.market.mood.one_sided_ns = world.now_ns + int(_lasts(rng, 2, 20) * SECOND_NS)


def _feed_state(state: FeedState) -> Happening:
    def happen(world: World, rng: Random) -> None:
        lasts = _lasts(rng, 2, 30)
        world.hear(FeedStatus("ES", world.now_ns, state, "simulated"))
        if state is FeedState.DOWN:
            world.market.mood.silent_ns = world.now_ns + int(lasts * SECOND_NS)
        world.at(lasts, lambda: world.hear(FeedStatus("ES", world.now_ns, FeedState.LIVE, "back")))

    return happen


def _out_of_order(world: World, rng: Random) -> None:
    """A trade of a while ago is told again: at its price of then, with the stamp that the product's feed gives to one that comes
    after newer ones."""
    past_ns, price = world.market.told[int(rng.random() * len(world.market.told))]
    told_ns = ib_codec.stamp(world.now_ns, past_ns // SECOND_NS, world.now_ns)
    if world.door.admits(price):
        world.count("feed_out_of_order")
        world.line.phantom = True
        world.hear(trades_of("ES", [told_ns], [price], [1], [1]))
        world.line.phantom = False


# -- link ---------------------------------------------------------------------------------------------------------------


def _drop(low: float, high: float) -> Happening:
    def happen(world: World, rng: Random) -> None:
        world.drop_link(_lasts(rng, low, high), "simulated drop")

    return happen


def _flap(world: World, rng: Random) -> None:
    for n in range(rng.randint(2, 5)):
        world.at(n * _lasts(rng, 0.2, 3), lambda: None if world.calm else world.drop_link(0.1, "flap"))


def _new_epoch(world: World, rng: Random) -> None:
    world.drop_link(0.0, "new connection")


def _hung(world: World, rng: Random) -> None:
    """Nothing answers any more; after two missed probes the link's supervisor gives the connection up."""
    world.line.hang()
    world.oracle.hung = True
    lasts = _lasts(rng, 0.5, 10)

    def give_up() -> None:
        if world.line.hung:
            world.drop_link(lasts, "two probes missed")

    world.at(4.0, give_up)


def _hung_short(world: World, rng: Random) -> None:
    world.line.hang()
    world.oracle.hung = True

    def go_on() -> None:
        if world.line.hung:
            world.oracle.hung = False
            for event in world.line.wake(world.now_ns):
                world.hear(event)

    world.at(_lasts(rng, 0.3, 3.5), go_on)


def _status(link: Link) -> Happening:
    def happen(world: World, rng: Random) -> None:
        epoch = world.sim.epoch
        world.hear(LinkStatus(world.now_ns, link, epoch, "simulated"))

        def back() -> None:
            if world.oracle.connected and not world.line.hung:
                world.hear(LinkStatus(world.now_ns, Link.READY, world.sim.epoch, "back"))

        world.at(_lasts(rng, 0.5, 20), back)

    return happen


def _number_reset(world: World, rng: Random) -> None:
    world.hear(LinkStatus(world.now_ns, Link.READY, world.sim.epoch, "ids were reset", next_number=1))


# -- disk ---------------------------------------------------------------------------------------------------------------


def _disk_full(world: World, rng: Random) -> None:
    world.disk.full_until_ns = world.now_ns + int(_lasts(rng, 0.2, 30) * SECOND_NS)
    world.hear(JournalFailed(world.now_ns, (), "simulated: the disk is full"))


def _disk_stalled(world: World, rng: Random) -> None:
    world.disk.stalled_until_ns = world.now_ns + int(_lasts(rng, 0.05, 5) * SECOND_NS)


def _batch_lost(world: World, rng: Random) -> None:
    world.hear(JournalFailed(world.now_ns, (), "simulated: a batch of market rows was lost"))


# -- process ------------------------------------------------------------------------------------------------------------


def _crash(world: World, rng: Random) -> None:
    """Dies between two effects soon, or after a few seconds of doing nothing."""
    world.crash_in = rng.randint(1, 40)
    world.torn = rng.random()
    boots, torn = len(world.boots), world.torn
    world.at(6.0, lambda: None if world.calm or len(world.boots) != boots else world.die(torn, "crash"))


def _crash_loop(world: World, rng: Random) -> None:
    for n in range(rng.randint(3, 5)):
        torn = rng.random()
        die = partial(world.die, torn, "crash_loop")
        world.at(n * _lasts(rng, 2, 12), lambda die=die: None if world.calm else die())  # type: ignore[misc]


def _torn_tail(world: World, rng: Random) -> None:
    world.die(0.0, "crash_torn_tail")


def _stall(world: World, rng: Random) -> None:
    world.stall()
    world.at(_lasts(rng, 0.3, 9), world.resume_loop)


def _second_host(world: World, rng: Random) -> None:
    """Another installation trades on the same account."""
    number = 900_000 + rng.randint(1, 9_999)
    far = Order(
        id=f"of1-zzzzz-{number}-T",
        intent_id=f"of1-zzzzz-{number}",
        number=number,
        revision=0,
        instrument="MES",
        side=Side.SELL,
        role=Role.TARGET,
        purpose=Purpose.PROTECT,
        type=OrderType.LIMIT,
        quantity=1,
        limit_ticks=world.market.price + 5_000,
    )
    with suppress(NotSent):
        world.sim.send([far], world.now_ns)
        world.count("second_host")


def _task_dead(world: World, rng: Random) -> None:
    world.hear(Trouble(world.now_ns, LatchKind.TASK_DEAD, "simulated: a task ended"))
    world.at(0.2, lambda: None if world.calm else world.die(1.0))


# -- time ---------------------------------------------------------------------------------------------------------------


def _clock_forward(world: World, rng: Random) -> None:
    world.skip(rng.choice((2.5, 30.0, 120.0)), trading=False)


def _set_back(world: World, by_ms: int) -> None:
    """The wall clock is set back. The house's time goes on, slower, until the wall clock has caught up with it: it gains a tenth
    of a second every second, and until then the house says that its clocks are apart."""

    def again(behind_ms: int) -> None:
        if not world.calm:
            world.behind_ms = max(0, behind_ms)
            world.tell_health()
            if behind_ms > 0:
                world.at(10.0, lambda: again(behind_ms - 1_000))

    again(by_ms)


def _clock_back(world: World, rng: Random) -> None:
    _set_back(world, rng.choice((2_500, 4_000, 30_000)))


def _clock_hour(world: World, rng: Random) -> None:
    """A wrong zone, put right after a while: an hour forward, an hour back."""
    lasts = _lasts(rng, 1, 20)
    world.skip(3_600.0, trading=False)
    world.at(lasts, lambda: _set_back(world, 3_600_000))


def _broker_clock(world: World, rng: Random) -> None:
    """The broker's clock is seen to differ from ours, for a while."""
    world.broker_off_s = rng.choice((-1, 1)) * rng.choice((4, 6, 60, 3_600))
    world.tell_health()

    def agrees() -> None:
        world.broker_off_s = 0
        world.tell_health()

    world.at(_lasts(rng, 5, 60), agrees)


def _nightly_reset(world: World, rng: Random) -> None:
    """The broker's nightly reset is near: said in advance; then the line is gone, and orders answered late if at all."""
    before, lasts = _lasts(rng, 5, 40), _lasts(rng, 5, 60)
    world.broker_resets = True
    world.tell_health()

    def begins() -> None:
        if not world.calm:
            world.drop_link(lasts, "nightly reset")

    def over() -> None:
        world.broker_resets = False
        world.tell_health()

    world.at(before, begins)
    world.at(before + lasts + 5, over)


def _suspended(world: World, rng: Random) -> None:
    """The machine sleeps, the market does not; on waking the line may be gone."""
    gone, lasts = rng.random() < 0.5, _lasts(rng, 10, 600)
    world.stall()
    world.skip(lasts, trading=True)
    if gone:
        world.drop_link(2.0, "slept too long")
    world.resume_loop()


# -- people -------------------------------------------------------------------------------------------------------------


def _keys(count: int) -> Happening:
    def happen(world: World, rng: Random) -> None:
        for n in range(count):
            draws = Random(rng.getrandbits(64))
            world.at(n * 0.07, lambda draws=draws: None if world.calm else random_key(world, draws))  # type: ignore[misc]

    return happen


def _storm(world: World, rng: Random) -> None:
    """Forty random keys in three seconds, or somebody who enters and cancels as fast as the keyboard allows."""
    if rng.random() < 0.5:
        _keys(40)(world, rng)
        return
    for n in range(12):
        for k, (command, side) in enumerate(((Command.ARM, ""), (Command.BRACKET, "BUY"), (Command.CANCEL_ENTRIES, ""))):
            press = partial(_press, world, command, side)
            world.at(0.8 * n + (0.01, 0.02, 0.1)[k], press)


def _press(world: World, command: Command, side: str) -> None:
    if not world.calm:
        world.press(command, side=side)


def _stop(action: str, low: float, high: float) -> Happening:
    def happen(world: World, rng: Random) -> None:
        world.set_stop(action)
        world.at(_lasts(rng, low, high), lambda: None if world.calm else world.set_stop(None))

    return happen


def _stop_between(world: World, rng: Random) -> None:
    """It stands for less than a poll: only the outbox can see it."""
    world.press(Command.ARM)
    world.stop_file = world.oracle.stop_file = "unseen"
    world.press(Command.BRACKET, side=rng.choice(("BUY", "SELL")))

    def gone() -> None:
        if world.stop_file == "unseen":
            world.stop_file = world.oracle.stop_file = None

    world.at(0.2, gone)


def _hand_trade(world: World, rng: Random) -> None:
    side, quantity = rng.choice((Side.BUY, Side.SELL)), rng.randint(1, 2)
    world.sim.trade_by_hand("MES", side, quantity, world.now_ns)


def _foreign_trade(world: World, rng: Random) -> None:
    """Somebody trades what this session cannot trade, and sometimes closes it again."""
    side, quantity = rng.choice((Side.BUY, Side.SELL)), rng.randint(1, 2)
    closes, after_s = rng.random() < 0.5, 5 + 20 * rng.random()
    world.sim.trade_by_hand(FOREIGN, side, quantity, world.now_ns)
    if closes:
        world.at(after_s, lambda: world.sim.trade_by_hand(FOREIGN, side.opposite, quantity, world.now_ns))


def _drift(world: World, rng: Random) -> None:
    """The broker's position changes and no execution says why."""
    positions, by = world.sim._exchange.books.positions, rng.choice((-1, 1))
    held = positions.get("MES", 0) + by
    if held:
        positions["MES"] = held
    else:
        positions.pop("MES", None)
    world.oracle.matched()


# -- added later --------------------------------------------------------------------------------------------------------


def _when(world: World, kind: str, holds: Callable[[], bool], act: Callable[[], None], tries: int = 15) -> None:
    """Do it as soon as something holds, looking every two seconds; or not at all."""
    if world.calm or not tries:
        return
    if world.loop is not None and not world.stalled and holds():
        world.count(kind)
        act()
        return
    world.at(2.0, lambda: _when(world, kind, holds, act, tries - 1))


def _reports_silent(world: World, rng: Random) -> None:
    """Orders are answered, but no account report ever ends; often on a new connection, where nothing is known. Somebody
    adds to what is held meanwhile or, where that is not allowed, enters anew once the target was hit."""
    lasts, anew, first = _lasts(rng, 18, 40), rng.random() < 0.7, 5.5 + 2 * rng.random()
    risk = world.setting.params.trading.risk

    def enter() -> None:
        side = "BUY" if world.oracle.position > 0 else "SELL"
        for command in (Command.ARM, Command.BRACKET):
            _press(world, command, side)

    def begin() -> None:
        held = world.oracle.position
        adds = risk.max_concurrent > 1 and abs(held) < risk.max_contracts
        until_ns = world.now_ns + int(lasts * SECOND_NS)
        world.line.silent_until_ns = world.oracle.silent_until_ns = max(world.line.silent_until_ns, until_ns)
        if anew:
            world.drop_link(0.0, "new connection")
        if not adds:
            world.at(1.0, lambda: world.market.jump(20 if held > 0 else -20))
        for n in range(3):
            world.at(first + 2 * n + (0 if adds else 2), enter)

    _when(world, "reports_silent", lambda: bool(world.oracle.position), begin)


def _changes_refused(world: World, rng: Random) -> None:
    """For a while the broker changes nothing: an entry fills in part, its exits are too large and stay so."""
    lasts, side = _lasts(rng, 40, 60), rng.choice(("BUY", "SELL"))

    def begin() -> None:
        world.sim.behave(replace(world.plan.broker(), partial_fill=1.0, oversize_children=1.0, change_refused=1.0))
        world.market.mood.still_ns = world.now_ns + int(lasts * SECOND_NS)
        world.at(lasts, lambda: None if world.calm else world.sim.behave(world.plan.broker()))
        world.press(Command.ARM)
        world.press(Command.BRACKET, side=side, quantity=str(world.setting.params.trading.risk.max_contracts))

    _when(world, "changes_refused", lambda: not world.busy, begin)


def _flatten_race(world: World, rng: Random) -> None:
    """A person flattens; exits fill while they are cancelled, and reports read the position first and the orders last."""
    lasts = _lasts(rng, 5, 12)

    def end() -> None:
        if not world.calm:
            world.line.torn = world.plan.strength("report_torn")
            world.sim.behave(world.plan.broker())

    def begin() -> None:
        world.line.torn = 1.0
        world.sim.behave(replace(world.plan.broker(), fill_after_cancel=0.7))
        world.at(lasts, end)
        world.press(Command.FLATTEN)

    _when(world, "flatten_race", lambda: bool(world.oracle.position), begin)


def _cause_again(world: World, rng: Random) -> None:
    """A key press or a decision that led to an entry is delivered a second time."""

    def led_to_one() -> list[str]:
        return [name for name in world.given if name in world.oracle.causes]

    def again() -> None:
        given = world.given[led_to_one()[-1]]
        world.press(Command.ARM)
        if isinstance(given, OperatorCommand):
            world.hear(replace(given, ts_ns=world.now_ns))
            return
        world.press(Command.AUTOMATION, mode="AUTO")
        world.decide(replace(given, ts_ns=world.now_ns))

    _when(world, "cause_again", lambda: not world.busy and bool(led_to_one()), again)


def _margin_raised(world: World, rng: Random) -> None:
    """The broker asks for more a contract than before: told when asked, as on a new connection, and by what reports say is left.
    Somebody wants in all the same."""
    percent, anew, side = rng.choice((120, 150, 200, 400, 1_000)), rng.random() < 0.6, rng.choice(("BUY", "SELL"))
    world.sim.ask_for_margin(percent)
    if anew:
        world.drop_link(0.0, "new connection")
    for command in (Command.ARM, Command.BRACKET):
        world.at(8.0, partial(_press, world, command, side))


HAPPENINGS: dict[str, Happening] = {
    "feed_silence": _silence,
    "feed_crossed": _crossed,
    "feed_locked": _locked,
    "feed_outlier": _outlier,
    "feed_burst": _burst,
    "feed_gap": _gap,
    "feed_jump": _jump,
    "feed_limit_locked": _limit_locked,
    "feed_no_quotes": _no_quotes,
    "feed_one_sided": _one_sided,
    "feed_down": _feed_state(FeedState.DOWN),
    "feed_snapshot": _feed_state(FeedState.SNAPSHOT),
    "feed_far_prints": _far_prints,
    "feed_out_of_order": _out_of_order,
    "link_drop": _drop(0.5, 15),
    "link_flap": _flap,
    "link_long_drop": _drop(20, 90),
    "link_new_epoch": _new_epoch,
    "link_hung": _hung,
    "link_hung_short": _hung_short,
    "link_broker_lost": _status(Link.BROKER_LOST),
    "link_data_blocked": _status(Link.DATA_BLOCKED),
    "number_reset": _number_reset,
    "disk_full": _disk_full,
    "disk_stalled": _disk_stalled,
    "market_batch_lost": _batch_lost,
    "crash": _crash,
    "crash_loop": _crash_loop,
    "crash_torn_tail": _torn_tail,
    "loop_stall": _stall,
    "second_host": _second_host,
    "task_dead": _task_dead,
    "clock_forward": _clock_forward,
    "suspended": _suspended,
    "random_keys": _keys(3),
    "key_storm": _storm,
    "stop_halt": _stop("halt", 1, 30),
    "stop_flatten": _stop("flatten", 1, 30),
    "stop_unreadable": _stop(UNREADABLE, 5, 60),
    "stop_brief": _stop("halt", 0.26, 1),
    "stop_between": _stop_between,
    "hand_trade": _hand_trade,
    "position_drift": _drift,
    "reports_silent": _reports_silent,
    "cause_again": _cause_again,
    "changes_refused": _changes_refused,
    "flatten_race": _flatten_race,
    "foreign_trade": _foreign_trade,
    "clock_back": _clock_back,
    "clock_hour": _clock_hour,
    "broker_clock": _broker_clock,
    "nightly_reset": _nightly_reset,
    "margin_raised": _margin_raised,
}
assert HAPPENINGS.keys() == set(MOMENTS), "every moment has its happening"
STANDS: dict[str, Callable[[World], None]] = {"feed_trades_only": _trades_only}
assert STANDS.keys() == set(STANDING), "all that stands is put up"


# -- what a moment must find to act upon ----------------------------------------------------------------------------------


def _anything(_: World) -> bool:
    return True


def _somebody(world: World) -> bool:
    """A process lives, and what is said is heard, now or when its loop goes on."""
    return world.loop is not None


def _running(world: World) -> bool:
    return world.loop is not None and not world.stalled


def _line_up(world: World) -> bool:
    return world.loop is not None and world.oracle.connected and not world.line.hung


def _trading(world: World) -> bool:
    return world.market.open_at(world.now_ns)


FOUND_BY: tuple[tuple[Callable[[World], bool], tuple[str, ...]], ...] = (
    (_trading, ("feed_silence", "feed_burst", "feed_limit_locked", "feed_no_quotes", "feed_one_sided")),
    (_trading, ("hand_trade", "foreign_trade")),
    (_somebody, ("feed_crossed", "feed_locked", "feed_outlier", "feed_far_prints")),
    (lambda world: _somebody(world) and bool(world.market.told), ("feed_out_of_order",)),
    (_somebody, ("feed_gap", "feed_down", "feed_snapshot", "market_batch_lost", "task_dead")),
    (_somebody, ("crash", "crash_torn_tail", "random_keys", "key_storm")),
    (lambda world: _somebody(world) and world.stop_file is None, ("stop_between",)),
    (_line_up, ("link_broker_lost", "link_data_blocked")),
    (_line_up, ("link_new_epoch", "link_hung", "link_hung_short", "number_reset", "second_host")),
    (_running, ("loop_stall", "suspended")),
)
FINDS = {kind: finds for finds, kinds in FOUND_BY for kind in kinds}
# these wait for their opportunity, or count each effect
COUNT_THEMSELVES = frozenset(
    {"feed_outlier", "feed_far_prints", "feed_out_of_order", "crash", "crash_loop", "crash_torn_tail", "second_host"}
    | {"reports_silent", "cause_again", "changes_refused", "flatten_race"}
)
assert FINDS.keys() | COUNT_THEMSELVES <= set(MOMENTS), "of the kinds there are"
