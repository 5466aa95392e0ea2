"""The oracle's own count of trades, by hand."""

from __future__ import annotations

import pytest

from orderflow_tui.domain.order import Fill, Side
from tests.simulation.money import surely_open


def fills(*told: tuple[str | None, int]) -> list[Fill]:
    """Executions of (order id, signed contracts)."""
    return [
        Fill(f"x{i}.01", f"x{i}", 1, name, i, "MES", Side.BUY if n > 0 else Side.SELL, abs(n), 100)
        for i, (name, n) in enumerate(told)
    ]


@pytest.mark.parametrize(
    ("told", "trades"),
    [
        ((), 0),
        ((("i-1-E", 1), ("i-1-E", 1)), 1),
        ((("i-1-E", 1), ("i-2-E", 1)), 2),
        ((("i-1-E", 1), ("i-2-E", 2), ("i-1-S", -1)), 1),
        ((("i-1-E", 1), ("i-2-E", 1), ("i-3-E", 2), ("i-3-T", -2)), 2),
        ((("i-1-E", 1), ("i-2-E", 2), ("i-9-X", -1)), 1),
        ((("i-1-E", 1), (None, 1)), 2),
        ((("i-1-E", 1), (None, -2)), 1),
        ((("i-1-E", 1), ("i-1-S", -1), ("i-2-E", -1)), 1),
    ],
)
def test_the_fewest_trades_that_can_be_open_are_counted(told: tuple[tuple[str | None, int], ...], trades: int) -> None:
    assert surely_open(fills(*told)) == trades
