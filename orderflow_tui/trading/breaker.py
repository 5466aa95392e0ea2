"""The breaker: what the day's money latches, and the prices at which it must look again.

It trips on the value of the day (realised + open at the mark, net of commissions, those to close included): at the daily
loss, at the drawdown from the day's peak, and after a run of losses. These flatten and halt. The profit target and the
number of trades only stop new entries, and count what is closed.

The watch is exact: value(p) = base + q * tick_cents * p is linear in the price, so the loss is a price band, and the
drawdown a band from the peak so far plus a give-back from peaks still to come.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.watch import NO_ABOVE, NO_BELOW, GiveBack, Watch
from orderflow_tui.trading.ledger import Ledger
from orderflow_tui.trading.limits import RiskLimits

TAKE_ALONG = frozenset({LatchKind.DAILY_LOSS, LatchKind.DRAWDOWN, LatchKind.CONSECUTIVE_LOSSES})  # the position goes too
AT_THE_MARK = frozenset({LatchKind.DAILY_LOSS, LatchKind.DRAWDOWN})  # what is open counts


@dataclass(frozen=True, slots=True)
class Trip:
    """A limit that was reached: the latch it opens and why."""

    kind: LatchKind
    reason: str

    @property
    def flatten(self) -> bool:
        """Whether the position goes too."""
        return self.kind in TAKE_ALONG


def money(cents: int) -> str:
    """Cents as text with two decimals."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def daily_loss_cents(limits: RiskLimits, tier_loss_cents: int | None) -> int:
    """The tighter of the session's limit and the tier's."""
    return limits.daily_loss_cents if tier_loss_cents is None else min(limits.daily_loss_cents, tier_loss_cents)


def daily_loss(ledger: Ledger, limits: RiskLimits, loss_cents: int) -> Trip | None:  # noqa: ARG001 - one signature for all
    """The value of the day, open positions and the commissions to close them included, has reached the loss limit."""
    value = ledger.value_cents
    if value > -loss_cents:
        return None
    return Trip(LatchKind.DAILY_LOSS, f"day at {money(value)}, limit {money(-loss_cents)}")


def drawdown(ledger: Ledger, limits: RiskLimits, loss_cents: int) -> Trip | None:  # noqa: ARG001
    """The value of the day has fallen from its peak as far as is allowed."""
    fallen = ledger.drawdown_cents
    if fallen < limits.max_drawdown_cents:
        return None
    text = f"{money(fallen)} under the day's peak of {money(ledger.peak_cents)}, limit {money(limits.max_drawdown_cents)}"
    return Trip(LatchKind.DRAWDOWN, text)


def profit_target(ledger: Ledger, limits: RiskLimits, loss_cents: int) -> Trip | None:  # noqa: ARG001
    """What is closed has reached the day's target; 0 is no target. What is open may run on behind its stop."""
    if not limits.daily_profit_cents or ledger.closed_cents < limits.daily_profit_cents:
        return None
    text = f"closed {money(ledger.closed_cents)}, target {money(limits.daily_profit_cents)}"
    return Trip(LatchKind.PROFIT_TARGET, text)


def consecutive_losses(ledger: Ledger, limits: RiskLimits, loss_cents: int) -> Trip | None:  # noqa: ARG001
    """So many trades in a row have lost money."""
    if -ledger.streak < limits.max_consecutive_losses:
        return None
    text = f"{-ledger.streak} losses in a row, limit {limits.max_consecutive_losses}"
    return Trip(LatchKind.CONSECUTIVE_LOSSES, text)


def trades_a_day(ledger: Ledger, limits: RiskLimits, loss_cents: int) -> Trip | None:  # noqa: ARG001
    """So many trades are this trade date's: closed on it, one that was carried into it included, or open. The last one keeps its
    bracket."""
    if ledger.trades_begun < limits.max_trades_per_day:
        return None
    return Trip(LatchKind.TRADE_COUNT, f"{ledger.trades_begun} trades today, limit {limits.max_trades_per_day}")


LIMITS: tuple[Callable[[Ledger, RiskLimits, int], Trip | None], ...] = (
    daily_loss,
    drawdown,
    profit_target,
    consecutive_losses,
    trades_a_day,
)


def trips(ledger: Ledger, limits: RiskLimits, loss_cents: int) -> tuple[Trip, ...]:
    """Every limit that is reached now."""
    found = (limit(ledger, limits, loss_cents) for limit in LIMITS)
    return tuple(trip for trip in found if trip is not None)


def watch(ledger: Ledger, instrument: str, limits: RiskLimits, loss_cents: int | None, may_fall: bool) -> Watch:
    """When the price of `instrument` can trip the breaker; `loss_cents` None, or `may_fall` False: that latch is
    open already."""
    episode = ledger.episode(instrument)
    if episode is None:
        return Watch()
    side, slope = int(episode.side), episode.quantity * episode.instrument.tick_cents
    base = ledger.base_cents(instrument)
    floors: list[int] = []  # values of side * price at or under which something trips
    give_back: tuple[GiveBack, ...] = ()
    if loss_cents is not None:
        floors.append((-loss_cents - base) // slope)
    if may_fall:
        floors.append((ledger.peak_cents - limits.max_drawdown_cents - base) // slope)
        best = (ledger.peak_cents - base) // slope
        give_back = (GiveBack(side, best, -(-limits.max_drawdown_cents // slope)),)
    if not floors:
        return Watch()
    worst = max(floors)
    return Watch(below=worst if side > 0 else NO_BELOW, above=-worst if side < 0 else NO_ABOVE, give_back=give_back)
