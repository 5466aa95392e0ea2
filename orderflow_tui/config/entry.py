"""Entries of the smaller files (instruments, hours, news), each read strictly and told by its own place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from orderflow_tui.config.fault import Problem, nearest, shown
from orderflow_tui.config.section import Section, enum_values, expected

M = TypeVar("M", bound=Section)


def read_entry(model: type[M], table: Mapping[str, Any] | Any, where: str, name: str, problems: list[Problem]) -> M | None:
    """One entry as its model, or None with one problem a key added."""
    if not isinstance(table, dict):
        problems.append(Problem(where, f"{name} is {shown(table)}; expected a table with {', '.join(model.model_fields)}"))
        return None
    try:
        return model.model_validate({key: tuple(v) if isinstance(v, list) else v for key, v in table.items()})
    except ValidationError as fault:
        told: set[str] = set()
        for error in fault.errors(include_url=False):
            key = str(error["loc"][0])
            if key in told:
                continue
            told.add(key)
            field = model.model_fields.get(key)
            if field is None:
                problems.append(Problem(where, f"unknown key {name}.{key}{nearest(key, model.model_fields)}"))
            elif error["type"] == "missing":
                problems.append(Problem(where, f"{name} has no {key}; expected {expected(key, field)}"))
            else:
                words = enum_values(field.annotation)
                hint = nearest(str(error["input"]), words) if words else ""
                came = shown(table[key])
                problems.append(Problem(where, f"{name}.{key} is {came}; expected {expected(key, field)}{hint}"))
        return None
