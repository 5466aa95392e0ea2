"""Opening types: how the first half hour of regular hours spoke, in falling conviction.

Open-Drive, Open-Test-Drive, Open-Rejection-Reverse, Open-Auction (Dalton's four). The thresholds are ours and scale
with the average initial balance. Written for the up side; the down side is the same picture in a mirror.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

HighLowClose = tuple[int, int, int]


class OpeningType(Enum):
    """The four types; an auction says whether it opened inside the prior range, where that is known."""

    OPEN_DRIVE = "OPEN_DRIVE"
    OPEN_TEST_DRIVE = "OPEN_TEST_DRIVE"
    OPEN_REJECTION_REVERSE = "OPEN_REJECTION_REVERSE"
    OPEN_AUCTION = "OPEN_AUCTION"
    OPEN_AUCTION_IN_RANGE = "OPEN_AUCTION_IN_RANGE"
    OPEN_AUCTION_OUT_OF_RANGE = "OPEN_AUCTION_OUT_OF_RANGE"


@dataclass(frozen=True, slots=True)
class Opening:
    """The type and its direction (0 for an auction). `provisional` until the half hour is complete."""

    type: OpeningType
    direction: int
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class OpeningParams:
    """Shares of the average initial balance `a`, unless said otherwise."""

    small: float = 0.10
    small_ticks: int = 2
    drive: float = 0.50
    run: float = 0.25
    retrace: float = 0.40  # of the run
    drive_close: float = 0.75  # of the bars' range
    test: float = 0.40
    test_drive: float = 0.40
    reverse: float = 0.10
    reference_ticks: int = 2


def opening_type(
    rth_open: int,
    bars: Sequence[HighLowClose],
    average_ib: float,
    references: Sequence[int],
    prior: tuple[int, int] | None,
    params: OpeningParams,
) -> Opening:
    """Classify the bars of the first half hour. `references` are prices a test could have aimed at, `prior` the
    previous session's (low, high)."""
    mirrored = [(-low, -high, -close) for high, low, close in bars]
    for check in (_drive, _test_drive, _reverse):
        if check(rth_open, bars, average_ib, references, params):
            return Opening(_TYPES[check], 1)
        if check(-rth_open, mirrored, average_ib, [-r for r in references], params):
            return Opening(_TYPES[check], -1)
    if prior is None:
        return Opening(OpeningType.OPEN_AUCTION, 0)
    inside = prior[0] <= rth_open <= prior[1]
    return Opening(OpeningType.OPEN_AUCTION_IN_RANGE if inside else OpeningType.OPEN_AUCTION_OUT_OF_RANGE, 0)


def _extent(bars: Sequence[HighLowClose]) -> tuple[int, int, int, bool]:
    """High, low, close, and whether the low came in an earlier bar than the high."""
    highs, lows = [b[0] for b in bars], [b[1] for b in bars]
    high, low = max(highs), min(lows)
    return high, low, bars[-1][2], lows.index(low) < highs.index(high)


def _small(average_ib: float, params: OpeningParams) -> float:
    return max(params.small_ticks, params.small * average_ib)


def _drive(start: int, bars: Sequence[HighLowClose], a: float, _: Sequence[int], p: OpeningParams) -> bool:
    high, low, close, _order = _extent(bars)
    if start - low > _small(a, p) or high - start < p.drive * a or close - low < p.drive_close * (high - low):
        return False
    peak = start
    for bar_high, bar_low, _close in bars:
        run = peak - start
        if run > 0 and run >= p.run * a and peak - bar_low > p.retrace * run:
            return False
        peak = max(peak, bar_high)
    return True


def _test_drive(start: int, bars: Sequence[HighLowClose], a: float, references: Sequence[int], p: OpeningParams) -> bool:
    high, low, close, low_first = _extent(bars)
    if not low_first or not _small(a, p) < start - low <= p.test * a or high - start < p.test_drive * a:
        return False
    tested = any(low - p.reference_ticks <= price <= start for price in references)
    return tested and 3 * (high - close) <= high - low


def _reverse(start: int, bars: Sequence[HighLowClose], a: float, _: Sequence[int], p: OpeningParams) -> bool:
    _high, low, close, low_first = _extent(bars)
    return low_first and start - low > _small(a, p) and close - start >= p.reverse * a


_TYPES = {
    _drive: OpeningType.OPEN_DRIVE,
    _test_drive: OpeningType.OPEN_TEST_DRIVE,
    _reverse: OpeningType.OPEN_REJECTION_REVERSE,
}


def is_drive(opening: Opening | None, cvd_rth: int | None) -> bool:
    """Whether the opening is a drive that cumulative delta agrees with. Unknown delta agrees with nothing."""
    if opening is None or opening.type not in (OpeningType.OPEN_DRIVE, OpeningType.OPEN_TEST_DRIVE):
        return False
    return cvd_rth is not None and cvd_rth * opening.direction > 0
