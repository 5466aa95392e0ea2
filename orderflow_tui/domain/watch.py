"""Watch: when a component wants to be woken.

A Watch depends only on state before the piece of market data it cuts. Waking early is harmless, waking late is a bug.
"""

from __future__ import annotations

from dataclasses import dataclass

NEVER = 2**63 - 1  # no due time
NO_BELOW = -(2**62)
NO_ABOVE = 2**62


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Wake when the running maximum of `sign * price` (starting at `best`) minus `sign * price` reaches `drop`. Ticks."""

    sign: int
    best: int
    drop: int


@dataclass(frozen=True, slots=True)
class Watch:
    """Wake at `due_ns`; on the first trade at or below `below`, at or above `above`; on a give-back; when `volume`
    contracts have traded; or on `every` trade. Prices in ticks."""

    due_ns: int = NEVER
    below: int = NO_BELOW
    above: int = NO_ABOVE
    give_back: tuple[GiveBack, ...] = ()
    volume: int | None = None
    every: bool = False


def merge(*watches: Watch) -> Watch:
    """The watch that wakes whenever any of these would."""
    due_ns, below, above = NEVER, NO_BELOW, NO_ABOVE
    give_back: tuple[GiveBack, ...] = ()
    volume: int | None = None
    every = False
    for w in watches:  # one loop: this runs several times a piece
        due_ns = w.due_ns if w.due_ns < due_ns else due_ns
        below = w.below if w.below > below else below
        above = w.above if w.above < above else above
        if w.give_back:
            give_back += w.give_back
        if w.volume is not None and (volume is None or w.volume < volume):
            volume = w.volume
        every = every or w.every
    return Watch(due_ns, below, above, give_back, volume, every)
