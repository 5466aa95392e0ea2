"""The example strategy."""

from __future__ import annotations

from orderflow_tui.domain.signal import Direction
from orderflow_tui.signals.sma_crossover import SmaCrossover, SmaParams
from tests.signals.text_tape import follow, plain


def test_it_speaks_once_at_each_crossing() -> None:
    closes = [10, 9, 8, 7, 6, 7, 8, 9, 10, 9, 8, 7, 6]
    strategy = SmaCrossover(SmaParams(fast=2, slow=4))
    bars = follow([plain(c, c, c) for c in closes])
    said = [(bar.close, found.direction) for bar in bars if (found := strategy.on_bar(bar)) is not None]
    assert said == [(8, Direction.LONG), (8, Direction.SHORT)]


def test_a_roll_does_not_cross_anything() -> None:
    strategy = SmaCrossover(SmaParams(fast=2, slow=4))
    for bar in follow([plain(c, c, c) for c in (10, 9, 8, 7, 6)]):
        assert strategy.on_bar(bar) is None
    strategy.shift(100)
    assert strategy.on_bar(plain(105, 105, 105)) is None
