"""Markets that come at a pace of their own: a simulated one and recordings, each with the clock it runs by."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from orderflow_tui.adapters.pace import Pace
from orderflow_tui.adapters.rows import row_of
from orderflow_tui.adapters.sim_market import SimMarket
from orderflow_tui.config import Loaded
from orderflow_tui.config.analytics import Bars as BarLengths
from orderflow_tui.domain.action import Observation, Row
from orderflow_tui.domain.event import Event, MarketEvent
from orderflow_tui.domain.history import History
from orderflow_tui.domain.instrument import Instrument, quarterly_contract
from orderflow_tui.domain.session import MS_NS, SECOND_NS, SessionTable
from orderflow_tui.modes import FeedKind
from orderflow_tui.ports import Feed, TapeWriter
from orderflow_tui.pulse import Pulse
from orderflow_tui.view.model import ReplayView
from orderflow_tui.wiring.days import opened, trading_days
from orderflow_tui.wiring.params import market_params
from orderflow_tui.wiring.plan import Plan

ET = ZoneInfo("America/New_York")
YEARS_AROUND = 2
MINUTE_NS = 60_000_000_000
MOMENT_NS = 200 * MS_NS  # a step where the next trade is not known before it is made

Service = Callable[[], Coroutine[None, None, None]]


class PacedSide:
    """A simulated market or a recording, with its clock and its past. `next_trade` tells the stamp of the next one, None
    where it is not known yet."""

    def __init__(
        self,
        feed: Feed,
        pace: Pace,
        instrument: Instrument,
        history: History,
        warm: Callable[[], Iterable[MarketEvent]],
        bars: BarLengths,
        next_trade: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.feed, self.pace, self.symbol, self.history, self.warm = feed, pace, instrument.symbol, history, warm
        self._bar_ns, self._grace_ns = bars.seconds * SECOND_NS, bars.close_grace_ms * MS_NS
        self._next_trade = next_trade
        self.source = ""
        self.account_suffix = ""
        self.contract = ""
        self.services: tuple[Service, ...] = ()
        self._quarterly = instrument.roll_months == "HMUZ"

    def began(self, source: str, when: date | None) -> None:
        """Where the data comes from and the trade date it starts on, None outside the calendar."""
        self.source = source
        self.contract = quarterly_contract(when) if when is not None and self._quarterly else ""

    tape: TapeWriter | None = None
    pulse: Pulse | None = None  # time runs as fast as it likes

    def row_of(self, item: Observation) -> Row:
        """An observation as a row of the journal."""
        return row_of(item)

    def boot_events(self) -> list[Event]:
        """Time began with the market: nothing was missed."""
        return []

    def roll(self) -> None:
        """A market inside the house has no months; a recording rolls where it says so."""

    def acknowledge(self) -> None:
        """A market inside the house has no link that could be held."""

    def now_ns(self) -> int:
        """The house clock: the pace's."""
        return self.pace.now_ns

    def steer(self, name: str, value: float | None) -> None:
        """Obey a feed command; unknown ones are for other feeds."""
        match name:
            case "pause":
                self.pace.pause()
            case "play":
                self.pace.resume()
            case "speed" if value is not None:
                self.pace.set_speed(min(max(value, 0.05), 5_000.0))
            case "step_bar":
                self._step(self.now_ns() // self._bar_ns * self._bar_ns + self._bar_ns + self._grace_ns)
            case "step_trade":
                self._step(self._next_trade() or self.now_ns() + MOMENT_NS)
            case "seek" if value is not None:
                self.pace.run_to(int(value))
            case _:
                return

    def _step(self, until_ns: int) -> None:
        """Stand still, but for the time up to and with this instant."""
        self.pace.pause()
        self.pace.step(max(until_ns - self.now_ns(), 0) + 1)

    def replay(self, ended: bool) -> ReplayView | None:
        """The replay bar."""
        pace = self.pace
        return ReplayView(self.source, pace.paused, pace.speed, pace.now_ns, 0, 0, ended)


def table_around(loaded: Loaded, when: date, symbol: str | None = None) -> SessionTable:
    """Trading days of an instrument (None: the configured one) two years to either side."""
    first, last = when - timedelta(days=366 * YEARS_AROUND), when + timedelta(days=366 * YEARS_AROUND)
    name = symbol or loaded.config.instrument.analysis
    return trading_days(loaded, name, max(first, date(2008, 1, 2)), min(last, date(2030, 12, 31)))


def paced_side(plan: Plan) -> tuple[SessionTable, PacedSide]:
    """The feed of the mode with its past. Reads files; runs beside the loop."""
    if plan.mode.feed is FeedKind.FILES:
        return _recording(plan)
    return _simulated(plan)


def _simulated(plan: Plan) -> tuple[SessionTable, PacedSide]:
    loaded, demo = plan.loaded, plan.loaded.config.demo
    start = datetime.fromisoformat(demo.start).replace(tzinfo=ET)
    start_ns = int(start.timestamp()) * 1_000_000_000
    table = table_around(loaded, start.date(), plan.instrument)
    pace = Pace(plan.speed)
    instrument = loaded.instruments[plan.instrument]
    market = SimMarket(instrument, table, seed=demo.seed, start_ns=start_ns, speed=plan.speed, clock=pace)
    pace.start(start_ns)
    side = PacedSide(
        market, pace, instrument, market.history(market_params(loaded.config)), market.warm_events, loaded.config.bars
    )
    side.began(f"simulated market, seed {demo.seed}", start.date())
    return table, side


def _recording(plan: Plan) -> tuple[SessionTable, PacedSide]:
    from orderflow_tui.adapters.replay import ReplayFeed

    loaded = plan.loaded
    sources, table = opened(loaded, plan.paths, instrument=plan.named, tz=plan.tz, format=plan.format)
    begins_ns = min(reading.begins_ns() for reading in sources.readings)
    pace = Pace(plan.speed)
    pace.start(begins_ns)
    feed = ReplayFeed(sources, pace)
    instrument = loaded.instruments[sources.instrument]
    side = PacedSide(feed, pace, instrument, History(), tuple, loaded.config.bars, feed.next_trade_ns)
    side.began(", ".join(path.name for path in plan.paths), table.trade_date(begins_ns))
    return table, side
