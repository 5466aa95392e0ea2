"""When the hypothesis is written: five minutes before the bell, again with the real open, then never touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.session import MINUTE_NS, SECOND_NS, SessionDay
from orderflow_tui.domain.signal import Hypothesis
from orderflow_tui.domain.value import SessionProfile
from orderflow_tui.domain.watch import NEVER
from orderflow_tui.market.state import MarketState
from orderflow_tui.signals.background import Background
from orderflow_tui.signals.hypothesis import HypothesisInputs, build, grade
from orderflow_tui.signals.inventory import Inventory

BEFORE_OPEN_NS = 5 * MINUTE_NS
AFTER_OPEN_NS = 5 * SECOND_NS

Ask = Callable[[int], HypothesisInputs]  # the inputs as of an instant


class Plan:
    """The hypothesis of one trade date and its two appointments."""

    __slots__ = ("_close_ns", "_instrument", "_times", "current")

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._times: list[int] = []
        self._close_ns = 0
        self.current: Hypothesis | None = None

    @property
    def due_ns(self) -> int:
        """The next appointment."""
        return self._times[0] if self._times else NEVER

    def new_day(self, day: SessionDay) -> None:
        """A day without regular hours has no hypothesis."""
        self.current, self._times = None, []
        if day.rth_open_ns is not None and day.rth_close_ns is not None:
            self._times = [day.rth_open_ns - BEFORE_OPEN_NS, day.rth_open_ns + AFTER_OPEN_NS]
            self._close_ns = day.rth_close_ns

    def keep_appointment(self, now_ns: int, ask: Ask) -> Hypothesis | None:
        """The hypothesis written at this instant, None when none is due. Late is told; after the close is never."""
        if now_ns < self.due_ns:
            return None
        last = self._times[-1]
        frozen, late = now_ns >= last, now_ns > last + MINUTE_NS * 5
        self._times = [] if frozen else self._times[1:]
        if now_ns >= self._close_ns:
            return None
        written = build(ask(now_ns), self._instrument, frozen)
        self.current = replace(written, reason=f"{written.reason}, written late") if late else written
        return self.current

    def close(self, profile: SessionProfile | None, average_range: float | None) -> Hypothesis | None:
        """Grade it at the end of regular hours; None where there is nothing to grade, or grade it by."""
        if self.current is None or profile is None or self.current.grade is not None:
            return None
        self.current = grade(self.current, profile, average_range)
        return self.current

    def shift(self) -> None:
        """The contract rolled: prices of the plan belong to the old one, so the plan is void."""
        self.current = None


def inputs_of(now_ns: int, day: SessionDay, market: MarketState, past: Background, night: Inventory) -> HypothesisInputs:
    """What is known at an appointment: the last price stands for the open until the real one is there."""
    opened = market.rth_open_price
    before = past.last_two[1]
    return HypothesisInputs(
        trade_date=day.trade_date,
        ts_ns=now_ns,
        open=market.last_price if opened is None else opened,
        assumed=opened is None,
        pva=market.pva,
        pva_before=before.value if before is not None else None,
        cva=market.cva()[0],
        aligned_vas=past.aligned(None),
        prior_high=market.prior_high,
        prior_low=market.prior_low,
        prior_close=market.prior_close,
        on_high=market.on_high,
        on_low=market.on_low,
        inventory=night,
        naked=tuple(price for _, price in market.naked_pocs),
        stacked=tuple(price for price, _, _ in past.stacked(market.naked_pocs)),
        week_open=market.week_open,
        ib_average=past.ib_average,
        restarted=market.restarted if market.prior_close is None else None,
    )
