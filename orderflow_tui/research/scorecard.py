"""How often the day's promises were kept: the 80 % rule, opening drives, the pre-market hypothesis. Counts, no theory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from orderflow_tui.domain.signal import Context
from orderflow_tui.domain.value import SessionProfile

_DRIVES = ("OPEN_DRIVE", "OPEN_TEST_DRIVE")


@dataclass(slots=True)
class Scorecard:
    """Counts over sessions. `rule_80` by end state, `openings` and `drives_kept` by type, `plans` by (bias, grade);
    `drives` are openings that drove with cumulative delta behind them, `drives_right` those that closed that way."""

    sessions: int = 0
    rule_80: Counter[str] = field(default_factory=Counter)
    openings: Counter[str] = field(default_factory=Counter)
    drives_kept: Counter[str] = field(default_factory=Counter)
    plans: Counter[tuple[str, str]] = field(default_factory=Counter)
    drives: int = 0
    drives_right: int = 0

    @classmethod
    def of(cls, sessions: Iterable[tuple[SessionProfile, Context | None]]) -> Scorecard:
        """The card of some sessions with the contexts at their closes."""
        card = cls()
        for profile, context in sessions:
            card.sessions += 1
            if context is not None:
                card._add(profile, context)
        return card

    def lines(self) -> list[str]:
        """One line a promise; what never came up is not mentioned."""
        found = []
        triggered = sum(self.rule_80[state] for state in ("TRIGGERED", "REACHED", "FAILED"))
        if triggered:
            found.append(
                f"80 % rule, n = {triggered} triggers in {self.sessions} sessions: crossed the whole area on "
                f"{_share(self.rule_80['REACHED'], triggered)}, failed on {_share(self.rule_80['FAILED'], triggered)}, "
                f"neither by the close on {_share(self.rule_80['TRIGGERED'], triggered)}"
            )
        for kind in _DRIVES:
            if self.openings[kind]:
                kept = _share(self.drives_kept[kind], self.openings[kind])
                found.append(f"{kind}, n = {self.openings[kind]}: closed beyond the open in its direction on {kept}")
        if self.drives:
            kept = _share(self.drives_right, self.drives)
            found.append(
                f"opening drive (cumulative delta agrees), n = {self.drives}: closed beyond the open in its direction on {kept}"
            )
        for bias in ("LONG", "SHORT", "NONE"):
            right, flat, wrong = (self.plans[bias, grade] for grade in ("RIGHT", "FLAT", "WRONG"))
            n = right + flat + wrong
            if n:
                name = "NEUTRAL" if bias == "NONE" else bias
                words = f"right on {_share(right, n)}, flat on {_share(flat, n)}, wrong on {_share(wrong, n)}"
                found.append(f"hypothesis {name}, n = {n}: {words}")
        unknown = sum(count for (bias, _), count in self.plans.items() if bias == "UNKNOWN")
        if unknown:
            found.append(f"hypothesis UNKNOWN, n = {unknown}: inputs were missing")
        return found

    def _add(self, profile: SessionProfile, context: Context) -> None:
        if context.rule_80 is not None:
            self.rule_80[context.rule_80.rpartition(" ")[2]] += 1
        if context.opening_type is not None:
            self.openings[context.opening_type] += 1
            if context.opening_direction * (profile.close - profile.open) > 0:
                self.drives_kept[context.opening_type] += 1
        if context.drive:
            self.drives += 1
            self.drives_right += context.opening_direction * (profile.close - profile.open) > 0
        plan = context.hypothesis
        if plan is not None:
            self.plans["UNKNOWN" if plan.bias is None else plan.bias.name, plan.grade or "UNGRADED"] += 1


def _share(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.0%})"
