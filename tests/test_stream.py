"""Single trades in open columns: handed over exactly where a block would be cut, with everything they carried."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from orderflow_tui.domain.action import Action
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.market import Quote, Trades, trades_of
from orderflow_tui.domain.watch import GiveBack, Watch
from orderflow_tui.driver import Driver
from orderflow_tui.stream import LONGEST, TradeStream

Rows = list[tuple[object, ...]]


class Waiting:
    """A core that waits for the same thing all the time and keeps what it is told."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.told: list[Event] = []

    def on(self, event: Event) -> list[Action]:
        self.told.append(event)
        return []

    @property
    def pieces(self) -> list[Rows]:
        return [rows(piece) for piece in self.told if isinstance(piece, Trades)]


def rows(piece: Trades) -> Rows:
    columns = [piece.ts_ns.tolist(), piece.price.tolist(), piece.size.tolist(), piece.aggressor.tolist(), piece.method.tolist()]
    columns += [column.tolist() for column in (piece.bid, piece.ask) if column is not None]
    return [(piece.instrument, *row) for row in zip(*columns, strict=True)]


def fed(watch: Watch, events: Sequence[Event], *, streamed: bool) -> Waiting:
    core = Waiting(watch)
    driver = Driver(core, lambda _: ())
    stream = TradeStream(driver)
    for event in events:
        (stream if streamed else driver).step(event)
    stream.flush()
    return core


def tape(prices: Sequence[int], *, quoted: bool = False, symbol: str = "ES") -> Trades:
    n = len(prices)
    bids, asks = ([p - 1 for p in prices], list(prices)) if quoted else (None, None)
    sides = [1 if p % 2 else -1 for p in prices]
    return trades_of(symbol, range(n), prices, [1 + p % 3 for p in prices], sides, [1] * n, bids, asks)


def cut(block: Trades, length: int = 1) -> list[Trades]:
    return [block.cut(i, min(i + length, len(block))) for i in range(0, len(block), length)]


watches = st.builds(
    Watch,
    below=st.integers(80, 95),
    above=st.integers(105, 120),
    give_back=st.sampled_from([(), (GiveBack(1, 100, 6),), (GiveBack(-1, -100, 4), GiveBack(1, 90, 9))]),
    volume=st.sampled_from([None, 5, 12]),
    every=st.just(False),
)


@given(watches, st.lists(st.integers(75, 125), min_size=1, max_size=60), st.integers(1, 5), st.booleans())
def test_a_stream_of_trades_meets_a_watch_where_a_block_does(watch: Watch, prices: list[int], length: int, quoted: bool) -> None:
    block = tape(prices, quoted=quoted)
    assert fed(watch, cut(block, length), streamed=True).pieces == fed(watch, [block], streamed=False).pieces


def test_trades_of_two_kinds_never_share_a_block() -> None:
    mixed = [*cut(tape([100, 101])), *cut(tape([100, 101], quoted=True)), *cut(tape([99], symbol="MES"))]
    assert [len(piece) for piece in fed(Watch(), mixed, streamed=True).pieces] == [2, 2, 1]


def test_what_follows_a_trade_never_overtakes_it() -> None:
    quote = Quote("ES", 5, 99, 100)
    core = fed(Watch(), [*cut(tape([100, 101])), quote, *cut(tape([102]))], streamed=True)
    assert [len(told) if isinstance(told, Trades) else told for told in core.told] == [2, quote, 1]


def test_a_quiet_stream_is_handed_over_when_the_columns_are_full() -> None:
    core = Waiting(Watch())
    stream = TradeStream(Driver(core, lambda _: ()))
    for trade in cut(tape([100] * (LONGEST + 1))):
        stream.step(trade)
    assert [len(piece) for piece in core.pieces] == [LONGEST]
    assert len(stream) == 1
