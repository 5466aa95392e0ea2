"""How the market is measured. Filled by the configuration; the defaults are those of the shipped `default.toml`."""

from __future__ import annotations

from dataclasses import dataclass, field

from orderflow_tui.domain.session import MINUTE_NS, SECOND_NS
from orderflow_tui.market.imbalance import ImbalanceRules


class BadMarketParams(ValueError):
    """A measure that cannot work; the message names the key, what came and what was expected."""


@dataclass(frozen=True, slots=True)
class MarketParams:
    """`bar_kind` "time" | "volume"; `value_method` "two_row" | "one_row"; `value_permille` of volume inside value.

    Zones live `level_sessions` trading days beyond their own, unfinished session extremes `unfinished_sessions`;
    `unfinished_max_volume` is the largest opposite volume of a finished extreme; `unfinished_thin` takes the thin-volume
    reading instead (comparison only); `npoc_rth_only` lets only regular hours cover a naked POC. `globex_series` runs the
    indicators through the nights too; otherwise the overnight gap is one step of the true range.
    """

    bar_kind: str = "time"
    bar_seconds: int = 300
    bar_volume: int = 5000
    value_permille: int = 700
    value_method: str = "two_row"
    row_ticks: int = 1
    tpo_minutes: int = 30
    ib_minutes: int = 60
    cva_days: int = 5
    archive_days: int = 30
    rth_close_extra_min: int = 0
    imbalance: ImbalanceRules = field(default_factory=ImbalanceRules)
    level_sessions: int = 5
    unfinished_sessions: int = 5
    unfinished_max_volume: int = 5
    unfinished_thin: bool = False
    unfinished_keep: int = 50
    npoc_rth_only: bool = False
    globex_series: bool = False

    def __post_init__(self) -> None:
        for key in ("bar_seconds", "bar_volume", "row_ticks", "tpo_minutes", "ib_minutes", "cva_days", "archive_days"):
            if getattr(self, key) < 1:
                raise BadMarketParams(f"{key} must be at least 1, got {getattr(self, key)}")
        if self.bar_kind not in ("time", "volume"):
            raise BadMarketParams(f'bar_kind must be "time" or "volume", got {self.bar_kind!r}')
        if self.value_method not in ("two_row", "one_row"):
            raise BadMarketParams(f'value_method must be "two_row" or "one_row", got {self.value_method!r}')
        if not 1 <= self.value_permille <= 1000:
            raise BadMarketParams(f"value_permille must lie in 1..1000, got {self.value_permille}")

    @property
    def bar_ns(self) -> int:
        """Length of a time bar."""
        return self.bar_seconds * SECOND_NS

    @property
    def period_ns(self) -> int:
        """Length of a profile period (a TPO letter)."""
        return self.tpo_minutes * MINUTE_NS

    @property
    def ib_ns(self) -> int:
        """Length of the initial balance."""
        return self.ib_minutes * MINUTE_NS
