"""The breaker: what the day's money latches, and the prices at which it must look again.

It trips on the value of the day (realised + open at the mark, net of commissions, those to close included): at the daily
loss, and at the drawdown from the day's peak. Both flatten and halt. The profit target, the number of trades and the run
of losses only stop new entries, and count what is closed.

The watch is exact: value(p) = base + q * tick_cents * p is linear in the price, so the loss is a price band, and the
drawdown a band from the peak so far plus a give-back from peaks still to come.
"""

from __future__ import annotations

from dataclasses import dataclass

from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.watch import NO_ABOVE, NO_BELOW, GiveBack, Watch
from orderflow_tui.trading.ledger import Ledger
from orderflow_tui.trading.limits import RiskLimits


@dataclass(frozen=True, slots=True)
class Trip:
    """A limit that was reached: the latch it opens and whether the position goes too."""

    kind: LatchKind
    reason: str
    flatten: bool


def money(cents: int) -> str:
    """Cents as text with two decimals."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def daily_loss_cents(limits: RiskLimits, tier_loss_cents: int | None) -> int:
    """The tighter of the session's limit and the tier's."""
    return limits.daily_loss_cents if tier_loss_cents is None else min(limits.daily_loss_cents, tier_loss_cents)


def trips(ledger: Ledger, limits: RiskLimits, loss_cents: int) -> tuple[Trip, ...]:
    """Every limit that is reached now."""
    found: list[Trip] = []
    value, drawdown = ledger.value_cents, ledger.drawdown_cents
    if value <= -loss_cents:
        found.append(Trip(LatchKind.DAILY_LOSS, f"day at {money(value)}, limit {money(-loss_cents)}", True))
    if drawdown >= limits.max_drawdown_cents:
        text = f"{money(drawdown)} under the day's peak of {money(ledger.peak_cents)}, limit {money(limits.max_drawdown_cents)}"
        found.append(Trip(LatchKind.DRAWDOWN, text, True))
    if limits.daily_profit_cents and ledger.closed_cents >= limits.daily_profit_cents:
        text = f"closed {money(ledger.closed_cents)}, target {money(limits.daily_profit_cents)}"
        found.append(Trip(LatchKind.PROFIT_TARGET, text, False))
    if -ledger.streak >= limits.max_consecutive_losses:
        text = f"{-ledger.streak} losses in a row, limit {limits.max_consecutive_losses}"
        found.append(Trip(LatchKind.CONSECUTIVE_LOSSES, text, False))
    if ledger.trades_begun >= limits.max_trades_per_day:
        text = f"{ledger.trades_begun} trades today, limit {limits.max_trades_per_day}"
        found.append(Trip(LatchKind.TRADE_COUNT, text, False))
    return tuple(found)


def watch(ledger: Ledger, instrument: str, limits: RiskLimits, loss_cents: int | None, drawdown: bool) -> Watch:
    """When the price of `instrument` can trip the breaker; `loss_cents` None or `drawdown` False: that latch is open."""
    episode = ledger.episode(instrument)
    if episode is None:
        return Watch()
    side, slope = int(episode.side), episode.quantity * episode.instrument.tick_cents
    base = ledger.base_cents(instrument)
    floors: list[int] = []  # values of side * price at or under which something trips
    give_back: tuple[GiveBack, ...] = ()
    if loss_cents is not None:
        floors.append((-loss_cents - base) // slope)
    if drawdown:
        floors.append((ledger.peak_cents - limits.max_drawdown_cents - base) // slope)
        best = (ledger.peak_cents - base) // slope
        give_back = (GiveBack(side, best, -(-limits.max_drawdown_cents // slope)),)
    if not floors:
        return Watch()
    worst = max(floors)
    return Watch(below=worst if side > 0 else NO_BELOW, above=-worst if side < 0 else NO_ABOVE, give_back=give_back)
