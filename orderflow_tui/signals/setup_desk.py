"""The setup desk: setups that stand, their scores as order flow comes in, their holds, and what leaves as a decision."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from orderflow_tui.domain.bar import BarSource, FootprintBar
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.market import Grade
from orderflow_tui.domain.signal import Context, Decision, Direction, Regime, RegimeReading, SetupReading, Signal
from orderflow_tui.domain.watch import NO_ABOVE, NO_BELOW, Watch, merge
from orderflow_tui.market.state import MarketState
from orderflow_tui.signals.day import Day
from orderflow_tui.signals.hold import Holds
from orderflow_tui.signals.params import SignalParams, Strategy
from orderflow_tui.signals.regime import minutes
from orderflow_tui.signals.router import Router
from orderflow_tui.signals.scoring import confidence, flow, untradable
from orderflow_tui.signals.setups import (
    DriveIdea,
    SetupView,
    Standing,
    drive_continuation,
    drive_idea,
    standing_setups,
)


class SetupDesk:
    """Setups of one trade date."""

    __slots__ = ("_holds", "_idea", "_ids", "_instrument", "_params", "_router", "_standing", "readings")

    def __init__(self, instrument: Instrument, params: SignalParams, router: Router, ids: Sequence[str]) -> None:
        self._instrument = instrument
        self._params = params
        self._router = router
        self._ids = list(ids)
        self._holds = Holds(params.hold)
        self._standing: list[Standing] = []
        self._idea: DriveIdea | None = None
        self.readings: tuple[SetupReading, ...] = ()

    @property
    def emitted_ids(self) -> tuple[str, ...]:
        """Ids emitted on the running trade date, earlier runs included."""
        return tuple(self._ids)

    def new_day(self, trade_date: date | None) -> None:
        """A trade date begins; ids of earlier dates are of no use any more."""
        self._ids = [i for i in self._ids if i.startswith(f"{trade_date}|")]
        self._holds.new_day(trade_date, self._ids)
        self._clear()

    def remember(self, ids: Sequence[str]) -> None:
        """Ids of the running trade date that were emitted in an earlier life; known ones are left as they are."""
        fresh = [i for i in ids if i not in self._ids]
        self._ids += fresh
        self._holds.remember(fresh)

    def shift(self, ticks: int) -> None:
        """The contract rolled."""
        self._holds.shift(ticks)
        self._clear()

    @property
    def waiting(self) -> bool:
        """Whether there is anything to be woken for."""
        return self._holds.waiting or (self._idea is not None and self._idea.waiting)

    def watch(self) -> Watch:
        """Ends and bands of holds, and the price an opening drive waits for."""
        if self._idea is None or not self._idea.waiting:
            return self._holds.watch()
        long = self._idea.direction is Direction.LONG
        above, below = (self._idea.trigger, NO_BELOW) if long else (NO_ABOVE, self._idea.trigger)
        return merge(self._holds.watch(), Watch(below=below, above=above))

    @property
    def follows_prices(self) -> bool:
        """Whether re-arming depends on where price goes."""
        return self._holds.follows_prices

    def on_range(self, low: int, high: int) -> None:
        """Price traded between these."""
        self._holds.on_range(low, high)

    def on_price(self, price: int) -> bool:
        """A trade that may have met the watch; whether an opening drive's pullback ended with it."""
        self._holds.on_price(price)
        idea = self._idea
        if idea is None or not idea.waiting or idea.direction * (price - idea.trigger) < 0:
            return False
        self._idea = DriveIdea(idea.direction, idea.trigger, idea.wrong, triggered=True)
        return True

    def against(self, direction: Direction) -> None:
        """A signal breaks holds of the other direction."""
        self._holds.against(direction)

    def on_bar(self, bars: Sequence[FootprintBar]) -> None:
        """Bars closed: what stands is judged anew; where no trades are seen, their ranges are all that is known of price."""
        for bar in bars:
            if bar.source is not BarSource.TRADES:
                self._holds.on_range(bar.low, bar.high)
                self._trigger_by_bar(bar)
        self._standing, self.readings = [], ()

    def break_holds(self) -> None:
        """A bar closed at which nothing is judged: nothing stands."""
        self._holds.clear()

    def end_session(self) -> None:
        """Regular hours are over: nothing stands any more."""
        self._holds.clear()
        self._clear()

    def judge(
        self,
        now_ns: int,
        view: SetupView,
        new_bar: bool,
        signals: Sequence[Signal],
        regime: RegimeReading | None,
        market: MarketState,
    ) -> list[SetupReading]:
        """What stands at this close (of a bar, or of a half hour alone), scored."""
        if new_bar:
            self._idea = drive_idea(view, self._idea, self._params.setups)
        self._standing = standing_setups(view, self._idea, self._params.setups)
        return self._score(now_ns, self._standing, signals, regime, market, renewed=new_bar)

    def live(
        self,
        now_ns: int,
        price: int,
        view: SetupView | None,
        signals: Sequence[Signal],
        regime: RegimeReading | None,
        market: MarketState,
    ) -> list[SetupReading]:
        """Between closes: the standing setups with the newest flow. `view` is given when a drive just triggered.

        Returns the readings that changed.
        """
        started = drive_continuation(view, self._idea) if view is not None else None
        if started is not None:
            self._standing.append(started)
        before = {r.id: r for r in self.readings}
        alive = [s for s in self._standing if s.in_band(price)]
        readings = self._score(now_ns, alive, signals, regime, market)
        return [r for r in readings if r.id not in before or _differs(r, before[r.id])]

    def fire(self, now_ns: int, regime: RegimeReading | None, grade: Grade) -> list[Decision]:
        """The decision due at this instant, if any."""
        chosen = self._holds.fire(now_ns, grade) if self._holds.waiting else None
        if chosen is None:
            return []
        self._ids.append(chosen.id)
        return [self._decision(chosen, now_ns, regime)]

    def fire_at_once(self, now_ns: int, regime: RegimeReading | None, grade: Grade) -> list[Decision]:
        """Where only bars are known there is nothing inside them to hold through: the best setup leaves at the close."""
        self._holds.ripen(now_ns)
        return self.fire(now_ns, regime, grade)

    def _score(
        self,
        now_ns: int,
        standing: Sequence[Standing],
        signals: Sequence[Signal],
        regime: RegimeReading | None,
        market: MarketState,
        renewed: bool = False,
    ) -> list[SetupReading]:
        grade = market.grade if standing else Grade.UNKNOWN
        days = (market.cva()[1], market.params.cva_days)
        readings = [self._reading(now_ns, s, signals, regime, days, grade) for s in standing]
        self.readings = tuple(readings)
        if self._params.strategy is Strategy.SETUPS:
            self._holds.evaluate(now_ns, readings, grade, renewed)
        return readings

    def _reading(
        self,
        now_ns: int,
        s: Standing,
        signals: Sequence[Signal],
        regime: RegimeReading | None,
        days: tuple[int, int],
        grade: Grade,
    ) -> SetupReading:
        params = self._params.score
        found = flow(signals, s.setup, s.direction, s.level, self._router, regime, params)
        sure = confidence(s.context, found.score, params)
        name, spent = self._holds.identify(now_ns, s.setup, s.direction, s.level)
        reason = untradable(regime, days, grade, found, sure, params)
        if not reason and spent is not None:
            reason = f"already acted on as {spent}"
        return SetupReading(
            id=name,
            ts_ns=now_ns,
            setup=s.setup,
            direction=s.direction,
            level=s.level,
            confidence=sure,
            context=s.context,
            flow=found.score,
            parts=s.parts,
            confirming=found.confirming,
            tradable=not reason,
            reason=reason or f"{s.why}: confidence {sure:.1f} >= {params.threshold:.1f}",
            invalid_below=s.invalid_below,
            invalid_above=s.invalid_above,
            target=s.target,
        )

    def _decision(self, chosen: SetupReading, now_ns: int, regime: RegimeReading | None) -> Decision:
        """An accepted setup. `strength` is its confidence in 0..1, `confidence` the regime's, as for every decision."""
        return Decision(
            id=f"{chosen.id}|decision",
            ts_ns=now_ns,
            source_id=chosen.id,
            label=chosen.setup.value,
            direction=chosen.direction,
            accepted=True,
            rule="setups",
            reason=chosen.reason,
            regime=regime.regime if regime is not None else Regime.NO_TRADE,
            strength=chosen.confidence / 100,
            confidence=regime.confidence if regime is not None else 0.0,
            size_factor=self._router.size_factor(regime),
            distinct_patterns=len(chosen.confirming),
            ref_price=chosen.level,
        )

    def _trigger_by_bar(self, bar: FootprintBar) -> None:
        """Of a bar without trades only the range is known; it triggers when it closed beyond the pullback."""
        if bar.rth:
            self.on_price(bar.close)

    def _clear(self) -> None:
        self._standing, self.readings, self._idea = [], (), None


def _differs(new: SetupReading, old: SetupReading) -> bool:
    return (new.tradable, new.flow, new.reason) != (old.tradable, old.flow, old.reason)


def view_of(
    market: MarketState, today: Day, context: Context, regime: RegimeReading | None, vwap: tuple[float | None, float | None]
) -> SetupView:  # fmt: skip
    """What setups read now; `vwap` is (value, sigma) of regular hours at the last close."""
    day = market.day
    clock = minutes(market.now_ns, day.rth_open_ns, day.rth_close_ns) if day is not None else (0, 0)
    low, high = market.prior_low, market.prior_high
    return SetupView(
        context=context,
        regime=regime,
        bars=today.bars,
        since_open=clock[0],
        opening=today.opening,
        drive=today.drive,
        rule_80=today.rule_80,
        rth_open=market.rth_open_price,
        prior_range=None if low is None or high is None else (low, high),
        vwap=vwap[0],
        vwap_sd=vwap[1],
        slot_volume=market.slot_volume(today.bars[-1]) if today.bars else None,
    )
