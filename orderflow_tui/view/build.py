"""Building the ConsoleView from the engine. Reading only: a view never changes what the engine concludes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orderflow_tui.domain.action import Alert
from orderflow_tui.domain.session import MS_NS
from orderflow_tui.engine import Engine
from orderflow_tui.view.clock import et_clock, et_when
from orderflow_tui.view.definitions import definitions
from orderflow_tui.view.footprint import FootprintPart
from orderflow_tui.view.ladder import ladder
from orderflow_tui.view.lights import lights
from orderflow_tui.view.model import ConsoleView, OrderRow, ReplayView, TapeRow
from orderflow_tui.view.money import news_rows, order_rows, pnl, truth
from orderflow_tui.view.profile import ProfilePart
from orderflow_tui.view.signals import regime_view, signals_view

TAPE_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the engine does not know about itself."""

    mode: str
    account_suffix: str
    contract: str
    stop_file: str


class ViewBuilder:
    """Builds views; remembers parts that have not changed."""

    def __init__(self, engine: Engine, surroundings: Surroundings) -> None:
        self._engine = engine
        self._around = surroundings
        self._footprint = FootprintPart(engine)
        self._profile = ProfilePart(engine)
        self._definitions = definitions(engine.params)

    def build(
        self, seq: int, beat_mono_ns: int, now_ns: int, alerts: Sequence[tuple[int, Alert, str]], replay: ReplayView | None
    ) -> ConsoleView:
        """The picture at `now_ns` of the house clock; the engine's own time may lie a little behind it."""
        engine, around = self._engine, self._around
        shown_ns = max(now_ns, engine.now_ns)
        data_ts = engine.market.data_ts_ns
        age = None if data_ts is None else max(0, shown_ns - data_ts) // MS_NS
        facts = replace(engine.facts(), now_ns=shown_ns, data_age_ms=age)
        told, news = tuple((ts, alert.text, state) for ts, alert, state in reversed(alerts)), news_rows(engine)
        return ConsoleView(
            seq=seq,
            beat_mono_ns=beat_mono_ns,
            instrument=engine.params.analysis,
            truth=truth(engine, facts, around.mode, around.account_suffix, around.contract, around.stop_file),
            lights=lights(engine, [state for _, _, state in alerts]),
            dom=ladder(engine),
            footprint=self._footprint.view(),
            profile=self._profile.view(),
            signals=signals_view(engine),
            regime=regime_view(engine),
            pnl=pnl(engine, facts),
            orders=order_rows(engine),
            news=news,
            tape=self._tape(),
            latches=self._latches(shown_ns),
            alerts=tuple(
                (et_when(engine.params.table, ts, shown_ns), alert.text, state) for ts, alert, state in reversed(alerts)
            ),
            latest=self._latest(told, news),
            context=engine.analyst.context,
            replay=replay,
            definitions=self._definitions,
        )

    def _latest(self, alerts: Sequence[tuple[int, str, str]], news: Sequence[OrderRow]) -> OrderRow | None:
        """What happened last. Both come newest first; an alert of the same instant says more than the news it is about."""
        if alerts and (not news or alerts[0][0] >= news[0].ts_ns):
            ts, text, state = alerts[0]
            return OrderRow(ts, et_clock(self._engine.params.table, ts), "", "alert", "", 0, "", text, state)
        return news[0] if news else None

    def _tape(self) -> tuple[TapeRow, ...]:
        table = self._engine.params.table
        rows = self._engine.market.tape[-TAPE_SHOWN:]
        return tuple(TapeRow(et_clock(table, ts), price, size, side) for ts, price, size, side in reversed(rows))

    def _latches(self, now_ns: int) -> tuple[tuple[str, str, str], ...]:
        desk, table = self._engine.desk, self._engine.params.table
        return tuple(
            (latch.kind.value, f"{et_when(table, latch.since_ns, now_ns)} {latch.reason}", desk.how_to_clear(latch.kind))
            for latch in desk.latches
        )
