"""What one instrument's subscriptions have told so far: quote, book, sides, freshness. Pure; times are handed in."""

from __future__ import annotations

from collections import deque
from statistics import median

from orderflow_tui.adapters.ib_book import DepthBook
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import NO_PRICE, Depth, Quote
from orderflow_tui.domain.session import SECOND_NS
from orderflow_tui.market.aggressor import AggressorClassifier, AggressorParams, Side

REMEMBERED = 50  # prints whose median a new one is compared with
OUTLIER_SHARE = 0.01
CONFIRMED_BY = 2  # further prints nearby that make an outlier believable
FEWEST = CONFIRMED_BY + 1  # prints that outvote one wrong one; as many are believed at the start, when nothing is known
SILENCE_NS = 60 * SECOND_NS  # neither quote nor trade for so long breaks the connection with what came before


class OutlierGuard:
    """Holds back prints more than 1 % off the median of the last fifty, until two more in a row agree with the first."""

    __slots__ = ("_recent", "_suspects", "held_back")

    def __init__(self) -> None:
        self._recent: deque[int] = deque(maxlen=REMEMBERED)
        self._suspects: list[int] = []
        self.held_back = 0

    def admits(self, price: int) -> bool:
        """Whether a print may be believed."""
        if len(self._recent) < FEWEST or self._near(price, median(self._recent)):
            self._suspects.clear()
            self._recent.append(price)
            return True
        if self._suspects and not self._near(price, self._suspects[0]):
            self._suspects.clear()
        self._suspects.append(price)
        if len(self._suspects) > CONFIRMED_BY:
            self._recent = deque(self._suspects, maxlen=REMEMBERED)  # what is known now: the next lone print is judged by it
            self._suspects = []
            return True
        self.held_back += 1
        return False

    @staticmethod
    def _near(price: int, reference: float) -> bool:
        return abs(price - reference) <= max(1.0, abs(reference) * OUTLIER_SHARE)


class Stream:
    """The newest of everything for one instrument. `snapshot`: only aggregates come, no single trades."""

    def __init__(self, instrument: Instrument, sides: AggressorParams | None = None) -> None:
        self.instrument = instrument
        self.classifier = AggressorClassifier(sides or AggressorParams())
        self.guard = OutlierGuard()
        self.book = DepthBook()
        self.bid = self.ask = NO_PRICE
        self.bid_size = self.ask_size = 0
        self.quote_ns: int | None = None
        self.trade_ns: int | None = None
        self.row_ns = 0  # newest row of the book
        self._heard_ns = 0  # newest trade or quote
        self.quotes_live = False  # a tick-by-tick quote stream speaks; otherwise the book's top stands in
        self.book_changed = False
        self.book_bad_since_ns: int | None = None
        self.snapshot = False
        self.day_volume: int | None = None
        self.last_price: int | None = None
        self.dropped = 0

    def ticks(self, price: float) -> int | None:
        """Tick index of a price, None (and counted) off the grid or not positive."""
        index = self.instrument.ticks(price) if price > 0 else None
        if index is None:
            self.dropped += 1
        return index

    def on_quote(self, now_ns: int, bid: int, ask: int, bid_size: int, ask_size: int) -> Quote | None:
        """A quote; None when it is crossed or locked and therefore not believed."""
        if bid >= ask:
            self.dropped += 1
            return None
        self.bid, self.ask, self.bid_size, self.ask_size, self.quote_ns = bid, ask, bid_size, ask_size, now_ns
        self._connected(now_ns)
        self.classifier.on_quote(now_ns, bid, ask, bid_size, ask_size)
        return Quote(self.instrument.symbol, now_ns, bid, ask, bid_size, ask_size)

    def on_trade(self, now_ns: int, price: int, size: int) -> Side:
        """The side of a print."""
        self.trade_ns = now_ns
        self.last_price = price
        self._connected(now_ns)
        return self.classifier.on_trade(now_ns, price, size)

    def _connected(self, now_ns: int) -> None:
        """After a silence (the maintenance hour, a gap) neither quotes nor the last direction say anything about what comes."""
        if now_ns - self._heard_ns > SILENCE_NS:
            self.classifier.reset()
        self._heard_ns = now_ns

    def on_row(self, now_ns: int, position: int, operation: int, bid_side: bool, price: int, size: int) -> None:
        """One depth row."""
        self.row_ns = now_ns
        self.book.apply(position, operation, bid_side, price, size)
        self.book_changed = True
        if self.book.valid:
            self.book_bad_since_ns = None
        elif self.book_bad_since_ns is None:
            self.book_bad_since_ns = now_ns

    def depth(self, now_ns: int) -> Depth | None:
        """The book if it changed since last asked and can be believed."""
        if not self.book_changed or not self.book.valid:
            return None
        self.book_changed = False
        return Depth(self.instrument.symbol, now_ns, tuple(self.book.bids), tuple(self.book.asks))

    def clear_book(self) -> None:
        """What was shown is void."""
        self.book.clear()
        self.book_changed = False
        self.book_bad_since_ns = None

    def interrupted(self) -> None:
        """Data was lost: nothing before it explains what follows."""
        self.classifier.reset()
        self.clear_book()
        self.quotes_live = False
        self.day_volume = None
        self.quote_ns = self.trade_ns = None
        self.bid = self.ask = NO_PRICE
