"""What the simulated broker says and when: timers, and reports sorted inside one instant by order number."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from orderflow_tui.domain.event import Event
from orderflow_tui.domain.watch import NEVER

ACCOUNT = 2**62  # sorts after every order number


class Timers:
    """Things that take effect later, in order of (due, sequence)."""

    __slots__ = ("_heap", "_sequence")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Callable[[int], None]]] = []
        self._sequence = 0

    @property
    def due_ns(self) -> int:
        """When the next one is due; NEVER when none is."""
        return self._heap[0][0] if self._heap else NEVER

    def at(self, due_ns: int, effect: Callable[[int], None]) -> None:
        """Run `effect(due_ns)` when that time comes."""
        self._sequence += 1
        heappush(self._heap, (due_ns, self._sequence, effect))

    def fire(self, now_ns: int) -> bool:
        """Run what is due, including what that makes due at the same instant. Whether anything was."""
        fired = False
        while self._heap and self._heap[0][0] <= now_ns:
            due_ns, _, effect = heappop(self._heap)
            effect(due_ns)
            fired = True
        return fired


class Reports:
    """Collects what is to be told; while the line is down everything but `shout` is lost for good."""

    __slots__ = ("_told", "connected")

    def __init__(self) -> None:
        self._told: list[tuple[int, Event]] = []
        self.connected = True

    def say(self, number: int, event: Event) -> None:
        """Report news of the order with this number (ACCOUNT: of the account)."""
        if self.connected:
            self._told.append((number, event))

    def shout(self, event: Event) -> None:
        """Report what our own side of the line knows: the line itself."""
        self._told.append((ACCOUNT, event))

    def drain(self) -> list[Event]:
        """Everything said since the last call, by order number, news of one order in the order it happened."""
        if not self._told:
            return []
        told, self._told = self._told, []
        told.sort(key=lambda entry: entry[0])
        return [event for _, event in told]
