"""What every table of the configuration is: frozen, strict, complete, and able to say what it expects."""

from __future__ import annotations

from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

CLOCK_PATTERN = r"^([01]\d|2[0-3]):[0-5]\d$"
SYMBOL_PATTERN = r"^[A-Z0-9]{1,6}$"
PHRASES = {
    CLOCK_PATTERN: 'a time of day in exchange time, "HH:MM"',
    SYMBOL_PATTERN: 'a symbol of instruments.toml such as "ES"',
}
UNITS = {
    "_cents": "cents of the account currency",
    "_ticks": "price ticks",
    "_ms": "milliseconds",
    "_s": "seconds",
    "_min": "minutes",
    "_pct": "percent",
    "_days": "days",
    "_bars": "bars",
    "_mb": "megabytes",
}
MOST_NAMED = 8

Clock = Annotated[str, Field(pattern=CLOCK_PATTERN)]
Symbol = Annotated[str, Field(pattern=SYMBOL_PATTERN)]


def enum_values(kind: Any) -> tuple[str, ...]:
    """The words a key or its entries may be, empty where it is not a matter of words."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return tuple(str(member.value) for member in kind)
    if get_origin(kind) is Literal:
        return tuple(str(value) for value in get_args(kind))
    return tuple(word for arg in get_args(kind) for word in enum_values(arg))


class Section(BaseModel):
    """A table: no unknown keys, no conversion of types, no default that is not in default.toml, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def leaves(model: type[BaseModel], prefix: str = "") -> dict[str, FieldInfo]:
    """Every key of a model with its dotted name."""
    found: dict[str, FieldInfo] = {}
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= leaves(kind, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = field
    return found


def expected(name: str, field: FieldInfo) -> str:
    """What a key expects, in words: kind, range, unit."""
    return _kind(field.annotation, list(field.metadata), _unit(name))


def _unit(name: str) -> str:
    for suffix, unit in UNITS.items():
        if name.endswith(suffix):
            return f" {unit}"
    return ""


def _kind(kind: Any, limits: list[Any], unit: str) -> str:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        inner = [m for extra in args[1:] for m in (extra.metadata if isinstance(extra, FieldInfo) else [extra])]
        return _kind(args[0], [*inner, *limits], unit)
    if origin in {Union, UnionType}:
        return " or ".join(_kind(arg, limits, unit) for arg in args if arg is not NoneType)
    if origin is Literal:
        return _one_of(args)
    if origin is tuple:
        return f"a list, each entry {_kind(args[0], [], '')}"
    if origin is dict:
        return f"a table, each value {_kind(args[1], [], unit)}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _one_of(tuple(member.value for member in kind))
    for limit in limits:
        pattern = getattr(limit, "pattern", None)
        if pattern:
            return PHRASES.get(pattern, f"text of the form {pattern}")
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"a table with {', '.join(kind.model_fields)}"
    word = {int: "an integer", float: "a number", str: "text in quotes", bool: "true or false"}.get(kind, str(kind))
    return f"{word}{_range(limits)}{unit}"


def _one_of(values: tuple[Any, ...]) -> str:
    words = [f'"{value}"' for value in values[:MOST_NAMED]]
    more = f", … ({len(values)} in all)" if len(values) > MOST_NAMED else ""
    return words[0] if len(values) == 1 else f"one of {', '.join(words)}{more}"


def _range(limits: list[Any]) -> str:
    low = next((m.ge for m in limits if getattr(m, "ge", None) is not None), None)
    above = next((m.gt for m in limits if getattr(m, "gt", None) is not None), None)
    high = next((m.le for m in limits if getattr(m, "le", None) is not None), None)
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if above is not None and high is not None:
        return f" above {above} and up to {high}"
    if low is not None:
        return f" of at least {low}"
    return f" of at most {high}" if high is not None else ""
