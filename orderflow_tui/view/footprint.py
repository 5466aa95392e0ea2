"""The footprint's part of the view. Closed bars are dressed once and keep their identity."""

from __future__ import annotations

from collections import OrderedDict

from orderflow_tui.domain.bar import BarSource, FootprintBar
from orderflow_tui.domain.market import Grade
from orderflow_tui.engine import Engine
from orderflow_tui.market.imbalance import imbalances
from orderflow_tui.market.params import MarketParams
from orderflow_tui.market.profile import value_area
from orderflow_tui.view.model import BarCells, FootprintView

BARS_SHOWN = 24
SHOWN_ON_BARS = "AXSDU"


class FootprintPart:
    """Builds FootprintView and remembers the closed bars it has dressed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dressed: OrderedDict[tuple[int, int], BarCells] = OrderedDict()

    def view(self) -> FootprintView:
        """The newest bars, oldest first."""
        market, params = self._engine.market, self._engine.params
        off = ""
        if market.grade is Grade.SNAPSHOT:
            off = "footprint stopped: the feed sends snapshots, no trades"
        elif not market.bars and market.last_price is None:
            off = "waiting for the first trade"
        elif market.bars and market.bars[-1].source is not BarSource.TRADES and market.open_bar() is None:
            off = "this source holds bars, not trades: no levels to show"
        live = market.open_bar()
        return FootprintView(
            bars=tuple(self._closed(bar) for bar in list(market.bars)[-BARS_SHOWN:]),
            live=None if live is None else self._dress(live, self._marks(live)),
            bar_label=bar_label(params.market),
            ratio=params.market.imbalance.ratio_percent / 100,
            value_method=f"{params.market.value_method.replace('_', '-')} {params.market.value_permille // 10} %",
            zones=market.zones,
            rays=market.unfinished,
            disabled_reason=off,
        )

    def _closed(self, bar: FootprintBar) -> BarCells:
        marks = self._marks(bar)
        key = (bar.start_ns, len(marks))
        cells = self._dressed.get(key)
        if cells is None or cells.bar is not bar:
            cells = self._dressed[key] = self._dress(bar, marks)
            while len(self._dressed) > 4 * BARS_SHOWN:
                self._dressed.popitem(last=False)
        return cells

    def _marks(self, bar: FootprintBar) -> tuple[tuple[int, str, int], ...]:
        return tuple(mark for mark in self._engine.analyst.marks.get(bar.start_ns, ()) if mark[1] in SHOWN_ON_BARS)

    def _dress(self, bar: FootprintBar, marks: tuple[tuple[int, str, int], ...]) -> BarCells:
        params = self._engine.params
        if not bar.bid:
            return BarCells(bar, (), (), None, marks)
        buys, sells = imbalances(bar, params.market.imbalance, params.analysis.imbalance_min_volume)
        total = [b + a + u for b, a, u in zip(bar.bid, bar.ask, bar.unknown, strict=True)]
        value = value_area(bar.low, total, params.market.value_permille, params.market.value_method)
        return BarCells(bar, tuple(i.tick for i in buys), tuple(i.tick for i in sells), value, marks)


def bar_label(params: MarketParams) -> str:
    """The bars in words: `5 min`, `30 s`, `5000 vol`."""
    if params.bar_kind != "time":
        return f"{params.bar_volume} vol"
    return f"{params.bar_seconds} s" if params.bar_seconds % 60 else f"{params.bar_seconds // 60} min"
