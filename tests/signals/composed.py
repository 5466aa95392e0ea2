"""Market and analyst under the real driver, as the engine composes them, with nothing traded."""

from __future__ import annotations

from orderflow_tui.domain.action import Action, Observation
from orderflow_tui.domain.event import ClockTick, Event
from orderflow_tui.domain.history import History
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import Bars, Depth, FeedStatus, Quote, Trades
from orderflow_tui.domain.session import SessionTable
from orderflow_tui.domain.watch import Watch, merge
from orderflow_tui.driver import Driver
from orderflow_tui.market.news import RthClosed
from orderflow_tui.market.params import MarketParams
from orderflow_tui.market.state import MarketState
from orderflow_tui.signals.analyst import Analyst
from orderflow_tui.signals.params import SignalParams

ES = Instrument("ES", "E-mini S&P 500", "CME", 250_000_000, 1250, 50, 225, 1_500_000, 16, 24, 20, 150)


class Composed:
    """A core that observes. `keep` False throws observations away (for long runs); `sessions` holds (context,
    profile) at each close of regular hours."""

    def __init__(
        self,
        table: SessionTable,
        params: SignalParams | None = None,
        market: MarketParams | None = None,
        history: History | None = None,
        keep: bool = True,
    ) -> None:
        self.market = MarketState(ES, market or MarketParams(), table, history or History())
        self.analyst = Analyst(ES, params or SignalParams(), table, history)
        self.observed: list[Observation] = []
        self.sessions: list[tuple[object, object]] = []
        self._keep = keep
        self.driver = Driver(self, self._act)

    @property
    def watch(self) -> Watch:
        return merge(self.market.watch, self.analyst.watch(self.market))

    def on(self, event: Event) -> list[Action]:
        market, analyst = self.market, self.analyst
        match event:
            case Trades():
                news = market.on_trades(event)
                self._note(analyst.on_piece(event, market))
            case Bars():
                news = market.on_bar(event)
            case ClockTick():
                news = market.on_time(event.ts_ns)
            case Depth():
                market.on_depth(event)
                news = []
                self._note(analyst.on_depth(event, market))
            case Quote():
                market.on_quote(event)
                news = []
            case FeedStatus():
                news = market.on_status(event)
            case _:
                news = []
        if news:
            self._note(analyst.on_news(news, market))
            for item in news:
                if isinstance(item, RthClosed):
                    self.sessions.append((analyst.context, item.profile))
        if isinstance(event, ClockTick):
            self._note(analyst.on_time(event.ts_ns, market))
        return []

    def run(self, *events: Event) -> Composed:
        """Feed events through the driver."""
        for event in events:
            self.driver.step(event)
        return self

    def _note(self, observed: list[Observation]) -> None:
        if self._keep:
            self.observed.extend(observed)

    def _act(self, actions: object) -> list[Event]:
        return []
