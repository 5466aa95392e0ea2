"""`docs/lifecycle.md` made from the tables of the product. `python -m tests.trading.tables` writes it, a test compares it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.domain.order import OrderState, Purpose
from orderflow_tui.trading import breaker, fences
from orderflow_tui.trading.gate import RULES
from orderflow_tui.trading.latches import how_to_clear
from orderflow_tui.trading.lifecycle import TABLE, News, mermaid

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "lifecycle.md"
HEAD = """# States, rules and latches, from the tables

Written by `python -m tests.trading.tables` from the tables in `orderflow_tui/trading`; a test fails when this page and the tables
differ. The reasons stand at the tables.

## The life of an order

An intent has no states of its own: it is as far as its leading order. Our own steps are certain, executions are facts, statuses
are hints. UNKNOWN is left by an execution of the whole quantity, by the outbox's proof that nothing was sent, or by a complete
account report (*report: …*, *absent twice, grace over*), and by nothing else. An execution also moves an order that was believed
over.

"""


def page() -> str:
    """The page as it should be."""
    return "\n".join(
        [
            HEAD + "```mermaid\n" + mermaid() + "```\n",
            "Every state against every piece of news; `·` stays, `!` cannot happen (the desk locks: INVARIANT).\n",
            *_grid(),
            "\n## The rules of the gate\n",
            "In the order they are asked; the first refusal ends it. ENTRY alone is bound by most of them.\n",
            *_table(("rule", "binds", "what it looks at"), _rules()),
            "\n## Fences\n",
            "Conditions that pass by themselves. They stop entries, never exits, and leave no latch behind.\n",
            *_table(("fence", "what must hold"), ((f"`{look.__name__}`", _first_line(look)) for look in fences.FENCES)),
            "\n## The limits of the day\n",
            *_table(("limit", "reached when"), ((f"`{limit.__name__}`", _first_line(limit)) for limit in breaker.LIMITS)),
            "\n## Latches\n",
            "Trading state is the worst of them. A restart clears none.\n",
            *_table(
                ("latch", "severity", "what ends it"),
                ((kind.value, kind.severity.name, how_to_clear(kind)) for kind in LatchKind),
            ),
            "",
        ]
    )


def _grid() -> list[str]:
    lines = []
    for news in News:
        cells = []
        for state in OrderState:
            after = TABLE[state, news]
            cells.append("!" if after is None else "·" if after is state else after.value)
        lines.append((news.value, *cells))
    return _table(("news", *(state.value for state in OrderState)), lines)


def _rules() -> Iterable[tuple[str, ...]]:
    for rule, binds in RULES:
        bound = "all" if binds == frozenset(Purpose) else ", ".join(p.value for p in Purpose if p in binds)
        yield f"`{rule.__name__}`", bound, _first_line(rule)


def _first_line(thing: Callable[..., object]) -> str:
    return " ".join((thing.__doc__ or "").split())


def _table(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> list[str]:
    rows = [head, tuple("---" for _ in head), *lines]
    return ["| " + " | ".join(row) + " |" for row in rows]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
