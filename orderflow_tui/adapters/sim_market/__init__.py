"""A simulated futures market: seeded order flow at a ten-level book, with a past, at any speed."""

from orderflow_tui.adapters.sim_market.feed import SimMarket
from orderflow_tui.adapters.sim_market.hours import lively_start

__all__ = ["SimMarket", "lively_start"]
