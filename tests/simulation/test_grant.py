"""The oracle's own count of unattended trading."""

from __future__ import annotations

from datetime import date

import pytest

from tests.simulation.grant import Grant

DAY, NEXT = date(2026, 3, 5), date(2026, 3, 6)


def granted() -> Grant:
    """Granted on DAY."""
    grant = Grant()
    grant.chosen("AUTO", DAY, armed=True)
    return grant


def test_it_takes_an_armed_hand_and_lasts_for_one_trade_date() -> None:
    grant = Grant()
    grant.chosen("AUTO", DAY, armed=False)
    assert not grant.holds(DAY)
    assert granted().holds(DAY)
    assert not granted().holds(NEXT)
    assert not granted().holds(None)


@pytest.mark.parametrize(("mode", "holds"), [("OFF", False), ("ALERT", False), ("CONFIRM", False), ("?", True), ("AUTO", True)])
def test_another_mode_ends_it_and_a_word_that_is_none_does_not(mode: str, holds: bool) -> None:
    grant = granted()
    grant.chosen(mode, DAY, armed=False)
    assert grant.holds(DAY) is holds


def test_a_broker_who_stays_away_too_long_ends_it() -> None:
    grant = granted()
    grant.link(10, 100, up=False)
    grant.link(60, 100, up=False)
    grant.link(109, 100, up=True)
    assert grant.holds(DAY)
    grant.link(110, 100, up=False)
    grant.link(210, 100, up=True)
    assert not grant.holds(DAY)


def test_it_ends_when_it_is_told_to() -> None:
    grant = granted()
    grant.end()
    assert not grant.holds(DAY)
