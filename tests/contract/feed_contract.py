"""What every feed must keep, whoever it is. Subclass `FeedContract`, return a fresh feed, and pytest runs the promises."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from orderflow_tui.domain.event import MarketEvent, stamp_of
from orderflow_tui.domain.market import I8, I64, NO_PRICE, Bars, Depth, FeedState, FeedStatus, Quote, Trades
from orderflow_tui.ports import Feed


async def collected(feed: Feed, most: int) -> list[MarketEvent]:
    """The first events of a feed, at most so many; the feed is closed afterwards."""
    events: list[MarketEvent] = []
    stream = feed.events()
    async for event in stream:
        events.append(event)
        if len(events) >= most:
            break
    await feed.close()
    return events


def first_stamp(event: MarketEvent) -> int:
    """The instant an event begins at: of a block its first row."""
    if isinstance(event, Trades):
        return int(event.ts_ns[0])
    if isinstance(event, Bars):
        return int(event.start_ns[0])
    return event.ts_ns


class FeedContract:
    """`instrument` is the symbol the feed speaks of, `most` how many events are looked at."""

    instrument = "ES"
    most = 400

    def feed(self) -> Feed:
        """A fresh feed that does not make the test wait."""
        raise NotImplementedError

    def events(self) -> list[MarketEvent]:
        """What it says."""
        return asyncio.run(collected(self.feed(), self.most))

    def test_it_says_something_about_its_own_instrument(self) -> None:
        events = self.events()
        assert events
        assert {e.instrument for e in events} == {self.instrument}

    def test_stamps_never_decrease(self) -> None:
        events = self.events()
        for before, after in pairwise(events):
            assert stamp_of(before) <= first_stamp(after)
        for block in events:
            if isinstance(block, Trades):
                assert (block.ts_ns[1:] >= block.ts_ns[:-1]).all()

    def test_trades_are_whole_columns_of_sound_values(self) -> None:
        for block in self.events():
            if not isinstance(block, Trades):
                continue
            columns: list[I64 | I8 | None] = [block.price, block.size, block.aggressor, block.method, block.bid, block.ask]
            assert {len(c) for c in columns if c is not None} == {len(block)}
            assert len(block) > 0
            assert (block.size > 0).all()
            assert set(block.aggressor.tolist()) <= {-1, 0, 1}
            assert set(block.method.tolist()) <= set(range(6))

    def test_books_are_sorted_best_first(self) -> None:
        for book in self.events():
            if isinstance(book, Depth):
                assert all(a[0] > b[0] for a, b in pairwise(book.bids))
                assert all(a[0] < b[0] for a, b in pairwise(book.asks))
                assert all(size > 0 for _, size in (*book.bids, *book.asks))

    def test_quotes_name_a_price_or_say_there_is_none(self) -> None:
        for quote in self.events():
            if isinstance(quote, Quote):
                assert all(p == NO_PRICE or abs(p) < 2**40 for p in (quote.bid, quote.ask))

    def test_nothing_comes_after_the_end(self) -> None:
        events = self.events()
        ends = [i for i, e in enumerate(events) if isinstance(e, FeedStatus) and e.state is FeedState.ENDED]
        assert ends in ([], [len(events) - 1])

    def test_the_same_feed_says_the_same_again(self) -> None:
        one, two = self.events(), self.events()
        assert [stamp_of(e) for e in one[:20]] == [stamp_of(e) for e in two[:20]]

    def test_closing_twice_is_harmless(self) -> None:
        async def close_twice() -> None:
            feed = self.feed()
            await feed.close()
            await feed.close()

        asyncio.run(close_twice())

    def test_cancelling_the_reader_releases_the_feed(self) -> None:
        async def cancelled() -> bool:
            feed = self.feed()

            async def read() -> None:
                async for _ in feed.events():
                    await asyncio.sleep(0)

            task = asyncio.create_task(read())
            for _ in range(5):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await feed.close()
            return task.done()

        assert asyncio.run(cancelled())
