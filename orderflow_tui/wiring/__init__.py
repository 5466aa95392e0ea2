"""From a proven configuration to a running house: the one readable place where parts meet."""

from orderflow_tui.wiring.house import builder
from orderflow_tui.wiring.plan import Plan, Wish, plan_of, prove_meant

__all__ = ["Plan", "Wish", "builder", "plan_of", "prove_meant"]
