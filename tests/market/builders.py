"""Small tapes and bars for the tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from orderflow_tui.domain.bar import BarSource, FootprintBar
from orderflow_tui.domain.market import Bars, Trades, trades_of

VECTORS = Path(__file__).resolve().parent.parent / "vectors"


def vectors(name: str) -> list[dict[str, Any]]:
    """The test vectors of one section."""
    found: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text())
    return found


def named(name: str) -> dict[str, Any]:
    """Arguments for a parametrised test over one section's vectors."""
    found = vectors(name)
    return {"argvalues": found, "ids": [vector["id"] for vector in found]}


def bar_of(
    levels: Mapping[int, Sequence[int]],
    close: int | None = None,
    start_ns: int = 0,
    rth: bool = True,
    partial: bool = False,
) -> FootprintBar:
    """A bar of `{tick: (bid, ask)}`; it opens at its low and closes at its high unless told otherwise."""
    low, high = min(levels), max(levels)
    bid = [levels.get(k, (0, 0))[0] for k in range(low, high + 1)]
    ask = [levels.get(k, (0, 0))[1] for k in range(low, high + 1)]
    sold, bought = sum(bid), sum(ask)
    return FootprintBar(
        instrument="ES",
        start_ns=start_ns,
        end_ns=start_ns + 300_000_000_000,
        open=low,
        high=high,
        low=low,
        close=high if close is None else close,
        volume=sold + bought,
        bid_volume=sold,
        ask_volume=bought,
        unknown_volume=0,
        weak_volume=0,
        inferred_volume=0,
        trades=1,
        delta=bought - sold,
        min_delta=min(0, bought - sold),
        max_delta=max(0, bought - sold),
        cvd_rth=None,
        cvd_globex=None,
        poc=None,
        bid=bid,
        ask=ask,
        unknown=[0] * len(bid),
        rth=rth,
        source=BarSource.TRADES,
        partial=partial,
    )


def ohlc_bar(high: int, low: int, close: int, start_ns: int = 0, volume: int = 100, delta: int | None = None) -> FootprintBar:
    """A bar without levels."""
    return FootprintBar(
        instrument="ES",
        start_ns=start_ns,
        end_ns=start_ns + 300_000_000_000,
        open=close,
        high=high,
        low=low,
        close=close,
        volume=volume,
        bid_volume=0,
        ask_volume=0,
        unknown_volume=volume,
        weak_volume=volume,
        inferred_volume=volume,
        trades=None,
        delta=delta,
        min_delta=None,
        max_delta=None,
        cvd_rth=None,
        cvd_globex=None,
        poc=None,
        bid=[],
        ask=[],
        unknown=[],
        rth=True,
        source=BarSource.BARS,
    )


def tape(*rows: tuple[int, int, int]) -> Trades:
    """Trades of (ts_ns, price, signed size): positive bought, negative sold."""
    sizes = [row[2] for row in rows]
    return trades_of("ES", [row[0] for row in rows], [row[1] for row in rows], np.abs(sizes), np.sign(sizes))


def rows_of(
    seconds: int, rows: Iterable[tuple[int, int, int, int, int, int]], sides: Iterable[tuple[int, int]] | None = None
) -> Bars:
    """Historical bars of (start_ns, open, high, low, close, volume), with (bid, ask) volumes where known."""
    start, opened, high, low, close, volume = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    sold, bought = (None, None) if sides is None else (np.array(c, dtype=np.int64) for c in zip(*sides, strict=True))
    return Bars("ES", seconds, start, opened, high, low, close, volume, sold, bought)


def wander(seed: int, count: int, start_ns: int, end_ns: int, price: int = 27_000) -> Trades:
    """A seeded tape between two instants: bursts on one stamp, sides known, guessed and unknown."""
    draw = np.random.default_rng(seed)
    stamps = np.sort(draw.integers(start_ns, end_ns, count))
    tied = draw.random(count) < 0.3
    tied[0] = False
    stamps = stamps[np.maximum.accumulate(np.where(tied, 0, np.arange(count)))]
    method = draw.choice([0, 1, 1, 1, 2, 3, 4, 5], count)
    side = np.where(method == 0, 0, draw.choice([-1, 1], count))
    path = price + np.cumsum(draw.integers(-1, 2, count))
    return trades_of("ES", stamps, path, draw.geometric(0.3, count), side, method)


def cut_at(block: Trades, cuts: Iterable[int]) -> list[Trades]:
    """The block in pieces."""
    edges = sorted({0, len(block), *(cut % (len(block) + 1) for cut in cuts)})
    return [block.cut(a, b) for a, b in pairwise(edges)]
