"""Keys of the configuration reach the analytics they are about."""

from __future__ import annotations

import pytest

from orderflow_tui.domain.session import SessionTable
from orderflow_tui.modes import mode_named
from orderflow_tui.trading.desk import Desk
from orderflow_tui.wiring.interactive import other_contract
from orderflow_tui.wiring.params import engine_params, market_params, signal_params, trading_params
from orderflow_tui.wiring.plan import configuration
from tests.builders import ES, MES
from tests.trading.house import House, TinyBroker


@pytest.mark.parametrize(
    ("option", "name", "value"),
    [
        ("feed.low_quality_share=0.3", "low_quality_share", 0.3),
        ("setups.of_window_bars=3", "score.of_window_bars", 3),
        ("news.stale_days=3", "news.stale_days", 3),
        ("news.fail_mode=block", "news.stale_blocks", True),
        ("unfinished.sessions=2", "unfinished.sessions", 2),
        ("regime.price_vs_vwap_unit=points", "regime.vwap_unit", "points"),
        ("divergence.lookback=7", "divergence.lookback", 7),
        ("rule_80.latest_hour=14", "rule_80.latest_min", 270),
        ("setups.hold_s=2.0", "hold.hold_s", 2.0),
        ("setups.threshold=80.0", "score.threshold", 80.0),
    ],
)
def test_a_key_reaches_the_signals_floor(option: str, name: str, value: object) -> None:
    found: object = signal_params(configuration((option,)))
    for part in name.split("."):
        found = getattr(found, part)
    assert found == value


@pytest.mark.parametrize(
    ("option", "name", "value"),
    [
        ("unfinished.sessions=2", "unfinished_sessions", 2),
        ("profile.zone_sessions=3", "level_sessions", 3),
        ("profile.archive_days=20", "archive_days", 20),
        ("profile.npoc_scope=RTH", "npoc_rth_only", True),
        ("regime.session=GLOBEX", "globex_series", True),
        ("profile.method=one_row", "value_method", "one_row"),
    ],
)
def test_a_key_reaches_the_market_floor(option: str, name: str, value: object) -> None:
    assert getattr(market_params(configuration((option,)).config), name) == value


@pytest.mark.parametrize(
    ("options", "analysis", "traded", "other"),
    [
        ((), None, ("MES",), "MES"),
        (("tiers.enabled=true",), None, ("MES", "ES"), "MES"),
        (("tiers.enabled=true", "instrument.execution=ES"), None, ("ES", "MES"), "MES"),
        (("instrument.execution=ES",), None, ("ES",), "ES"),
        (("tiers.enabled=true", "instrument.analysis=MES"), None, ("MES", "ES"), "ES"),
        (("tiers.enabled=true",), "NQ", ("MNQ",), "MNQ"),
    ],
)
def test_with_tiers_on_both_contracts_of_the_analysed_root_are_known_and_never_one_of_another_root(
    options: tuple[str, ...], analysis: str | None, traded: tuple[str, ...], other: str
) -> None:
    """`other`: what the broker is asked for beside the analysed contract."""
    params = engine_params(configuration(options), SessionTable(()), mode_named("paper"), analysis=analysis)
    assert params.traded == traded
    assert other_contract(params) == other


@pytest.mark.parametrize(
    ("mode", "cents"),
    [
        *((simulated, 1_000_000) for simulated in ("demo", "replay", "backtest", "sim")),
        *((real, 0) for real in ("monitor", "paper", "live")),
    ],
)
def test_a_starting_balance_is_of_the_simulated_broker_alone(mode: str, cents: int) -> None:
    assert trading_params(configuration(()).config, mode_named(mode)).risk.starting_balance_cents == cents


@pytest.mark.parametrize("mode", ["paper", "live"])
@pytest.mark.parametrize("tiers", ["false", "true"])
@pytest.mark.parametrize(
    ("excess", "currency", "why"),
    [
        (None, "EUR", "the broker tells the account's money in EUR, not in USD"),
        (None, "", "excess liquidity is not known: no account report has told it"),
        (10_000_000, "", "the account's equity is not known"),
    ],
    ids=["in euros", "unanswered", "no equity"],
)
def test_with_a_real_account_no_default_stands_in_for_what_the_broker_has_not_told(
    excess: int | None, currency: str, why: str, mode: str, tiers: str
) -> None:
    """Equity was the starting balance then, ten thousand that nobody has, and an entry left on it in the tier it makes."""
    params = trading_params(configuration((f"tiers.enabled={tiers}",)).config, mode_named(mode))
    broker = TinyBroker(excess_cents=excess, currency=currency)
    house = House(params, desk=Desk(params, {"MES": MES, "ES": ES}, "MES", "U1", "t", tiered=("ES",)), broker=broker)
    house.wait(20_000)
    house.bracket("BUY", 1)
    assert why in house.desk.refusals[-1].reason
    assert house.sent() == []
    assert house.desk.equity_cents is None
    assert house.desk.execution == "MES", "a tier is not made from a figure nobody told"
