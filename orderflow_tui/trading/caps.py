"""Hard caps. No key, no flag and no key press goes beyond them; changing one is a change of the program.

They catch the order nobody meant: a quantity in the wrong field, a stop a thousand points away, a loop.
"""

from __future__ import annotations

MAX_CONTRACTS = 10  # in one order, and of position with working entries
MAX_STOP_TICKS = 400  # 100 points of an index future
MAX_TARGET_TICKS = 2_000
MAX_COLLAR_TICKS = 200
ENTRIES_PER_10_S = 4
ENTRIES_PER_HOUR = 60
PROTECTIVE_PER_10_S = 20  # beyond this an alert, never a refusal
