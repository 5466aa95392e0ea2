"""VWAP over the trailing hour and four hours, in whole bars: those that ended inside the window, and the open one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.session import MINUTE_NS
from orderflow_tui.market.vwap import Vwap

LONGEST_NS = 240 * MINUTE_NS


def vwap_of(bar: FootprintBar) -> Vwap:
    """The average of one bar: by level where it has levels, else at its typical price."""
    whole = Vwap()
    if bar.bid:
        volumes = np.array(bar.bid, dtype=np.int64) + np.array(bar.ask, dtype=np.int64) + np.array(bar.unknown, dtype=np.int64)
        whole.add_levels(bar.low, volumes)
    else:
        whole.add_bar(bar.high, bar.low, bar.close, bar.volume)
    return whole


class RollingVwap:
    """Averages of single bars, worked out once and kept as long as the longest window needs them."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Vwap] = {}

    def read(self, bars: Sequence[FootprintBar], building: FootprintBar | None, now_ns: int, minutes: int) -> Vwap:
        """The average of the bars that ended within the last `minutes` (at most 240) and of the open bar."""
        since = now_ns - minutes * MINUTE_NS
        whole = Vwap()
        if building is not None:
            whole.add(vwap_of(building))
        for bar in reversed(bars):
            if bar.end_ns <= since:
                break
            key = (bar.start_ns, bar.end_ns)
            known = self._known.get(key)
            if known is None:
                known = self._known[key] = vwap_of(bar)
            whole.add(known)
        if len(self._known) > 2 * LONGEST_NS // MINUTE_NS:
            self._known = {key: known for key, known in self._known.items() if key[1] > now_ns - LONGEST_NS}
        return whole

    def clear(self) -> None:
        """Prices moved: nothing known holds."""
        self._known = {}
