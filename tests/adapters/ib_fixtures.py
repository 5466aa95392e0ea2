"""A maker of worlds that closes them all and fails the test when the client library choked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.adapters.ib_world import IbWorld
from tests.gateway.listening import library_faults

MakeWorld = Callable[..., IbWorld]


@pytest.fixture
def worlds(caplog: pytest.LogCaptureFixture) -> Iterator[MakeWorld]:
    made: list[IbWorld] = []

    def make(*arguments: object, **keywords: object) -> IbWorld:
        made.append(IbWorld(*arguments, **keywords))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for world in made:
        world.close()
    assert library_faults(caplog.get_records("call")) == []
