from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_tui.domain.bar import BarSource, FootprintBar
from orderflow_tui.domain.market import SideMethod, Trades, trades_of
from orderflow_tui.market import footprint
from orderflow_tui.market.footprint import Fold, Frame, OpenBar, fold, row_of
from orderflow_tui.market.profile import MAX_SPAN, WildPrice
from tests.market.builders import cut_at, named, rows_of, tape, wander

FRAME = Frame("ES", 0, 300, True, 7, 8)


def folded(block: Trades) -> Fold:
    return fold(block.price, block.size, block.aggressor, block.method)


def bar_from(blocks: Iterable[Trades]) -> FootprintBar:
    bar: OpenBar | None = None
    for block in blocks:
        if len(block):
            bar = bar or OpenBar(int(block.price[0]))
            bar.add(folded(block))
    assert bar is not None
    return bar.closed(FRAME)


@pytest.mark.parametrize("vector", **named("bars"))
def test_deltas_are_those_of_the_published_vectors(vector: dict[str, Any]) -> None:
    bar = bar_from([tape(*((i, 100, size) for i, size in enumerate(vector["signed"])))])
    assert {"delta": bar.delta, "min": bar.min_delta, "max": bar.max_delta} == vector["expect"]


def plain(block: Trades) -> dict[int, list[int]]:
    """The same by dictionary, a trade at a time: {tick: [sold, unknown, bought]}."""
    levels: dict[int, list[int]] = {}
    for price, size, side in zip(block.price.tolist(), block.size.tolist(), block.aggressor.tolist(), strict=True):
        levels.setdefault(price, [0, 0, 0])[side + 1] += size
    return levels


@given(st.integers(0, 10_000), st.integers(1, 300), st.lists(st.integers(0, 300), max_size=6))
def test_any_cutting_gives_the_bar_that_single_trades_give(seed: int, count: int, cuts: list[int]) -> None:
    block = wander(seed, count, 0, 1_000_000_000)
    bar = bar_from(cut_at(block, cuts))
    levels = plain(block)
    ticks = range(bar.low, bar.high + 1)
    assert (bar.low, bar.high, bar.open, bar.close) == (
        min(levels),
        max(levels),
        int(block.price[0]),
        int(block.price[-1]),
    )
    assert [bar.bid, bar.unknown, bar.ask] == [[levels.get(k, [0, 0, 0])[i] for k in ticks] for i in range(3)]
    path = [0, *np.cumsum(block.size * block.aggressor).tolist()]
    assert (bar.delta, bar.min_delta, bar.max_delta) == (path[-1], min(path), max(path))
    assert bar.trades == count


@given(st.integers(0, 10_000), st.integers(1, 200))
def test_nothing_is_lost_between_levels_sides_and_totals(seed: int, count: int) -> None:
    block = wander(seed, count, 0, 1_000_000_000)
    bar = bar_from([block])
    assert bar.volume == int(block.size.sum()) == sum(bar.bid) + sum(bar.ask) + sum(bar.unknown)
    assert (bar.bid_volume, bar.ask_volume, bar.unknown_volume) == (sum(bar.bid), sum(bar.ask), sum(bar.unknown))
    weak = int(block.size[np.isin(block.method, [SideMethod.NONE, SideMethod.MID_TICK, SideMethod.TICK])].sum())
    assert bar.weak_volume == weak
    assert bar.inferred_volume == int(block.size[block.method != SideMethod.FEED].sum())
    assert bar.min_delta is not None
    assert bar.max_delta is not None
    assert bar.delta is not None
    assert bar.min_delta <= min(0, bar.delta) <= max(0, bar.delta) <= bar.max_delta


def test_a_fold_of_many_chunks_is_a_fold_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    block = wander(3, 1000, 0, 1_000_000_000)
    whole = folded(block)
    monkeypatch.setattr(footprint, "CHUNK", 64)
    pieces = folded(block)
    assert pieces.table.tolist() == whole.table.tolist()
    assert (pieces.delta_low, pieces.delta_high, pieces.by_method) == (whole.delta_low, whole.delta_high, whole.by_method)


def test_the_poc_counts_unknown_volume_too() -> None:
    block = trades_of("ES", [1, 2, 3], [100, 101, 101], [5, 3, 4], [1, -1, 0])
    bar = bar_from([block])
    assert (bar.poc, bar.unknown, bar.delta) == (101, [0, 4], 2)


def test_mirrored_trades_make_the_mirrored_bar() -> None:
    block = wander(11, 300, 0, 1_000_000_000, price=0)
    other = Trades("ES", block.ts_ns, -block.price, block.size, -block.aggressor, block.method)
    bar, mirrored = bar_from([block]), bar_from([other])
    assert (mirrored.bid, mirrored.ask) == (bar.ask[::-1], bar.bid[::-1])
    assert bar.delta is not None
    assert bar.min_delta is not None
    assert bar.max_delta is not None
    assert (mirrored.delta, mirrored.min_delta, mirrored.max_delta) == (-bar.delta, -bar.max_delta, -bar.min_delta)


def test_a_row_with_sides_knows_delta_but_neither_levels_nor_its_path() -> None:
    bar = OpenBar(100)
    bar.add_row(row_of(rows_of(60, [(0, 100, 104, 99, 103, 50)], [(20, 28)])))
    bar.add_row(row_of(rows_of(60, [(60, 103, 103, 97, 98, 10)], [(9, 1)])))
    closed = bar.closed(FRAME)
    assert (closed.open, closed.high, closed.low, closed.close, closed.volume) == (100, 104, 97, 98, 60)
    assert (closed.source, closed.delta, closed.min_delta, closed.poc, closed.bid) == (BarSource.BARS_SIDED, 0, None, None, [])
    assert (closed.bid_volume, closed.ask_volume, closed.unknown_volume, closed.weak_volume) == (29, 29, 2, 2)
    assert closed.trades is None


def test_one_row_without_sides_leaves_the_whole_bar_without() -> None:
    bar = OpenBar(100)
    bar.add_row(row_of(rows_of(60, [(0, 100, 104, 99, 103, 50)], [(20, 30)])))
    bar.add_row(row_of(rows_of(60, [(60, 103, 103, 97, 98, 10)])))
    closed = bar.closed(FRAME)
    assert (closed.source, closed.delta, closed.unknown_volume, closed.weak_share) == (BarSource.BARS, None, 60, 1.0)


@pytest.mark.parametrize("row_at", [0, 1, 2])
def test_a_bar_that_history_began_and_trades_went_on_with_takes_every_stretch(row_at: int) -> None:
    """The console started in mid-bar: minutes from the broker first, then single trades. It must neither stop nor lose one."""
    bar = OpenBar(100)
    stretches = [tape((1, 100, 5), (2, 101, -3)), tape((3, 101, 4)), tape((4, 108, 2), (5, 96, -1))]
    for i, stretch in enumerate(stretches):
        if i == row_at:
            bar.add_row(row_of(rows_of(60, [(0, 100, 104, 97, 103, 50)], [(20, 30)])))
        bar.add(folded(stretch))
    closed = bar.closed(FRAME)
    assert (closed.low, closed.high, closed.close, closed.volume, closed.delta) == (96, 108, 96, 65, 17)
    assert (closed.source, closed.bid, closed.poc) == (BarSource.BARS_SIDED, [], None)


def test_trades_without_sides_of_an_aggregating_feed_make_no_footprint() -> None:
    bar = OpenBar(100, sideless=True)
    bar.add(folded(tape((1, 100, 5), (2, 101, -3))))
    closed = bar.closed(FRAME)
    assert (closed.source, closed.bid, closed.delta, closed.volume) == (BarSource.BARS, [], None, 8)


def test_a_price_from_another_world_is_refused() -> None:
    with pytest.raises(WildPrice):
        folded(tape((1, 27_000, 1), (2, 27_000 + MAX_SPAN, 1)))


def test_an_open_bar_moves_with_a_roll() -> None:
    bar = OpenBar(100)
    bar.add(folded(tape((1, 100, 5), (2, 102, -3))))
    bar.shift(-10)
    bar.add(folded(tape((3, 93, 2))))
    closed = bar.closed(FRAME)
    assert (closed.open, closed.low, closed.high, closed.close, closed.ask) == (90, 90, 93, 93, [5, 0, 0, 2])
