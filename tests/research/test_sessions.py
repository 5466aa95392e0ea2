"""Sessions of the document over years and over rolls: everything is there, or null with its reason beside it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orderflow_tui.adapters.calendar import session_table
from orderflow_tui.research.analyze import Analysis, AnalyzeWish, analyze
from tests.recordings import recording

CHICAGO = ZoneInfo("America/Chicago")
HEAD = "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume"
NULLABLE = {  # a field that may be null, and how its reason begins
    "migration": ("migration unknown", "migration"),
    "rule_80": ("80 % rule", "rule_80"),
    "opening_type": ("opening type unknown", "rth"),
    "inventory": ("overnight inventory unknown", "overnight"),
}


def contract(folder: Path, code: str, days: list[date], price: float) -> Path:
    """A file of five-minute bars of some trading days, whole Globex days, in Chicago time."""
    shape, rows = random.Random(code), [HEAD]
    for day in days:
        start = datetime.combine(day - timedelta(days=1), datetime.min.time(), CHICAGO).replace(hour=17)
        for k in range(23 * 12):
            stamp = start + timedelta(minutes=5 * k)
            opened, price = price, price + shape.choice((-0.75, -0.25, 0.0, 0.25, 0.75))
            high, low = max(opened, price) + 0.5, min(opened, price) - 0.5
            sold, bought = shape.randint(20, 90), shape.randint(20, 90)
            rows.append(
                f"{stamp.year}/{stamp.month}/{stamp.day}, {stamp:%H:%M:%S}, {opened:.2f}, {high:.2f}, {low:.2f}, {price:.2f}, "
                f"{sold + bought}, 30, {sold}, {bought}"
            )
    path = folder / f"{code}-CME.scid_BarData__5m.txt"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def rolled(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """Seven sessions of one contract, a hole of a week, seven of the next, five hundred points away: never side by side."""
    folder = tmp_path_factory.mktemp("rolled")
    before = [date(2017, 3, d) for d in (1, 2, 3, 6, 7, 8, 9)]
    after = [date(2017, 3, d) for d in (20, 21, 22, 23, 24, 27, 28)]
    return analyze(AnalyzeWish((contract(folder, "ESH17", before, 2300.0), contract(folder, "ESM17", after, 2800.0))))


def sessions_of(found: Analysis) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = found.document()["sessions"]  # type: ignore[assignment]
    return listed


def assert_told(session: dict[str, Any]) -> None:
    """Value is there; what is null has its reason in the session's notes, or in the hypothesis itself."""
    rth = session["rth"]
    assert rth["val"] <= rth["poc"] <= rth["vah"]
    for name, (reason, holder) in NULLABLE.items():
        value = session[holder] if holder == name else session[holder][name]
        told = [note for note in session["notes"] if note.startswith(reason)]
        assert (value is None) is bool(told), (session["date"], name, session["notes"])
    assert rth["day_type"] is not None
    plan = session["hypothesis"]
    assert plan is not None
    assert plan["frozen"]
    assert plan["grade"] is not None
    if plan["bias"] == "UNKNOWN":
        assert plan["reason"].startswith("missing: ")
        assert plan["scenarios"] == []
    else:
        assert 2 <= len(plan["scenarios"]) <= 4
        names = {name for name, _ in plan["levels"]}
        assert {"PVA VAH", "PVA POC", "PVA VAL", "prior high", "prior low", "prior close", "ON high", "ON mid", "ON low"} <= names
    days = session["cva"]["days"]
    assert session["cva"]["status"] == (None if days == 0 else "COMPLETE" if days == 5 else f"PARTIAL({days})")
    assert any(note.startswith(f"CVA partial: {days} of 5") for note in session["notes"]) is (days < 5)


def test_after_a_roll_by_an_unknown_shift_every_session_says_what_it_cannot_know(rolled: Analysis) -> None:
    sessions = sessions_of(rolled)
    assert [session["date"][-2:] for session in sessions] == [
        "01", "02", "03", "06", "07", "08", "09", "20", "21", "22", "23", "24", "27", "28",
    ]  # fmt: skip
    for session in sessions:
        assert_told(session)
    assert [session["cva"]["days"] for session in sessions] == [0, 1, 2, 3, 4, 5, 5, 0, 1, 2, 3, 4, 5, 5]
    anew = "value began anew on 2017-03-20: the contract rolled and nobody knows by how much"
    assert [anew in session["notes"] for session in sessions] == [False] * 7 + [True] * 5 + [False] * 2
    first = sessions[7]
    assert (first["migration"], first["daily"]["migration"], first["naked_pocs"]) == (None, None, [first["rth"]["poc"]])
    assert first["hypothesis"]["reason"].endswith("value began anew on 2017-03-20, the contract rolled by an unknown shift")
    assert sessions[8]["migration"] is not None


def test_no_price_of_the_old_contract_lives_on_after_the_roll(rolled: Analysis) -> None:
    for session in sessions_of(rolled)[7:]:
        known = [price for _, price in session["hypothesis"]["levels"]]
        known += [*session["naked_pocs"], *(price for price, _, _ in session["stacked_levels"])]
        assert all(price > 2600 for price in known)


def test_the_gap_and_the_roll_are_printed(rolled: Analysis) -> None:
    (line,) = [line for line in rolled.summary().splitlines() if line.startswith("gap: ")]
    assert line.startswith("gap: 2017-03-19T22:00Z ESH17 rolls to ESM17: the shift is unknown, they never traded side by side")
    assert "no data for 6 trading days, 2017-03-10 to 2017-03-17" in line
    assert line.endswith(": value begins anew, no level is carried over")


def test_the_scorecard_says_how_many_each_share_is_of(rolled: Analysis) -> None:
    lines = rolled.summary().splitlines()
    plans = [line for line in lines if line.startswith("hypothesis ") and "UNKNOWN" not in line]
    counted = sum(int(line.partition("n = ")[2].partition(":")[0]) for line in plans)
    assert counted == 12
    assert "hypothesis UNKNOWN, n = 2: inputs were missing" in lines
    assert all("n = " in line for line in lines if line.startswith(("80 %", "OPEN_", "opening drive", "hypothesis")))


# -- real years ---------------------------------------------------------------------------------------------------------

FILES = ("ESZ18", "ESH19", "ESZ19", "ESM20")  # a day of mourning, half days, and the hole where ESH20 would be


@pytest.fixture(scope="module")
def years() -> Analysis:
    return analyze(
        AnalyzeWish(tuple(recording(f"es_5min_bidask/{code}-CME.scid_BarData__5m.txt") for code in FILES), levels=False)
    )


def regular_days(first: date, last: date) -> Iterator[date]:
    yield from (day.trade_date for day in session_table(first, last).days)


@pytest.mark.recording
def test_every_recorded_session_is_whole_or_says_why_not(years: Analysis) -> None:
    sessions = sessions_of(years)
    assert len(sessions) > 230
    for session in sessions:
        assert_told(session)


@pytest.mark.recording
def test_every_recorded_session_has_a_regime_read_at_each_bar(years: Analysis) -> None:
    document = json.loads(json.dumps(years.document()["regimes"]))
    read: dict[str, int] = {}
    for reading in document:
        stamp = datetime.fromisoformat(reading["ts"][:19]).replace(tzinfo=UTC).astimezone(ZoneInfo("America/New_York"))
        read[stamp.date().isoformat()] = read.get(stamp.date().isoformat(), 0) + 1
    for session in sessions_of(years):
        assert (
            read[session["date"]] >= (43 if session["half_day"] else 79) - 2
        )  # every bar and the bell, but for bars nobody traded in


@pytest.mark.recording
def test_the_missing_contract_resets_the_composite_and_says_so(years: Analysis) -> None:
    sessions = {session["date"]: session for session in sessions_of(years)}
    days = ["2020-03-23", "2020-03-24", "2020-03-25", "2020-03-26", "2020-03-27", "2020-03-30"]
    assert [sessions[day]["cva"]["days"] for day in days] == [0, 1, 2, 3, 4, 5]
    anew = "value began anew on 2020-03-23: the contract rolled and nobody knows by how much"
    assert [anew in sessions[day]["notes"] for day in days] == [True] * 5 + [False]
    assert sessions["2020-03-23"]["migration"] is None
    assert any("ESZ19 rolls to ESM20" in gap and "no data for 61 trading days" in gap for gap in years.gaps), years.gaps


@pytest.mark.recording
def test_recorded_holidays_and_half_days_are_the_calendars(years: Analysis) -> None:
    sessions = {session["date"]: session for session in sessions_of(years)}
    halves = {day for day, session in sessions.items() if session["half_day"]}
    assert halves == {"2018-11-23", "2018-12-24", "2019-11-29"}
    assert {"2018-11-22", "2018-12-05", "2018-12-25", "2019-01-01", "2019-01-21", "2019-02-18", "2019-11-28"}.isdisjoint(sessions)
    known = set(regular_days(date(2018, 9, 1), date(2020, 6, 30)))
    assert {date.fromisoformat(day) for day in sessions} <= known
