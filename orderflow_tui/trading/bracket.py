"""Where a bracket stands: absolute prices anchored to the opposite quote, or to the last trade where there is no quote.

They are sent with the entry and never re-anchored to the fill, so the worst loss is known before anything is sent:
from the entry's limit, the worst price it may fill at, to the stop, plus slippage allowance.
"""

from __future__ import annotations

from dataclasses import dataclass

from orderflow_tui.domain.market import Mark
from orderflow_tui.domain.order import Side


@dataclass(frozen=True, slots=True)
class Levels:
    """Absolute prices in ticks. `limit_ticks` None: a market order; `stop_ticks`, `target_ticks` None: no such leg."""

    anchor_ticks: int | None
    limit_ticks: int | None = None
    stop_ticks: int | None = None
    target_ticks: int | None = None


def anchor(side: Side, mark: Mark | None) -> int | None:
    """The price an order of this side would trade at now: the opposite quote, else the last trade, else None."""
    if mark is None:
        return None
    quote = mark.ask if side is Side.BUY else mark.bid
    return quote if quote is not None else mark.last


def entry_levels(side: Side, mark: Mark | None, slippage_ticks: int, stop_ticks: int | None, target_ticks: int | None) -> Levels:
    """Entry, stop and target of a bracket; distances in ticks, each leg None when it has no distance or no anchor."""
    at = anchor(side, mark)
    if at is None:
        return Levels(None)
    return Levels(
        anchor_ticks=at,
        limit_ticks=at + side * slippage_ticks,
        stop_ticks=None if stop_ticks is None else at - side * stop_ticks,
        target_ticks=None if target_ticks is None else at + side * target_ticks,
    )


def emergency_stop(position: int, mark: Mark | None, average_ticks: float, planned: int | None, stop_ticks: int) -> int | None:
    """Price of an emergency stop for a naked position, None when the market already stands beyond the planned stop
    (then only an exit helps).

    The planned stop is used while it is still ahead of the market; without a plan the stop stands `stop_ticks` from the
    price the position could be closed at, or from its average when no price is known.
    """
    long = position > 0
    now = anchor(Side.SELL if long else Side.BUY, mark)
    if planned is not None:
        beyond = now is not None and (now <= planned if long else now >= planned)
        return None if beyond else planned
    at = round(average_ticks) if now is None else now
    return at - stop_ticks if long else at + stop_ticks
