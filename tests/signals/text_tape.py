"""Footprints drawn as text: one line a level, high to low, `price  sold x bought`.

    104   20 x 45
    103   25 x 78  <      the close (otherwise the high)
    102    5 x 9   ?7     seven contracts of unknown side

Left out levels traded nothing. Prices are small tick numbers for readability.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orderflow_tui.domain.bar import BarSource, FootprintBar
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.signals.detector import BarContext

ES = Instrument("ES", "E-mini S&P 500", "CME", 250_000_000, 1250, 50, 225, 1_500_000, 16, 24, 20, 150)
FIVE_MINUTES = 300_000_000_000
LINE = re.compile(r"^\s*(-?\d+)\s+(\d+)\s*x\s*(\d+)\s*(?:\?(\d+))?\s*(<)?\s*$")


def drawn(text: str, **fields: Any) -> FootprintBar:
    """The bar of a drawing; `fields` replace what it says."""
    levels: dict[int, tuple[int, int, int]] = {}
    close: int | None = None
    for line in filter(str.strip, text.splitlines()):
        found = LINE.match(line)
        assert found is not None, f"not a level: {line!r}, expected `price sold x bought`"
        price = int(found[1])
        levels[price] = (int(found[2]), int(found[3]), int(found[4] or 0))
        close = price if found[5] else close
    return of_levels(levels, close, **fields)


def of_levels(levels: Mapping[int, tuple[int, ...]], close: int | None = None, **fields: Any) -> FootprintBar:
    """A bar of `{tick: (sold, bought[, unknown])}`."""
    low, high = min(levels), max(levels)
    rows = [(*levels.get(k, (0, 0)), 0)[:3] for k in range(low, high + 1)]
    bid, ask, unknown = ([row[i] for row in rows] for i in range(3))
    delta = sum(ask) - sum(bid)
    bar = FootprintBar(
        "ES", 0, FIVE_MINUTES, low, high, low, high if close is None else close, sum(map(sum, rows)), sum(bid), sum(ask),
        sum(unknown), sum(unknown), 0, 1, delta, min(0, delta), max(0, delta), None, None, None, bid, ask, unknown, True,
    )  # fmt: skip
    return replace(bar, **fields)


def plain(high: int, low: int, close: int, volume: int = 100, delta: int | None = 0, **fields: Any) -> FootprintBar:
    """A bar without levels, as from a file of bars."""
    bar = FootprintBar(
        "ES", 0, FIVE_MINUTES, close, high, low, close, volume, 0, 0, 0, 0, 0, None, delta, None, None, None, None, None,
        [], [], [], True, BarSource.BARS_SIDED,
    )  # fmt: skip
    return replace(bar, **fields)


def follow(bars: list[FootprintBar]) -> list[FootprintBar]:
    """The same bars one after the other."""
    return [replace(b, start_ns=i * FIVE_MINUTES, end_ns=(i + 1) * FIVE_MINUTES) for i, b in enumerate(bars)]


def alone(**fields: Any) -> BarContext:
    """A context in which nothing stood before the bar."""
    return replace(BarContext(ES, None), **fields)


def mirrored(bar: FootprintBar) -> FootprintBar:
    """The bar with prices negated and sides swapped."""
    flip = {
        "min_delta": bar.max_delta, "max_delta": bar.min_delta, "delta": bar.delta, "cvd_rth": bar.cvd_rth,
        "cvd_globex": bar.cvd_globex, "poc": bar.poc,
    }  # fmt: skip
    negated: dict[str, Any] = {name: None if value is None else -value for name, value in flip.items()}
    return replace(
        bar, open=-bar.open, high=-bar.low, low=-bar.high, close=-bar.close, bid=bar.ask[::-1], ask=bar.bid[::-1],
        unknown=bar.unknown[::-1], bid_volume=bar.ask_volume, ask_volume=bar.bid_volume, **negated,
    )  # fmt: skip
