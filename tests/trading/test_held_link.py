"""A link that waits for a person: resume and reconcile let it try again, nothing else does."""

from __future__ import annotations

import pytest

from orderflow_tui.domain.account import Link
from orderflow_tui.domain.action import AcknowledgeLink
from orderflow_tui.domain.event import Command
from orderflow_tui.domain.latch import LatchKind
from tests.trading.house import House

OF_THE_LINK = [LatchKind.WRONG_ACCOUNT, LatchKind.CLIENT_ID]
HELD = [Link.BLOCKED, Link.DATA_BLOCKED]


def blocked(kind: LatchKind) -> House:
    house = House()
    house.floor.latch(kind, "as the session found it")
    house.link(Link.BLOCKED)
    return house


@pytest.mark.parametrize("kind", OF_THE_LINK)
def test_a_resume_that_clears_the_latch_of_a_blocked_link_lets_it_try_again(kind: LatchKind) -> None:
    house = blocked(kind)
    house.press(Command.RESUME, word=house.params.resume_word, key_ok="yes")
    assert house.latched == set()
    assert len(house.all(AcknowledgeLink)) == 1


@pytest.mark.parametrize("kind", OF_THE_LINK)
def test_a_resume_that_leaves_the_latch_leaves_the_link(kind: LatchKind) -> None:
    house = blocked(kind)
    house.press(Command.RESUME, word="wrong", key_ok="yes")
    house.press(Command.RESUME, word=house.params.resume_word)
    assert house.latched == {kind.value}
    assert house.all(AcknowledgeLink) == []


@pytest.mark.parametrize("link", HELD)
def test_reconcile_lets_a_held_link_try_again_and_its_answer_is_told_when_it_comes(link: Link) -> None:
    house = House()
    house.link(link)
    refused = len(house.desk.refusals)
    house.press(Command.RECONCILE)
    assert len(house.all(AcknowledgeLink)) == 1
    assert len(house.desk.refusals) == refused
    house.link(Link.SYNCING, epoch=2)
    house.link(Link.READY, epoch=2)
    assert house.alerts("reconcile") == ["MES: broker +0, ours +0, they agree"]


def test_reconcile_ends_no_latch_of_the_link() -> None:
    house = blocked(LatchKind.WRONG_ACCOUNT)
    house.press(Command.RECONCILE)
    assert house.latched == {"WRONG_ACCOUNT"}


@pytest.mark.parametrize("link", [link for link in Link if link not in HELD])
def test_a_link_that_waits_for_nobody_is_not_acknowledged(link: Link) -> None:
    house = House()
    house.link(link)
    house.press(Command.RECONCILE)
    house.press(Command.RESUME, word=house.params.resume_word, key_ok="yes")
    assert house.all(AcknowledgeLink) == []
