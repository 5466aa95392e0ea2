"""A simulated futures market: seeded order flow at a ten-level book, with a past, at any speed."""

from orderflow_tui.adapters.sim_market.feed import SimMarket

__all__ = ["SimMarket"]
