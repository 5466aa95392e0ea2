"""Order-flow pressure: the buyers' share of the volume that took the spread, drawn from the middle."""

from __future__ import annotations

from orderflow_tui.tui.cells import Row, Span

BULLISH, BEARISH = 60.0, 40.0  # per cent of sided volume; between them nobody presses


def pressure_row(name: str, share: float | None, width: int) -> Row:
    """A share 0…100 % in one row of `width` cells: sellers grow left of the middle, buyers right; `?` while unknown."""
    head: Span = (f" {name} ", "dim")
    half = max((width - len(head[0]) - 7) // 2, 2)
    if share is None:
        return (head, (" " * half, "well on well"), ("?", "dim on well"), (" " * half, "well on well"))
    full = min(round(abs(share - 50) / 50 * half), half)
    sold = ("█" * full).rjust(half) if share < 50 else " " * half
    bought = ("█" * full).ljust(half) if share > 50 else " " * half
    ink = "bold up" if share > BULLISH else "bold down" if share < BEARISH else "text"
    return (head, (sold, "ask on well"), ("│", "dim on well"), (bought, "bid on well"), (f" {share:3.0f} %", ink))
