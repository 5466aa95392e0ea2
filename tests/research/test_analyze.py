"""`analyze`: what the document holds, that nothing is lost on the way to it, and that it is the same every time."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orderflow_tui.adapters.importers import ImportFault
from orderflow_tui.config import ConfigFault
from orderflow_tui.domain.signal import Context
from orderflow_tui.research.analyze import Analysis, AnalyzeWish, analyze, analyze_paths
from orderflow_tui.research.document import evidence_json, iso
from orderflow_tui.research.scorecard import Scorecard
from tests.adapters.market_files import NOON_NS, csv_of
from tests.builders import ES
from tests.recordings import recording

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")
LISTS = ("bars", "sessions", "signals", "regimes", "setups")


@pytest.fixture(scope="module")
def sample() -> Analysis:
    return analyze(AnalyzeWish((SAMPLE,)))


def described(analysis: Analysis) -> dict[str, Any]:
    """The document as a program would read it."""
    stream = io.StringIO()
    analysis.write(stream)
    found: dict[str, Any] = json.loads(stream.getvalue())
    return found


def test_the_document_says_what_it_is_and_holds_every_list(sample: Analysis) -> None:
    document = described(sample)
    assert list(document) == ["schema", "instrument", "tick", "bar_seconds", "sources", *LISTS]
    assert (document["schema"], document["instrument"]) == ("orderflow-tui/analyze/1", "ES")
    assert (document["tick"], document["bar_seconds"]) == (0.25, 300)
    for source in document["sources"]:
        assert set(source) == {"path", "format", "kind", "records", "rejected", "first", "last", "timezone", "sides"}
        assert STAMP.match(source["first"])


def test_written_entry_by_entry_it_is_the_document_in_memory(sample: Analysis) -> None:
    assert described(sample) == sample.document()


def test_the_same_files_give_the_same_bytes(sample: Analysis) -> None:
    first, second = io.StringIO(), io.StringIO()
    sample.write(first)
    analyze(AnalyzeWish((SAMPLE,))).write(second)
    assert first.getvalue() == second.getvalue()


def test_nothing_is_lost_between_trades_levels_and_bars(sample: Analysis) -> None:
    document = described(sample)
    rows = [line.split(",") for line in (SAMPLE / "es_sample_trades.csv").read_text().splitlines()[1:]]
    assert_whole(document, len(rows), sum(int(row[2]) for row in rows))
    sides = {"B": "ask_volume", "S": "bid_volume", "?": "unknown_volume"}
    flagged = {name: sum(int(row[2]) for row in rows if row[3] == mark) for mark, name in sides.items()}
    assert sum(bar["ask_volume"] for bar in document["bars"]) >= flagged["ask_volume"]
    assert sum(bar["bid_volume"] for bar in document["bars"]) >= flagged["bid_volume"]


def assert_whole(document: Mapping[str, Any], trades: int, volume: int) -> None:
    bars = document["bars"]
    assert sum(bar["trades"] for bar in bars) == trades
    assert sum(bar["volume"] for bar in bars) == volume
    for bar in bars:
        bid, ask, unknown = (sum(level[i] for level in bar["levels"]) for i in (1, 2, 3))
        assert (bid, ask, unknown) == (bar["bid_volume"], bar["ask_volume"], bar["unknown_volume"])
        assert bid + ask + unknown == bar["volume"]
        assert ask - bid == bar["delta"]
        prices = [level[0] for level in bar["levels"]]
        assert (prices[0], prices[-1]) == (bar["low"], bar["high"])
        assert prices == sorted(prices)
        assert bar["min_delta"] <= bar["delta"] <= bar["max_delta"]
        assert all((price * 4).is_integer() for price in prices)
        assert STAMP.match(bar["start"])
        assert len(bar["hash"]) == 12


def test_levels_can_be_left_out_and_bars_made_shorter() -> None:
    long, short = analyze(AnalyzeWish((SAMPLE,), levels=False)), analyze(AnalyzeWish((SAMPLE,), bar_seconds=60, levels=False))
    assert "levels" not in described(long)["bars"][0]
    minutes = described(short)
    assert minutes["bar_seconds"] == 60
    assert len(minutes["bars"]) > len(described(long)["bars"])
    assert sum(bar["volume"] for bar in minutes["bars"]) == sum(bar["volume"] for bar in described(long)["bars"])


def test_without_lists_the_counts_stay(sample: Analysis) -> None:
    bare = analyze(AnalyzeWish((SAMPLE,), lists=False))
    assert bare.summary() == sample.summary()
    assert described(bare)["bars"] == []


def test_signals_regimes_and_setups_carry_what_a_program_needs(sample: Analysis) -> None:
    document = described(sample)
    assert document["signals"]
    for signal in document["signals"]:
        assert set(signal) == {
            *("id", "ts", "pattern", "direction", "strength", "ref_price", "trigger_price", "quality", "evidence"),
        }
        assert 0.5 <= signal["strength"] <= 1.0
        assert signal["direction"] in {"LONG", "SHORT", "NONE"}
    for reading in document["regimes"]:
        assert set(reading) >= {"ts", "regime", "confidence", "scores", "inputs"}
        assert list(reading["scores"]) == ["TRENDING_UP", "TRENDING_DOWN", "RANGING", "VOLATILE"]
    for setup in document["setups"]:
        assert set(setup) == {"ts", "setup", "direction", "confidence", "parts", "tradable", "reason"}


def bar_rows(count: int) -> list[str]:
    return [f"{NOON_NS + i * 300 * 10**9},6700,6702,6699,6701,100" for i in range(count)]


def test_what_bars_cannot_know_is_null_and_never_invented(tmp_path: Path) -> None:
    path = csv_of(tmp_path, bar_rows(4), "ts_ns,open,high,low,close,volume")
    document, summary = analyze_paths(AnalyzeWish((path,)))
    bars: Any = document["bars"]
    assert len(bars) == 4
    for bar in bars:
        assert bar["volume"] == 100
        for name in ("bid_volume", "ask_volume", "delta", "min_delta", "max_delta", "trades", "levels"):
            assert bar[name] is None, name
    assert "4 bars" in summary
    sided = csv_of(tmp_path, [f"{row},40,60" for row in bar_rows(4)], "ts_ns,open,high,low,close,volume,bid_volume,ask_volume")
    bar = described(analyze(AnalyzeWish((sided,))))["bars"][0]
    assert (bar["bid_volume"], bar["ask_volume"], bar["delta"]) == (40, 60, 20)
    assert bar["min_delta"] is None
    assert bar["levels"] is None


def test_a_bad_file_and_a_bad_setting_raise_their_sentences(tmp_path: Path) -> None:
    with pytest.raises(ImportFault, match="is empty"):
        analyze(AnalyzeWish((csv_of(tmp_path, [], ""),)))
    with pytest.raises(ConfigFault, match=r"bars\.second"):
        analyze(AnalyzeWish((SAMPLE,), sets=("bars.second=60",)))


def test_prices_in_evidence_are_decimal_and_counts_are_not() -> None:
    evidence = evidence_json({"zone": [26848, 26850], "levels": [[26849, 30, 4]], "count": 3, "ratio": 2.5}, ES)
    assert evidence == {"zone": [6712.0, 6712.5], "levels": [[6712.25, 30, 4]], "count": 3, "ratio": 2.5}
    assert evidence_json({"levels": 4}, ES) == {"levels": 4}


def test_times_are_written_with_all_their_nanoseconds() -> None:
    assert iso(NOON_NS + 7) == "2026-03-05T17:00:00.000000007Z"


def test_a_scorecard_of_nothing_is_silent() -> None:
    empty: list[tuple[Any, Context | None]] = []
    assert Scorecard.of(empty).lines() == []


def test_the_real_tick_recording_gives_all_its_trades_with_its_own_sides() -> None:
    document = described(analyze(AnalyzeWish((recording("es_tick_dom/es_2022-01-24_trades_dom40.txt"),))))
    (source,) = document["sources"]
    assert (source["records"], source["rejected"], source["kind"]) == (2026, {}, "trades+depth")
    assert source["sides"]["feed"] == sum(source["sides"].values())
    assert_whole(document, 2026, source["sides"]["feed"])
    assert all(bar["unknown_volume"] == 0 for bar in document["bars"])


def test_real_minute_bars_keep_their_deltas_and_finish_their_sessions() -> None:
    found = analyze(AnalyzeWish((recording("es_1min_platform/ES_Volumetric_1.csv"),), bar_seconds=60))
    document = described(found)
    lines = recording("es_1min_platform/ES_Volumetric_1.csv").read_text().splitlines()[2:]
    assert [bar["delta"] for bar in document["bars"]] == [int(line.split(",")[22]) for line in lines]
    assert [session["date"] for session in document["sessions"]] == [f"2026-02-{day:02d}" for day in (6, 9, 10, 11, 12, 13)]
    for session in document["sessions"][1:]:
        assert session["approx"] is True
        assert session["migration"] is not None
        assert session["hypothesis"]["grade"] in {"RIGHT", "WRONG", "FLAT", "UNGRADED"}
        assert session["rth"]["val"] <= session["rth"]["poc"] <= session["rth"]["vah"]
    assert "hypothesis" in found.summary()


def test_real_minute_bars_give_ta_libs_indicators_at_every_close() -> None:
    pytest.importorskip("talib", reason="TA-Lib is the oracle and not installed here")
    talib: Any = import_module("talib")
    wish = AnalyzeWish((recording("es_1min_platform/ES_Volumetric_1.csv"),), bar_seconds=60, levels=False)
    document = described(analyze(wish))
    read = {reading["ts"]: reading["inputs"] for reading in document["regimes"] if reading["inputs"]}
    bars = [bar for bar in document["bars"] if bar["end"] in read]
    assert len(bars) > 6 * 380
    high, low, close = (np.array([4 * bar[name] for bar in bars]) for name in ("high", "low", "close"))  # ticks
    oracle = {
        "atr": talib.ATR(high, low, close, 14),
        "adx": talib.ADX(high, low, close, 14),
        "ema_trend": talib.EMA(close, 9) - talib.EMA(close, 21),
    }
    for name, expected in oracle.items():
        ours = np.array([np.nan if (value := read[bar["end"]][name]) is None else value for bar in bars], dtype=float)
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9, equal_nan=True, err_msg=name)
