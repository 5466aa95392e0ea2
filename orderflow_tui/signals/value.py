"""Value against value: six migration classes, overlap, and the character of a day. Inclusive ticks throughout."""

from __future__ import annotations

from typing import assert_never

from orderflow_tui.domain.signal import Migration
from orderflow_tui.domain.value import ValueArea

Span = tuple[int, int]  # (VAL, VAH) in ticks

MAGNITUDE = {
    Migration.HIGHER: 1.0,
    Migration.OVERLAPPING_HIGHER: 0.6,
    Migration.INSIDE: 0.0,
    Migration.OUTSIDE: 0.0,
    Migration.OVERLAPPING_LOWER: -0.6,
    Migration.LOWER: -1.0,
}


def span(area: ValueArea) -> Span:
    """The two edges of a value area."""
    return area.val, area.vah


def migration(a: Span, b: Span) -> Migration:
    """The class of area `a` against reference `b`: exactly one for any pair, tested in this order."""
    if a[0] > b[1]:
        return Migration.HIGHER
    if a[1] < b[0]:
        return Migration.LOWER
    if a[0] >= b[0] and a[1] <= b[1]:
        return Migration.INSIDE
    if a[0] <= b[0] and a[1] >= b[1]:
        return Migration.OUTSIDE
    if a[1] > b[1]:
        return Migration.OVERLAPPING_HIGHER
    return Migration.OVERLAPPING_LOWER


def overlap(a: Span, b: Span) -> float:
    """Share of `a` that lies inside `b`, 0..1."""
    return max(0, min(a[1], b[1]) - max(a[0], b[0]) + 1) / (a[1] - a[0] + 1)


def sign(kind: Migration) -> int:
    """+1 for the two higher classes, -1 for the two lower, else 0."""
    match kind:
        case Migration.HIGHER | Migration.OVERLAPPING_HIGHER:
            return 1
        case Migration.LOWER | Migration.OVERLAPPING_LOWER:
            return -1
        case Migration.INSIDE | Migration.OUTSIDE:
            return 0
        case _:
            assert_never(kind)


def character(a: Span, b: Span) -> str:
    """What a day did with the value of the one before: one word for the thirty-day table."""
    kind = migration(a, b)
    if sign(kind):
        return "BULLISH_MIGRATION" if sign(kind) > 0 else "BEARISH_MIGRATION"
    if kind is Migration.INSIDE and 2 * (a[1] - a[0] + 1) <= b[1] - b[0] + 1:
        return "BREAKOUT_PENDING"
    return "BALANCED_ROTATION"
