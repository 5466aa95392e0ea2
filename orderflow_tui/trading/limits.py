"""What the operator may set: limits, waits and tiers, every key with its unit in its name.

All limits are positive magnitudes. Optional ones say so: 0 switches them off. What no key can override is in `caps.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from orderflow_tui.domain.event import Automation


class LimitError(ValueError):
    """A limit that cannot be meant: says which key, what came, what was expected."""


def _positive(section: str, **values: int) -> None:
    for key, value in values.items():
        if value <= 0:
            raise LimitError(f"{section}.{key} must be a positive number, got {value}; limits are magnitudes, never signed")


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """Money in cents of the account currency, prices in ticks, sizes in contracts."""

    daily_loss_cents: int = 30_000
    daily_profit_cents: int = 50_000  # 0: no target
    max_drawdown_cents: int = 30_000
    max_consecutive_losses: int = 4
    max_trades_per_day: int = 20
    max_contracts: int = 2
    max_concurrent: int = 1
    slippage_ticks: int = 2  # allowance beyond the stop when the worst loss is computed
    entry_slippage_ticks: int = 2  # the marketable limit stands this far through the opposite quote
    collar_ticks: int = 20  # how far an entry's limit may lie from the last trade
    margin_use_pct: int = 80
    expiry_days: int = 5  # fewest days to the contract's last one at which entries are taken: until Friday before expiry week
    max_notional_cents: int = 0  # 0: off
    max_leverage: float = 0.0  # notional over equity, 0: off
    margin_ceiling_cents: tuple[tuple[str, int], ...] = ()  # per instrument and contract
    starting_balance_cents: int = 0  # what the simulated broker starts with; 0: unknown, as of a real account

    def __post_init__(self) -> None:
        _positive(
            "risk",
            daily_loss_cents=self.daily_loss_cents,
            max_drawdown_cents=self.max_drawdown_cents,
            max_consecutive_losses=self.max_consecutive_losses,
            max_trades_per_day=self.max_trades_per_day,
            max_contracts=self.max_contracts,
            max_concurrent=self.max_concurrent,
            collar_ticks=self.collar_ticks,
            margin_use_pct=self.margin_use_pct,
        )
        if (
            min(
                self.daily_profit_cents,
                self.slippage_ticks,
                self.entry_slippage_ticks,
                self.starting_balance_cents,
                self.expiry_days,
            )
            < 0
        ):
            raise LimitError("risk: profit target, slippage, starting balance and days to expiry must not be negative")


@dataclass(frozen=True, slots=True)
class Timing:
    """Waits in milliseconds."""

    commit_wait_ms: int = 250
    entry_timeout_ms: int = 5_000
    partial_wait_ms: int = 1_000  # the rest of a partly filled entry is cancelled after this
    answer_ms: int = 3_000  # silence about an order for this long makes it UNKNOWN
    arm_ms: int = 60_000
    cooldown_ms: int = 1_800_000
    decision_ttl_ms: int = 60_000
    reconcile_ms: int = 15_000  # 0: on demand only
    requery_ms: int = 700
    snapshot_fence_ms: int = 45_000
    snapshot_alert_ms: int = 120_000
    margin_ask_ms: int = 900_000
    margin_age_ms: int = 1_800_000
    fence_clear_ms: int = 5_000
    stale_rth_ms: int = 3_000
    stale_overnight_ms: int = 15_000
    naked_ms: int = 2_000
    naked_confirm_ms: int = 3_000
    grant_link_ms: int = 120_000
    unresolved_ms: int = 60_000

    def __post_init__(self) -> None:
        _positive("timing", commit_wait_ms=self.commit_wait_ms, entry_timeout_ms=self.entry_timeout_ms, answer_ms=self.answer_ms)


@dataclass(frozen=True, slots=True)
class TierRow:
    """An account tier: from `floor_cents` of balance on (inclusive), what may be traded and how much lost in a day."""

    number: int
    floor_cents: int
    instrument: str
    max_contracts: int
    daily_loss_cents: int


TIERS = (
    TierRow(1, 0, "MES", 3, 10_000),
    TierRow(2, 350_000, "ES", 1, 40_000),
    TierRow(3, 500_000, "ES", 2, 40_000),
    TierRow(4, 750_000, "ES", 3, 50_000),
    TierRow(5, 1_000_000, "ES", 3, 50_000),
)


@dataclass(frozen=True, slots=True)
class TradingParams:
    """Everything `Desk` is told once. `send_path` False: a monitor that can refuse but never send."""

    risk: RiskLimits = RiskLimits()
    timing: Timing = Timing()
    tiers_enabled: bool = False
    tiers: tuple[TierRow, ...] = TIERS
    automation: Automation = Automation.ALERT
    send_path: bool = True
    resume_word: str = "RESUME"
    resume_needs_key: bool = False
    auto_needs_key: bool = False
    protect_external: bool = True  # a position we did not open gets a protective stop too
    auto_flatten: bool = True
    analysis: str = ""  # the analysed instrument, for the session's row
    patterns: tuple[str, ...] = ()  # what the strategy in force may act on, for the session's row
