"""The house the simulation builds for a seed: instruments, trading days, limits. Drawn, so that limits are really met."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from orderflow_tui.domain.session import SECOND_NS, SessionDay, SessionTable
from orderflow_tui.engine import EngineParams
from orderflow_tui.market.params import MarketParams
from orderflow_tui.signals.params import SignalParams
from orderflow_tui.trading.limits import RiskLimits, Timing, TradingParams
from orderflow_tui.window import WindowParams
from tests.builders import ES, HOUR_NS, MES, MIDNIGHT_NS
from tests.simulation.faults import stream

ACCOUNT = "SIM"
INSTALL = "abcde"
RESUME_WORD = "RESUME"
BALANCE_CENTS = 2_000_000
BALANCES = ((BALANCE_CENTS, 80),) * 5 + ((680_000, 80), (1_160_000, 30))  # cents, and how much of it margin may use in percent
MARGIN_PCT = (100, 100, 100, 80, 125, 180)
NEAR_FLAT_TIME, NEAR_CLOSE = 0.08, 0.16  # the share of runs that start a little before the one, the other
DAY_NS = 24 * HOUR_NS
FIRST = date(2026, 3, 4)


def _day(number: int, rth_close_h: int) -> SessionDay:
    """Consecutive Globex days, 18:00 to 17:00 exchange time."""
    midnight = MIDNIGHT_NS + (number - 1) * DAY_NS
    return SessionDay(
        FIRST + timedelta(days=number),
        midnight,
        midnight - 6 * HOUR_NS,
        midnight + 17 * HOUR_NS,
        midnight + 9 * HOUR_NS + HOUR_NS // 2,
        midnight + rth_close_h * HOUR_NS,
    )


USUAL = SessionTable(tuple(_day(n, 16) for n in range(3)))
TO_THE_CLOSE = SessionTable(tuple(_day(n, 17) for n in range(3)))  # regular hours up to the Globex close


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run starts from."""

    params: EngineParams
    start_ns: int
    table: SessionTable
    seconds_per_trade: float
    restless: float  # ticks per square root of a second
    auto: bool
    balance_cents: int
    margin_pct: int  # what the broker asks for, of the table's margin


def setting(seed: int) -> Setting:
    """The house of a seed."""
    rng = stream(seed, "house")
    stop, target = rng.choice((4, 6, 8, 12)), rng.choice((4, 6, 8, 16))
    when = rng.random()
    if when < NEAR_FLAT_TIME:  # something should be held when it comes
        stop, target = 40, 40
    mes = replace(MES, stop_ticks=stop, target_ticks=target)
    risk = RiskLimits(
        daily_loss_cents=rng.choice((3_000, 8_000, 30_000, 30_000)),
        daily_profit_cents=rng.choice((0, 4_000, 50_000)),
        max_drawdown_cents=rng.choice((4_000, 10_000, 30_000)),
        max_consecutive_losses=rng.choice((2, 4, 6)),
        max_trades_per_day=rng.choice((4, 20, 20)),
        max_contracts=rng.choice((1, 2, 3, 3)),
        max_concurrent=rng.choice((1, 1, 2)),
    )
    balance, margin_use = stream(seed, "margin").choice(BALANCES)
    risk = replace(risk, margin_use_pct=margin_use)
    timing = Timing(cooldown_ms=rng.choice((4_000, 10_000, 1_800_000)))
    table, start_h, window = USUAL, 10 + rng.random() * 1.5, WindowParams()
    if when < NEAR_FLAT_TIME:
        start_h = 15 + (52 + rng.random()) / 60
        window = WindowParams(end_min=15 * 60 + 54, skip_close_min=6)
    elif when < NEAR_CLOSE:
        table, start_h = TO_THE_CLOSE, 16 + (57.5 + rng.random()) / 60
        window = WindowParams(end_min=17 * 60, skip_close_min=0, flat_min=17 * 60)
    params = EngineParams(
        analysis=ES,
        execution=mes,
        instruments={"ES": ES, "MES": mes},
        table=table,
        market=MarketParams(),
        signals=SignalParams(),
        trading=TradingParams(risk=risk, timing=timing, auto_flatten=rng.random() < 0.8),
        window=window,
        account=ACCOUNT,
        install=INSTALL,
    )
    midnight = table.days[1].midnight_ns
    start_ns = midnight + int(start_h * HOUR_NS) // SECOND_NS * SECOND_NS
    pace, restless = rng.choice((1.2, 1.6, 2.0)), rng.choice((0.8, 1.2, 2.0, 3.0))
    asked = stream(seed, "margin figure").choice(MARGIN_PCT)
    return Setting(params, start_ns, table, pace, restless, rng.random() < 0.35, balance, asked)
