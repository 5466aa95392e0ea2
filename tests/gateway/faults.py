"""What can be made to go wrong between gateway and client, and how often.

Faults on the wire (mute, drop, duplicate, hold, split, cut) know nothing of trading; faults about orders answer a
place, change or cancel with an error, and say whether the order lives on nevertheless.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeVar

from tests.gateway.wire import Ask, Tell

FOR_EVER = -1
Kind = TypeVar("Kind", Ask, Tell)


@dataclass(slots=True)
class OrderFault:
    """Answer the next `count` requests of a kind with an error. `role` limits it to orders whose reference ends so;
    `alive` lets the request take effect all the same; `status` is an order status told before the error."""

    on: str  # "place" | "change" | "cancel"
    code: int
    text: str
    role: str = ""
    alive: bool = False
    status: str = ""
    count: int = 1


@dataclass(slots=True)
class Faults:
    """Everything that is wrong at the moment."""

    mute: Counter[Ask] = field(default_factory=Counter)  # requests that get no answer
    answer: dict[Ask, list[int]] = field(default_factory=dict)  # requests that get an error code
    drop: Counter[Tell] = field(default_factory=Counter)  # messages lost on the way
    duplicate: Counter[Tell] = field(default_factory=Counter)  # messages sent twice
    hold: set[Tell] = field(default_factory=set)  # messages kept back until released
    orders: list[OrderFault] = field(default_factory=list)
    split_bytes: int = 0  # send in pieces of so many bytes
    executions_first: bool = False
    tif_echo: str = ""  # the time in force orders come back with
    what_if: str = ""  # "unset-first" | "never"
    refuse_id: int = 0  # so many connections to be told 326

    def calm(self) -> None:
        """Nothing is wrong any more."""
        for counted in (self.mute, self.answer, self.drop, self.duplicate, self.hold, self.orders):
            counted.clear()
        self.split_bytes = self.refuse_id = 0
        self.executions_first = False
        self.tif_echo = self.what_if = ""

    def is_muted(self, ask: Ask) -> bool:
        """Whether this request is swallowed."""
        return _spend(self.mute, ask)

    def error_for(self, ask: Ask) -> int | None:
        """The error this request is answered with."""
        codes = self.answer.get(ask)
        return codes.pop(0) if codes else None

    def copies(self, tell: Tell) -> int:
        """How often this message goes out: 0, 1 or 2."""
        if self.drop and _spend(self.drop, tell):
            return 0
        return 2 if self.duplicate and _spend(self.duplicate, tell) else 1

    def order_fault(self, on: str, order_ref: str) -> OrderFault | None:
        """The fault that meets this request about an order, if one does."""
        for fault in self.orders:
            if fault.on == on and order_ref.endswith(fault.role):
                fault.count -= 1
                if fault.count == 0:
                    self.orders.remove(fault)
                return fault
        return None


def _spend(counts: Counter[Kind], key: Kind) -> bool:
    left = counts.get(key, 0)
    if left == 0:
        return False
    if left != FOR_EVER:
        counts[key] = left - 1
    return True
