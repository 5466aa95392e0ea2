"""What is told when locks, heartbeat or the market's rows go while the house lives."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orderflow_tui.adapters.instance_lock import InstanceLock, instance_lock_path
from orderflow_tui.domain.action import Alert, Tier
from orderflow_tui.domain.event import Event, Trouble
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.wiring.footing import CALM_LOOKS, Footing

NOW = 1_790_000_000_000_000_000


@dataclass
class Ground:
    """A footing with a real lock; heartbeat and rows say what they are told to."""

    lock: InstanceLock
    posted: list[Event] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    heartbeat: Any = field(default_factory=lambda: SimpleNamespace(trouble=""))
    journal: Any = field(default_factory=lambda: SimpleNamespace(market_trouble=""))

    def __post_init__(self) -> None:
        self.footing = Footing(
            self.journal, self.heartbeat, self.posted.append, self.alerts.append, lambda: NOW, lambda: (self.lock,)
        )

    def told(self, looks: int = 3) -> list[tuple[str, Tier]]:
        """What a few looks tell."""
        self.alerts.clear()
        for _ in range(looks):
            self.footing.look()
        return [(alert.kind, alert.tier) for alert in self.alerts]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    with InstanceLock.take(instance_lock_path(tmp_path / "data"), "paper") as lock:
        yield Ground(lock)


def test_a_house_that_stands_well_says_nothing(ground: Ground) -> None:
    assert ground.told() == []
    assert ground.posted == []


def test_a_lock_that_was_removed_is_taken_again_and_told(ground: Ground) -> None:
    ground.lock.path.unlink()
    assert ground.told() == [("lock", Tier.WARNING)]
    assert not ground.lock.lost


def test_a_lock_whose_folder_is_gone_is_told_once_and_somebody_who_takes_it_locks_the_house(ground: Ground) -> None:
    data = ground.lock.path.parents[1]
    data.rename(data.with_name("aside"))
    assert ground.told() == [("lock", Tier.CRITICAL)]
    with InstanceLock.take(ground.lock.path, "demo"):
        assert ground.told() == []
    (trouble,) = ground.posted
    assert isinstance(trouble, Trouble)
    assert trouble.latch is LatchKind.SECOND_HOST
    assert "and process" in trouble.reason
    shutil.rmtree(data)
    data.with_name("aside").rename(data)
    assert ground.told() == []
    data.rename(data.with_name("aside"))
    assert ground.told() == [("lock", Tier.CRITICAL)], "put back and gone again is told again"


@pytest.mark.parametrize("kind", ["heartbeat", "market rows"])
def test_trouble_is_told_once_an_episode(ground: Ground, kind: str) -> None:
    def trouble(text: str) -> None:
        ground.heartbeat.trouble = text if kind == "heartbeat" else ""
        ground.journal.market_trouble = text if kind == "market rows" else ""

    trouble("no room")
    assert ground.told() == [(kind, Tier.WARNING)]
    assert "no room" in ground.alerts[0].text
    trouble("")
    assert ground.told() == []
    trouble("no room")
    assert ground.told() == [], "a short break ends no episode"
    trouble("")
    ground.told(CALM_LOOKS)
    trouble("no room")
    assert ground.told() == [(kind, Tier.WARNING)]
