"""The help screen's definitions are those in force: change a key of the configuration and the sentence changes."""

from __future__ import annotations

import re
from datetime import date

import pytest

from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.config import Places, config_dir, load
from orderflow_tui.domain.signal import Pattern, Regime
from orderflow_tui.modes import mode_named
from orderflow_tui.signals.regime import RegimeInputs, RegimeParams, classify
from orderflow_tui.view.definitions import definitions
from orderflow_tui.view.method import POINTS
from orderflow_tui.view.model import Chapter
from orderflow_tui.wiring.params import engine_params


def chapters(*sets: str, analysis: str | None = None) -> tuple[Chapter, ...]:
    loaded = load(Places(config_dir()), sets)
    table = session_table(date(2026, 1, 2), date(2026, 12, 30), rth_close=loaded.config.session.rth_close)
    return definitions(engine_params(loaded, table, mode_named("demo"), analysis=analysis))


def said(name: str, *sets: str, analysis: str | None = None) -> str:
    """What the help screen says under a name."""
    found = [text for chapter in chapters(*sets, analysis=analysis) for known, text in chapter.lines if known == name]
    assert len(found) == 1, f"{name!r} is defined {len(found)} times"
    return found[0]


@pytest.mark.parametrize(
    ("name", "change", "before", "after"),
    [
        ("imbalance", "imbalance.ratio=4.5", "3.0 ×", "4.5 ×"),
        ("imbalance", "imbalance.min_volume=33", "20 contracts of ES", "33 contracts of ES"),
        ("imbalance", 'imbalance.zero_policy="skip"', "counts as one", "is no imbalance"),
        ("stacked zone", "imbalance.stacked_min=4", "≥ 3 imbalances", "≥ 4 imbalances"),
        ("unfinished", "unfinished.max_volume=9", "more than 5", "more than 9"),
        ("bars", "bars.seconds=60", "5 min", "1 min"),
        ("bars", 'bars.type="volume"', "closed by a timer", "5000 vol; shown, not judged"),
        ("regular hours", 'session.rth_close="16:15"', "09:30–16:00", "09:30–16:15"),
        ("value area", "profile.value_area=0.68", "70 %", "68 %"),
        ("value area", 'profile.method="one_row"', "two-row", "one-row"),
        ("CVA", "profile.cva_days=7", "last 5 sessions", "last 7 sessions"),
        ("naked POC", 'profile.npoc_scope="RTH"', "nobody traded since", "since in regular hours"),
        ("X exhaustion", "exhaustion.min_decline=0.4", "30%", "40%"),
        ("A absorption", "absorption.min_volume=222", "150 contracts", "222 contracts"),
        ("D divergence", "divergence.lookback=6", "5 bars", "6 bars"),
        ("NO_TRADE first", "session.skip_open_min=9", "< 5 min since", "< 9 min since"),
        ("winner", "regime.min_score=5.0", "under 4 ", "under 5 "),
        ("price to VWAP", 'regime.price_vs_vwap_unit="sigma"', "ATR14", "σ of VWAP"),
        ("TRENDING_UP", "router.TRENDING_UP.size_factor=0.5", "size ×1", "size ×0.5"),
        ("minima", "regime.min_confidence=0.8", "≥ 0.70", "≥ 0.80"),
        ("minima", 'router.disabled=["STACKED_BUY"]', "off: none", "off: STACKED_BUY"),
        ("strategy", 'setups.mode="patterns"', "90/10", "every signal"),
        ("score", "setups.threshold=80", "from 75 on", "from 80 on"),
        ("RULE_80", 'rule_80.acceptance="touch"', "close inside", "trade inside"),
        ("hours", "session.lunch=[]", "not 12:00–13:00", "09:30–15:45 ET;"),
        ("flat", "desk.auto_flatten=false", "15:55", "off"),
        ("news", 'news.fail_mode="block"', "no protection", "entries are refused"),
        ("news", "news.stale_days=3", "next 7 days", "next 3 days"),
        ("day's loss", "risk.daily_loss_cents=12300", "300.00", "123.00"),
        ("trades", "risk.max_trades_per_day=7", "20 a day", "7 a day"),
        ("bracket", "risk.stop_ticks=12", "stop 16 ticks = 20.00", "stop 12 ticks = 15.00"),
        ("tiers", "tiers.enabled=true", "off", "2 from 3,500.00: 1 ES"),
        ("arming", "timing.arm_ms=30000", "60 s", "30 s"),
        ("automation", 'desk.automation="OFF"', "ALERT", "OFF"),
    ],
)
def test_a_changed_key_changes_the_definition_on_the_help_screen(name: str, change: str, before: str, after: str) -> None:
    if name == "TRENDING_UP":
        was, now = (next(c.lines for c in chapters(*sets) if c.title.startswith("Router")) for sets in ((), (change,)))
        told, changed = dict(was)[name], dict(now)[name]
    else:
        told, changed = said(name), said(name, change)
    assert before in told
    assert after in changed
    assert told != changed


def test_thresholds_are_those_of_the_instrument_analysed() -> None:
    assert "20 contracts of ES" in said("imbalance")
    assert "5 contracts of MES" in said("imbalance", analysis="MES")


def test_every_pattern_the_router_may_refuse_is_named_where_it_is_enabled() -> None:
    router = next(chapter for chapter in chapters() if chapter.title.startswith("Router"))
    told = " ".join(text for _, text in router.lines)
    assert {p.value for p in Pattern if p.value in told} >= {"STACKED_BUY", "SELLING_ABSORPTION", "UNFINISHED_LOW"}


def inputs(**changed: object) -> RegimeInputs:
    usual: dict[str, object] = {
        "adx": 22.0, "adx_slope": 1.0, "ema_trend": 1.0, "price_vs_vwap": 0.2, "atr": 10.0, "atr_percentile": 40.0,
        "bar_range_avg": 9.0, "volume_vs_average": 1.0, "cumulative_delta": 100, "delta_slope": 5.0, "higher_highs": True,
        "lower_highs": False, "higher_lows": True, "lower_lows": False, "range_bound_bars": 0, "minutes_since_open": 60,
        "minutes_to_close": 200, "news": False,
    }  # fmt: skip
    return RegimeInputs(**usual | changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"adx": 30.0, "delta_slope": -5.0, "higher_highs": False},
        {"adx": 15.0, "range_bound_bars": 3, "higher_highs": False, "atr_percentile": 90.0},
        {"adx": 28.0, "adx_slope": -1.0, "range_bound_bars": 2, "atr_percentile": 70.0, "bar_range_avg": 20.0},
        {"volume_vs_average": 2.5, "delta_slope": 150.0, "cumulative_delta": 900},
    ],
)
def test_every_point_a_regime_scores_stands_in_the_help_screens_words(changed: dict[str, object]) -> None:
    words = dict(POINTS)
    for term in classify(inputs(**changed), RegimeParams()).terms:
        if term.regime is Regime.TRENDING_DOWN:
            continue
        limit = re.search(r"(?:>=|[<>]|in) (\d[\d.]*)(?: ATR [\d.]+)?", term.text)
        told = words[term.regime]
        assert f"+{term.points:.1f}" in told, term
        if limit is not None and limit.group(1) not in ("0", "1.5"):
            assert limit.group(1).rstrip(".") in told, term
