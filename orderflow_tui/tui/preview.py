"""What a manual bracket would do, computed anew from every view: from the execution instrument, which is what is sent."""

from __future__ import annotations

from dataclasses import dataclass

from orderflow_tui.domain.latch import TradingState
from orderflow_tui.domain.order import Side
from orderflow_tui.tui.picture import SILENT_ENGINE_MS, beat_age_ms
from orderflow_tui.view import ConsoleView


@dataclass(frozen=True, slots=True)
class Preview:
    """A bracket as it would be asked for now. Prices in ticks (None: no quote), money in cents, position after the fill;
    `opened_at` is the price when the trader's key opened it."""

    side: Side
    quantity: int
    instrument: str
    price: int | None
    stop: int | None
    target: int | None
    stop_ticks: int
    target_ticks: int
    risk_cents: int
    reward_cents: int
    position_now: int
    position_after: int
    opened_at: int | None = None

    @property
    def ran(self) -> int:
        """Ticks the price has gone since the key was pressed; positive is worse for the trader."""
        return 0 if self.price is None or self.opened_at is None else self.side * (self.price - self.opened_at)

    def other_order(self, now: Preview) -> str:
        """What makes `now` another order than the one the trader pressed a key for, empty when it is the same."""
        parts = (
            ("the instrument", self.instrument, now.instrument),
            ("the size", self.quantity, now.quantity),
            ("the position", f"{self.position_now:+d}", f"{now.position_now:+d}"),
            ("the stop", f"{self.stop_ticks} ticks", f"{now.stop_ticks} ticks"),
            ("the target", f"{self.target_ticks} ticks", f"{now.target_ticks} ticks"),
        )
        return next((f"{name} is {new} now, was {old}: press again" for name, old, new in parts if old != new), "")


def why_not(view: ConsoleView | None, now_ns: int) -> str:
    """Why nothing that raises risk may be asked for now; empty when it may. The gate decides again, with more rules."""
    if view is None:
        return "no view of the engine yet"
    if (silent := beat_age_ms(view, now_ns)) > SILENT_ENGINE_MS:
        return f"the engine has been silent for {silent / 1000:.1f} s"
    truth = view.truth
    if truth.state is not TradingState.RUNNING:
        return f"{truth.state.value}: {truth.state_reason or 'entries are closed'}"
    if truth.armed_left_ms <= 0:
        return "not armed: A arms"
    if view.pnl.contracts_allowed <= 0:
        return f"no contracts allowed now ({view.pnl.tier_text or 'size is zero'})"
    if view.pnl.stop_ticks is None or view.pnl.target_ticks is None:
        return f"the stop and target of {truth.execution} are not known yet"
    return ""


def preview(view: ConsoleView, side: Side) -> Preview:
    """The bracket that `side` would ask for now. The distances are those of the instrument that is traded."""
    dom = view.dom
    stop_ticks, target_ticks = view.pnl.stop_ticks or 0, view.pnl.target_ticks or 0
    quantity = view.pnl.contracts_allowed
    opposite = dom.asks if side is Side.BUY else dom.bids
    price = opposite[0][0] if opposite else dom.last
    position = view.truth.local_position
    per_tick = quantity * dom.tick_cents
    return Preview(
        side=side,
        quantity=quantity,
        instrument=view.truth.execution,
        price=price,
        stop=None if price is None else price - side * stop_ticks,
        target=None if price is None else price + side * target_ticks,
        stop_ticks=stop_ticks,
        target_ticks=target_ticks,
        risk_cents=-per_tick * stop_ticks,
        reward_cents=per_tick * target_ticks,
        position_now=position,
        position_after=position + side * quantity,
        opened_at=price,
    )
