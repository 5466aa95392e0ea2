"""Tables of what is measured and concluded. Every range is what the analytics can work with, not what is wise."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from orderflow_tui.config.section import Clock, Section
from orderflow_tui.domain.signal import Pattern

OfInstrument = Literal["instrument"]
Volume = Annotated[int, Field(ge=1, le=1_000_000)]
PatternName = Annotated[Pattern, Field(strict=False)]


class Feed(Section):
    """How trades get their side, and how soon they are asked for again."""

    trades: Literal["Last", "AllLast"]
    quotes: Literal["dom0", "BidAsk", "mktdata"]
    settle_ms: int = Field(ge=0, le=5_000)
    max_quote_age_s: int = Field(ge=1, le=600)
    low_quality_share: float = Field(ge=0, le=1)
    tick_spacing_s: int = Field(ge=0, le=600)


class Bars(Section):
    """Footprint bars."""

    type: Literal["time", "volume"]
    seconds: int = Field(ge=1, le=86_400)
    volume: int = Field(ge=1, le=10_000_000)
    close_grace_ms: int = Field(ge=0, le=10_000)


class Imbalance(Section):
    """Diagonal imbalances and stacks."""

    ratio: float = Field(ge=1, le=100)
    min_volume: Volume | OfInstrument
    min_diff: int = Field(ge=0, le=1_000_000)
    stacked_min: int = Field(ge=2, le=50)
    zero_policy: Literal["one", "skip", "inf"]


class Exhaustion(Section):
    """Aggressors fading into the extreme."""

    min_levels: int = Field(ge=2, le=50)
    min_decline: float = Field(gt=0, le=1)
    max_levels: int = Field(ge=2, le=200)
    min_base: Volume | OfInstrument


class Absorption(Section):
    """Resting orders that hold against aggressors, seen in the closed bar."""

    min_volume: Volume | OfInstrument
    zone_ticks: int = Field(ge=1, le=100)
    share: float = Field(gt=0, le=1)


class Dom(Section):
    """Absorption seen live in the book."""

    min_exec: Volume | OfInstrument
    window_s: float = Field(gt=0, le=600)
    k: float = Field(gt=0, le=100)
    refresh_ms: int = Field(ge=1, le=60_000)
    hold_s: float = Field(ge=0, le=600)
    confirm_ticks: int = Field(ge=1, le=100)
    min_age_s: float = Field(ge=0, le=600)
    expire_s: float = Field(gt=0, le=3_600)


class Divergence(Section):
    """Price and cumulative delta part."""

    lookback: int = Field(ge=2, le=200)
    min_gap: float = Field(ge=0, le=100)


class Unfinished(Section):
    """Extremes at which both sides still traded."""

    max_volume: int = Field(ge=0, le=1_000_000)
    variant: Literal["two_sided", "thin"]
    keep: int = Field(ge=1, le=1_000)
    sessions: int = Field(ge=0, le=60)


class Participation(Section):
    """New extremes that nobody wants."""

    lookback: int = Field(ge=2, le=200)
    max_volume_ratio: float = Field(gt=0, le=10)
    max_delta_ratio: float = Field(ge=0, le=1)


class Climax(Section):
    """Volume climax, informational."""

    volume_ratio: float = Field(gt=0, le=100)
    range_ratio: float = Field(gt=0, le=100)
    volume_bars: int = Field(ge=1, le=500)
    extreme_bars: int = Field(ge=1, le=500)


class Profile(Section):
    """Value: areas, periods, composites."""

    value_area: float = Field(gt=0, le=1)
    method: Literal["two_row", "one_row"]
    row_ticks: int = Field(ge=1, le=100)
    tpo_minutes: int = Field(ge=1, le=240)
    ib_minutes: int = Field(ge=1, le=390)
    cva_days: int = Field(ge=1, le=30)
    archive_days: int = Field(ge=1, le=250)
    npoc_scope: Literal["ALL", "RTH"]
    zone_sessions: int = Field(ge=0, le=60)


class Opening(Section):
    """Opening types; shares are of the average initial balance unless said otherwise."""

    small: float = Field(ge=0, le=1)
    small_ticks: int = Field(ge=0, le=100)
    drive: float = Field(gt=0, le=5)
    run: float = Field(gt=0, le=5)
    retrace: float = Field(ge=0, le=1)
    drive_close: float = Field(ge=0, le=1)
    test: float = Field(ge=0, le=5)
    test_drive: float = Field(ge=0, le=5)
    reverse: float = Field(ge=0, le=5)
    reference_ticks: int = Field(ge=0, le=100)


class Rule80(Section):
    """Acceptance back inside yesterday's value."""

    acceptance: Literal["two_closes", "close_open", "touch"]
    min_width_ticks: int = Field(ge=1, le=1_000)
    latest_hour: int = Field(ge=10, le=16)


class Regime(Section):
    """What kind of market it is."""

    min_score: float = Field(ge=0, le=8.5)
    min_confidence: float = Field(ge=0, le=1)
    min_bars: int = Field(ge=1, le=50)
    session: Literal["RTH", "GLOBEX"]
    price_vs_vwap_unit: Literal["atr", "points", "percent", "sigma"]
    min_volume_ratio: float = Field(ge=0, le=10)


class Setups(Section):
    """The four trade ideas and their score."""

    mode: Literal["setups", "patterns"]
    threshold: float = Field(ge=0, le=100)
    context_weight: float = Field(ge=0, le=1)
    min_signal_strength: float = Field(ge=0, le=1)
    of_window_bars: int = Field(ge=1, le=50)
    veto: float = Field(ge=0, le=1)
    overrule: float = Field(ge=0, le=1)
    retest_ticks: int = Field(ge=0, le=100)
    hold_s: float = Field(ge=0, le=60)
    rearm_ticks: int = Field(ge=1, le=1_000)
    rearm_gone_s: float = Field(ge=0, le=3_600)
    rearm_after_min: float = Field(ge=0, le=390)
    beyond_ticks: int = Field(ge=0, le=100)
    extended_ticks: int = Field(ge=1, le=1_000)
    strong_volume: float = Field(gt=0, le=100)
    back_inside_ticks: int = Field(ge=0, le=100)
    near_ticks: int = Field(ge=0, le=100)
    confluence_ticks: int = Field(ge=0, le=100)
    least_target_ticks: int = Field(ge=1, le=1_000)
    reversion_stop_ticks: int = Field(ge=0, le=100)
    band_sigmas: float = Field(gt=0, le=10)
    drive_from_min: int = Field(ge=0, le=390)
    drive_until_min: int = Field(ge=0, le=390)
    pullback_least: float = Field(ge=0, le=1)
    pullback_most: float = Field(ge=0, le=1)
    pullback_broken: float = Field(ge=0, le=1)
    drive_bars: int = Field(ge=1, le=50)
    rule_80_until_min: int = Field(ge=0, le=390)


class RouterRow(Section):
    """What one regime lets through."""

    enabled: tuple[PatternName, ...]
    bias: Literal["LONG", "SHORT", "NONE"]
    size_factor: float = Field(ge=0, le=1)


class Router(Section):
    """Which pattern may trade in which regime."""

    disabled: tuple[PatternName, ...]
    TRENDING_UP: RouterRow
    TRENDING_DOWN: RouterRow
    RANGING: RouterRow
    VOLATILE: RouterRow


class SmaCrossover(Section):
    """The example strategy."""

    enabled: bool
    fast: int = Field(ge=1, le=500)
    slow: int = Field(ge=2, le=1_000)


class News(Section):
    """Scheduled releases."""

    blocks: tuple[Literal["high", "medium"], ...]
    before_min: int = Field(ge=0, le=240)
    after_min: int = Field(ge=0, le=240)
    stale_days: int = Field(ge=1, le=365)
    fail_mode: Literal["warn", "block"]


class Session(Section):
    """The trading window, exchange time."""

    start: Clock
    end: Clock
    lunch: tuple[Clock, ...]
    skip_open_min: int = Field(ge=0, le=390)
    skip_close_min: int = Field(ge=0, le=390)
    flat: Clock
    flat_before_close_min: int = Field(ge=1, le=120)
    rth_close: Clock
