"""The ledger: money of the trade date in cents, folded from executions.

Everything is a fold over the day's executions on top of what was carried into the day, so a corrected or busted execution
is simply folded again, trades and all. Actual commissions replace the expected ones when they arrive. The *value* of the
day is realised + open at the mark - commissions paid - commissions to close what is open: what the breaker looks at,
because it is what would be left if one closed now. Its peak follows a corrected execution too: from that one on it is what
the day would have stood at, with what the market did while something was held. Where that cannot be known exactly (two
instruments held at once, a correction of an earlier day between two executions) it is the most that it may have been.

Money of an earlier day stays that day's: an execution corrected later is money of today, and so is what its commission came
to more than was booked; contracts that come or go with it are an execution of today. The trade it belonged to is restated all
the same, at its true price and with its true fees.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import Mark
from orderflow_tui.domain.order import Fill, Side
from orderflow_tui.trading.episode import Episode
from orderflow_tui.trading.fees import Fees
from orderflow_tui.trading.trade import Execution, RoundTrip

EQUITY_POINTS = 500


@dataclass(frozen=True, slots=True)
class Resting:
    """A protective stop, or an entry still working with its own stop. Prices in ticks, `quantity` contracts."""

    quantity: int
    price_ticks: int


@dataclass(frozen=True, slots=True)
class Stood:
    """How the day stood when an execution came: its peak, and what earlier days had added to it by then. Money in cents."""

    peak_cents: int
    added_cents: int


class Ledger:
    """Positions, round trips and money of one account. Prices in ticks, money in cents."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = dict(instruments)
        self._episodes: dict[str, Episode] = {}
        self._carried: dict[str, Episode] = {}
        self._executions: list[Execution] = []
        self._stood: list[Stood] = []  # when each of them came
        self._fees = Fees(self._instruments)
        self._fees_cents: int | None = 0  # those of the day with the expected ones; None: to be summed anew
        self._late_cents = 0  # commissions of executions of earlier days, beyond what those days paid
        self._old: dict[str, Execution] = {}  # executions of earlier days by base id, as they were booked then
        self._parts: dict[str, Episode] = {}  # the day's closed episodes
        self._told: dict[str, RoundTrip] = {}  # the day's closed trades of which only the journal's own figures are known
        self._past: dict[str, Episode] = {}  # those of earlier days
        self._past_of: dict[str, list[str]] = {}  # by base id: the trades of earlier days an execution belongs to
        self._newest: dict[str, str] = {}  # by instrument, base id of the day's last execution
        self._ranges: dict[str, tuple[int, int]] = {}  # the market's low and high after it, or in the day before the first
        self._marks: dict[str, int] = {}
        self._seen: set[str] = set()  # instruments of which a market has been seen: their mark is its last trade
        self._posted_cents = 0  # corrections of executions of earlier days
        self.trade_date: date | None = None
        self.realised_cents = 0
        self.trips: list[RoundTrip] = []
        self.restated: dict[str, RoundTrip] = {}  # trades of earlier days that came to another result since
        self.past_net_cents = 0  # of earlier trade dates in this ledger
        self.peak_cents = 0
        self.equity: deque[int] = deque([0], maxlen=EQUITY_POINTS)

    # -- days ---------------------------------------------------------------------------------------------------------

    def begin_day(self, trade_date: date) -> None:
        """Turn the trade date: figures start at zero, open lots count from the last mark on."""
        self.past_net_cents += self.net_cents
        for symbol, episode in self._episodes.items():
            for lot in episode.lots:
                lot.basis_ticks = self._marks[symbol]
        self._carried = deepcopy(self._episodes)
        self._keep_past()
        self._old |= {execution.fill.base_id: execution for execution in self._executions}
        self._executions.clear()
        self._stood.clear()
        self.trips = []
        self.trade_date = trade_date
        self.realised_cents = self._posted_cents = self.peak_cents = 0
        self._fees_cents = self._late_cents = 0
        self._parts, self._newest, self._ranges, self._told = {}, {}, {}, {}
        self.equity = deque([0], maxlen=EQUITY_POINTS)

    def _keep_past(self) -> None:
        self._past |= self._parts
        for name, episode in self._parts.items():
            for base_id in {leg.execution.fill.base_id for leg in episode.legs}:
                self._past_of.setdefault(base_id, []).append(name)

    # -- executions ---------------------------------------------------------------------------------------------------

    def book(self, execution: Execution, previous: Fill | None = None) -> None:
        """Book an execution, or the revision that replaces `previous`."""
        assert execution.fill.instrument in self._instruments, f"no instrument {execution.fill.instrument} in this ledger"
        before = list(self.trips)
        self._fees_cents = None
        if previous is None:
            self._executions.append(execution)
            self._stood.append(Stood(self.peak_cents, self._added_cents))
            self._fees.know(execution.fill.base_id, execution.fill)
            self._newest[execution.fill.instrument] = execution.fill.base_id
            if execution.fill.instrument not in self._seen:  # read back from a journal: the newest price that is known
                self._marks[execution.fill.instrument] = execution.fill.price_ticks
            self._apply(execution)
        else:
            self._revise(execution, previous)
        for symbol, episode in self._episodes.items():
            self._marks.setdefault(symbol, episode.lots[-1].price_ticks)
        if self.trips != before:
            self.equity.append(self.value_cents)
        if not self._episodes:  # money that is made; what is open is worth what the market says next, not what it said before
            self._peak()

    def _revise(self, execution: Execution, previous: Fill) -> None:
        for i, booked in enumerate(self._executions):
            if booked.fill.base_id == previous.base_id:
                self._executions[i] = replace(booked, fill=execution.fill)
                self._fees.know(previous.base_id, execution.fill)
                self.peak_cents = self._fold(i)
                return
        self._post_difference(execution, previous)

    def _post_difference(self, execution: Execution, previous: Fill) -> None:
        """An execution of an earlier day changed: the price difference of what stays is money of today, the difference in
        contracts is an execution of today, at the price that was booked for those that go. Of another side, nothing stays."""
        new = execution.fill
        if new.quantity and new.side is not previous.side:
            name = f"{new.exec_id}-gone"  # its own: the broker tells the commission of those that came
            gone = replace(new, exec_id=name, side=previous.side, quantity=0, price_ticks=previous.price_ticks)
            self._post_difference(replace(execution, fill=gone), previous)
            self.book(replace(execution, fill=replace(new, base_id=new.exec_id)))
            return
        self._know_late(previous.base_id, new)
        cents = self._instruments[new.instrument].tick_cents
        kept = min(new.quantity, previous.quantity)
        self._posted_cents += (previous.price_ticks - new.price_ticks) * kept * previous.side * cents
        more = new.quantity - previous.quantity
        if more >= 0:
            self._reprice(previous.base_id, new.price_ticks)
        if more:
            side, price = (new.side, new.price_ticks) if more > 0 else (previous.side.opposite, previous.price_ticks)
            name = new.exec_id
            if new.quantity:  # the broker tells the commission of all of them: these pay their share of it
                self._fees.know(new.exec_id, new)
                name = f"{new.exec_id}-more"
            own = replace(new, exec_id=name, side=side, quantity=abs(more), price_ticks=price, base_id=new.exec_id)
            self.book(replace(execution, fill=own))

    def _reprice(self, base_id: str, price_ticks: int) -> None:
        past = [self._past[name] for name in self._past_of.get(base_id, ())]
        for episode in (*past, *self._carried.values()):
            episode.reprice(base_id, price_ticks)
        self._fold(len(self._executions))  # none of today's
        self._restate(base_id)

    def _restate(self, base_id: str) -> None:
        """Trades of earlier days that an execution belongs to."""
        for name in self._past_of.get(base_id, ()):
            self.restated[name] = self._past[name].trip(self._fees_of(self._past[name]))

    def _fold(self, revised: int) -> int:
        """Fold the day again. How far the market went is kept by the execution it went after, so that it finds its trade
        whatever became of the others. Returns the day's peak, in cents: of what stood before the revised execution came, and of
        what it makes of the market since."""
        self._episodes = deepcopy(self._carried)
        self.realised_cents = sum(trip.gross_cents for trip in self._told.values())
        self.trips, self._parts = [*self._told.values()], {}
        for symbol in self._carried:
            self._recall(symbol, symbol)
        self._newest = {}
        peak = added = 0
        fees = sum(trip.fees_cents for trip in self._told.values())
        for i, execution in enumerate(self._executions):
            stood = self._stood[i]
            peak = max(peak, self._best_cents(max(added, stood.added_cents) - fees))
            if i <= revised:
                peak = max(peak, stood.peak_cents)
            else:
                self._stood[i] = replace(stood, peak_cents=peak)
            added = stood.added_cents
            self._apply(execution)
            self._newest[execution.fill.instrument] = execution.fill.base_id
            fees += self._fees.of(execution)
        if self._told:
            self.trips.sort(key=lambda trip: trip.exit_ns)
        return max(peak, self._best_cents(max(added, self._added_cents) - fees))

    def _best_cents(self, paid_cents: int) -> int:
        """Value of the day at the best price since the newest execution, what is paid and added to it given; 0 where something is
        held of which no price was heard."""
        total = self.realised_cents + paid_cents - self.closing_cents
        for symbol, episode in self._episodes.items():
            seen = self.seen(symbol)
            if seen is None:
                return 0
            total += episode.open_cents(seen[1] if episode.side is Side.BUY else seen[0])
        return total

    def _apply(self, execution: Execution) -> None:
        fill = execution.fill
        if fill.quantity:  # not a bust
            self._trade(execution)
        self._recall(fill.instrument, fill.base_id)

    def _recall(self, instrument: str, key: str) -> None:
        episode, seen = self._episodes.get(instrument), self._ranges.get(key)
        if episode is not None and seen is not None:
            episode.see(*seen)

    def _trade(self, execution: Execution) -> None:
        fill = execution.fill
        left = fill.quantity
        episode = self._episodes.get(fill.instrument)
        if episode is not None and episode.side is not fill.side:
            part = min(left, episode.quantity)
            self.realised_cents += episode.take(execution, part)
            left -= part
            if not episode.lots:
                self._close(episode)
                episode = None
        if left:
            (episode or self._open(execution)).add(execution, left)

    def _open(self, execution: Execution) -> Episode:
        fill = execution.fill
        instrument = self._instruments[fill.instrument]
        episode = Episode(fill.base_id, instrument, fill.side, fill.ts_ns, execution.intent_id)
        self._episodes[fill.instrument] = episode
        return episode

    def _close(self, episode: Episode) -> None:
        del self._episodes[episode.instrument.symbol]
        episode.trade_date = self.trade_date
        self._parts[episode.id] = episode
        self.trips.append(episode.trip(self._fees_of(episode)))

    # -- commissions --------------------------------------------------------------------------------------------------

    def commission(self, exec_id: str, cents: int) -> None:
        """The broker told the commission of an execution; it may come before the execution itself, again, or days later."""
        bases = self._fees.bases(exec_id)
        before = self._owed(bases)
        if not self._fees.tell(exec_id, cents):
            return
        self._late_cents += self._owed(bases) - before
        self._fees_cents = None
        for i, trip in enumerate(self.trips):
            fees = trip.fees_cents if trip.id in self._told else self._fees_of(self._parts[trip.id])
            if fees != trip.fees_cents:
                self.trips[i] = replace(trip, fees_cents=fees)
        for base_id in bases:
            self._restate(base_id)

    def _know_late(self, base_id: str, version: Fill) -> None:
        """A new version of an execution of an earlier day; its commission may have been told before it."""
        before = self._owed((base_id,))
        self._fees.know(base_id, version)
        self._late_cents += self._owed((base_id,)) - before
        self._restate(base_id)

    def _owed(self, bases: Iterable[str]) -> int:
        """The commissions of those of these executions that are of earlier days."""
        return sum(self._fees.of(self._old[base_id]) for base_id in bases if base_id in self._old)

    def _fees_of(self, episode: Episode) -> int:
        """What a trade paid: of each execution its share of contracts."""
        return sum(leg.share(self._fees.of(leg.execution)) for leg in episode.legs)

    # -- marks --------------------------------------------------------------------------------------------------------

    def see(self, mark: Mark) -> None:
        """The market moved: excursions, open profit, the day's peak."""
        if mark.last is None:
            return
        self._seen.add(mark.instrument)
        low = mark.last if mark.low is None else mark.low
        high = mark.last if mark.high is None else mark.high
        episode = self._episodes.get(mark.instrument)
        if episode is not None:
            self.saw(mark.instrument, low, high)
            self._marks[mark.instrument] = high if episode.side is Side.BUY else low
            self._peak()
        self._marks[mark.instrument] = mark.last

    def saw(self, instrument: str, low: int, high: int) -> None:
        """The market went so far, in ticks, while the instrument is held and since its last execution."""
        episode = self._episodes.get(instrument)
        if episode is None:
            return
        episode.see(low, high)
        key = self._newest.get(instrument, instrument)
        before_low, before_high = self._ranges.get(key, (low, high))
        self._ranges[key] = (min(before_low, low), max(before_high, high))

    def recall_mark(self, instrument: str, ticks: int) -> None:
        """Replay: the market's last price as the journal knows it."""
        self._marks[instrument] = ticks

    def recall_trade(self, name: str, trip: RoundTrip | None) -> None:
        """Replay: a trade in an instrument not known here, by its own row; it counts on its trade date. None: it never was."""
        self._told.pop(name, None)
        if trip is not None and trip.trade_date == self.trade_date:
            self._told[name] = trip
        self._fees_cents = None
        self._fold(len(self._executions))  # none of today's is another one

    def marked(self) -> dict[str, int]:
        """What is held, and the price in ticks it is valued at."""
        return {symbol: self._marks[symbol] for symbol in self._episodes}

    def priced_anew(self) -> bool:
        """Whether the market of something held was heard in this life."""
        return any(symbol in self._seen for symbol in self._episodes)

    def seen(self, instrument: str) -> tuple[int, int] | None:
        """How far the market went since the last execution of what is held, low and high in ticks; None: not held, or nothing
        traded. Each execution's row keeps what came before it, so that a replay knows what is known now."""
        return self._ranges.get(self._newest.get(instrument, instrument)) if instrument in self._episodes else None

    def _peak(self) -> None:
        self.peak_cents = max(self.peak_cents, self.value_cents)

    # -- figures ------------------------------------------------------------------------------------------------------

    def position(self, instrument: str) -> int:
        """Signed contracts."""
        episode = self._episodes.get(instrument)
        return 0 if episode is None else episode.side * episode.quantity

    @property
    def held(self) -> tuple[str, ...]:
        """Instruments with a position."""
        return tuple(self._episodes)

    def episode(self, instrument: str) -> Episode | None:
        """The open position of an instrument."""
        return self._episodes.get(instrument)

    @property
    def open_cents(self) -> int:
        """Open profit at the marks, against the day's basis."""
        if not self._episodes:
            return 0
        return sum([episode.open_cents(self._marks[symbol]) for symbol, episode in self._episodes.items()])

    @property
    def fees_cents(self) -> int:
        """Commissions of the day, actual where told, expected elsewhere, and what was told today of those of earlier days."""
        if self._fees_cents is None:
            told = sum(trip.fees_cents for trip in self._told.values())
            self._fees_cents = told + self._late_cents + sum(self._fees.of(execution) for execution in self._executions)
        return self._fees_cents

    @property
    def _added_cents(self) -> int:
        """What executions of earlier days added to this one: corrected prices, commissions told late."""
        return self._posted_cents - self._late_cents

    @property
    def closing_cents(self) -> int:
        """Commissions to close what is open."""
        return sum([e.instrument.commission_cents * e.quantity for e in self._episodes.values()])

    @property
    def closed_cents(self) -> int:
        """Realised after commissions."""
        return self.realised_cents + self._posted_cents - self.fees_cents

    @property
    def net_cents(self) -> int:
        """Realised and open after the commissions paid."""
        return self.closed_cents + self.open_cents

    @property
    def value_cents(self) -> int:
        """What would be left of the day if all were closed at the marks now."""
        return self.net_cents - self.closing_cents

    @property
    def drawdown_cents(self) -> int:
        """How far the value lies under the day's peak, >= 0."""
        return self.peak_cents - self.value_cents

    def base_cents(self, instrument: str) -> int:
        """Value of the day with this instrument's price at zero: value(p) = base + position * tick_cents * p."""
        episode = self._episodes.get(instrument)
        if episode is None:
            return self.value_cents
        return self.value_cents - episode.side * episode.quantity * episode.instrument.tick_cents * self._marks[instrument]

    @property
    def streak(self) -> int:
        """Wins in a row as a positive count, losses as a negative one; a scratch leaves it."""
        count = 0
        for trip in reversed(self.trips):
            sign = (trip.net_cents > 0) - (trip.net_cents < 0)
            if sign and count * sign < 0:
                break
            count += sign
        return count

    @property
    def wins(self) -> int:
        """Trades that made money after commissions."""
        return sum(trip.net_cents > 0 for trip in self.trips)

    @property
    def expectancy_cents(self) -> int | None:
        """Average net result of a trade, None before the first."""
        return None if not self.trips else round(sum(trip.net_cents for trip in self.trips) / len(self.trips))

    @property
    def trades_begun(self) -> int:
        """Trades of the day, those still open included."""
        return len(self.trips) + len(self._episodes)

    def worst_case_cents(self, stops: Mapping[str, Sequence[Resting]], slippage_ticks: int) -> int:
        """Value of the day if every protective stop filled `slippage_ticks` beyond its price, or beyond the mark where that has
        passed it: its executions may not have been told yet.

        Contracts without a stop are taken to lose their instrument's usual stop more from the mark.
        """
        total = self.closed_cents - self.closing_cents
        for symbol, episode in self._episodes.items():
            cents = episode.instrument.tick_cents * episode.side
            exits = _exits(episode, stops.get(symbol, ()), self._marks[symbol], slippage_ticks)
            total += (exits - sum(lot.basis_ticks * lot.quantity for lot in episode.lots)) * cents
        return total


def _exits(episode: Episode, stops: Iterable[Resting], mark: int, slippage_ticks: int) -> int:
    """Sum of exit prices over all contracts of an episode when the stops fill, the worst of them first."""
    side, left, total = episode.side, episode.quantity, 0
    for worth, quantity in sorted((min(stop.price_ticks * side, mark * side), stop.quantity) for stop in stops):
        part = min(left, quantity)
        total += part * side * (worth - slippage_ticks)
        left -= part
    return total + left * (mark - side * (episode.instrument.stop_ticks + slippage_ticks))
