"""One line of the table of goals: what was measured, what is asked, what another program needed in the same run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec


class Verdict(Enum):
    """What a line says. A thing that could not be measured never counts as met."""

    MET = "met"
    MISSED = "MISSED"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Row:
    """A part of a goal. `peer` is empty where nothing is compared; `note` says how, or why not."""

    goal: str
    what: str
    figure: str
    bar: str
    verdict: Verdict
    peer: str = ""
    note: str = ""

    def text(self) -> str:
        told = f"{self.goal:<4} {self.what:<44} {self.figure:>18}  {self.bar:<16} {self.peer:<24} {self.verdict.value:<13}"
        return f"{told}{self.note}".rstrip()


def at_most(goal: str, what: str, figure: float, bar: float, unit: str, *, peer: str = "", note: str = "") -> Row:
    """A figure that must not be larger than its bar."""
    verdict = Verdict.MET if figure <= bar else Verdict.MISSED
    return Row(goal, what, f"{figure:,.2f} {unit}".rstrip(), f"<= {bar:g} {unit}".rstrip(), verdict, peer, note)


def at_least(goal: str, what: str, figure: float, bar: float, unit: str, *, peer: str = "", note: str = "") -> Row:
    """A figure that must not be smaller than its bar."""
    verdict = Verdict.MET if figure >= bar else Verdict.MISSED
    return Row(goal, what, f"{figure:,.2f} {unit}".rstrip(), f">= {bar:g} {unit}".rstrip(), verdict, peer, note)


def reported(goal: str, what: str, figure: float, unit: str, *, note: str = "") -> Row:
    """A figure that the goal wants told, without a bar."""
    return Row(goal, what, f"{figure:,.2f} {unit}".rstrip(), "to be reported", Verdict.MET, note=note)


def not_measured(goal: str, what: str, bar: str, why: str, figure: str = "-") -> Row:
    """A goal nobody looked at in this run, and why."""
    return Row(goal, what, figure, bar, Verdict.NOT_MEASURED, note=why)


def without_peer(goal: str, what: str, bar: str, module: str, figure: str = "-") -> Row:
    """A goal against a program that has no place in this bench: not here, or nobody wrote its side of the fixture."""
    there = find_spec(module) is not None
    why = f"{module}: its side of the fixture is not written" if there else f"{module} is not installed"
    return not_measured(goal, what, bar, why, figure)


def overall(rows: Sequence[Row]) -> Verdict:
    """The verdict on a goal from its parts: one that is missed decides, then one that was not measured."""
    found = {row.verdict for row in rows}
    for verdict in (Verdict.MISSED, Verdict.NOT_MEASURED):
        if verdict in found:
            return verdict
    return Verdict.MET
