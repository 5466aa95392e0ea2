"""What instruments are worth now: their own market where it speaks, else the analysed tape.

An executed contract has the grid and the level of the analysed one, and often quotes but no trades of its own, so that the
tape tells its last trade. Where the tape has gone on without it for longer than data may be old, the tape's prices are nearer
the truth than its own; entries see how old its own quotes are (`Mark.quote_ns`) and wait. While the two are of different
months the tape is no measure of it at all: then its own market speaks, or nothing does. Any other instrument has its own
market or no mark.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orderflow_tui.domain.market import NO_PRICE, Depth, Mark, Quote, Trades
from orderflow_tui.market.footprint import highest, lowest
from orderflow_tui.market.readings import Readings


@dataclass(slots=True)
class Heard:
    """The newest of one instrument's own market. Prices in ticks, None where nothing was told; high and low of one piece."""

    bid: int | None = None
    ask: int | None = None
    quote_ns: int | None = None
    last: int | None = None
    trade_ns: int | None = None
    high: int | None = None
    low: int | None = None

    def quoted(self, ts_ns: int, bid: int | None, ask: int | None) -> None:
        """A quote or the top of a book."""
        self.bid, self.ask, self.quote_ns = bid, ask, ts_ns

    @property
    def middle(self) -> int | None:
        """Between the quotes, or the one there is."""
        if self.bid is None or self.ask is None:
            return self.ask if self.bid is None else self.bid
        return (self.bid + self.ask) // 2


class Marks:
    """Marks of what may be traded, of the analysed instrument and of whatever else is held. `stale_ns`: how old data may be."""

    def __init__(self, analysis: str, traded: tuple[str, ...], stale_ns: int) -> None:
        self._analysis, self._traded = analysis, traded
        self._symbols = tuple(dict.fromkeys((*traded, analysis)))
        self._apart = False
        self._tape = Heard()  # its quotes; what was traded there the readings tell
        self._own: dict[str, Heard] = {}
        self.stale_ns = stale_ns

    # -- hearing ------------------------------------------------------------------------------------------------------

    def on_tape_quotes(self, piece: Trades) -> None:
        """The quotes that came with trades of the tape."""
        if piece.bid is not None and piece.ask is not None:
            self._tape.quoted(int(piece.ts_ns[-1]), known(int(piece.bid[-1])), known(int(piece.ask[-1])))

    def on_tape(self, piece: Trades) -> None:
        """How far the tape went in one piece; forgotten when it was told."""
        self._tape.high, self._tape.low = int(highest(piece.price)), int(lowest(piece.price))

    def on_trades(self, piece: Trades) -> None:
        """Trades of another instrument."""
        own = self._heard(piece.instrument)
        own.last, own.trade_ns = int(piece.price[-1]), int(piece.ts_ns[-1])
        own.high, own.low = int(piece.price.max()), int(piece.price.min())

    def on_book(self, event: Quote | Depth) -> None:
        """Quotes of the tape or of another instrument."""
        heard = self._tape if event.instrument == self._analysis else self._heard(event.instrument)
        heard.quoted(event.ts_ns, *best_of(event))

    def told(self) -> None:
        """The extremes are those of one piece, and told once."""
        for heard in (self._tape, *self._own.values()):
            heard.high = heard.low = None

    def change_month(self, *, apart: bool) -> None:
        """The traded month may be another one: its old price is no price. `apart`: it is not the analysed one."""
        self._own.clear()
        self._apart = apart

    def roll_tape(self) -> None:
        """The tape is of another month from now on: its old quotes are none."""
        self._tape = Heard()

    def _heard(self, symbol: str) -> Heard:
        return self._own.setdefault(symbol, Heard())

    # -- telling ------------------------------------------------------------------------------------------------------

    def of(self, held: Iterable[str], tape: Readings) -> tuple[Mark, ...]:
        """Every mark that is known."""
        symbols = dict.fromkeys((*self._symbols, *held)) if held else self._symbols
        return tuple([mark for symbol in symbols if (mark := self.mark(symbol, tape)) is not None])

    def mark(self, symbol: str, tape: Readings) -> Mark | None:
        """An instrument's mark, None where nothing says what it is worth."""
        own = self._own.get(symbol)
        if not self._on_tape(symbol):
            return None if own is None else self._alone(symbol, own)
        bid, ask, quote_ns = self._quotes(own, tape)
        if own is None or self._follows(own, tape):
            return Mark(symbol, bid, ask, tape.last_price, tape.data_ts_ns or 0, self._tape.high, self._tape.low, quote_ns)
        return Mark(symbol, bid, ask, own.last, own.trade_ns or 0, own.high, own.low, quote_ns)

    def follow_tape(self, held: Iterable[str], tape: Readings) -> bool:
        """Whether a trade of the tape is a price of anything that may be traded or is held."""
        for symbol in (*self._traded, *held):
            own = self._own.get(symbol)
            if self._on_tape(symbol) and (own is None or self._follows(own, tape)):
                return True
        return False

    def follow_quotes(self, symbol: str) -> bool:
        """Whether its own quotes alone say what this instrument is worth."""
        return symbol in self._own and not self._on_tape(symbol)

    def _on_tape(self, symbol: str) -> bool:
        return symbol == self._analysis or (symbol in self._traded and not self._apart)

    def _follows(self, own: Heard, tape: Readings) -> bool:
        """Whether the tape tells its last trade: it has none of its own, or none as fresh."""
        return own.trade_ns is None or (tape.last_trade_ns is not None and tape.last_trade_ns - own.trade_ns > self.stale_ns)

    def _quotes(self, own: Heard | None, tape: Readings) -> tuple[int | None, int | None, int | None]:
        """Bid, ask and when they should have been told: those of the tape where its own fell behind."""
        sources = (self._tape,) if own is None else (own, self._tape)
        newest_ns, told_ns = tape.data_ts_ns or 0, sources[0].quote_ns
        for heard in sources:
            if heard.quote_ns is None or newest_ns - heard.quote_ns <= self.stale_ns:
                return heard.bid, heard.ask, told_ns
        return None, None, told_ns

    def _alone(self, symbol: str, own: Heard) -> Mark:
        """Without a tape: the last trade, or between the quotes where these are fresher by more than data may be old."""
        quoted_ns, traded_ns = own.quote_ns or 0, own.trade_ns or 0
        if own.last is not None and quoted_ns - traded_ns <= self.stale_ns:
            return Mark(symbol, own.bid, own.ask, own.last, traded_ns, own.high, own.low, own.quote_ns)
        return Mark(symbol, own.bid, own.ask, own.middle, quoted_ns, quote_ns=own.quote_ns)


def known(price: int) -> int | None:
    """A price, or None where the column says there was none."""
    return None if price == NO_PRICE else price


def best_of(event: Quote | Depth) -> tuple[int | None, int | None]:
    """Best bid and ask of a quote or a book."""
    if isinstance(event, Quote):
        return known(event.bid), known(event.ask)
    return (event.bids[0][0] if event.bids else None), (event.asks[0][0] if event.asks else None)
