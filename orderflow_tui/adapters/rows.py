"""Values of the domain as JSON and back, and observations as journal rows.

Any frozen dataclass made of ints, floats, text, dates, enums, tuples, lists, dicts and such dataclasses can be written.
Reading needs the class: its annotations say what each JSON value was. Enums travel by value, dates as ISO text. A float
that is not finite becomes null, because JSON has no word for it and an invented number would be a lie.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

from orderflow_tui.domain.action import Json, Observation, Row
from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.history import DayState
from orderflow_tui.domain.signal import Decision, Hypothesis, RegimeReading, SetupReading, Signal
from orderflow_tui.domain.value import SessionProfile

T = TypeVar("T")
Reading = Callable[[Any], Any]
KIND_OF: dict[type, str] = {
    FootprintBar: "bar",
    Signal: "signal",
    RegimeReading: "regime",
    SetupReading: "setup",
    Decision: "decision",
    Hypothesis: "hypothesis",
    SessionProfile: "profile",
    DayState: "day_state",
}
EPOCH = date(1970, 1, 1)
DAY_NS = 86_400_000_000_000
CLASS_OF: dict[str, type] = {kind: cls for cls, kind in KIND_OF.items()}


class NotReadable(ValueError):
    """JSON that is not what the class says. Names the class, the field and what came."""


# -- writing ------------------------------------------------------------------------------------------------------------


def to_json(value: object) -> Json:
    """A domain value as plain JSON. Raises TypeError for what has no JSON form."""
    match value:
        case Enum():
            return cast(Json, value.value)
        case None | bool() | str() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case np.generic():
            return to_json(value.item())
        case date():
            return value.isoformat()
        case tuple() | list():
            return [to_json(item) for item in value]
        case dict():
            return {str(key): to_json(item) for key, item in value.items()}
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {name: to_json(getattr(value, name)) for name in _names(type(value))}
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON form: {value!r}")


@cache
def _names(cls: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls))


# -- reading ------------------------------------------------------------------------------------------------------------


def from_json(cls: type[T], value: Json) -> T:
    """The value of a dataclass from its JSON. Fields with defaults may be missing. Raises NotReadable."""
    kind: Any = cls
    return cast(T, _reading(kind)(value))


@cache
def _reading(kind: Any) -> Reading:
    """How to read a value of an annotated type."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        return _read_union(args)
    if origin is tuple:
        return _read_tuple(args)
    if origin is list:
        item = _reading(args[0])
        return lambda value: [item(v) for v in _a(list, value)]
    if origin is dict:
        held = _reading(args[1])
        return lambda value: {key: held(v) for key, v in _a(dict, value).items()}
    if not isinstance(kind, type):
        raise TypeError(f"no way to read {kind!r}")
    if is_dataclass(kind):
        return _read_dataclass(kind)
    if issubclass(kind, Enum):
        return kind
    if kind is date:
        return lambda value: date.fromisoformat(_a(str, value))
    if kind is float:
        return lambda value: None if value is None else float(_a((int, float), value))
    return lambda value: _a(kind, value)


def _a(kind: type | tuple[type, ...], value: Any) -> Any:
    if isinstance(value, bool) and kind is not bool:
        raise NotReadable(f"expected {kind}, got {value!r}")
    if not isinstance(value, kind):
        raise NotReadable(f"expected {kind}, got {value!r}")
    return value


def _read_tuple(args: tuple[Any, ...]) -> Reading:
    if len(args) == 2 and args[1] is Ellipsis:
        item = _reading(args[0])
        return lambda value: tuple(item(v) for v in _a(list, value))
    parts = [_reading(arg) for arg in args]

    def read(value: Any) -> tuple[Any, ...]:
        if len(_a(list, value)) != len(parts):
            raise NotReadable(f"expected {len(parts)} values, got {value!r}")
        return tuple(part(v) for part, v in zip(parts, value, strict=True))

    return read


def _read_union(args: tuple[Any, ...]) -> Reading:
    """None stays None; otherwise the first member that can read the value."""
    members = [_reading(arg) for arg in args if arg is not NoneType]
    optional = NoneType in args

    def read(value: Any) -> Any:
        if value is None and optional:
            return None
        for member in members:
            try:
                return member(value)
            except (NotReadable, ValueError, TypeError):
                continue
        raise NotReadable(f"expected one of {args}, got {value!r}")

    return read


def _read_dataclass(cls: type) -> Reading:
    hints: dict[str, Reading] | None = None

    def read(value: Any) -> Any:
        nonlocal hints
        if hints is None:  # at the first reading: classes may name each other
            types = get_type_hints(cls)
            hints = {name: _reading(types[name]) for name in _names(cls)}
        content = _a(dict, value)
        unknown = content.keys() - hints.keys()
        if unknown:
            raise NotReadable(f"{cls.__name__} has no field {', '.join(sorted(unknown))}")
        found = {}
        for name, item in content.items():
            try:
                found[name] = hints[name](item)
            except (NotReadable, ValueError) as fault:
                raise NotReadable(f"{cls.__name__}.{name}: {fault}") from fault
        try:
            return cls(**found)
        except TypeError as fault:
            raise NotReadable(f"{cls.__name__}: {fault}") from fault

    return read


# -- observations -------------------------------------------------------------------------------------------------------


TAPE_POS = "tape_pos"


def row_of(item: Observation, tape_pos: int | None = None) -> Row:
    """An observation as a row of the market. `ref` is what makes it one thing: a later row of the same ref replaces it.

    `tape_pos` is the place of what came between two closes: it followed so many trades stamped with its own instant.
    """
    ref, ts_ns = _about(item)
    payload = to_json(item)
    assert isinstance(payload, dict), "an observation is a dataclass"
    if tape_pos is not None:
        payload[TAPE_POS] = tape_pos
    return Row("market", KIND_OF[type(item)], ref, ts_ns, payload)


def _about(item: Observation) -> tuple[str, int]:
    match item:
        case FootprintBar():
            return f"{item.instrument}|{item.start_ns}|{item.end_ns}", item.end_ns
        case Signal() | SetupReading() | Decision():
            return item.id, item.ts_ns
        case RegimeReading():
            return str(item.ts_ns), item.ts_ns
        case Hypothesis():
            return item.trade_date.isoformat(), item.ts_ns
        case DayState():
            return f"{item.instrument}|{item.trade_date.isoformat()}", item.ts_ns
        case SessionProfile():
            return item.trade_date.isoformat(), (item.trade_date - EPOCH).days * DAY_NS


def observation_of(row: Row) -> Observation:
    """The observation a market row holds. Raises NotReadable, also for a kind that holds none."""
    cls = CLASS_OF.get(row.kind)
    if cls is None:
        raise NotReadable(f"a row of kind {row.kind!r} holds no observation: one of {', '.join(CLASS_OF)}")
    return cast(Observation, from_json(cls, {name: value for name, value in row.payload.items() if name != TAPE_POS}))
