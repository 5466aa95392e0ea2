import asyncio

from orderflow_tui.adapters.ib_queue import MarketQueue
from orderflow_tui.domain.event import MarketEvent
from orderflow_tui.domain.market import Depth, FeedState, FeedStatus, Quote, Trades
from tests.gateway.virtual import VirtualLoop, run


def drain(queue: MarketQueue) -> list[MarketEvent]:
    async def all_of_it(loop: VirtualLoop) -> list[MarketEvent]:
        queue.close()
        found: list[MarketEvent] = []
        while (event := await queue.get()) is not None:
            found.append(event)
        return found

    return run(all_of_it)


def add(queue: MarketQueue, symbol: str, ts_ns: int) -> None:
    queue.block(symbol).add(ts_ns, 100, 1, 1, 2, 99, 100)


def test_trades_gather_into_blocks_between_other_events() -> None:
    queue = MarketQueue()
    add(queue, "ES", 1)
    add(queue, "ES", 2)
    queue.put(Quote("ES", 3, 99, 100))
    add(queue, "ES", 4)
    first, quote, second = drain(queue)
    assert isinstance(first, Trades)
    assert isinstance(second, Trades)
    assert isinstance(quote, Quote)
    assert (first.ts_ns.tolist(), second.ts_ns.tolist()) == ([1, 2], [4])
    assert first.bid is not None
    assert first.bid.tolist() == [99, 99]


def test_a_newer_picture_replaces_the_one_directly_before_it() -> None:
    queue = MarketQueue()
    queue.put(Quote("ES", 1, 99, 100))
    queue.put(Quote("ES", 2, 98, 100))
    queue.put(Quote("MES", 3, 98, 100))
    assert [e.ts_ns for e in drain(queue) if isinstance(e, Quote)] == [2, 3]
    assert queue.skipped == 1


def test_too_much_waiting_costs_pictures_and_never_a_trade() -> None:
    queue = MarketQueue(most_waiting=50)
    for i in range(200):
        add(queue, "ES", 10 * i)
        queue.put(Quote("ES", 10 * i + 1, 99, 100))
        queue.put(Depth("ES", 10 * i + 2, ((99, 1),), ((100, 1),)))
    queue.put(FeedStatus("ES", 9_999, FeedState.GAP))
    assert len(queue) <= 51
    events = drain(queue)
    stamps = [int(t) for e in events if isinstance(e, Trades) for t in e.ts_ns]
    assert stamps == [10 * i for i in range(200)]
    assert [e.state for e in events if isinstance(e, FeedStatus)] == [FeedState.GAP]
    assert [e.ts_ns for e in events if isinstance(e, Quote)][-1] == 1991


def test_a_reader_waits_for_the_next_event_and_ends_with_the_queue() -> None:
    async def scenario(loop: VirtualLoop) -> None:
        queue = MarketQueue()
        reading = asyncio.ensure_future(queue.get())
        await asyncio.sleep(1)
        assert not reading.done()
        add(queue, "ES", 7)
        got = await reading
        assert isinstance(got, Trades)
        reading = asyncio.ensure_future(queue.get())
        queue.close()
        assert await reading is None

    run(scenario)
