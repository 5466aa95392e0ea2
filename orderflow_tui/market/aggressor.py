"""Who crossed the spread, when the feed does not say.

In order: the feed's own flag; the quote in force (at or beyond the ask is a buy, at or below the bid a sale, inside the
spread the nearer side); at the exact middle, or with no fresh quote, the tick rule (the sign of the last price change).
Unknown stays unknown: it is never split and never drawn by lot.

The race: a buy that empties the offer at k moves the bid to k. When the quote message overtakes the trade message, the
plain rule sees a print at the bid and reports a sale. So a print that sits on the touch of the *previous* quote, within
`settle_ms` of the change, is matched to the quote it consumed, for no more volume than that quote displayed.
Sources of the ideas: Lee and Ready (quote and tick rules); Jurkatis 2022 (match a trade to the quote it consumed).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderflow_tui.domain.market import I8, I64, NO_PRICE, Aggressor, SideMethod
from orderflow_tui.domain.session import MS_NS, SECOND_NS

THROUGH_TICKS = 4  # a print further outside the quote than this is counted as a trade-through
Side = tuple[Aggressor, SideMethod]


@dataclass(frozen=True, slots=True)
class AggressorParams:
    """`settle_ms` is how long a quote may have overtaken its trade; `max_quote_age_s` how old the newest quote message
    may be (60 for streams that speak only on a change)."""

    settle_ms: int = 50
    max_quote_age_s: int = 5


@dataclass(slots=True)
class _Touch:
    """A valid quote, when its prices came into force, and the volume race repair has already matched to it. Sizes -1:
    not known."""

    ts_ns: int
    bid: int
    ask: int
    bid_size: int
    ask_size: int
    repaired: int = 0


def _rule(bid: int, ask: int, price: int) -> int:
    """+1 a buy, -1 a sale, 0 the exact middle."""
    if price >= ask:
        return 1
    if price <= bid:
        return -1
    twice, middle = 2 * price, bid + ask
    return (twice > middle) - (twice < middle)


class AggressorClassifier:
    """Settles the side of one instrument's trades. Events must come in the order they were received.

    Call `reset` at the Globex open, on a roll and after a gap of more than 60 s.
    """

    __slots__ = ("_before", "_direction", "_last", "_max_age_ns", "_now", "_seen_ns", "_settle_ns", "trade_throughs")

    def __init__(self, params: AggressorParams | None = None) -> None:
        rules = params or AggressorParams()
        self._settle_ns = rules.settle_ms * MS_NS
        self._max_age_ns = rules.max_quote_age_s * SECOND_NS
        self.trade_throughs = 0
        self.reset()

    def reset(self) -> None:
        """Forget quotes and the last price: what follows has no connection with what was."""
        self._now: _Touch | None = None
        self._before: _Touch | None = None
        self._seen_ns = 0
        self._last: int | None = None
        self._direction = 0

    def on_quote(self, ts_ns: int, bid: int, ask: int, bid_size: int = -1, ask_size: int = -1) -> None:
        """A quote in ticks; sizes -1 where unknown. One-sided, locked and crossed quotes change nothing."""
        if bid <= 0 or ask <= bid:
            return
        self._seen_ns = ts_ns
        now = self._now
        if now is not None and now.bid == bid and now.ask == ask:
            now.bid_size, now.ask_size = bid_size, ask_size
            return
        self._before = now
        self._now = _Touch(ts_ns, bid, ask, bid_size, ask_size)

    def on_trade(self, ts_ns: int, price: int, size: int, flag: int = 0) -> Side:
        """Side and method of a trade; `flag` is the feed's own side (+1, -1) where it has one."""
        tick = self._direction
        if self._last is not None and price != self._last:
            tick = 1 if price > self._last else -1
        self._last, self._direction = price, tick
        if flag:
            return Aggressor(flag), SideMethod.FEED
        quote = self._now
        if quote is None or ts_ns - self._seen_ns > self._max_age_ns:
            return (Aggressor(tick), SideMethod.TICK) if tick else (Aggressor.UNKNOWN, SideMethod.NONE)
        if price > quote.ask + THROUGH_TICKS or price < quote.bid - THROUGH_TICKS:
            self.trade_throughs += 1
        side = _rule(quote.bid, quote.ask, price)
        if side == 0:
            return (Aggressor(tick), SideMethod.MID_TICK) if tick else (Aggressor.UNKNOWN, SideMethod.NONE)
        if ts_ns - quote.ts_ns < self._settle_ns and self._overtaken(quote, price, size, side):
            return Aggressor(-side), SideMethod.QUOTE_PREV
        return Aggressor(side), SideMethod.QUOTE

    def _overtaken(self, quote: _Touch, price: int, size: int, side: int) -> bool:
        """Whether the print consumed the previous quote, and its displayed size still covers it."""
        before = self._before
        if before is None or _rule(before.bid, before.ask, price) != -side or price not in (before.bid, before.ask):
            return False
        shown = before.ask_size if price == before.ask else before.bid_size
        if 0 <= shown < quote.repaired + size:
            return False
        quote.repaired += size
        return True

    def on_block(
        self,
        ts_ns: I64,
        price: I64,
        size: I64,
        bid: I64 | None = None,
        ask: I64 | None = None,
        flag: I8 | None = None,
    ) -> tuple[I8, I8]:
        """Sides and methods, int8[n] each, of n trades with the quote in force beside each (`NO_PRICE`: none).

        The quote of a row counts as received just before its trade. Equal, trade for trade, to feeding the rows one by one.
        """
        count = len(price)
        if flag is not None and count and bool(np.all(flag)):
            if bid is not None and ask is not None:
                self._last_quotes(ts_ns, bid, ask)
            return self._flagged(price, flag)
        sides: NDArray[np.int8] = np.zeros(count, dtype=np.int8)
        methods: NDArray[np.int8] = np.zeros(count, dtype=np.int8)
        bids = [NO_PRICE] * count if bid is None else bid.tolist()
        asks = [NO_PRICE] * count if ask is None else ask.tolist()
        flags = [0] * count if flag is None else flag.tolist()
        rows = zip(ts_ns.tolist(), price.tolist(), size.tolist(), bids, asks, flags, strict=True)
        for i, (ts, k, volume, b, a, f) in enumerate(rows):
            self.on_quote(ts, b, a)
            sides[i], methods[i] = self.on_trade(ts, k, volume, f)
        return sides, methods

    def _last_quotes(self, ts_ns: I64, bid: I64, ask: I64) -> None:
        """Take in a block's quotes where only those left at its end matter: the newest three that differ, and the last."""
        valid = np.flatnonzero((bid > 0) & (ask > bid))
        if not len(valid):
            return
        changed = np.diff(bid[valid], prepend=0) != 0
        changed |= np.diff(ask[valid], prepend=0) != 0
        for i in (*valid[changed][-3:].tolist(), int(valid[-1])):
            self.on_quote(int(ts_ns[i]), int(bid[i]), int(ask[i]))

    def _flagged(self, price: I64, flag: I8) -> tuple[I8, I8]:
        """The whole block carries the feed's sides: nothing to settle, only the tick rule's memory to keep."""
        changes = np.flatnonzero(np.diff(price))
        if len(changes):
            last = int(changes[-1])
            self._direction = 1 if price[last + 1] > price[last] else -1
        elif self._last is not None and int(price[0]) != self._last:
            self._direction = 1 if int(price[0]) > self._last else -1
        self._last = int(price[-1])
        return flag.astype(np.int8), np.full(len(price), SideMethod.FEED, dtype=np.int8)


def classify_block(
    ts_ns: I64,
    price: I64,
    size: I64,
    bid: I64 | None = None,
    ask: I64 | None = None,
    flag: I8 | None = None,
    params: AggressorParams | None = None,
) -> tuple[I8, I8]:
    """One whole recording by a fresh classifier: see `AggressorClassifier.on_block`."""
    return AggressorClassifier(params).on_block(ts_ns, price, size, bid, ask, flag)
