from datetime import UTC, date, datetime

import pytest

from orderflow_tui.adapters.ib_contracts import (
    Listed,
    NoContract,
    forced_switch,
    leading,
    parse_expiry,
    parse_hours,
    same_month,
    trade_date_at,
)

SEP, DEC, MAR = (
    Listed(1, "ES", date(2026, 9, 18), "202609"),
    Listed(2, "ES", date(2026, 12, 18), "202612"),
    Listed(3, "ES", date(2027, 3, 19), "202703"),
)
ALL = (MAR, SEP, DEC)


@pytest.mark.parametrize(
    ("today", "volume", "month"),
    [
        (date(2026, 9, 1), {1: 900, 2: 1000}, "202609"),  # busier, but more than ten days before expiry
        (date(2026, 9, 8), {1: 900, 2: 1000}, "202612"),
        (date(2026, 9, 8), {1: 1000, 2: 900}, "202609"),
        (date(2026, 9, 8), {}, "202609"),
        (date(2026, 9, 11), {1: 1000, 2: 900}, "202609"),
        (date(2026, 9, 14), {1: 1000, 2: 900}, "202612"),  # Monday of expiry week: the calendar decides
        (date(2026, 9, 18), {}, "202612"),
        (date(2026, 9, 19), {}, "202612"),
    ],
)
def test_index_futures_roll_by_volume_and_at_the_latest_on_the_monday_of_expiry_week(
    today: date, volume: dict[int, int], month: str
) -> None:
    assert leading(ALL, volume, today).month == month


def test_an_expiry_before_its_friday_still_switches_on_its_monday() -> None:
    assert forced_switch(date(2026, 6, 18)) == date(2026, 6, 15)
    assert forced_switch(date(2026, 9, 18)) == date(2026, 9, 14)
    assert forced_switch(date(2026, 12, 18)) == date(2026, 12, 14)


def test_commodities_follow_their_volume_alone() -> None:
    assert leading(ALL, {1: 10, 2: 20}, date(2026, 7, 1), "FGHJKMNQUVXZ").month == "202612"
    assert leading(ALL, {}, date(2026, 9, 17), "FGHJKMNQUVXZ").month == "202609"


def test_nothing_listed_is_said_with_the_day() -> None:
    with pytest.raises(NoContract, match="2028-01-01"):
        leading(ALL, {}, date(2028, 1, 1))


def test_what_is_traded_expires_with_what_is_analysed() -> None:
    assert same_month(ALL, "202612") is DEC
    with pytest.raises(NoContract, match="202606"):
        same_month(ALL, "202606")


def test_hours_are_read_in_their_zone_and_tell_whether_the_market_is_open() -> None:
    hours = parse_hours("20261118:1700-20261119:1600;20261121:CLOSED;20261122:1700-20261123:1600", "America/Chicago")
    contract = Listed(1, "ES", DEC.expiry, "202612", hours)

    def at(day: int, hour: int) -> int:
        return int(datetime(2026, 11, day, hour, 30, tzinfo=UTC).timestamp()) * 10**9

    assert contract.is_open(at(19, 15)) is True  # 09:30 Chicago
    assert contract.is_open(at(19, 22)) is False  # 16:30 Chicago
    assert contract.is_open(at(25, 15)) is None  # beyond what was stated
    assert SEP.is_open(at(19, 15)) is None


def test_an_expiry_may_come_with_a_time() -> None:
    assert parse_expiry("20261218 08:30 US/Central") == parse_expiry("20261218") == date(2026, 12, 18)


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        ("2026-12-09T22:59", date(2026, 12, 9)),  # 16:59 Chicago
        ("2026-12-09T23:00", date(2026, 12, 10)),  # the next trade date begins
        ("2026-12-11T23:30", date(2026, 12, 14)),  # Friday evening belongs to Monday
        ("2026-12-12T12:00", date(2026, 12, 14)),
        ("2026-12-13T23:30", date(2026, 12, 14)),
    ],
)
def test_a_trade_date_begins_in_the_evening_before(instant: str, expected: date) -> None:
    moment = datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert trade_date_at(int(moment.timestamp()) * 1_000_000_000) == expected
