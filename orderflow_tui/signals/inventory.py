"""Overnight inventory: on which side of yesterday's close the night did its business."""

from __future__ import annotations

from dataclasses import dataclass

LONG_SHARE = 0.70
SHORT_SHARE = 0.30


@dataclass(frozen=True, slots=True)
class Inventory:
    """`word` LONG, SHORT or NEUTRAL; `share` of overnight volume above the close, None when nothing traded off it."""

    word: str
    share: float | None
    note: str = ""


def inventory(up_volume: int, down_volume: int) -> Inventory:
    """Volume exactly at the close counts for neither side."""
    total = up_volume + down_volume
    if total <= 0:
        return Inventory("NEUTRAL", None, "no overnight volume away from the prior close")
    share = up_volume / total
    note = "100 %" if share in {0.0, 1.0} else ""
    if 10 * up_volume >= 7 * total:
        return Inventory("LONG", share, note)
    if 10 * up_volume <= 3 * total:
        return Inventory("SHORT", share, note)
    return Inventory("NEUTRAL", share, note)
