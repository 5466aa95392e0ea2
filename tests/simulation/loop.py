"""The engine and the closed loop of the product with the simulation's ears and crash points put between their parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from orderflow_tui.closed_loop import ClosedLoop
from orderflow_tui.domain.action import Action, Alert, Commit, Observation
from orderflow_tui.domain.event import Event
from orderflow_tui.domain.signal import Decision
from orderflow_tui.domain.watch import Watch
from orderflow_tui.driver import Driver
from orderflow_tui.engine import Engine, EngineParams
from orderflow_tui.hands import Hands
from orderflow_tui.market.news import News
from orderflow_tui.outbox import Outbox
from tests.simulation.disk import Disk
from tests.simulation.line import Line


class Surroundings(Protocol):
    """What the loop needs of the world."""

    disk: Disk
    line: Line

    def told(self, event: Event) -> None:
        """The engine is about to process an event."""
        ...

    def effect(self, name: str) -> None:
        """A crash point."""
        ...

    def acted(self, actions: Sequence[Action]) -> None:
        """Actions are carried out; everything must hold."""
        ...

    def stop_seen(self) -> str | None:
        """What the outbox finds when it looks for the STOP file."""
        ...

    def wrote_stop(self, word: str) -> None:
        """The engine wrote the STOP file."""
        ...


class HeardEngine(Engine):
    """The product's engine; decisions can be slipped in where the analytics would conclude them."""

    def __init__(self, params: EngineParams, hear: Callable[[Event], None]) -> None:
        super().__init__(params)
        self._hear = hear
        self.decisions: list[Decision] = []

    def on(self, event: Event) -> list[Action]:
        """Process one event, heard by the oracle first."""
        self._hear(event)
        return super().on(event)

    def _conclude(self, news: Sequence[News], observed: Sequence[Observation]) -> list[Action]:
        slipped, self.decisions = self.decisions, []
        return super()._conclude(news, [*observed, *slipped])


class SimLoop(ClosedLoop):
    """The closed loop with a journal that may answer later, and a look at the world after every batch of actions."""

    def __init__(self, engine: Engine, world: Surroundings) -> None:
        super().__init__(engine, world.line)
        self._world = world
        self.hands = Hands(
            Outbox(world.line, world.stop_seen),
            lambda: engine.now_ns,
            commit=self._commit,
            record=self._note,
            observe=lambda _: None,
            alert=self._tell_person,
            write_stop=self._write_stop,
        )
        self.driver = Driver(engine, self._act, world.line)

    def _act(self, actions: Sequence[Action]) -> list[Event]:
        events = self.hands.act(actions)
        self._world.acted(actions)
        return events

    def _commit(self, action: Commit) -> list[Event]:
        self._world.effect("before commit")
        events = self._world.disk.commit(action)
        self._world.effect("after commit")
        return events

    def _note(self, row: object) -> None:
        self._world.effect("before record")
        self._world.disk.record(row)  # type: ignore[arg-type]

    def _tell_person(self, _: Alert) -> None:
        self._world.effect("alert")

    def _write_stop(self, word: str) -> None:
        self._world.wrote_stop(word)
        self._stops.append(word)


class Nobody:
    """Stands in for an engine that does not run: hears everything, wants nothing."""

    def __init__(self) -> None:
        self.heard: list[Event] = []

    @property
    def watch(self) -> Watch:
        """Never."""
        return Watch()

    def on(self, event: Event) -> list[Action]:
        """Keep what came."""
        self.heard.append(event)
        return []
