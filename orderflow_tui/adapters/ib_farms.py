"""Which data farms of the broker are said to be broken, and whether that is any matter of ours. Pure; times are handed in.

A farm's name does not say what it carries: `usfuture` and `usfarm` may be ours, `cashfarm` and `eufarm` surely are not, and
the names change. What arrives tells. A break fences at once, and until all that is subscribed has come some seconds after it
was told: then it came another way. Such a farm is spared until it is said to work: to hear again that it is broken is no
news. What stops coming after all is found by its age.
"""

from __future__ import annotations

from enum import Enum

from orderflow_tui.adapters.ib_codec import FARM_DORMANT, FARM_DOWN, FARM_UP
from orderflow_tui.domain.session import SECOND_NS

CONTRACT_FARM_DOWN = 2157  # it carries no prices
TRIAL_NS = 5 * SECOND_NS  # what comes so long after the word was not on its way when the farm broke


class FarmNews(Enum):
    """What a notice says."""

    NONE = "no prices are lost or come back"
    LOST = "prices may be lost"
    BACK = "a loss has ended"


class Farms:
    """The farms of one line."""

    def __init__(self) -> None:
        self._down: dict[str, str] = {}  # what was said of each
        self._spared: set[str] = set()  # broken, and all that is subscribed came in spite of it
        self._told_ns = 0  # when the last break was told

    def __bool__(self) -> bool:
        """Whether one is broken that may be ours."""
        return bool(self._down)

    def hear(self, code: int, text: str, now_ns: int) -> FarmNews:
        """A notice. Farms come and go, each by itself; one that rests comes when it is needed."""
        farm = text.partition(":" if ":" in text else ".")[2].strip()  # one that rests is named after a dot
        if code in FARM_DOWN:
            if farm in self._spared:
                return FarmNews.NONE
            self._down[farm], self._told_ns = f"{code} {text}", now_ns
            return FarmNews.NONE if code == CONTRACT_FARM_DOWN else FarmNews.LOST
        if code in FARM_UP or code in FARM_DORMANT:
            self._spared.discard(farm)
            return FarmNews.BACK if self._down.pop(farm, "") else FarmNews.NONE
        return FarmNews.NONE

    def spare(self, arrived_ns: int) -> str:
        """Everything that is subscribed has come at or after an instant: what was said of the farms nobody needs, empty when
        there is none."""
        if not self._down or arrived_ns <= self._told_ns + TRIAL_NS:
            return ""
        told = str(self)
        self._spared.update(self._down)
        self._down.clear()
        return told

    def __str__(self) -> str:
        return "; ".join(self._down.values())
