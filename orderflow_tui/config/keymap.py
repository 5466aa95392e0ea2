"""keymap.toml: which keys do what. Read here as id -> keys; the screen, which owns the keys, decides what is allowed."""

from __future__ import annotations

from pathlib import Path

from orderflow_tui.config.fault import ConfigFault, Problem, shown
from orderflow_tui.config.toml_file import read_toml

TABLE = "keys"


def read_keymap(path: Path) -> dict[str, tuple[str, ...]]:
    """Keys by id. Raises ConfigFault for what is no list of keys and for a key given to two ids."""
    tables = read_toml(path)
    problems = [Problem(str(path), f"unknown table [{key}]; expected [{TABLE}]") for key in tables if key != TABLE]
    listed = tables.get(TABLE, {})
    if not isinstance(listed, dict):
        raise ConfigFault([Problem(str(path), f"{TABLE} is {shown(listed)}; expected a table [{TABLE}]")])
    found: dict[str, tuple[str, ...]] = {}
    owner: dict[str, str] = {}
    for name, keys in listed.items():
        if not isinstance(keys, list) or not keys or not all(isinstance(key, str) and key for key in keys):
            problems.append(Problem(str(path), f'{TABLE}.{name} is {shown(keys)}; expected a list of keys such as ["F"]'))
            continue
        for key in keys:
            other = owner.setdefault(key, name)
            if other != name:
                problems.append(Problem(str(path), f'key "{key}" is given to both {other} and {name}; one key does one thing'))
        found[name] = tuple(keys)
    if problems:
        raise ConfigFault(problems)
    return found
