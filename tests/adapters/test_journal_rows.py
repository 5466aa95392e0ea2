"""Values of the domain as JSON and back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_tui.adapters.rows import NotReadable, from_json, observation_of, row_of, to_json
from orderflow_tui.domain.action import Observation, Row
from orderflow_tui.domain.bar import BarSource, FootprintBar
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.signal import (
    Decision,
    Direction,
    Hypothesis,
    Pattern,
    Quality,
    Regime,
    RegimeReading,
    RegimeTerm,
    Scenario,
    Setup,
    SetupReading,
    Signal,
)
from orderflow_tui.domain.value import SessionProfile, ValueArea

T = 1_790_000_000_000_000_000
DAY = date(2026, 3, 5)
BAR = FootprintBar(
    "ES", T, T + 300, 10, 12, 9, 11, 30, 10, 20, 0, 1, 0, 7, 10, -3, 12, 40, None, 11, [1, 2, 3, 4], [4, 3, 2, 1], [0, 0, 0, 0],
    True, BarSource.TRADES, partial=True,
)  # fmt: skip
SIGNAL = Signal(
    "2026-03-05|STACKED_BUY|1|10", T, "ES", Pattern.STACKED_BUY, Direction.LONG, 0.8, 10, 11, Quality.LOW,
    {"levels": [[10, 3, 1], [11, 4, 1]], "ticks": [1, 2], "ratio": 3.5, "count": 3, "side": "buy"},
)  # fmt: skip
REGIME = RegimeReading(
    T, Regime.TRENDING_UP, Regime.RANGING, 0.85, (8.5, 2.5, 0.0, 1.0), (RegimeTerm(Regime.VOLATILE, 1.0, "ADX 31 > 25"),),
    {"adx": 31.2, "hh": True, "vwap": None}, "warming up",
)  # fmt: skip
SETUP = SetupReading(
    "s1", T, Setup.RULE_80, Direction.SHORT, 10, 84.1, 83.5, 90.0, (("loc", 0.3, 1.0), ("val", 0.25, 0.8)),
    (Pattern.BUYING_EXHAUSTION,), True, "", None, 14, 8,
)  # fmt: skip
DECISION = Decision(
    "d1", T, "s1", "RULE_80", Direction.SHORT, False, "confidence", "0.62 < 0.70", Regime.NO_TRADE, 0.6, 0.6, 0.75, 2, 10,
)  # fmt: skip
HYPOTHESIS = Hypothesis(DAY, T, None, 60, "BALANCE", (1, 0, -1), (Scenario("a", "b", (1, 2), None),), "no overnight", True, "B")
PROFILE = SessionProfile(
    DAY, False, 1, 9, 0, 5, 100, None, 0, (1, 2, 3), (1, 1, 1), ValueArea(0, 1, 2, 70, 100), None, 9, 0, 4.25, None, None, None,
    0, 0, True, False, True, 12,
)  # fmt: skip
ALL: list[Observation] = [BAR, SIGNAL, REGIME, SETUP, DECISION, HYPOTHESIS, PROFILE]


@pytest.mark.parametrize("item", ALL, ids=lambda item: type(item).__name__)
def test_an_observation_survives_the_journal(item: Observation) -> None:
    row = row_of(item)
    through = Row(row.book, row.kind, row.ref, row.ts_ns, json.loads(json.dumps(row.payload, allow_nan=False)))
    assert observation_of(through) == item
    assert row.book == "market"
    assert row.ref
    assert row.ts_ns > T // 2


@settings(max_examples=60, deadline=None)
@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text())),
)
def test_any_evidence_survives(strength: float, evidence: dict[str, int | float | str]) -> None:
    item = replace(SIGNAL, strength=strength, evidence={**evidence})
    assert observation_of(row_of(item)) == item


def test_numbers_of_numpy_become_plain_and_what_is_not_finite_becomes_null() -> None:
    assert to_json([np.int64(3), np.float64(2.5), np.bool_(True), float("nan"), np.float32("inf")]) == [3, 2.5, True, None, None]


def test_other_frozen_values_travel_too() -> None:
    es = Instrument("ES", "E-mini", "CME", 250_000_000, 1250, 50, 225, 1, 16, 24, 20, 150)
    assert from_json(Instrument, to_json(es)) == es


def test_a_field_with_a_default_may_be_missing_because_older_rows_lack_it() -> None:
    payload = row_of(BAR).payload
    del payload["partial"]
    assert observation_of(Row("market", "bar", "b", T, payload)) == replace(BAR, partial=False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pattern": "STACKED_BY"}, "Signal.pattern"),
        ({"ts_ns": "soon"}, "Signal.ts_ns"),
        ({"ts_ns": True}, "Signal.ts_ns"),
        ({"colour": 1}, "Signal has no field colour"),
        ({"evidence": {"x": {}}}, "Signal.evidence"),
    ],
)
def test_what_is_no_signal_is_refused_by_field(change: dict[str, object], said: str) -> None:
    payload = {**row_of(SIGNAL).payload, **change}
    with pytest.raises(NotReadable, match=said):
        observation_of(Row("market", "signal", "s", T, payload))  # type: ignore[arg-type]


def test_a_missing_field_and_a_wrong_length_are_refused() -> None:
    with pytest.raises(NotReadable, match=r"Signal: .*missing"):
        observation_of(Row("market", "signal", "s", T, {}))
    payload = row_of(REGIME).payload
    payload["scores"] = [1.0, 2.0]
    with pytest.raises(NotReadable, match="expected 4 values"):
        observation_of(Row("market", "regime", "r", T, payload))


def test_a_kind_that_holds_no_observation_is_refused() -> None:
    with pytest.raises(NotReadable, match="one of bar, signal"):
        observation_of(Row("market", "weather", "w", T, {}))


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no JSON form"):
        to_json([object()])
