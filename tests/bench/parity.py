"""The parity fixture: one strategy on one tape by several programs that must agree before their speed means anything.

The work: five-minute footprints; a bar with stacked imbalances on one side only is a signal; flat, one contract enters at
the next trade, its stop 16 and its target 24 ticks from the signalling bar's close; no latency, no slippage, targets fill on
touch. A random walk has no 300 % stacks to speak of, so this fixture calls a level imbalanced at 150 %.

`python -m tests.bench.parity [--quick]` compares and prints trades a second of processor time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import process_time

from orderflow_tui.adapters.sim_broker import SimBroker
from orderflow_tui.adapters.sim_broker_orders import FillRules
from orderflow_tui.domain.action import Action, Send
from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.event import ClockTick, Event
from orderflow_tui.domain.market import Trades
from orderflow_tui.domain.order import Commission, Fill, Order, OrderType, Purpose, Role, Side
from orderflow_tui.domain.session import MINUTE_NS
from orderflow_tui.domain.signal import Pattern
from orderflow_tui.domain.watch import Watch
from orderflow_tui.driver import Driver
from orderflow_tui.market.imbalance import ImbalanceRules
from orderflow_tui.market.news import BarClosed, News
from orderflow_tui.market.params import MarketParams
from orderflow_tui.market.state import MarketState
from orderflow_tui.signals.detector import BarContext
from orderflow_tui.signals.imbalance import ImbalanceDetector
from orderflow_tui.stream import TradeStream
from tests.bench.make_ticks import RTH_CLOSE_NS, TRADES, make_ticks
from tests.market.days import ES, MARCH

BAR_NS = 5 * MINUTE_NS
STOP_TICKS, TARGET_TICKS = 16, 24
RATIO_PERCENT, MIN_VOLUME, STACKED = 150, 5, 3
RULES = ImbalanceRules(ratio_percent=RATIO_PERCENT, min_volume=MIN_VOLUME, stacked_min=STACKED)

Level = tuple[int, int, int, int]  # bar start ns, price ticks, volume that hit the bid, volume that lifted the ask


@dataclass(frozen=True, slots=True)
class Trip:
    """One finished trade of one contract. Prices in ticks; `net_cents` after commission on both sides."""

    sign: int
    entry_ns: int
    entry: int
    exit_ns: int
    exit: int
    net_cents: int


@dataclass(slots=True)
class Outcome:
    """What an implementation concluded."""

    levels: list[Level] = field(default_factory=list)
    trips: list[Trip] = field(default_factory=list)

    @property
    def net_cents(self) -> int:
        return sum(trip.net_cents for trip in self.trips)


# -- ours -----------------------------------------------------------------------------------------------------------------


class StackStrategy:
    """A core for the driver: the product's market state, its imbalance detector, and one bracket at a time."""

    def __init__(self) -> None:
        self.market = MarketState(ES, MarketParams(), MARCH)
        self.bars: list[FootprintBar] = []
        self.trips: list[Trip] = []
        self._detector = ImbalanceDetector(RULES, MIN_VOLUME)
        self._view = BarContext(ES, None)
        self._number = 1
        self._busy = False
        self._entry: Fill | None = None
        self._exit: Fill | None = None
        self._paid = 0

    @property
    def watch(self) -> Watch:
        return self.market.watch

    def on(self, event: Event) -> list[Action]:
        match event:
            case Trades():
                return self._conclude(self.market.on_trades(event))
            case ClockTick():
                return self._conclude(self.market.on_time(event.ts_ns))
            case Fill():
                self._on_fill(event)
            case Commission():
                self._on_commission(event)
        return []

    def outcome(self) -> Outcome:
        return Outcome(levels_of(self.bars), self.trips)

    def _conclude(self, news: Sequence[News]) -> list[Action]:
        actions: list[Action] = []
        for item in news:
            if not isinstance(item, BarClosed):
                continue
            self.bars.append(item.bar)
            seen = {finding.pattern for finding in self._detector.on_bar(item.bar, self._view)}
            buys, sells = Pattern.STACKED_BUY in seen, Pattern.STACKED_SELL in seen
            if buys != sells and not self._busy:
                self._busy = True
                actions.append(Send(bracket(self._number, Side.BUY if buys else Side.SELL, item.bar.close)))
                self._number += 3
        return actions

    def _on_fill(self, fill: Fill) -> None:
        if self._entry is None:
            self._entry = fill
        else:
            self._exit = fill

    def _on_commission(self, news: Commission) -> None:
        self._paid += news.cents
        entry, leave = self._entry, self._exit
        if entry is None or leave is None:
            return
        gross = entry.side * (leave.price_ticks - entry.price_ticks) * ES.tick_cents
        net = gross - self._paid
        self.trips.append(Trip(int(entry.side), entry.ts_ns, entry.price_ticks, leave.ts_ns, leave.price_ticks, net))
        self._entry = self._exit = None
        self._busy, self._paid = False, 0


def bracket(number: int, side: Side, anchor: int) -> tuple[Order, Order, Order]:
    """A market entry of one contract with its stop and its target."""
    names = {role: f"parity-{number}-{role.value}" for role in (Role.ENTRY, Role.STOP, Role.TARGET)}
    entry, group, leave = names[Role.ENTRY], f"oca{number}", side.opposite
    common = {"intent_id": f"i{number}", "revision": 0, "instrument": "ES", "quantity": 1}
    child = {**common, "side": leave, "purpose": Purpose.PROTECT, "parent_id": entry, "oca_group": group}
    stop, target = anchor - side * STOP_TICKS, anchor + side * TARGET_TICKS
    return (
        Order(entry, number=number, side=side, role=Role.ENTRY, purpose=Purpose.ENTRY, type=OrderType.MARKET, **common),  # type: ignore[arg-type]
        Order(names[Role.STOP], number=number + 1, role=Role.STOP, type=OrderType.STOP, stop_ticks=stop, **child),  # type: ignore[arg-type]
        Order(names[Role.TARGET], number=number + 2, role=Role.TARGET, type=OrderType.LIMIT, limit_ticks=target, **child),  # type: ignore[arg-type]
    )


def levels_of(bars: Sequence[FootprintBar]) -> list[Level]:
    """Every traded level of every bar, low to high."""
    return [
        (bar.start_ns, bar.low + i, bid, ask)
        for bar in bars
        for i, (bid, ask) in enumerate(zip(bar.bid, bar.ask, strict=True))
        if bid or ask
    ]


def desk() -> tuple[StackStrategy, Driver]:
    """The strategy on the product's driver and simulated broker."""
    core = StackStrategy()
    broker = SimBroker([ES], "ES", rules=FillRules(0, 0, True), table=MARCH)

    def act(actions: Sequence[Action]) -> list[Event]:
        for action in actions:
            assert isinstance(action, Send), "the strategy only sends"
            broker.send(action.orders, core.market.now_ns)
        return []

    return core, Driver(core, act, broker)


def by_block(tape: Trades) -> Outcome:
    """Ours, the whole day as one block."""
    return by_pieces([tape])


def by_pieces(pieces: Sequence[Trades]) -> Outcome:
    """Ours, the tape cut anyhow, straight into the driver."""
    core, driver = desk()
    for piece in pieces:
        driver.step(piece)
    driver.step(ClockTick(RTH_CLOSE_NS))
    return core.outcome()


def singles(tape: Trades) -> list[Trades]:
    """The tape as a live feed brings it."""
    return [tape.cut(i, i + 1) for i in range(len(tape))]


def by_trade(trades: Sequence[Trades]) -> Outcome:
    """Ours, trade by trade through the open columns of the live path."""
    core, driver = desk()
    stream = TradeStream(driver)
    for trade in trades:
        stream.step(trade)
    stream.flush()
    driver.step(ClockTick(RTH_CLOSE_NS))
    return core.outcome()


# -- the plain design -----------------------------------------------------------------------------------------------------


class PlainTrade:
    """A trade as an object, as it is usually done."""

    __slots__ = ("price", "side", "size", "ts_ns")

    def __init__(self, ts_ns: int, price: int, size: int, side: int) -> None:
        self.ts_ns, self.price, self.size, self.side = ts_ns, price, size, side


class PlainLevel:
    """A price level as an object."""

    __slots__ = ("ask", "bid")

    def __init__(self) -> None:
        self.bid = self.ask = 0


def by_plain(tape: Trades) -> Outcome:
    """The plain design: an object a trade, a dict of level objects a bar, the rules written down in a line. Shares no code
    with the product: this is the independent answer."""
    outcome = Outcome()
    levels: dict[int, PlainLevel] = {}
    bar_start, close = -1, 0
    side = entry_ns = entry = stop = target = 0
    pending: tuple[int, int, int] | None = None
    columns = zip(tape.ts_ns.tolist(), tape.price.tolist(), tape.size.tolist(), tape.aggressor.tolist(), strict=True)
    for row in columns:
        trade = PlainTrade(*row)
        start = trade.ts_ns - trade.ts_ns % BAR_NS
        if start != bar_start:
            direction = plain_close(levels, bar_start, outcome)
            if direction and side == 0 and pending is None:
                pending = direction, close - direction * STOP_TICKS, close + direction * TARGET_TICKS
            levels, bar_start = {}, start
        if pending is not None:
            side, stop, target = pending
            entry_ns, entry, pending = trade.ts_ns, trade.price, None
        elif side:
            stopped = side * (trade.price - stop) <= 0
            if stopped or side * (trade.price - target) >= 0:
                price = trade.price if stopped else target
                net = side * (price - entry) * ES.tick_cents - 2 * ES.commission_cents
                outcome.trips.append(Trip(side, entry_ns, entry, trade.ts_ns, price, net))
                side = 0
        level = levels.get(trade.price)
        if level is None:
            level = levels[trade.price] = PlainLevel()
        if trade.side > 0:
            level.ask += trade.size
        else:
            level.bid += trade.size
        close = trade.price
    plain_close(levels, bar_start, outcome)
    return outcome


def plain_close(levels: dict[int, PlainLevel], bar_start: int, outcome: Outcome) -> int:
    """Write a finished bar down; 1 when only buyers stacked, -1 when only sellers did, else 0."""
    if not levels:
        return 0
    nothing = PlainLevel()
    runs = {1: 0, -1: 0}
    longest = {1: 0, -1: 0}
    low, high = min(levels), max(levels)
    for price in range(low, high + 1):
        level = levels.get(price, nothing)
        if price in levels:
            outcome.levels.append((bar_start, price, level.bid, level.ask))
        below, above = levels.get(price - 1, nothing).bid, levels.get(price + 1, nothing).ask
        bought = price > low and level.ask >= MIN_VOLUME and 100 * level.ask >= RATIO_PERCENT * max(below, 1)
        sold = price < high and level.bid >= MIN_VOLUME and 100 * level.bid >= RATIO_PERCENT * max(above, 1)
        bought, sold = bought and level.ask >= below, sold and level.bid >= above
        runs[1] = runs[1] + 1 if bought else 0
        runs[-1] = runs[-1] + 1 if sold else 0
        longest = {sign: max(longest[sign], runs[sign]) for sign in runs}
    buys, sells = longest[1] >= STACKED, longest[-1] >= STACKED
    return int(buys) - int(sells)


# -- comparing ------------------------------------------------------------------------------------------------------------


def differences(one: Outcome, other: Outcome) -> int:
    """How many levels and trades are in one and not in the other."""
    return len(set(one.levels) ^ set(other.levels)) + len(set(one.trips) ^ set(other.trips))


def seconds(work: Callable[[], Outcome], repeats: int = 1) -> tuple[float, Outcome]:
    """Processor seconds of the fastest run, and what it concluded."""
    fastest, found = float("inf"), Outcome()
    for _ in range(repeats):
        start = process_time()
        found = work()
        fastest = min(fastest, process_time() - start)
    return fastest, found


def main() -> int:
    """Compare and print; 1 when anything differs."""
    tape = make_ticks(60_000 if "--quick" in sys.argv else TRADES)
    trades = singles(tape)
    plain_s, plain = seconds(lambda: by_plain(tape))
    wrong = 0
    lines = [f"{len(tape):,} trades: {len(plain.levels):,} levels, {len(plain.trips)} trips, net {plain.net_cents / 100:.2f}"]
    lines.append(f"{'plain design':<16} {len(tape) / plain_s / 1e6:8.2f} M trades/s")
    for name, work in (("block", lambda: by_block(tape)), ("trade by trade", lambda: by_trade(trades))):
        took, found = seconds(work, 3)
        count = differences(plain, found)
        wrong += count
        lines.append(f"{name:<16} {len(tape) / took / 1e6:8.2f} M trades/s, {count} differences")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
