"""Is the market rotating or going somewhere: the auction's own view, the regime's view, and the two combined."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from orderflow_tui.domain.signal import Regime

UP, DOWN, ROTATIONAL, MIXED = "DIRECTIONAL_UP", "DIRECTIONAL_DOWN", "ROTATIONAL", "MIXED"
TRUSTED = 0.7  # regime confidence that outvotes a rotational auction

REGIME_VIEW = {
    Regime.TRENDING_UP: UP,
    Regime.TRENDING_DOWN: DOWN,
    Regime.RANGING: ROTATIONAL,
    Regime.VOLATILE: MIXED,
}


def rotation_factor(periods: Sequence[tuple[int, int]]) -> int:
    """Sum over consecutive half hours (high, low) of the signs of the changes of both extremes."""
    return sum((b[0] > a[0]) - (b[0] < a[0]) + (b[1] > a[1]) - (b[1] < a[1]) for a, b in pairwise(periods))


def auction_view(periods: Sequence[tuple[int, int]]) -> str | None:
    """From completed half hours (high, low); None under three."""
    if len(periods) < 3:
        return None
    factor = rotation_factor(periods)
    most = 2 * (len(periods) - 1)
    if 2 * abs(factor) < most:
        return ROTATIONAL
    return UP if factor > 0 else DOWN


def combined_view(auction: str | None, regime: Regime | None, confidence: float) -> str | None:
    """One word. Before three half hours the regime stands alone; without a regime the auction does.

    They agree: that. A trusted regime outvotes a rotational auction; an untrusted one does not. Everything else,
    opposite directions first of all, is MIXED.
    """
    theirs = REGIME_VIEW.get(regime) if regime is not None else None
    if auction is None or theirs is None:
        return theirs if auction is None else auction
    if auction == theirs:
        return auction
    if auction == ROTATIONAL:
        return theirs if confidence >= TRUSTED else ROTATIONAL
    return MIXED
