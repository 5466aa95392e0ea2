"""Configuration into the floors' own parameter models. A key and the field it fills have the same name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from orderflow_tui.config import Config, Loaded
from orderflow_tui.config.analytics import RouterRow as RouterTable
from orderflow_tui.config.section import Section
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.session import SessionTable
from orderflow_tui.domain.signal import Direction, Pattern, Regime, Setup
from orderflow_tui.engine import EngineParams
from orderflow_tui.market.imbalance import ImbalanceRules, ZeroPolicy
from orderflow_tui.market.params import MarketParams
from orderflow_tui.modes import BrokerKind, FeedKind, Mode
from orderflow_tui.signals.absorption import AbsorptionParams
from orderflow_tui.signals.climax import ClimaxParams
from orderflow_tui.signals.divergence import DivergenceParams
from orderflow_tui.signals.dom_absorption import DomParams
from orderflow_tui.signals.exhaustion import ExhaustionParams
from orderflow_tui.signals.hold import HoldParams
from orderflow_tui.signals.news_window import NewsParams
from orderflow_tui.signals.openings import OpeningParams
from orderflow_tui.signals.params import SignalParams, Strategy
from orderflow_tui.signals.participation import ParticipationParams
from orderflow_tui.signals.regime import RegimeParams
from orderflow_tui.signals.router import RouterParams, RouterRow
from orderflow_tui.signals.rule80 import Acceptance, Rule80Params
from orderflow_tui.signals.scoring import ScoreParams
from orderflow_tui.signals.setups import SetupParams
from orderflow_tui.signals.sma_crossover import LABEL as SMA_LABEL
from orderflow_tui.signals.sma_crossover import SmaParams
from orderflow_tui.signals.unfinished import UnfinishedParams
from orderflow_tui.trading.limits import RiskLimits, TierRow, Timing, TradingParams
from orderflow_tui.window import WindowParams

P = TypeVar("P")
OF_INSTRUMENT = "instrument"


def filled(cls: type[P], section: Section, **given: Any) -> P:
    """A parameter model from a configuration table: same names, `"instrument"` means None, `given` wins."""
    values = {
        f.name: getattr(section, f.name)
        for f in fields(cls)  # type: ignore[arg-type]
        if f.name not in given and hasattr(section, f.name)
    }
    return cls(**{name: None if value == OF_INSTRUMENT else value for name, value in values.items()}, **given)


def engine_params(
    loaded: Loaded,
    table: SessionTable,
    mode: Mode,
    *,
    analysis: str | None = None,
    account: str = "",
    install: str = "local",
    key_needed: bool = False,
) -> EngineParams:
    """Everything the core is told. `analysis` replaces the configured instrument (a recording names its own);
    `key_needed`: resuming asks for the safety key."""
    config = loaded.config
    symbol = analysis or config.instrument.analysis
    instruments = {name: _bracketed(instrument, config) for name, instrument in loaded.instruments.items()}
    execution = instruments[config.instrument.execution]
    analysed = instruments[symbol]
    if execution.tick_e9 != analysed.tick_e9 or (analysis and analysis != config.instrument.analysis):
        execution = instruments.get(f"M{symbol}", analysed)
    return EngineParams(
        analysis=analysed,
        execution=execution,
        instruments=instruments,
        table=table,
        market=market_params(config),
        signals=signal_params(loaded),
        trading=replace(trading_params(config, mode, key_needed), analysis=analysed.symbol),
        window=window_params(config),
        account=account,
        install=install,
        tiered=_tiered(config, analysed, execution, instruments),
    )


def _tiered(
    config: Config, analysed: Instrument, execution: Instrument, instruments: Mapping[str, Instrument]
) -> tuple[str, ...]:  # fmt: skip
    """With tiers on, what their table names beside the configured instrument: the analysed contract, its micro or what it is
    the micro of. A recording of another root is not traded in the contracts of the table."""
    family = analysed.family
    if not config.tiers.enabled or execution.symbol not in family:
        return ()
    named = dict.fromkeys(row.instrument for row in config.tiers.table)
    return tuple(s for s in named if s in family and s != execution.symbol and instruments[s].tick_e9 == analysed.tick_e9)


def _bracketed(instrument: Instrument, config: Config) -> Instrument:
    stop, target = config.risk.stop_ticks, config.risk.target_ticks
    return replace(
        instrument,
        stop_ticks=instrument.stop_ticks if isinstance(stop, str) else stop,
        target_ticks=instrument.target_ticks if isinstance(target, str) else target,
    )


def market_params(config: Config) -> MarketParams:
    """Bars, imbalances and value."""
    profile = config.profile
    return MarketParams(
        bar_kind=config.bars.type,
        bar_seconds=config.bars.seconds,
        bar_volume=config.bars.volume,
        value_permille=round(1000 * profile.value_area),
        value_method=profile.method,
        row_ticks=profile.row_ticks,
        tpo_minutes=profile.tpo_minutes,
        ib_minutes=profile.ib_minutes,
        cva_days=profile.cva_days,
        archive_days=profile.archive_days,
        imbalance=imbalance_rules(config),
        level_sessions=profile.zone_sessions,
        unfinished_sessions=config.unfinished.sessions,
        unfinished_max_volume=config.unfinished.max_volume,
        unfinished_thin=config.unfinished.variant == "thin",
        unfinished_keep=config.unfinished.keep,
        npoc_rth_only=profile.npoc_scope == "RTH",
        globex_series=config.regime.session == "GLOBEX",
    )


def imbalance_rules(config: Config) -> ImbalanceRules:
    """One set of rules for screen, zones and detectors."""
    table = config.imbalance
    return filled(ImbalanceRules, table, ratio_percent=round(100 * table.ratio), zero_policy=ZeroPolicy(table.zero_policy))


def signal_params(loaded: Loaded) -> SignalParams:
    """Every family of the signals floor."""
    config = loaded.config
    strategy = Strategy.SMA_CROSSOVER if config.sma_crossover.enabled else Strategy(config.setups.mode)
    return SignalParams(
        strategy=strategy,
        imbalance=imbalance_rules(config),
        exhaustion=filled(ExhaustionParams, config.exhaustion),
        climax=filled(ClimaxParams, config.climax),
        absorption=filled(AbsorptionParams, config.absorption),
        dom=filled(DomParams, config.dom),
        divergence=filled(DivergenceParams, config.divergence),
        low_quality_share=config.feed.low_quality_share,
        unfinished=filled(UnfinishedParams, config.unfinished, thin=config.unfinished.variant == "thin"),
        participation=filled(ParticipationParams, config.participation),
        opening=filled(OpeningParams, config.opening),
        rule_80=filled(
            Rule80Params,
            config.rule_80,
            acceptance=Acceptance(config.rule_80.acceptance),
            latest_min=config.rule_80.latest_hour * 60 - 570,
        ),
        regime=filled(
            RegimeParams,
            config.regime,
            skip_open_min=config.session.skip_open_min,
            skip_close_min=config.session.skip_close_min,
            vwap_unit=config.regime.price_vs_vwap_unit,
        ),
        router=RouterParams(
            table=tuple(_rows(config)),
            disabled=config.router.disabled,
            min_strength=config.setups.min_signal_strength,
            min_confidence=config.regime.min_confidence,
        ),
        setups=filled(SetupParams, config.setups),
        score=filled(ScoreParams, config.setups),
        hold=filled(HoldParams, config.setups),
        news=NewsParams(
            blocks=tuple(config.news.blocks), stale_blocks=config.news.fail_mode == "block", stale_days=config.news.stale_days
        ),
        sma=filled(SmaParams, config.sma_crossover),
        news_events=loaded.news,
    )


def _rows(config: Config) -> Iterable[tuple[Regime, RouterRow]]:
    for regime in (Regime.TRENDING_UP, Regime.TRENDING_DOWN, Regime.RANGING, Regime.VOLATILE):
        row: RouterTable = getattr(config.router, regime.value)
        yield regime, RouterRow(row.enabled, Direction[row.bias], row.size_factor)
    yield Regime.NO_TRADE, RouterRow()


def trading_params(config: Config, mode: Mode, key_needed: bool = False) -> TradingParams:
    """Limits, waits, tiers and the desk's habits. In a recording the audit runs on demand only: nothing can differ there. A
    starting balance is what the simulated broker starts with: of a real account it says nothing."""
    risk = filled(
        RiskLimits,
        config.risk,
        margin_ceiling_cents=tuple(config.risk.margin_ceiling_cents.items()),
        starting_balance_cents=config.risk.starting_balance_cents if mode.broker is BrokerKind.SIMULATED else 0,
    )
    return TradingParams(
        risk=risk,
        timing=filled(Timing, config.timing, **({"reconcile_ms": 0} if mode.feed is FeedKind.FILES else {})),
        tiers_enabled=config.tiers.enabled,
        tiers=tuple(filled(TierRow, row) for row in config.tiers.table),
        automation=config.desk.automation,
        send_path=mode.broker is not BrokerKind.NONE,
        resume_word=config.desk.resume_word,
        resume_needs_key=mode.key_always or key_needed,
        auto_needs_key=mode.key_always,
        protect_external=config.desk.protect_external,
        auto_flatten=config.desk.auto_flatten,
        patterns=tradable(config),
    )


def tradable(config: Config) -> tuple[str, ...]:
    """The names of what the strategy in force may act on: setups, patterns the router has not switched off, or the example."""
    if config.sma_crossover.enabled:
        return (SMA_LABEL,)
    if Strategy(config.setups.mode) is Strategy.SETUPS:
        return tuple(setup.value for setup in Setup)
    return tuple(pattern.value for pattern in Pattern if pattern not in config.router.disabled)


def window_params(config: Config) -> WindowParams:
    """The trading window in minutes."""
    session = config.session
    lunch = [_minute(text) for text in session.lunch] or [0, 0]
    return WindowParams(
        start_min=_minute(session.start),
        end_min=_minute(session.end),
        lunch_start_min=lunch[0],
        lunch_end_min=lunch[1],
        skip_open_min=session.skip_open_min,
        skip_close_min=session.skip_close_min,
        flat_min=_minute(session.flat),
        flat_before_close_min=session.flat_before_close_min,
    )


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)
