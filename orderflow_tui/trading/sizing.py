"""How many contracts. Zero is an answer.

size = 1 + [two or more distinct patterns] + [trending regime] + [win streak >= 3] - [loss streak >= 2];
the regime's factor lowers the *cap*, never the size: cap' = 0 when the factor is 0, else max(1, floor(cap * factor)).
A factor on the size with a floor of one would still trade a market that says do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from orderflow_tui.trading import caps
from orderflow_tui.trading.limits import TierRow

WIN_STREAK = 3
LOSS_STREAK = 2


@dataclass(frozen=True, slots=True)
class Cap:
    """The most contracts one may hold, and what allows no more."""

    contracts: int
    why: str


@dataclass(frozen=True, slots=True)
class Sizing:
    """What one size is made of. `streak` > 0 counts wins in a row, < 0 losses."""

    cap: int
    factor: float
    patterns: int
    trending: bool
    streak: int


def tier_of(tiers: Sequence[TierRow], balance_cents: int) -> TierRow:
    """The tier whose half-open interval holds the balance; the lowest one below every floor."""
    chosen = tiers[0]
    for tier in tiers:
        if balance_cents >= tier.floor_cents:
            chosen = tier
    return chosen


def contract_cap(max_contracts: int, tier: TierRow | None) -> Cap:
    """The tightest of session, tier and hard cap."""
    limits = [Cap(max_contracts, "max_contracts"), Cap(caps.MAX_CONTRACTS, "the hard cap")]
    if tier is not None:
        limits.append(Cap(tier.max_contracts, f"tier {tier.number}"))
    return min(limits, key=lambda cap: cap.contracts)


def regime_cap(cap: int, factor: float) -> int:
    """The cap after the regime's factor: exact for the factors of the table, 0 for a factor that is not positive."""
    if not factor > 0 or cap <= 0:
        return 0
    return max(1, int(cap * Fraction(str(min(factor, 1.0)))))


def contracts(sizing: Sizing) -> int:
    """Number of contracts, 0 when the regime or the cap forbids."""
    cap = regime_cap(sizing.cap, sizing.factor)
    size = 1
    size += sizing.patterns >= 2
    size += sizing.trending
    size += sizing.streak >= WIN_STREAK
    size -= sizing.streak <= -LOSS_STREAK
    return min(max(1, size), cap)


def none_because(sizing: Sizing, cap_why: str) -> str:
    """Why the size is zero, empty when it is not. `cap_why` is what makes the cap."""
    if sizing.cap <= 0:
        return f"no contract is allowed: {cap_why}"
    return "" if sizing.factor > 0 else f"the regime's factor is {sizing.factor:g}"


class TierWatch:
    """The tier in force: fixed when the session starts; a fall below its floor lowers it once flat, a rise waits."""

    __slots__ = ("_tiers", "tier")

    def __init__(self, tiers: Sequence[TierRow]) -> None:
        self._tiers = tuple(tiers)
        self.tier: TierRow | None = None

    def begin_session(self, balance_cents: int) -> TierRow:
        """Fix the tier for the session."""
        self.tier = tier_of(self._tiers, balance_cents)
        return self.tier

    def restore(self, number: int) -> bool:
        """The tier that was in force before a restart; False when there is none of that number any more."""
        self.tier = next((tier for tier in self._tiers if tier.number == number), None)
        return self.tier is not None

    def settle(self, balance_cents: int, flat: bool) -> TierRow | None:
        """The lower tier when the balance fell out of the present one and nothing is held, else None."""
        if self.tier is None or not flat:
            return None
        now = tier_of(self._tiers, balance_cents)
        if now.number >= self.tier.number:
            return None
        self.tier = now
        return now
