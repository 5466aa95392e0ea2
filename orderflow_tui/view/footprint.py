"""The footprint's part of the view. Closed bars are dressed once and keep their identity."""

from __future__ import annotations

from collections import OrderedDict

from orderflow_tui.domain.bar import BarSource, FootprintBar
from orderflow_tui.domain.market import Grade
from orderflow_tui.domain.signal import Pattern
from orderflow_tui.engine import Engine
from orderflow_tui.market.imbalance import diagonal
from orderflow_tui.market.profile import value_area_of
from orderflow_tui.view.model import BarCells, FootprintView

BARS_SHOWN = 24
LETTERS = {
    Pattern.BUYING_ABSORPTION: "A",
    Pattern.SELLING_ABSORPTION: "A",
    Pattern.DOM_ABSORPTION_BUY: "A",
    Pattern.DOM_ABSORPTION_SELL: "A",
    Pattern.BUYING_EXHAUSTION: "X",
    Pattern.SELLING_EXHAUSTION: "X",
    Pattern.VOLUME_CLIMAX: "C",
    Pattern.STACKED_BUY: "S",
    Pattern.STACKED_SELL: "S",
    Pattern.BEARISH_DIVERGENCE: "D",
    Pattern.BULLISH_DIVERGENCE: "D",
    Pattern.UNFINISHED_HIGH: "U",
    Pattern.UNFINISHED_LOW: "U",
    Pattern.UNFINISHED_REVISITED: "u",
    Pattern.LACK_OF_PARTICIPATION_HIGH: "L",
    Pattern.LACK_OF_PARTICIPATION_LOW: "L",
    Pattern.BUY_IMBALANCE: "I",
    Pattern.SELL_IMBALANCE: "I",
}
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
        label = f"{params.market.bar_seconds // 60} min" if params.market.bar_kind == "time" else f"{params.market.bar_volume} vol"
        if params.market.bar_kind == "time" and params.market.bar_seconds % 60:
            label = f"{params.market.bar_seconds} s"
        return FootprintView(
            bars=tuple(self._closed(bar) for bar in list(market.bars)[-BARS_SHOWN:]),
            live=None if live is None else self._dress(live, ()),
            bar_label=label,
            ratio=self._engine.params.signals.imbalance.ratio,
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
        rows = [
            (signal.ref_price, LETTERS[signal.pattern], int(signal.direction))
            for signal in self._engine.analyst.signals_of_bar(bar.start_ns)
            if LETTERS[signal.pattern] in SHOWN_ON_BARS
        ]
        return tuple(rows)

    def _dress(self, bar: FootprintBar, marks: tuple[tuple[int, str, int], ...]) -> BarCells:
        params = self._engine.params
        if not bar.bid:
            return BarCells(bar, (), (), None, marks)
        minimum = params.analysis.imbalance_min_volume
        buys, sells = diagonal(bar, params.signals.imbalance.ratio_percent, minimum)
        total = [b + a + u for b, a, u in zip(bar.bid, bar.ask, bar.unknown, strict=True)]
        value = value_area_of(bar.low, total, params.market.value_permille, params.market.value_method)
        return BarCells(bar, tuple(k for k, _ in buys), tuple(k for k, _ in sells), value, marks)
