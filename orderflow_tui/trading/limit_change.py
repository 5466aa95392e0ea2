"""Changing a limit while trading: which keys there are, which way is looser, what a change must be.

Tighter is always allowed. Looser needs the safety key where resuming does. A change holds until the trade date ends; after a
restart only what tightens the configuration still holds, because looser was authorised for one life of the process.
"""

from __future__ import annotations

from dataclasses import replace

from orderflow_tui.trading import caps
from orderflow_tui.trading.limits import LimitError, RiskLimits

LARGER, SMALLER = 1, -1
LOOSER: dict[str, int] = {
    "daily_loss_cents": LARGER,
    "daily_profit_cents": LARGER,
    "max_drawdown_cents": LARGER,
    "max_consecutive_losses": LARGER,
    "max_trades_per_day": LARGER,
    "max_contracts": LARGER,
    "max_concurrent": LARGER,
    "slippage_ticks": SMALLER,
    "entry_slippage_ticks": LARGER,
    "collar_ticks": LARGER,
    "margin_use_pct": LARGER,
    "expiry_days": SMALLER,
    "max_notional_cents": LARGER,
}
OFF_AT_ZERO = frozenset({"daily_profit_cents", "max_notional_cents"})
CAPPED = {"max_contracts": caps.MAX_CONTRACTS, "collar_ticks": caps.MAX_COLLAR_TICKS, "margin_use_pct": 100}


def value_of(limits: RiskLimits, key: str) -> int:
    """The limit in force. Raises LimitError for a key that is none."""
    if key not in LOOSER:
        raise LimitError(f"no limit is called {key!r}: one of {', '.join(LOOSER)}")
    return int(getattr(limits, key))


def changed(limits: RiskLimits, key: str, text: str) -> RiskLimits:
    """The limits with one of them changed to what was typed. Raises LimitError with what was expected."""
    value_of(limits, key)
    if not text.isascii() or not text.isdigit():
        raise LimitError(f"risk.{key} is a whole number, got {text!r}")
    value = int(text)
    if value > CAPPED.get(key, value):
        raise LimitError(f"risk.{key} is never more than {CAPPED[key]}, got {value}")
    return replace(limits, **{key: value})  # type: ignore[arg-type]  # every key of the table is an int


def loosens(key: str, old: int, new: int) -> bool:
    """Whether a change allows more than before."""
    if key in OFF_AT_ZERO and 0 in (old, new):
        return new == 0 != old
    return (new - old) * LOOSER[key] > 0
