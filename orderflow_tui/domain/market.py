"""Market data as it enters the house: trades in column blocks, quotes, depth, historical bars, feed news.

A block holds one trade or a million; how a stream is cut into blocks never changes any result.
Inside a block `ts_ns` never decreases.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
I8 = NDArray[np.int8]

NO_PRICE = -(2**62)  # an absent bid or ask inside an int64 column


class Aggressor(IntEnum):
    """Who crossed the spread. The value is the sign of delta."""

    SELL = -1
    UNKNOWN = 0
    BUY = 1


class SideMethod(IntEnum):
    """How the aggressor was settled (METHODOLOGY §1.2)."""

    NONE = 0
    FEED = 1
    QUOTE = 2
    QUOTE_PREV = 3
    MID_TICK = 4
    TICK = 5


class Grade(Enum):
    """Trustworthiness of sides by volume: A feed flag, B quotes, C mixed, D poor, SNAPSHOT no trades at all."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    SNAPSHOT = "SNAPSHOT"
    UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Trades:
    """A block of n trades of one instrument in columns.

    ts_ns int64[n] UTC ns, never decreasing; price int64[n] ticks; size int64[n] > 0 contracts;
    aggressor int8[n] of `Aggressor`; method int8[n] of `SideMethod`;
    bid, ask int64[n] ticks, the quote as of each trade (`NO_PRICE` where unknown), or None for a source without quotes.
    """

    instrument: str
    ts_ns: I64
    price: I64
    size: I64
    aggressor: I8
    method: I8
    bid: I64 | None = None
    ask: I64 | None = None

    def __len__(self) -> int:
        return len(self.ts_ns)

    def cut(self, start: int, stop: int) -> Trades:
        """The trades [start, stop) as views, nothing copied."""
        return Trades(
            self.instrument,
            self.ts_ns[start:stop],
            self.price[start:stop],
            self.size[start:stop],
            self.aggressor[start:stop],
            self.method[start:stop],
            None if self.bid is None else self.bid[start:stop],
            None if self.ask is None else self.ask[start:stop],
        )


def trades_of(
    instrument: str,
    ts_ns: object,
    price: object,
    size: object,
    aggressor: object,
    method: object = None,
    bid: object = None,
    ask: object = None,
) -> Trades:
    """A block from any sequences; `method` defaults to FEED where a side is given and NONE where it is not."""
    side = np.asarray(aggressor, dtype=np.int8)
    how = (
        np.where(side == 0, SideMethod.NONE, SideMethod.FEED).astype(np.int8)
        if method is None
        else np.asarray(method, dtype=np.int8)
    )
    return Trades(
        instrument,
        np.asarray(ts_ns, dtype=np.int64),
        np.asarray(price, dtype=np.int64),
        np.asarray(size, dtype=np.int64),
        side,
        how,
        None if bid is None else np.asarray(bid, dtype=np.int64),
        None if ask is None else np.asarray(ask, dtype=np.int64),
    )


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask. Prices in ticks, `NO_PRICE` for an empty side; sizes in contracts."""

    instrument: str
    ts_ns: int
    bid: int
    ask: int
    bid_size: int = 0
    ask_size: int = 0


@dataclass(frozen=True, slots=True)
class Depth:
    """The whole visible book, best first: (price ticks, size) on each side."""

    instrument: str
    ts_ns: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """A block of n historical bars, for sources that hold no trades. Prices in ticks.

    start_ns int64[n]; open, high, low, close, volume int64[n]; bid_volume, ask_volume (volume that hit the bid,
    lifted the ask) and trades int64[n] or None when the source does not say. What is None stays unknown.
    """

    instrument: str
    seconds: int
    start_ns: I64
    open: I64
    high: I64
    low: I64
    close: I64
    volume: I64
    bid_volume: I64 | None = None
    ask_volume: I64 | None = None
    trades: I64 | None = None

    def __len__(self) -> int:
        return len(self.start_ns)

    def cut(self, start: int, stop: int) -> Bars:
        """The bars [start, stop) as views."""
        part = slice(start, stop)
        return Bars(
            self.instrument,
            self.seconds,
            self.start_ns[part],
            self.open[part],
            self.high[part],
            self.low[part],
            self.close[part],
            self.volume[part],
            None if self.bid_volume is None else self.bid_volume[part],
            None if self.ask_volume is None else self.ask_volume[part],
            None if self.trades is None else self.trades[part],
        )


class FeedState(Enum):
    """What the feed can deliver now."""

    LIVE = "LIVE"
    SNAPSHOT = "SNAPSHOT"  # aggregates only: price, volume, VWAP go on, footprint and delta stop
    GAP = "GAP"  # data was lost before this instant: bars and CVD are partial
    DOWN = "DOWN"
    ENDED = "ENDED"  # the recording is over


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """A change of what the feed delivers.

    A GAP at which the next contract takes over names it in `rolled_to`; `shift_ticks` is then next − front as measured
    before the switch, None where the two never traded side by side in the data and the shift cannot be known.
    """

    instrument: str
    ts_ns: int
    state: FeedState
    reason: str = ""
    rolled_to: str = ""
    shift_ticks: int | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """What an instrument is worth now: ticks, None where unknown. `ts_ns` is the newest of its parts; `quote_ns` is when the
    quotes an entry would stand on were last told, None where none ever were: older ones may have been left out of `bid`, `ask`.

    `high` and `low` are the extremes of the trades since the mark before this one (None: `last` alone), so that peaks
    and excursions are the same however the stream was cut.
    """

    instrument: str
    bid: int | None
    ask: int | None
    last: int | None
    ts_ns: int
    high: int | None = None
    low: int | None = None
    quote_ns: int | None = None
