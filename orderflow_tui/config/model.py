"""The whole configuration as frozen models. There are no defaults here: `config/default.toml` holds every key once.

Ranges are hard-coded and cannot be overridden. They catch what nobody means, such as a limit with a wrong sign or three
zeros too many; whether a value is wise is the operator's business.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from orderflow_tui.config import analytics as a
from orderflow_tui.config.section import Section, Symbol
from orderflow_tui.domain.event import Automation

Cents = Annotated[int, Field(ge=1, le=100_000_000)]
OptionalCents = Annotated[int, Field(ge=0, le=10_000_000_000)]
WaitMs = Annotated[int, Field(ge=1, le=3_600_000)]


class Mode(Section):
    """What runs when no verb says otherwise."""

    name: Literal["demo", "monitor", "sim", "paper", "live"]


class InstrumentChoice(Section):
    """What is analysed and what is traded."""

    analysis: Symbol
    execution: Symbol


class Risk(Section):
    """Limits, all positive magnitudes."""

    daily_loss_cents: Cents
    daily_profit_cents: int = Field(ge=0, le=100_000_000)
    max_drawdown_cents: Cents
    max_consecutive_losses: int = Field(ge=1, le=100)
    max_trades_per_day: int = Field(ge=1, le=500)
    max_contracts: int = Field(ge=1, le=10)
    max_concurrent: int = Field(ge=1, le=10)
    stop_ticks: Annotated[int, Field(ge=1, le=400)] | a.OfInstrument
    target_ticks: Annotated[int, Field(ge=1, le=2_000)] | a.OfInstrument
    slippage_ticks: int = Field(ge=0, le=100)
    entry_slippage_ticks: int = Field(ge=0, le=100)
    collar_ticks: int = Field(ge=1, le=200)
    margin_use_pct: int = Field(ge=1, le=100)
    max_notional_cents: OptionalCents
    max_leverage: float = Field(ge=0, le=1_000)
    margin_ceiling_cents: dict[str, Cents]
    starting_balance_cents: OptionalCents


class Timing(Section):
    """Waits of the trading floor."""

    commit_wait_ms: int = Field(ge=10, le=1_000)
    entry_timeout_ms: int = Field(ge=500, le=60_000)
    partial_wait_ms: WaitMs
    answer_ms: int = Field(ge=500, le=60_000)
    arm_ms: WaitMs
    cooldown_ms: int = Field(ge=0, le=86_400_000)
    decision_ttl_ms: WaitMs
    reconcile_ms: int = Field(ge=1_000, le=60_000)
    requery_ms: WaitMs
    snapshot_fence_ms: WaitMs
    snapshot_alert_ms: WaitMs
    margin_ask_ms: WaitMs
    margin_age_ms: int = Field(ge=1_000, le=86_400_000)
    fence_clear_ms: WaitMs
    stale_rth_ms: int = Field(ge=250, le=60_000)
    stale_overnight_ms: int = Field(ge=250, le=600_000)
    naked_ms: int = Field(ge=100, le=5_000)
    naked_confirm_ms: int = Field(ge=100, le=10_000)
    grant_link_ms: WaitMs
    unresolved_ms: WaitMs


class Desk(Section):
    """How the trading floor behaves."""

    automation: Annotated[Automation, Field(strict=False)]
    resume_word: str = Field(pattern=r"^[A-Z]{4,16}$")
    protect_external: bool
    auto_flatten: bool


class TierRow(Section):
    """One account tier."""

    number: int = Field(ge=1, le=99)
    floor_cents: int = Field(ge=0, le=10_000_000_000)
    instrument: Symbol
    max_contracts: int = Field(ge=1, le=10)
    daily_loss_cents: Cents


class Tiers(Section):
    """Account tiers."""

    enabled: bool
    table: tuple[TierRow, ...] = Field(min_length=1, max_length=20)


class Sim(Section):
    """The simulated broker."""

    latency_ms: int = Field(ge=0, le=60_000)
    slippage_ticks: int = Field(ge=0, le=100)


class Demo(Section):
    """The simulated market."""

    seed: int = Field(ge=0, le=2**63 - 1)
    speed: float = Field(gt=0, le=10_000)
    start: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d$")
    sessions: int = Field(ge=0, le=60)


class KillSwitch(Section):
    """The STOP file."""

    action: Literal["flatten", "halt"]
    poll_ms: int = Field(ge=50, le=500)


class Ib(Section):
    """Interactive Brokers."""

    host: str = Field(min_length=1, max_length=253)
    port: int = Field(ge=1, le=65_535)
    client_id: int = Field(ge=1, le=999_999)
    account: str = Field(pattern=r"^([A-Z]{1,2}\d{5,9})?$")
    library: Literal["ib_insync", "ib_async"]


class Alerts(Section):
    """Who is told, and how often."""

    enabled: bool
    cooldown_min: int = Field(ge=0, le=1_440)


class Console(Section):
    """The screen."""

    fps: int = Field(ge=5, le=30)
    theme: Literal["cb-dark", "classic", "light", "mono"]
    tour: bool


class Journal(Section):
    """Crash loops, seen in the journal."""

    crash_loop_boots: int = Field(ge=1, le=100)
    crash_loop_min: int = Field(ge=1, le=1_440)


class Tape(Section):
    """Recording of what the engine saw."""

    record: bool
    depth: bool
    depth_mb: int = Field(ge=1, le=100_000)


class Roll(Section):
    """Change of contract month."""

    rule: Literal["volume_or_calendar", "calendar"]
    confirm: Literal["person", "auto"]
    last_days: int = Field(ge=0, le=30)


class Paths(Section):
    """Where things are written. Relative paths start at the directory the program was started from."""

    data: str = Field(min_length=1, max_length=4_096)
    stop: str = Field(min_length=1, max_length=4_096)


class Log(Section):
    """The log."""

    level: Literal["DEBUG", "INFO", "WARNING"]


class Config(Section):
    """Everything. One instance lives from start to end."""

    mode: Mode
    instrument: InstrumentChoice
    feed: a.Feed
    bars: a.Bars
    imbalance: a.Imbalance
    exhaustion: a.Exhaustion
    absorption: a.Absorption
    dom: a.Dom
    divergence: a.Divergence
    unfinished: a.Unfinished
    participation: a.Participation
    climax: a.Climax
    profile: a.Profile
    opening: a.Opening
    rule_80: a.Rule80
    regime: a.Regime
    setups: a.Setups
    router: a.Router
    sma_crossover: a.SmaCrossover
    news: a.News
    session: a.Session
    risk: Risk
    timing: Timing
    desk: Desk
    tiers: Tiers
    sim: Sim
    demo: Demo
    kill_switch: KillSwitch
    ib: Ib
    alerts: Alerts
    console: Console
    journal: Journal
    tape: Tape
    roll: Roll
    paths: Paths
    log: Log
