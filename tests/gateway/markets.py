"""All markets of the gateway on one clock: steps at an even pace, ES and MES on the same walk."""

from __future__ import annotations

import zlib
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from tests.gateway.contracts import PRODUCTS, Listing
from tests.gateway.market import Market, Recording, Step, Walk

KEPT_PRINTS = 5_000
MOST_STEPS_AT_ONCE = 250  # a slow machine skips steps rather than starve the requests of its clients


@dataclass(frozen=True, slots=True)
class Print:
    """A trade with the second it happened in."""

    time_s: int
    price: int
    size: int


def starts_of() -> dict[str, int]:
    """Every family with the tick index it begins at."""
    return {p.family: int(p.start / p.tick) for p in PRODUCTS}


class Markets:
    """Families of products, each with its market, its prints and the volume of the day."""

    def __init__(self, seed: int, steps_per_second: float, recording: Path | None, start_ns: int) -> None:
        self.steps_per_second = steps_per_second
        self.playing = True
        self.moving = tuple(starts_of())
        self._anchor_ns = start_ns
        self._done = 0
        starts = starts_of()
        self.by_family: dict[str, Market] = {
            family: Walk(seed + zlib.crc32(family.encode()) % 1000, start) for family, start in starts.items()
        }
        if recording is not None:
            self.by_family["SPX"] = Recording.read(recording)
        self.prints: dict[str, deque[Print]] = {family: deque(maxlen=KEPT_PRINTS) for family in self.by_family}
        self.volume = dict.fromkeys(self.by_family, 0)
        self.count = dict.fromkeys(self.by_family, 0)

    def of(self, listing: Listing) -> Market:
        """The market a contract trades in."""
        return self.by_family[listing.product.family]

    def set_pace(self, steps_per_second: float, now_ns: int) -> None:
        """Another number of steps a second from now on."""
        self.steps_per_second, self._anchor_ns, self._done = steps_per_second, now_ns, 0

    def due_steps(self, now_ns: int) -> int:
        """How many steps are due since the last call; beyond `MOST_STEPS_AT_ONCE` they are skipped."""
        if not self.playing or self.steps_per_second <= 0:
            self._anchor_ns, self._done = now_ns, 0
            return 0
        wanted = int((now_ns - self._anchor_ns) * self.steps_per_second / 1e9)
        due, self._done = wanted - self._done, wanted
        return min(due, MOST_STEPS_AT_ONCE)

    def note(self, family: str, step: Step, now_ns: int) -> None:
        """Remember the print of a step."""
        if step.trade is not None:
            price, size = step.trade
            self.prints[family].append(Print(now_ns // 1_000_000_000, price, size))
            self.volume[family] += size
            self.count[family] += 1
