"""Prices on the grid, roots by table, contract months by the calendar."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from orderflow_tui.domain.instrument import quarterly_contract, root_of
from tests.builders import ES

CL = replace(ES, symbol="CL", tick_e9=10_000_000)
GC = replace(ES, symbol="GC", tick_e9=100_000_000)


def test_a_price_on_the_grid_is_a_whole_number_of_ticks() -> None:
    assert ES.ticks(6712.25) == 26849
    assert CL.ticks(67.13) == 6713
    assert GC.ticks(2650.1) == 26501
    assert ES.ticks_from_e9(6_712_250_000_000) == 26849


@pytest.mark.parametrize("price", [6712.3, float("nan"), float("inf"), -float("inf")])
def test_a_price_off_the_grid_has_no_ticks(price: float) -> None:
    assert ES.ticks(price) is None


def test_a_fixed_point_price_off_the_grid_has_no_ticks() -> None:
    assert ES.ticks_from_e9(6_712_300_000_000) is None


def test_prices_print_with_the_decimals_of_their_grid() -> None:
    assert (ES.text(26849), CL.text(6713), GC.text(26501), ES.text(-1)) == ("6712.25", "67.13", "2650.1", "-0.25")
    assert replace(ES, tick_e9=1_000_000_000).text(12) == "12"


@pytest.mark.parametrize("ticks", [-3, 0, 1, 26849, 10**7])
def test_ticks_survive_the_way_through_a_decimal_price(ticks: int) -> None:
    for instrument in (ES, CL, GC):
        assert instrument.ticks(instrument.price(ticks)) == ticks
        assert instrument.ticks(float(instrument.text(ticks))) == ticks


def test_the_longest_known_root_wins() -> None:
    known = ("ES", "MES", "NQ", "MNQ", "CL", "GC")
    assert [root_of(c, known) for c in ("MESZ6", "ESH21-CME", "MNQ", "CLF27", "YMZ6", "ESX")] == [
        "MES",
        "ES",
        "MNQ",
        "CL",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("when", "code"),
    [
        (date(2026, 3, 5), "H6"),
        (date(2026, 3, 15), "H6"),
        (date(2026, 3, 16), "M6"),
        (date(2026, 9, 11), "U6"),
        (date(2026, 9, 14), "Z6"),
        (date(2026, 12, 14), "H7"),
        (date(2026, 1, 2), "H6"),
    ],
)
def test_the_lead_month_changes_on_the_monday_of_expiry_week(when: date, code: str) -> None:
    assert quarterly_contract(when) == code
