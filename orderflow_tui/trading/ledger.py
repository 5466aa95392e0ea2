"""The ledger: money of the trade date in cents, folded from executions.

Everything is a fold over the day's executions on top of what was carried into the day, so a corrected or busted execution
is simply folded again. Actual commissions replace the expected ones when they arrive. The *value* of the day is
realised + open at the mark - commissions paid - commissions to close what is open: what the breaker looks at, because it
is what would be left if one closed now.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import Mark
from orderflow_tui.domain.order import Fill, Side
from orderflow_tui.trading.episode import Episode
from orderflow_tui.trading.trade import Execution, RoundTrip

EQUITY_POINTS = 500


@dataclass(frozen=True, slots=True)
class Resting:
    """A protective stop, or an entry still working with its own stop. Prices in ticks, `quantity` contracts."""

    quantity: int
    price_ticks: int


class Ledger:
    """Positions, round trips and money of one account. Prices in ticks, money in cents."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = dict(instruments)
        self._episodes: dict[str, Episode] = {}
        self._carried: dict[str, Episode] = {}
        self._executions: list[Execution] = []
        self._fees: dict[str, int] = {}  # of the day, by execution id, as the broker told
        self._fees_cents: int | None = 0  # their sum with the expected ones; None: to be summed anew
        self._parts: dict[str, Episode] = {}  # the day's closed episodes
        self._extremes: dict[str, tuple[int, int]] = {}
        self._marks: dict[str, int] = {}
        self._seen: set[str] = set()  # instruments of which a market has been seen: their mark is its last trade
        self._posted_cents = 0  # corrections of executions of earlier days
        self.trade_date: date | None = None
        self.realised_cents = 0
        self.trips: list[RoundTrip] = []
        self.past_net_cents = 0  # of earlier trade dates in this ledger
        self.peak_cents = 0
        self.equity: deque[int] = deque([0], maxlen=EQUITY_POINTS)

    # -- days ---------------------------------------------------------------------------------------------------------

    def begin_day(self, trade_date: date) -> None:
        """Turn the trade date: figures start at zero, open lots count from the last mark on."""
        self.past_net_cents += self.net_cents
        for symbol, episode in self._episodes.items():
            mark = self._marks.get(symbol)
            for lot in episode.lots:
                lot.basis_ticks = lot.basis_ticks if mark is None else mark
        self._carried = deepcopy(self._episodes)
        self._executions.clear()
        self.trips = []
        self.trade_date = trade_date
        self.realised_cents = self._posted_cents = self.peak_cents = 0
        self._fees, self._fees_cents = {}, 0
        self._parts, self._extremes = {}, {}
        self.equity = deque([0], maxlen=EQUITY_POINTS)

    # -- executions ---------------------------------------------------------------------------------------------------

    def book(self, execution: Execution, previous: Fill | None = None) -> tuple[RoundTrip, ...]:
        """Book an execution, or the revision that replaces `previous`; returns the trades it closed."""
        assert execution.fill.instrument in self._instruments, f"no instrument {execution.fill.instrument} in this ledger"
        if previous is not None:
            return self._revise(execution, previous)
        self._executions.append(execution)
        if execution.fill.instrument not in self._seen:  # read back from a journal: the newest price that is known
            self._marks[execution.fill.instrument] = execution.fill.price_ticks
        return self._closed_by(lambda: self._apply(execution))

    def _revise(self, execution: Execution, previous: Fill) -> tuple[RoundTrip, ...]:
        for i, booked in enumerate(self._executions):
            if booked.fill.base_id == previous.base_id:
                self._executions[i] = replace(booked, fill=execution.fill)
                return self._closed_by(self._fold)
        return self._post_difference(execution, previous)

    def _post_difference(self, execution: Execution, previous: Fill) -> tuple[RoundTrip, ...]:
        """An execution of an earlier day changed: the price difference of what stays is money of today, the difference in
        contracts is an execution of today."""
        new = execution.fill
        cents = self._instruments[new.instrument].tick_cents
        kept = min(new.quantity, previous.quantity)
        self._posted_cents += (previous.price_ticks - new.price_ticks) * kept * new.side * cents
        more = new.quantity - previous.quantity
        if not more:
            return ()
        side = new.side if more > 0 else new.side.opposite
        return self.book(replace(execution, fill=replace(new, side=side, quantity=abs(more), base_id=new.exec_id)))

    def _closed_by(self, change: Callable[[], None]) -> tuple[RoundTrip, ...]:
        self._fees_cents = None
        before = {trip.id for trip in self.trips}
        change()
        for symbol, episode in self._episodes.items():
            self._marks.setdefault(symbol, episode.lots[-1].price_ticks)
        fresh = tuple(trip for trip in self.trips if trip.id not in before)
        if fresh:
            self.equity.append(self.value_cents)
        if not self._episodes:  # money that is made; what is open is worth what the market says next, not what it said before
            self._peak()
        return fresh

    def _fold(self) -> None:
        """Fold the day again; excursions survive because they belong to the episode's first execution."""
        self._extremes |= {e.id: (e.low, e.high) for e in self._episodes.values()}
        self._episodes = deepcopy(self._carried)
        self.realised_cents, self.trips = 0, []
        for execution in self._executions:
            self._apply(execution)

    def _apply(self, execution: Execution) -> None:
        fill = execution.fill
        left = fill.quantity
        if not left:
            return  # a bust
        episode = self._episodes.get(fill.instrument)
        if episode is not None and episode.side is not fill.side:
            part = min(left, episode.quantity)
            self.realised_cents += episode.take(execution, part)
            left -= part
            if not episode.lots:
                self._close(episode, execution)
                episode = None
        if not left:
            return
        if episode is None:
            episode = self._open(execution)
        episode.add(execution, left)
        kept = self._extremes.get(episode.id)
        if kept is not None:
            episode.see(*kept)

    def _open(self, execution: Execution) -> Episode:
        fill = execution.fill
        instrument = self._instruments[fill.instrument]
        episode = Episode(fill.base_id, instrument, fill.side, fill.ts_ns, execution.intent_id)
        self._episodes[fill.instrument] = episode
        return episode

    def _close(self, episode: Episode, execution: Execution) -> None:
        del self._episodes[episode.instrument.symbol]
        self._extremes[episode.id] = (episode.low, episode.high)
        self._parts[episode.id] = episode
        self.trips.append(episode.trip(execution, execution.reason, self._fees_of(episode)))

    # -- commissions --------------------------------------------------------------------------------------------------

    def commission(self, exec_id: str, cents: int) -> tuple[RoundTrip, ...]:
        """The broker told the commission of an execution; it may come before the execution itself, and again. Returns the
        closed trades whose fees it changed."""
        self._fees[exec_id] = cents
        self._fees_cents = None
        changed: list[RoundTrip] = []
        for i, trip in enumerate(self.trips):
            fees = self._fees_of(self._parts[trip.id])
            if fees != trip.fees_cents:
                self.trips[i] = replace(trip, fees_cents=fees)
                changed.append(self.trips[i])
        return tuple(changed)

    def _fee(self, execution: Execution) -> int:
        told = self._fees.get(execution.fill.exec_id)
        return self._instruments[execution.fill.instrument].commission_cents * execution.fill.quantity if told is None else told

    def _fees_of(self, episode: Episode) -> int:
        """What a trade paid: of each execution its share of contracts (executions of earlier days at the expected rate)."""
        known = {e.fill.base_id: e for e in self._executions}
        total = 0
        for base_id, quantity in episode.base_ids:
            execution = known.get(base_id)
            if execution is None:
                total += episode.instrument.commission_cents * quantity
            else:
                total += self._fee(execution) * quantity // execution.fill.quantity
        return total

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
            episode.see(low, high)
            self._marks[mark.instrument] = high if episode.side is Side.BUY else low
            self._peak()
        self._marks[mark.instrument] = mark.last

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
        total = 0
        for symbol, episode in self._episodes.items():
            at = self._marks[symbol]
            cents = episode.instrument.tick_cents * episode.side
            total += sum((at - lot.basis_ticks) * lot.quantity for lot in episode.lots) * cents
        return total

    @property
    def fees_cents(self) -> int:
        """Commissions of the day, actual where told, expected elsewhere."""
        if self._fees_cents is None:
            self._fees_cents = sum(self._fee(execution) for execution in self._executions)
        return self._fees_cents

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
        return None if not self.trips else sum(trip.net_cents for trip in self.trips) // len(self.trips)

    @property
    def trades_begun(self) -> int:
        """Trades of the day, those still open included."""
        return len(self.trips) + len(self._episodes)

    def worst_case_cents(self, stops: Mapping[str, Sequence[Resting]], slippage_ticks: int, uncovered_ticks: int) -> int:
        """Value of the day if every protective stop filled `slippage_ticks` beyond its price.

        Contracts without a stop are taken to lose `uncovered_ticks` more from the mark.
        """
        total = self.closed_cents - self.closing_cents
        for symbol, episode in self._episodes.items():
            cents = episode.instrument.tick_cents * episode.side
            exits = _exits(episode, stops.get(symbol, ()), self._marks[symbol], slippage_ticks, uncovered_ticks)
            total += (exits - sum(lot.basis_ticks * lot.quantity for lot in episode.lots)) * cents
        return total


def _exits(episode: Episode, stops: Iterable[Resting], mark: int, slippage_ticks: int, uncovered_ticks: int) -> int:
    """Sum of exit prices over all contracts of an episode when the stops fill, the worst of them first."""
    left, total = episode.quantity, 0
    for stop in sorted(stops, key=lambda s: s.price_ticks * episode.side):
        part = min(left, stop.quantity)
        total += part * (stop.price_ticks - episode.side * slippage_ticks)
        left -= part
    return total + left * (mark - episode.side * (uncovered_ticks + slippage_ticks))
