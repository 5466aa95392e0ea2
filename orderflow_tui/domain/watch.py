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
    volumes = [w.volume for w in watches if w.volume is not None]
    return Watch(
        due_ns=min((w.due_ns for w in watches), default=NEVER),
        below=max((w.below for w in watches), default=NO_BELOW),
        above=min((w.above for w in watches), default=NO_ABOVE),
        give_back=tuple(g for w in watches for g in w.give_back),
        volume=min(volumes) if volumes else None,
        every=any(w.every for w in watches),
    )
