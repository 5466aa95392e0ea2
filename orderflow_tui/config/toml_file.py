"""A TOML file read strictly: what is wrong with it is told with its line, a doubled key with its name."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from orderflow_tui.config.fault import ConfigFault, Problem

_AT = re.compile(r"^(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)$", re.DOTALL)
_KEY = re.compile(r"^\s*(?P<key>[\w.\"'-]+)\s*=")
_TABLE = re.compile(r"^\s*\[+\s*(?P<table>[^\]]+?)\s*\]+")
LARGEST_BYTES = 1_000_000


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file. Raises ConfigFault when it is not there, not readable, not UTF-8 or not TOML."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ConfigFault([Problem(str(path), f"a configuration file holds at most {LARGEST_BYTES} bytes")])
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise ConfigFault([Problem(str(path), f"expected UTF-8 text, byte {fault.start} is not")]) from fault
    except OSError as fault:
        raise ConfigFault([Problem(str(path), f"cannot be read: {(fault.strerror or str(fault)).lower()}")]) from fault
    return parse_toml(text, str(path))


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """The tables of a text. Raises ConfigFault with the line."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as fault:
        found = _AT.match(str(fault))
        if found is None:
            raise ConfigFault([Problem(where, f"is not TOML: {fault}")]) from fault
        line = int(found["line"] or len(text.rstrip().splitlines()) or 1)
        raise ConfigFault([Problem(f"{where}:{line}", _sentence(found["what"], text.splitlines(), line))]) from fault


def _sentence(what: str, lines: list[str], line: int) -> str:
    """A doubled key or table by name; anything else in the parser's words with the line itself."""
    content = lines[line - 1] if line <= len(lines) else ""
    table, key = "", _KEY.match(content)
    for earlier in lines[: line - 1]:
        began = _TABLE.match(earlier)
        table = began["table"] if began else table
    if "overwrite" in what and key is not None:
        return f"key {table + '.' if table else ''}{key['key']} stands there twice; keep one"
    declared = _TABLE.match(content)
    if "twice" in what and declared is not None:
        return f"table [{declared['table']}] stands there twice; keep one"
    return f"is not TOML: {what[:1].lower()}{what[1:]}: {content.strip()[:80]!r}"
