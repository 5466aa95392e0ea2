"""What is wrong with a configuration, one sentence a problem: where, which key, what came, what was expected."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `where` is a file (with a line where known), a variable or the option."""

    where: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}"


class ConfigFault(Exception):
    """The configuration cannot be used; every problem found is in it. The program ends with exit code 78."""

    exit_code = 78

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def nearest(name: str, known: Collection[str]) -> str:
    """A hint at the nearest known name, empty when nothing is near. A name with its unit missing counts as near."""
    with_unit = sorted(k for k in known if k.startswith(f"{name}_"))
    if with_unit:
        return f"; did you mean {with_unit[0]} (the unit is part of the name)?"
    near = get_close_matches(name, known, 1, 0.6)
    if not near and "." in name:  # the right key in a wrong section
        last = name.rpartition(".")[2]
        ends = {k.rpartition(".")[2]: k for k in known}
        near = [ends[end] for end in get_close_matches(last, ends, 1, 0.8)]
    return f"; did you mean {near[0]}?" if near else ""


def shown(value: object) -> str:
    """A value as it stands in TOML, with its kind, short enough for a sentence."""
    match value:
        case bool():
            text = "true" if value else "false"
            kind = "a boolean"
        case int():
            text, kind = str(value), "an integer"
        case float():
            text, kind = repr(value), "a number with a fraction"
        case str():
            text, kind = f'"{value}"', "text"
        case list() | tuple():
            text, kind = shown_plain(value), "a list"
        case dict():
            text, kind = shown_plain(value), "a table"
        case None:
            return "nothing"
        case _:
            text, kind = str(value), f"a {type(value).__name__}"
    if len(text) > LONGEST_SHOWN:
        text = text[: LONGEST_SHOWN - 1] + "…"
    return f"{text} ({kind})"


def shown_plain(value: object) -> str:
    """A value inside a list."""
    match value:
        case str():
            return f'"{value}"'
        case bool():
            return "true" if value else "false"
        case dict():
            return "{" + ", ".join(f"{k} = {shown_plain(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return f"[{', '.join(shown_plain(v) for v in value)}]"
        case _:
            return str(value)
