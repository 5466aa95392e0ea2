"""Order-flow pressure as a bar from the middle: sells to the left, buys to the right."""

from __future__ import annotations

from orderflow_tui.tui.cells import Row, Span


def pressure_row(name: str, pressure: float | None, width: int) -> Row:
    """A signed pressure −1…+1 in one row of `width` cells; `?` while unknown."""
    head: Span = (f" {name} ", "dim")
    half = max((width - len(head[0]) - 8) // 2, 2)
    if pressure is None:
        return (head, (" " * half, "well on well"), ("?", "dim on well"), (" " * half, "well on well"))
    full = min(round(abs(pressure) * half), half)
    sold = ("█" * full).rjust(half) if pressure < 0 else " " * half
    bought = ("█" * full).ljust(half) if pressure > 0 else " " * half
    ink = "up" if pressure > 0 else "down" if pressure < 0 else "dim"
    return (head, (sold, "ask on well"), ("│", "dim on well"), (bought, "bid on well"), (f" {pressure:+.2f}", ink))
