"""Trading days and a core for the tests: New York's calendar without a library, and MarketState under the real driver."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from orderflow_tui.domain.action import Action
from orderflow_tui.domain.event import ClockTick, Event
from orderflow_tui.domain.history import History
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import Bars, Depth, FeedStatus, Quote, Trades
from orderflow_tui.domain.session import SessionDay, SessionTable
from orderflow_tui.domain.watch import Watch
from orderflow_tui.driver import Driver
from orderflow_tui.market.news import News
from orderflow_tui.market.params import MarketParams
from orderflow_tui.market.state import MarketState

NEW_YORK = ZoneInfo("America/New_York")
SECOND = 1_000_000_000
ES = Instrument("ES", "E-mini S&P 500", "CME", 250_000_000, 1250, 50, 225, 50_000, 16, 24, 20, 150)


def at(day: date | str, clock: str = "00:00:00") -> int:
    """UTC ns of a wall-clock time in New York."""
    moment = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=NEW_YORK)
    return int(moment.timestamp()) * SECOND


def session_day(
    trade_date: date, opens: date | None = None, closes: str = "17:00:00", rth: str | None = "16:00:00"
) -> SessionDay:
    """A Globex day from 18:00 of the evening before (or of `opens`); `rth` is when regular hours end, None: there are none."""
    evening = opens or trade_date - timedelta(days=1)
    return SessionDay(
        trade_date,
        at(trade_date),
        at(evening, "18:00:00"),
        at(trade_date, closes),
        None if rth is None else at(trade_date, "09:30:00"),
        None if rth is None else at(trade_date, rth),
        half_day=rth is not None and rth < "16:00:00",
    )


def table_of(first: str, last: str, holidays: Iterable[str] = ()) -> SessionTable:
    """Every weekday from `first` to `last` but the holidays."""
    day, end, closed = date.fromisoformat(first), date.fromisoformat(last), set(holidays)
    days = []
    while day <= end:
        if day.weekday() < 5 and day.isoformat() not in closed:
            days.append(session_day(day))
        day += timedelta(days=1)
    return SessionTable(tuple(days))


MARCH = table_of("2026-02-02", "2026-03-31")


class Probe:
    """The smallest core: a market state whose news are kept."""

    def __init__(self, params: MarketParams | None = None, table: SessionTable = MARCH, history: History | None = None) -> None:
        self.market = MarketState(ES, params or MarketParams(), table, history)
        self.news: list[News] = []
        self._driver = Driver(self, nothing)

    @property
    def watch(self) -> Watch:
        return self.market.watch

    @property
    def pieces(self) -> int:
        return self._driver.pieces

    def on(self, event: Event) -> list[Action]:
        match event:
            case Trades():
                self.news += self.market.on_trades(event)
            case Bars():
                self.news += self.market.on_bar(event)
            case ClockTick():
                self.news += self.market.on_time(event.ts_ns)
            case Quote():
                self.market.on_quote(event)
            case Depth():
                self.market.on_depth(event)
            case FeedStatus():
                self.news += self.market.on_status(event)
            case _:
                raise AssertionError(f"a market core was told {event}")
        return []

    def run(self, *events: Event) -> Probe:
        """Feed events through the driver."""
        for event in events:
            self._driver.step(event)
        return self

    def until(self, ts_ns: int) -> Probe:
        """Let time pass."""
        return self.run(ClockTick(ts_ns))


def nothing(actions: Sequence[Action]) -> Sequence[Event]:
    """A market core has no actions."""
    assert not actions
    return ()
