"""Completed sessions for the tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from orderflow_tui.domain.value import SessionProfile
from orderflow_tui.market.profile import value_area


def session_of(day: date, rows: Mapping[int, int], overnight: tuple[int, int] | None = None) -> SessionProfile:
    """A session of `{tick: volume}`; `overnight` is (low, high)."""
    low, high = min(rows), max(rows)
    volumes = tuple(rows.get(k, 0) for k in range(low, high + 1))
    value = value_area(low, volumes, 700, "two_row")
    assert value is not None
    return SessionProfile(
        trade_date=day,
        half_day=False,
        open=low,
        high=high,
        low=low,
        close=high,
        volume=sum(volumes),
        delta=None,
        low_tick=low,
        volumes=volumes,
        tpo=tuple(1 for _ in volumes),
        value=value,
        tpo_value=None,
        ib_high=None,
        ib_low=None,
        vwap=None,
        vwap_sd=None,
        on_high=overnight[1] if overnight else None,
        on_low=overnight[0] if overnight else None,
        on_up_volume=0,
        on_down_volume=0,
        poor_high=False,
        poor_low=False,
        approx=False,
    )
