"""The screens, written out: key id, name, class. Context, Orders, Journal and System join here when they exist."""

from __future__ import annotations

from orderflow_tui.tui.keymap import KeyId
from orderflow_tui.tui.screens.console_screen import ConsoleScreen
from orderflow_tui.tui.screens.trade import TradeScreen

SCREENS: tuple[tuple[KeyId, str, type[ConsoleScreen]], ...] = ((KeyId.TRADE, "Trade", TradeScreen),)

__all__ = ["SCREENS", "ConsoleScreen", "TradeScreen"]
