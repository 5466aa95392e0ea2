"""What no single key can say: values that only make sense beside others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from orderflow_tui.config.fault import Problem
from orderflow_tui.config.model import Config
from orderflow_tui.domain.instrument import Instrument


def checked_together(
    config: Config, instruments: Mapping[str, Instrument], sources: Mapping[str, str], shipped: str
) -> list[Problem]:
    """Every contradiction, told where the first key came from that is mentioned and not the shipped file's own."""
    problems = []
    for key, sentence in (*_session(config), *_limits(config), *_measures(config), *_symbols(config, instruments)):
        section = key.partition(".")[0]
        mentioned = [key, *(k for k in sources if k.startswith(f"{section}.") and k.partition(".")[2] in sentence)]
        where = next((sources[k] for k in mentioned if sources[k] != shipped), sources[key])
        problems.append(Problem(where, sentence))
    return problems


def _symbols(config: Config, instruments: Mapping[str, Instrument]) -> Iterator[tuple[str, str]]:
    named = [("instrument.analysis", config.instrument.analysis), ("instrument.execution", config.instrument.execution)]
    named += [("tiers.table", row.instrument) for row in config.tiers.table]
    named += [("risk.margin_ceiling_cents", symbol) for symbol in config.risk.margin_ceiling_cents]
    for key, symbol in named:
        if symbol not in instruments:
            yield key, f"{key} names {symbol}; instruments.toml knows {', '.join(instruments)}"
    analysed, executed = (instruments.get(symbol) for _, symbol in named[:2])
    if analysed is not None and executed is not None and analysed.tick_e9 != executed.tick_e9:
        yield (
            "instrument.execution",
            f"instrument.execution {executed.symbol} has another price grid than instrument.analysis {analysed.symbol}",
        )
    elif analysed is not None and executed is not None and executed.symbol not in analysed.family:
        yield (
            "instrument.execution",
            f"instrument.execution {executed.symbol} is another market than instrument.analysis {analysed.symbol}: "
            "expected the same contract, its micro, or what it is the micro of",
        )


def _session(config: Config) -> Iterator[tuple[str, str]]:
    session = config.session
    if session.start >= session.end:
        yield "session.start", f"session.start {session.start} must come before session.end {session.end}"
    if len(session.lunch) not in {0, 2}:
        yield "session.lunch", f"session.lunch has {len(session.lunch)} times; expected a begin and an end, or [] for no lunch"
    elif session.lunch and session.lunch[0] >= session.lunch[1]:
        yield "session.lunch", f"session.lunch begins at {session.lunch[0]}, which is not before its end {session.lunch[1]}"
    if session.flat <= session.end:
        yield "session.flat", f"session.flat {session.flat} must come after the last entries at session.end {session.end}"
    if not "12:00" <= session.rth_close <= "17:00":
        yield "session.rth_close", f'session.rth_close is "{session.rth_close}"; expected a time from 12:00 to 17:00'


def _limits(config: Config) -> Iterator[tuple[str, str]]:
    floors = [row.floor_cents for row in config.tiers.table]
    if floors[0] != 0 or any(a >= b for a, b in pairwise(floors)):
        yield "tiers.table", f"tiers.table must begin at floor_cents 0 and rise, the floors are {floors}"
    if [row.number for row in config.tiers.table] != list(range(1, len(floors) + 1)):
        yield "tiers.table", "tiers.table must be numbered 1, 2, 3 … from its lowest floor"
    if config.timing.snapshot_alert_ms < config.timing.snapshot_fence_ms:
        yield "timing.snapshot_alert_ms", "timing.snapshot_alert_ms must not be shorter than timing.snapshot_fence_ms"


def _measures(config: Config) -> Iterator[tuple[str, str]]:
    bars, profile, setups = config.bars, config.profile, config.setups
    if bars.type == "time" and (34_200 % bars.seconds or 86_400 % bars.seconds):
        yield "bars.seconds", f"bars.seconds is {bars.seconds}; time bars must divide both the day and 09:30, such as 60 or 300"
    if 390 % profile.tpo_minutes:
        yield "profile.tpo_minutes", f"profile.tpo_minutes is {profile.tpo_minutes}; it must divide the 390 minutes of a session"
    if profile.ib_minutes % profile.tpo_minutes:
        yield "profile.ib_minutes", f"profile.ib_minutes {profile.ib_minutes} must be whole periods of {profile.tpo_minutes} min"
    if profile.cva_days > profile.archive_days:
        yield "profile.cva_days", f"profile.cva_days {profile.cva_days} needs as many profile.archive_days"
    if config.exhaustion.min_levels > config.exhaustion.max_levels:
        yield "exhaustion.min_levels", "exhaustion.min_levels must not exceed exhaustion.max_levels"
    if setups.drive_from_min >= setups.drive_until_min:
        yield "setups.drive_from_min", "setups.drive_from_min must come before setups.drive_until_min"
    if not setups.pullback_least <= setups.pullback_most <= setups.pullback_broken:
        yield "setups.pullback_least", "setups.pullback_least, pullback_most and pullback_broken must rise"
    if config.sma_crossover.fast >= config.sma_crossover.slow:
        yield "sma_crossover.fast", "sma_crossover.fast must be shorter than sma_crossover.slow"
