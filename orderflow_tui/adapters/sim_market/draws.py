"""Random numbers in bulk: drawn by numpy some thousands at a time, handed out one by one.

Each purpose has a stream of its own, so asking one more question of one purpose never changes another's answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import TypeVar

import numpy as np

POOL = 4096
T = TypeVar("T")

# Sizes of aggressive orders in contracts: mostly small, round numbers favoured, a long tail.
_SIZES = np.array([1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 75])
_WEIGHTS = np.array([34, 17, 9, 6, 8, 3, 3, 6, 2, 2.5, 2.5, 1.6, 1.2, 0.7, 0.6, 0.2])


class Purpose(IntEnum):
    """What a stream of random numbers is for."""

    GAP = 1
    SIDE = 2
    SIZE = 3
    BOOK = 4
    CHANCE = 5
    MOOD = 6
    PRINTS = 7
    PAST = 8
    OVERNIGHT = 9


def stream(seed: int, purpose: Purpose) -> np.random.Generator:
    """The generator of one purpose."""
    return np.random.default_rng([seed, int(purpose)])


class Draws:
    """Endless iterators of floats and ints."""

    __slots__ = ("book", "chance", "gap", "prints", "side", "size")

    def __init__(self, seed: int) -> None:
        gap, side, size = (stream(seed, p) for p in (Purpose.GAP, Purpose.SIDE, Purpose.SIZE))
        book, chance = stream(seed, Purpose.BOOK), stream(seed, Purpose.CHANCE)
        share = _WEIGHTS / _WEIGHTS.sum()
        self.gap = _endless(lambda: gap.standard_exponential(POOL).tolist())
        self.side = _endless(lambda: side.random(POOL).tolist())
        self.size = _endless(lambda: size.choice(_SIZES, POOL, p=share).tolist())
        self.book = _endless(lambda: np.exp(book.normal(-0.08, 0.4, POOL)).tolist())
        self.chance = _endless(lambda: chance.random(POOL).tolist())
        self.prints = stream(seed, Purpose.PRINTS)


def _endless(make: Callable[[], list[T]]) -> Iterator[T]:
    while True:
        yield from make()
