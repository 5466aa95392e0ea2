"""Which contract leads on which day of a recording."""

from __future__ import annotations

from datetime import date

import pytest

from orderflow_tui.adapters.importers.lead import DayFigures, Lead, expiry_of

Volumes = dict[str, int]


def led(days: list[tuple[date, Volumes]], calendar: bool = True) -> list[str]:
    lead = Lead(calendar)
    return [lead.on_day(day, {code: DayFigures(rth_volume=v, volume=v) for code, v in volumes.items()}) for day, volumes in days]


@pytest.mark.parametrize(
    ("code", "near", "expiry"),
    [
        ("ESU26", date(2026, 9, 1), date(2026, 9, 18)),
        ("ESZ6", date(2026, 9, 1), date(2026, 12, 18)),
        ("ESH1-CME", date(2020, 12, 1), date(2021, 3, 19)),
        ("ESH15", date(2014, 12, 24), date(2015, 3, 20)),
        ("ES", date(2026, 9, 1), None),
    ],
)
def test_a_code_names_its_expiry(code: str, near: date, expiry: date | None) -> None:
    assert expiry_of(code, near) == expiry


def test_volume_decides_for_the_day_after_within_ten_days_of_expiry_only() -> None:
    early = [(date(2026, 3, d), {"ESH26": 10, "ESM26": 90}) for d in (5, 6, 9, 10)]
    assert led(early) == ["ESH26", "ESH26", "ESH26", "ESM26"]  # expiry on the 20th: not before the 10th


def test_the_monday_of_expiry_week_decides_at_the_latest() -> None:
    thin = [(date(2026, 3, d), {"ESH26": 90, "ESM26": 10}) for d in (12, 13, 16, 17)]
    assert led(thin) == ["ESH26", "ESH26", "ESM26", "ESM26"]


def test_the_lead_never_goes_back() -> None:
    swinging = [
        (date(2026, 3, 10), {"ESH26": 10, "ESM26": 90}),
        (date(2026, 3, 11), {"ESH26": 90, "ESM26": 10}),
        (date(2026, 3, 12), {"ESH26": 90, "ESM26": 10}),
    ]
    assert led(swinging) == ["ESH26", "ESM26", "ESM26"]


def test_where_the_front_has_no_data_the_next_one_that_has_some_leads() -> None:
    hole = [(date(2019, 12, 20), {"ESZ19": 9}), (date(2020, 3, 23), {"ESM20": 9})]
    assert led(hole) == ["ESZ19", "ESM20"]


def test_the_first_day_follows_the_calendar_and_not_its_own_volume() -> None:
    assert led([(date(2026, 3, 5), {"ESH26": 10, "ESM26": 90})]) == ["ESH26"]
    assert led([(date(2026, 3, 17), {"ESH26": 90, "ESM26": 10})]) == ["ESM26"]


def test_commodities_and_codes_nobody_can_read_roll_by_volume_alone() -> None:
    oil = [(date(2026, 3, d), {"CLJ26": 10 if d > 3 else 90, "CLK26": 50}) for d in (3, 4, 5)]
    assert led(oil, calendar=False) == ["CLJ26", "CLJ26", "CLK26"]
    assert led([(date(2026, 3, 5), {"a": 10, "b": 90})]) == ["b"]
