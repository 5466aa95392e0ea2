"""What a runtime runs: every part of one program, wired (`wiring/house.py`) and handed over in one piece."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orderflow_tui.adapters.safety_key import Checked
from orderflow_tui.domain.action import Alert, Observation, Row
from orderflow_tui.domain.event import Event, MarketEvent
from orderflow_tui.engine import Engine
from orderflow_tui.modes import Mode
from orderflow_tui.ports import Broker, Feed, Journal, MatchingBroker, Notifier, Post, TapeWriter
from orderflow_tui.pulse import Pulse
from orderflow_tui.view.model import ConsoleView


@dataclass(slots=True)
class House:
    """Everything the runtime runs, inside the engine's own loop.

    `clock` is the house clock in UTC ns; `steer` obeys feed commands; `warm` is today's market up to the start;
    `view(seq, alerts)` builds the picture for the screen; `roll` changes the traded month; `acknowledge` lets a held
    link try again; `services` are further tasks that must not end.
    """

    mode: Mode
    engine: Engine
    feed: Feed
    broker: Broker | None
    matching: MatchingBroker | None
    journal: Journal
    boot_rows: Sequence[Row]
    row_of: Callable[[Observation], Row]
    stop_seen: Callable[[], str | None]
    watch_stop: Callable[[Post], Coroutine[None, None, None]]
    write_stop: Callable[[str], None]
    clock: Callable[[], int]
    steer: Callable[[str, float | None], None]
    warm: Callable[[], Iterable[MarketEvent]]
    view: Callable[[int, Sequence[tuple[int, Alert, str]]], ConsoleView]
    beat: Callable[[ConsoleView], None]
    boot_events: Sequence[Event] = ()
    notifier: Notifier | None = None
    roll: Callable[[], None] = lambda: None
    acknowledge: Callable[[], None] = lambda: None
    tape: TapeWriter | None = None
    grace_ns: int = 250_000_000
    fps: float = 20.0
    check_key: Callable[[str], Checked] | None = None  # takes its time: called in a thread
    grant: Mapping[str, str] = field(default_factory=dict)  # what asks for automation at the start, empty: nothing does
    services: Sequence[Callable[[], Coroutine[None, None, None]]] = ()
    pulse: Pulse | None = None  # where time is real
