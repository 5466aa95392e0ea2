"""Market data of Interactive Brokers as the house wants it: single trades with their side, quotes, depth, and the truth
about what is missing.

Tick-by-tick prints and quotes and a book of ten rows for the instrument that is analysed, quotes for the one that is
traded. Sides are settled at arrival; where no quote stream runs, the top of our own book stands in. Refused tick-by-tick
data degrades to the 250 ms aggregate and says so; it is asked for again after a while. A lost stretch is announced by GAP
before the first event after it. Stamps are receive times, clamped into the exchange's second, and never decrease.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from loguru import logger

from orderflow_tui.adapters import ib_codec as codec
from orderflow_tui.adapters.ib_farms import FarmNews, Farms
from orderflow_tui.adapters.ib_feed_rules import FeedPace, FeedRules, QuoteSource
from orderflow_tui.adapters.ib_line import Line
from orderflow_tui.adapters.ib_losses import Losses
from orderflow_tui.adapters.ib_queue import MarketQueue
from orderflow_tui.adapters.ib_session import IbSession
from orderflow_tui.adapters.ib_stream import Stream
from orderflow_tui.adapters.ib_subscriptions import Kind, Subscription, Subscriptions
from orderflow_tui.domain.event import MarketEvent
from orderflow_tui.domain.market import Aggressor, FeedState, FeedStatus, SideMethod
from orderflow_tui.domain.session import MS_NS, SECOND_NS

BOOK_EVERY_NS = 20 * MS_NS
BOOK_BAD_NS = 2 * SECOND_NS
BOOK_TRIES = 3  # unknown errors in a row, no row of the book between them
STALE_NS = 15 * SECOND_NS
LEVEL1_BIDS, LEVEL1_ASKS, LEVEL1_LASTS = {1, 66}, {2, 67}, {4, 68}
LEVEL1_BID_SIZES, LEVEL1_ASK_SIZES, LEVEL1_VOLUMES = {0, 69}, {3, 70}, {8, 74}
LIVE_DATA = 1


class IbFeed:
    """Implements `ports.Feed`, follows an `IbSession` and hears its line. `with_depth` asks for the book."""

    def __init__(
        self,
        session: IbSession,
        clock_ns: Callable[[], int],
        *,
        with_depth: bool = True,
        pace: FeedPace | None = None,
        rules: FeedRules | None = None,
    ) -> None:
        self._rules = rules or FeedRules()
        self._session = session
        self._clock_ns = clock_ns
        self._with_depth = with_depth
        self._pace = pace or FeedPace()
        settings = session.settings
        self._analysis, self._execution = settings.analysis, settings.execution
        symbols = dict.fromkeys((self._analysis, self._execution))
        self.streams = {symbol: Stream(session.instruments[symbol], self._rules.sides) for symbol in symbols}
        self.queue = MarketQueue()
        self.subscriptions = Subscriptions(self._contract, self._rules.prints)
        self.refused: dict[Subscription, str] = {}  # what was ever refused, and why last
        self._book_timer: asyncio.TimerHandle | None = None
        self._last_ns = 0
        self._told_ns = 0
        self._losses = Losses(self.streams, self._put_status, self._now, self._why_snapshot, self._taken)
        self._denied = ""
        self._farms = Farms()
        self._competing_ns: int | None = None  # when another session was last said to have the data
        self._no_depth = not with_depth
        self._book_faults = 0  # unknown errors since the last row of the book
        self._renewed_s = float("-inf")  # when the book was last asked for anew, or will be
        session.followers.append(self)

    def _contract(self, symbol: str) -> Any | None:
        traded = self._session.traded.get(symbol)
        return None if traded is None else traded.contract

    # -- ports.Feed --------------------------------------------------------------------------------------------------

    async def events(self) -> AsyncIterator[MarketEvent]:
        """Market events as they come, until closed."""
        while (event := await self.queue.get()) is not None:
            yield event

    async def close(self) -> None:
        """End the stream of events. The line is the session's to close."""
        self.subscriptions.forget()
        if self._book_timer is not None:
            self._book_timer.cancel()
        self.queue.close()

    def name_contract(self, contract: str) -> None:
        """Say which month the analysed prices are of, before the first of them."""
        self.queue.put(FeedStatus(self._analysis, self._now(), FeedState.LIVE, f"prices are of {contract}", contract))

    def rolled(self, contract: str, shift_ticks: int | None, reason: str) -> None:
        """The analysed month changed: nothing of the old one comes any more, the new one is subscribed."""
        self.subscriptions.cancel_all()
        self.streams[self._analysis].interrupted()
        now_ns = self._now()
        self._losses.told(now_ns)
        self.queue.put(FeedStatus(self._analysis, now_ns, FeedState.GAP, reason, contract, shift_ticks))
        self._ask_anew()

    # -- following the session ---------------------------------------------------------------------------------------

    def opened(self, line: Line) -> None:
        """Hear the new line."""
        if line is not self.subscriptions.line:
            self.subscriptions.forget()
            self.subscriptions.line = line
            self._denied = ""
            self._competing_ns = None
            self._no_depth = not self._with_depth
        line.data = self

    def synced(self, keep_subscriptions: bool) -> None:
        """Subscribe, unless the broker kept what we had. The book is asked for anew even then: we may have missed rows."""
        self._losses.back()
        if not (keep_subscriptions and self.subscriptions):
            self._ask_anew()
        elif not self._no_depth:
            self._renew_book(self._analysis)

    def lost(self, reason: str) -> None:
        """Nothing comes any more but what was under way; what comes next has a gap before it."""
        self._losses.away(reason)
        line = self.subscriptions.line
        if line is None or not line.alive:
            self._farms = Farms()  # here and not when the next one opens: it speaks of its farms in the greeting
            self.subscriptions.forget()
            self.subscriptions.line = None

    def resubscribe(self) -> None:
        """Drop what is subscribed and ask anew; what trades meanwhile is lost."""
        self._losses.begin("subscribed anew")
        self._ask_anew()

    def _ask_anew(self) -> None:
        """At once the first time, later not before the broker takes it. What was refused may be granted now."""
        self.subscriptions.cancel_all()
        self._denied = ""
        self._no_depth = not self._with_depth
        self._book_faults = 0
        self.streams[self._analysis].clear_book()
        for stream in self.streams.values():
            stream.quotes_live = False
        quotes = Kind.LEVEL1 if self._rules.quotes is QuoteSource.LEVEL1 else Kind.QUOTES
        wanted = [Subscription(Kind.TRADES, self._analysis)]
        if self._execution != self._analysis:
            wanted.append(Subscription(quotes, self._execution))
        if self._rules.quotes is not QuoteSource.BOOK or self._no_depth:
            wanted.append(Subscription(quotes, self._analysis))
        if not self._no_depth:
            wanted.insert(1, Subscription(Kind.DEPTH, self._analysis))
        asked: dict[str, int] = {}
        for subscription in wanted:
            turn = asked.get(subscription.symbol, 0)
            wait_s = turn * self._pace.stagger_s
            if subscription.kind in {Kind.TRADES, Kind.QUOTES}:
                wait_s += self.subscriptions.wait_s(subscription.symbol, self._pace.spacing_s)
            self.subscriptions.later(wait_s, partial(self.subscriptions.start, subscription))
            if subscription.kind is not Kind.DEPTH:
                asked[subscription.symbol] = turn + 1

    def impairment(self) -> str:
        """Why the data cannot be trusted now. A closed market is quiet, not impaired, once it was heard."""
        now_ns, stream = self._clock_ns(), self.streams[self._analysis]
        traded = self._session.traded.get(self._analysis)
        if self._needs_farms(stream):
            return str(self._farms)
        if self._competes(stream):
            return "another session took the market data"
        cold = self._cold(stream)
        if traded is not None and traded.listed.is_open(now_ns) is False:
            return f"market closed, {cold}" if cold else ""
        if cold:
            return cold
        return self._silent(now_ns) or self._book_trouble(stream, now_ns)

    def _needs_farms(self, stream: Stream) -> bool:
        """Whether a farm is broken that may be ours: until all that is subscribed comes in spite of it."""
        newest = [one.quote_ns or 0 for one in self.streams.values()]
        newest += [stream.trade_ns or 0] if self._no_depth else [stream.trade_ns or 0, stream.row_ns]
        spared = self._farms.spare(min(newest))
        if spared:
            logger.warning("market data comes in spite of what was said: {}", spared)
        return bool(self._farms)

    def _competes(self, stream: Stream) -> bool:
        """Whether another session has the data. Nobody tells when it gives them back: single trades and quotes do."""
        since_ns = self._competing_ns
        if since_ns is not None and min(stream.quote_ns or 0, stream.trade_ns or 0) > since_ns + SECOND_NS:
            self._competing_ns = None
        return self._competing_ns is not None

    def _cold(self, stream: Stream) -> str:
        """What has not come yet."""
        if stream.quote_ns is None or self.streams[self._execution].quote_ns is None:
            return "no quote yet"
        if stream.trade_ns is None and not stream.snapshot:
            return "no trade yet"
        return "" if self._no_depth or stream.book.bids else "no book yet"

    def _silent(self, now_ns: int) -> str:
        """Which instrument's quotes stopped: what is traded is as blind without its own as what is analysed."""
        for symbol, stream in self.streams.items():
            assert stream.quote_ns is not None, "a warm stream has a quote"
            if now_ns - stream.quote_ns > STALE_NS:
                return f"no quote of {symbol} for {(now_ns - stream.quote_ns) / 1e9:.0f} s"
        return ""

    def _book_trouble(self, stream: Stream, now_ns: int) -> str:
        """A book that stays wrong is cleared and subscribed anew."""
        bad_since = stream.book_bad_since_ns
        if self._no_depth or bad_since is None or now_ns - bad_since < BOOK_BAD_NS:
            return ""
        why = stream.book.broken or "the book stays crossed or out of order"
        self._renew_book(self._analysis)
        return why

    def denied(self) -> str:
        """Why no market data will come."""
        return self._denied

    def on_notice(self, code: int, text: str) -> None:
        """Data farms break and come back."""
        match self._farms.hear(code, text, self._clock_ns()):
            case FarmNews.LOST:
                self._losses.begin(f"{code} {text}")
            case FarmNews.BACK:
                self._losses.over()
            case FarmNews.NONE:
                pass

    # -- what the line says ------------------------------------------------------------------------------------------

    def on_trade(self, request: int, exchange_s: int, price: float, size: float, unreported: bool) -> None:
        """A print. Unreported ones (combinations, late reports) are no outright trades."""
        stream = self._stream(request)
        if stream is None:
            return
        ticks, contracts = stream.ticks(price), int(size)
        if ticks is None or contracts <= 0 or unreported or not stream.guard.admits(ticks):
            return
        now_ns = self._last_ns = codec.stamp(self._clock_ns(), exchange_s, self._last_ns)
        self._losses.resume(stream, now_ns, FeedState.LIVE)
        self._tell_book(stream, now_ns)
        side, method = stream.on_trade(now_ns, ticks, contracts)
        self.queue.block(stream.instrument.symbol).add(now_ns, ticks, contracts, side, method, stream.bid, stream.ask)

    def on_quote(self, request: int, bid: float, ask: float, bid_size: float, ask_size: float) -> None:
        """A quote, tick by tick."""
        stream = self._stream(request)
        if stream is None:
            return
        bid_ticks, ask_ticks = stream.ticks(bid), stream.ticks(ask)
        if bid_ticks is None or ask_ticks is None:
            return
        stream.quotes_live = True
        self._quote(stream, bid_ticks, ask_ticks, int(bid_size), int(ask_size))

    def on_depth(self, request: int, position: int, operation: int, side: int, price: float, size: float) -> None:
        """A row of the book."""
        stream = self._stream(request)
        if stream is None:
            return
        ticks = stream.instrument.ticks(price) if operation != 2 else 0
        if ticks is None:
            stream.dropped += 1
            return
        now_ns = self._now()
        self._book_faults = 0
        stream.on_row(now_ns, position, operation, side == 1, ticks, int(size))
        if stream.book.broken:
            self._renew_book(stream.instrument.symbol)
            return
        if not stream.quotes_live and stream.book.valid:
            (bid, bid_size), (ask, ask_size) = stream.book.bids[0], stream.book.asks[0]
            if (bid, ask) != (stream.bid, stream.ask) or stream.quote_ns is None or now_ns - stream.quote_ns >= SECOND_NS:
                self._quote(stream, bid, ask, bid_size, ask_size)
        if now_ns - self._told_ns >= BOOK_EVERY_NS:
            self._tell_book(stream, now_ns)
        elif stream.book_changed:
            self._book_soon()

    def _book_soon(self) -> None:
        """Tell the last change of a burst even if nothing follows it."""
        if self._book_timer is None:
            self._book_timer = asyncio.get_running_loop().call_later(BOOK_EVERY_NS / SECOND_NS, self._tell_late_book)

    def _tell_late_book(self) -> None:
        self._book_timer = None
        self._tell_book(self.streams[self._analysis], self._now())

    def on_level1(self, request: int, kind: int, price: float | None, size: float) -> None:
        """A field of the aggregate: quotes where no quote stream runs, prints of unknown side from the day's volume."""
        stream = self._stream(request)
        if stream is None:
            return
        if kind in LEVEL1_VOLUMES:
            self._volume(stream, int(size))
            return
        ticks = stream.ticks(price) if price is not None else None
        if kind in LEVEL1_LASTS and ticks is not None:
            stream.last_price = ticks
        elif kind in LEVEL1_BIDS and ticks is not None:
            self._level1_quote(stream, ticks, stream.ask, int(size), stream.ask_size)
        elif kind in LEVEL1_ASKS and ticks is not None:
            self._level1_quote(stream, stream.bid, ticks, stream.bid_size, int(size))
        elif kind in LEVEL1_BID_SIZES:
            self._level1_quote(stream, stream.bid, stream.ask, int(size), stream.ask_size)
        elif kind in LEVEL1_ASK_SIZES:
            self._level1_quote(stream, stream.bid, stream.ask, stream.bid_size, int(size))

    def _level1_quote(self, stream: Stream, bid: int, ask: int, bid_size: int, ask_size: int) -> None:
        if stream.quotes_live:
            return
        stream.bid, stream.ask = bid, ask
        if 0 < bid < ask:
            self._quote(stream, bid, ask, bid_size, ask_size)

    def _volume(self, stream: Stream, total: int) -> None:
        """The growth of the day's volume, as one print at the last price whose side nobody knows."""
        before, stream.day_volume = stream.day_volume, total
        if not stream.snapshot or before is None or total <= before or stream.last_price is None:
            return
        now_ns = self._now()
        self._losses.resume(stream, now_ns, FeedState.SNAPSHOT)
        block = self.queue.block(stream.instrument.symbol)
        block.add(now_ns, stream.last_price, total - before, Aggressor.UNKNOWN, SideMethod.NONE, stream.bid, stream.ask)
        stream.trade_ns = now_ns

    def on_data_type(self, request: int, kind: int) -> None:
        """Anything but live data fences."""
        if request in self.subscriptions.by_request and kind != LIVE_DATA:
            self._denied = "the gateway sends delayed or frozen data"

    def on_data_error(self, request: int, code: int, text: str) -> None:
        """Degrade, renew, or say that there will be none."""
        wanted = self.subscriptions.by_request.get(request)
        if wanted is None or code == codec.PARTIAL_PERMISSION or code in codec.WARNING_CODES:
            return
        why = f"{code} {text}"
        if code == codec.COMPETING:
            self._competing_ns = self._now()
            self._losses.begin(why)
        elif wanted.kind is Kind.DEPTH:
            self._on_book_error(wanted, code, why)
        elif wanted.kind is Kind.LEVEL1 or code == codec.DELAYED:
            if code in codec.NO_PERMISSION or code == codec.DELAYED:
                self._denied = self.refused[wanted] = why
        elif code in codec.TICKS_REFUSED or code in codec.NO_PERMISSION:
            self.subscriptions.refused(request)
            self._degrade(wanted, why)
        else:  # unknown: whether it runs nobody can say, so it is ended
            self.subscriptions.end(wanted)
            self._degrade(wanted, why)

    def _on_book_error(self, wanted: Subscription, code: int, why: str) -> None:
        """Ask for the book anew, or do without it when the broker refuses it."""
        self._book_faults += code not in codec.DEPTH_AGAIN
        if code not in codec.NO_DEPTH and self._book_faults < BOOK_TRIES:
            self._renew_book(wanted.symbol)
            return
        self.subscriptions.end(wanted)
        self._no_depth = True
        self.refused[wanted] = why
        if self._rules.quotes is QuoteSource.BOOK:
            self.subscriptions.later(self._pace.stagger_s, partial(self.subscriptions.start, self._tick_quotes()))

    def _tick_quotes(self) -> Subscription:
        return Subscription(Kind.QUOTES, self._analysis)

    def _degrade(self, refused: Subscription, why: str) -> None:
        """The aggregate instead of single ticks, and another try later."""
        stream = self.streams[refused.symbol]
        self.refused[refused] = why
        if refused.kind is Kind.TRADES:
            stream.snapshot = True
            if not self._losses.untold:
                self._put_status(refused.symbol, FeedState.SNAPSHOT, why)
        else:
            stream.quotes_live = False
        self.subscriptions.start(Subscription(Kind.LEVEL1, refused.symbol))
        self.subscriptions.later(self._pace.retry_s, partial(self.subscriptions.start, refused))

    def _renew_book(self, symbol: str) -> None:
        """The book under a new id, from nothing: at once, but a second time only after a pause."""
        depth = Subscription(Kind.DEPTH, symbol)
        self.subscriptions.end(depth)
        self.streams[symbol].clear_book()
        now_s = asyncio.get_running_loop().time()
        wait_s = self._renewed_s + self._pace.renew_s - now_s
        self._renewed_s = now_s + max(0.0, wait_s)
        if wait_s > 0:
            self.subscriptions.later(wait_s, partial(self.subscriptions.start, depth))
        else:
            self.subscriptions.start(depth)

    # -- telling the engine ------------------------------------------------------------------------------------------

    def _stream(self, request: int) -> Stream | None:
        subscription = self.subscriptions.by_request.get(request)
        return None if subscription is None else self.streams[subscription.symbol]

    def _now(self) -> int:
        """The receive time, never before the last stamp."""
        self._last_ns = max(self._last_ns, self._clock_ns())
        return self._last_ns

    def _quote(self, stream: Stream, bid: int, ask: int, bid_size: int, ask_size: int) -> None:
        now_ns = self._now()
        self._losses.resume(stream, now_ns, None)
        quote = stream.on_quote(now_ns, bid, ask, bid_size, ask_size)
        if quote is not None:
            self.queue.put(quote)

    def _tell_book(self, stream: Stream, now_ns: int) -> None:
        depth = stream.depth(now_ns)
        if depth is not None:
            self._told_ns = now_ns
            self.queue.put(depth)

    def _taken(self) -> bool:
        """Whether something takes prints away at present."""
        return bool(self._farms) or self._competing_ns is not None

    def _why_snapshot(self, symbol: str) -> str:
        return self.refused.get(Subscription(Kind.TRADES, symbol), "")

    def _put_status(self, symbol: str, state: FeedState, reason: str) -> None:
        self.queue.put(FeedStatus(symbol, self._now(), state, reason))
