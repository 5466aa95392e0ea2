"""MarketState: everything that is known about one instrument's market, at one instant.

Trades are taken in without being looked at: a piece is only noted, and folded once, when something ends, when somebody
asks, or when sixteen thousand wait. Because every sum is whole and every boundary a watch, it makes no difference when.

Through a Globex day the past stands still: archive, PVA, CVA, prior high, low and close are those of the sessions before
it. A session joins them when its Globex day closes, not at its own bell.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import assert_never

import numpy as np

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.history import History
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import Bars, Depth, FeedState, FeedStatus, Quote, SideMethod, Trades
from orderflow_tui.domain.session import SECOND_NS, Phase, SessionDay, SessionTable
from orderflow_tui.domain.value import SessionProfile
from orderflow_tui.domain.watch import Watch
from orderflow_tui.market.book import Book
from orderflow_tui.market.footprint import Frame, OpenBar, fold, row_of, volume_by_method
from orderflow_tui.market.news import BarClosed, DayClosed, DayOpened, News, Rolled, RthClosed, RthOpened
from orderflow_tui.market.params import MarketParams
from orderflow_tui.market.past import Past, shifted
from orderflow_tui.market.readings import Readings
from orderflow_tui.market.recent import RecentTrades
from orderflow_tui.market.rolling import RollingVwap
from orderflow_tui.market.session import Boundary, SessionClock
from orderflow_tui.market.today import Today

FOLD_AT = 1 << 14  # waiting trades at which they are folded anyway
LATE_NS = 60 * SECOND_NS  # a feed that begins later than this after a session did has missed a part of it
GAP_NS = 60 * SECOND_NS  # a gap longer than this breaks the connection with what came before
TRAIL_MAX = 2400  # points of the developing POC kept
WHOLE_SESSION_NS = 1 << 62  # frame length of bars that only boundaries and volume end
NO_DAY = SessionDay(date.min, 0, 0, 0, None, None)


class MarketState(Readings):
    """One instrument's market. Stamps never decrease; a block of trades never reaches beyond `watch`."""

    def __init__(self, instrument: Instrument, params: MarketParams, table: SessionTable, history: History | None = None) -> None:
        self.instrument = instrument
        self.params = params
        self.now_ns = 0
        self.data_ts_ns = None
        self.last_trade_ns = None
        self.trades_at_stamp = 0
        self.book = Book()
        self._table = table
        self._clock = SessionClock(table, params.period_ns, params.ib_ns)
        self._past = Past(params, instrument.imbalance_min_volume, table, history or History())
        self._day = Today(NO_DAY, params)
        self._grade = None
        self._session: SessionProfile | None = None  # today's regular session, once complete
        self._recent = RecentTrades()
        self._rolling = RollingVwap()
        self._newest = None  # block that holds the newest trade
        self._last_close = None  # where there is no such block
        self._waiting: list[Trades] = []
        self._waiting_count = 0
        self._tally = [0] * len(SideMethod)  # volume by method of the first `_tallied` waiting blocks
        self._tallied = 0
        self._bar: OpenBar | None = None
        self._bar_start = 0
        self._bar_end: int | None = None  # end of the interval being watched; None: the next trade tells
        self._volume_bars = params.bar_kind == "volume"
        self._frame_ns = WHOLE_SESSION_NS if self._volume_bars else params.bar_ns
        self._bar_volume = 0  # contracts in the open volume bar, waiting trades included
        self._feed = FeedState.LIVE
        self._lost_until_ns = -1  # data was lost before this instant
        self._watch: Watch | None = None

    # -- time ---------------------------------------------------------------------------------------------------------

    @property
    def watch(self) -> Watch:
        """When this state must be woken."""
        if self._watch is None:
            due = self._clock.due_ns if self._bar_end is None else min(self._bar_end, self._clock.due_ns)
            volume = self.params.bar_volume - self._bar_volume if self._volume_bars else None
            self._watch = Watch(due_ns=due, volume=volume, every=self._bar_end is None)
        return self._watch

    def on_time(self, now_ns: int) -> list[News]:
        """Do what is due at or before `now_ns`, each at its own instant: bar, period, session end, session start."""
        news: list[News] = []
        if not self._clock.entered:
            self._enter(now_ns, news)
        while (due := self.watch.due_ns) <= now_ns:
            self._fold()
            self.now_ns = max(self.now_ns, due)
            traded = self._end_bar(due, news) if self._bar_end == due else self._bar is not None
            for boundary in self._clock.take(due):
                self._cross(boundary, due, news)
            if traded and self._bar_end is None and self._clock.phase is not Phase.CLOSED:
                self._frame(due)
            self._watch = None
        self.now_ns = max(self.now_ns, now_ns)
        return news

    def _enter(self, now_ns: int, news: list[News]) -> None:
        """The first instant ever seen."""
        self._watch = None
        if self._clock.enter(now_ns):
            self._open_day(now_ns, news)

    def _open_day(self, now_ns: int, news: list[News]) -> None:
        """A day begins, or is entered while it runs; what was missed of it stays missed."""
        day = self.day
        assert day is not None, "the clock opened a day"
        self._begin_sums(day, now_ns)
        self._session = None
        self._past.begin(day)
        zones, extremes = self.params.level_sessions, self.params.unfinished_sessions
        self._past.zones.keep(lambda zone: self._clock.sessions_since(zone.born_date) <= zones)
        self._past.unfinished.keep(lambda level: self._clock.sessions_since(level.born_date) <= extremes)
        news.append(DayOpened(day, now_ns))
        if self._clock.phase is Phase.RTH:
            news.append(RthOpened(day, None, now_ns))

    def _begin_sums(self, day: SessionDay, now_ns: int) -> None:
        """Today's sums start at this instant; those that should have started earlier are partial."""
        self._day = Today(day, self.params)
        self._grade = None
        self._day.cvd_globex.partial = now_ns > day.open_ns + LATE_NS or self._feed is FeedState.DOWN
        if day.rth_open_ns is not None and now_ns >= day.rth_open_ns:
            self._day.rth_begun = True
            self._day.cvd_rth.partial = now_ns > day.rth_open_ns + LATE_NS

    def _cross(self, boundary: Boundary, now_ns: int, news: list[News]) -> None:
        """Pass one boundary of the calendar."""
        day = self.day
        match boundary:
            case Boundary.PERIOD_END:
                assert day is not None, "a period that ends has a day"
                assert day.rth_open_ns is not None, "a period that ends has regular hours around it"
                index = (now_ns - 1 - day.rth_open_ns) // self.params.period_ns
                period = self._day.end_period(index, day.rth_open_ns + index * self.params.period_ns, now_ns)
                news += [period] if period else []
            case Boundary.RTH_CLOSE:
                assert day is not None, "a session that closes has a day"
                self._session = self._day.session_profile(self.prior_close)
                if self._session is not None:
                    self._past.naked.add(day.trade_date, self._session.value.poc)
                news.append(RthClosed(self._session, day, now_ns))
            case Boundary.DAY_CLOSE:
                assert day is not None, "a day that closes was open"
                self._past.unfinished.end_day(day.trade_date, self.rth_high, self.rth_low)
                self._past.end(day, self._session)
                self._clock.after(day)
                news.append(DayClosed(day, now_ns))
            case Boundary.DAY_OPEN:
                following = self._table.day_at(now_ns)
                if following is not None and following is not day:
                    self._clock.open(following, now_ns)
                    self._open_day(now_ns, news)
            case Boundary.RTH_OPEN:
                assert day is not None, "a session that opens has a day"
                self._day.rth_begun = True
                self._day.cvd_rth.partial = self._feed is FeedState.DOWN
                news.append(RthOpened(day, None, now_ns))
            case Boundary.IB_END | Boundary.PAUSE:
                return  # nothing to do: the piece was cut there, the balance takes no later trade, the clock knows the phase
            case _:
                assert_never(boundary)

    # -- trades -------------------------------------------------------------------------------------------------------

    def on_trades(self, block: Trades) -> list[News]:
        """Take in a piece that the watch allowed; n > 0 trades."""
        news: list[News] = []
        if self._bar_end is None:
            self._begin(int(block.ts_ns[0]), news)
        last_ns = int(block.ts_ns[-1])
        assert last_ns < self.watch.due_ns, "a piece of trades reaches beyond the watch"
        self._count_at_stamp(block, last_ns)
        self.now_ns = self.data_ts_ns = self.last_trade_ns = last_ns
        self._newest = block
        self._grade = None
        self._waiting.append(block)
        self._waiting_count += len(block)
        if self.book.followed:
            self.book.on_traded(int(block.price.min()), int(block.price.max()))
        if self._volume_bars:
            self._bar_volume += int(block.size.sum())
            self._watch = None
            if self._bar_volume >= self.params.bar_volume:
                self._fold()
                self._close_bar(last_ns, news)
        elif self._waiting_count >= FOLD_AT:
            self._fold()
        return news

    def _count_at_stamp(self, block: Trades, last_ns: int) -> None:
        """How many trades bear the newest stamp: with it, the place in the tape, however the stream was cut."""
        count = len(block)
        if count > 1 and int(block.ts_ns[0]) != last_ns:
            self.trades_at_stamp = count - int(block.ts_ns.searchsorted(last_ns, side="left"))
        else:
            self.trades_at_stamp = count + (self.trades_at_stamp if self.last_trade_ns == last_ns else 0)

    def _begin(self, ts_ns: int, news: list[News]) -> None:
        """Trading resumes after a bar's end without a bar: find the day and the interval it falls into."""
        if not self._clock.entered:
            self._enter(ts_ns, news)
        day = self._clock.day_for(ts_ns)
        if day is not self._clock.day:
            self._clock.open(day, ts_ns)
            self._open_day(ts_ns, news)
        self._frame(ts_ns)

    def _frame(self, ts_ns: int) -> None:
        self._bar_start, self._bar_end = self._clock.frame(ts_ns, self._frame_ns)
        self._watch = None

    def _fold(self) -> None:
        """Take in the trades that wait: all of one phase, one period, one bar."""
        if not self._waiting:
            return
        block = self._waiting[0] if len(self._waiting) == 1 else joined(self._waiting)
        self._waiting, self._waiting_count = [], 0
        self._tally, self._tallied = [0] * len(SideMethod), 0
        part = fold(block.price, block.size, block.aggressor, block.method)
        sided = self._feed is not FeedState.SNAPSHOT
        if self._bar is None:
            if self._volume_bars:
                self._bar_start = int(block.ts_ns[0])
            self._bar = OpenBar(part.first, not sided, self._lossy())
        self._bar.add(part)
        self._day.add(part, self._clock.phase, *self._place(int(block.ts_ns[-1])), sided)
        self._recent.add(block)

    def _waiting_by_method(self) -> Sequence[int]:
        for block in self._waiting[self._tallied :]:
            for method, volume in enumerate(volume_by_method(block.size, block.method)):
                self._tally[method] += volume
        self._tallied = len(self._waiting)
        return self._tally

    def _lossy(self) -> bool:
        """Whether data of a bar beginning now is missing."""
        return self._bar_start < self._lost_until_ns or self._feed is FeedState.DOWN

    def _place(self, ts_ns: int) -> tuple[int, bool]:
        """Index of the half-hour an instant lies in, and whether the initial balance still runs."""
        opening = self._day.day.rth_open_ns
        if opening is None:
            return 0, False
        return (ts_ns - opening) // self.params.period_ns, ts_ns < opening + self.params.ib_ns

    # -- bars ---------------------------------------------------------------------------------------------------------

    def on_bar(self, bar: Bars) -> list[News]:
        """Take in exactly one historical bar.

        Rows shorter than our bars are gathered where they divide them; any other row is a bar of its own. A row in which
        nothing traded is no bar: its prices are only the last ones repeated.
        """
        self._fold()
        news: list[News] = []
        row = row_of(bar)
        if row.volume <= 0:
            self.now_ns = self.data_ts_ns = max(self.now_ns, row.end_ns)
            return news
        if self._bar_end is None:
            self._begin(row.start_ns, news)
        assert self._bar_end is not None, "an interval is watched while rows come in"
        self._day.add_row(row, self._clock.phase, *self._place(row.start_ns))
        self._grade = None
        self._newest, self._last_close = None, row.close
        self.now_ns = self.data_ts_ns = max(self.now_ns, row.end_ns)
        self._watch = None
        if self._volume_bars or self.params.bar_seconds % bar.seconds or row.end_ns > self._bar_end:
            own = OpenBar(row.open, partial=row.start_ns < self._lost_until_ns or self._feed is FeedState.DOWN)
            own.add_row(row)
            news.append(self._closed(own, row.start_ns, row.end_ns))
            self._bar_end = self._bar_end if self._bar is not None else None
            return news
        if self._bar is None:
            self._bar = OpenBar(row.open, partial=self._lossy())
        self._bar.add_row(row)
        if row.end_ns == self._bar_end:
            self._close_bar(row.end_ns, news)
            self._bar_end = None
        return news

    def _end_bar(self, end_ns: int, news: list[News]) -> bool:
        """The watched interval is over; whether a bar was in it."""
        self._bar_end = None
        if self._bar is None:
            return False
        self._close_bar(end_ns, news)
        return True

    def _close_bar(self, end_ns: int, news: list[News]) -> None:
        bar, self._bar, self._bar_volume = self._bar, None, 0
        assert bar is not None, "a bar that closes was open"
        news.append(self._closed(bar, self._bar_start, end_ns))

    def _closed(self, bar: OpenBar, start_ns: int, end_ns: int) -> BarClosed:
        day = self.day
        assert day is not None, "a bar belongs to a day"
        closed = bar.closed(self._frame_of(start_ns, end_ns))
        self._past.on_bar(closed, day.trade_date)
        if closed.rth:
            poc = self._day.regular.profile.poc()
            if poc is not None:
                self._day.poc_trail.append((end_ns, poc))
                del self._day.poc_trail[:-TRAIL_MAX]
        return BarClosed(closed)

    def _frame_of(self, start_ns: int, end_ns: int) -> Frame:
        rth = self._clock.phase is Phase.RTH
        return Frame(self.instrument.symbol, start_ns, end_ns, rth, self._day.cvd_rth.value, self._day.cvd_globex.value)

    def open_bar(self) -> FootprintBar | None:
        """The bar being built, as it stands; its end is where it will end, of a volume bar the newest trade."""
        self._fold()
        if self._bar is None:
            return None
        end = self.now_ns if self._volume_bars or self._bar_end is None else self._bar_end
        return self._bar.closed(self._frame_of(self._bar_start, end))

    # -- book and feed ------------------------------------------------------------------------------------------------

    def on_quote(self, quote: Quote) -> None:
        """Best bid and ask changed."""
        self.now_ns = self.data_ts_ns = max(self.now_ns, quote.ts_ns)
        self.book.on_quote(quote)

    def on_depth(self, depth: Depth) -> None:
        """The visible book changed."""
        self.now_ns = self.data_ts_ns = max(self.now_ns, depth.ts_ns)
        self.book.on_depth(depth)

    def on_status(self, status: FeedStatus) -> list[News]:
        """What the feed delivers changed. A loss marks the open bar and the cumulative deltas; it reports nothing itself."""
        self._fold()
        self.now_ns = max(self.now_ns, status.ts_ns)
        was, now = self._feed, status.state
        if now is FeedState.GAP or (was is FeedState.DOWN and now in (FeedState.LIVE, FeedState.SNAPSHOT)):
            self._lose(status.ts_ns)
        match now:
            case FeedState.LIVE | FeedState.SNAPSHOT | FeedState.DOWN:
                self._feed = now
            case FeedState.GAP:
                self._feed = FeedState.LIVE if was is FeedState.DOWN else was
            case FeedState.ENDED:
                return []
            case _:
                assert_never(now)
        if self._feed is FeedState.DOWN:
            self._lose(status.ts_ns)
        if self._feed is FeedState.SNAPSHOT and self._bar is not None:
            self._bar.mark_sideless()
        return []

    def _lose(self, ts_ns: int) -> None:
        """Data before this instant is missing."""
        since = self.data_ts_ns
        self._lost_until_ns = ts_ns
        self.book.clear()
        if since is not None and ts_ns - since > GAP_NS:
            self._recent.clear()
        if self._bar is not None:
            self._bar.partial = True
        if self._clock.running:
            self._day.cvd_globex.partial = True
        if self._clock.phase is Phase.RTH:
            self._day.cvd_rth.partial = True

    def shift(self, ticks: int) -> list[News]:
        """The contract rolled: every stored price moves by `ticks`; the book belongs to the old contract and goes."""
        self._fold()
        if self._newest is not None:
            last = self._newest.cut(len(self._newest) - 1, len(self._newest))
            self._newest = Trades(last.instrument, last.ts_ns, last.price + ticks, last.size, last.aggressor, last.method)
        elif self._last_close is not None:
            self._last_close += ticks
        self.book.clear()
        self._rolling.clear()
        self._recent.shift(ticks)
        self._day.shift(ticks)
        self._past.shift(ticks, self.day.trade_date if self.day else None)
        self._session = None if self._session is None else shifted(self._session, ticks)
        if self._bar is not None:
            self._bar.shift(ticks)
        return [Rolled(ticks, self.now_ns)]

    def restart(self) -> list[News]:
        """The contract rolled and nobody knows by how much: prices learnt so far mean nothing any more and are forgotten."""
        self._fold()
        self._newest = self._last_close = None
        self.book.clear()
        self._rolling.clear()
        self._recent.clear()
        self._past = Past(self.params, self.instrument.imbalance_min_volume, self._table, History())
        self._past.restarted = self._table.trade_date(self.now_ns)
        if self.day is not None:
            self._past.begin(self.day)
            self._begin_sums(self.day, self.now_ns)
        self._bar, self._bar_volume = None, 0
        self._session = None
        self._watch = None
        return [Rolled(None, self.now_ns)]


def joined(blocks: list[Trades]) -> Trades:
    """Consecutive blocks as one, without their quotes."""
    return Trades(
        blocks[0].instrument,
        np.concatenate([block.ts_ns for block in blocks]),
        np.concatenate([block.price for block in blocks]),
        np.concatenate([block.size for block in blocks]),
        np.concatenate([block.aggressor for block in blocks]),
        np.concatenate([block.method for block in blocks]),
    )
