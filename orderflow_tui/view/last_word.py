"""What an engine that stands still said last: what is held, where the stop is, how long ago. Nobody vouches for more."""

from __future__ import annotations

from orderflow_tui.trading.left_open import STOP_WORDS, Holding
from orderflow_tui.trading.protection import Cover
from orderflow_tui.view.model import ConsoleView, Truth

ELSEWHERE = "look in the broker's own program"


def last_word(view: ConsoleView | None, mono_ns: int, *, simulated: bool) -> str:
    """In words, by the newest view; `mono_ns` is the monotonic clock. `simulated`: positions end with the run."""
    if simulated:
        return "the simulated broker ends with its run"
    if view is None:
        return f"it never said anything: position and stop are NOT KNOWN; {ELSEWHERE}"
    age_s = max(mono_ns - view.beat_mono_ns, 0) // 1_000_000_000
    return f"{age_s} s ago it said: {_stood(view.truth)}; since then NOT KNOWN, {ELSEWHERE}"


def _stood(truth: Truth) -> str:
    holdings = [Holding(truth.execution, truth.broker_position, truth.local_position)]
    holdings += [Holding(*other) for other in truth.elsewhere]
    held = [holding for holding in holdings if holding.broker != 0 or holding.local]
    said = [", ".join(map(str, held)), STOP_WORDS[Cover[truth.protection.name]]] if held else ["flat"]
    return "; ".join([*said, f"{truth.working_orders} order(s) working"])
