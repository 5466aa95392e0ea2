"""From files, environment and options to one proven configuration that knows where each value came from.

    config/default.toml   every key once
    the user's file       $ORDERFLOW_CONFIG, or ./orderflow.toml where it stands
    environment, .env     secrets, the account, the data folder
    --set section.key=value

The later layer wins. Everything wrong is found in one go and told in one sentence each.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from orderflow_tui.config.environment import SETTINGS, read_dotenv, surroundings
from orderflow_tui.config.fault import ConfigFault, Problem, nearest, shown, shown_plain
from orderflow_tui.config.instruments import read_instruments
from orderflow_tui.config.keymap import read_keymap
from orderflow_tui.config.model import Config
from orderflow_tui.config.news import read_news
from orderflow_tui.config.section import enum_values, expected, leaves
from orderflow_tui.config.sessions import Hours, read_hours
from orderflow_tui.config.together import checked_together
from orderflow_tui.config.toml_file import read_toml
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.signals.news_window import NewsEvent

DEFAULT_FILE = "default.toml"
USER_FILE = "orderflow.toml"
USER_VARIABLE = "ORDERFLOW_CONFIG"
OPTION = "--set"
DATA_KEY, DATA = "paths.data", "data"  # the folder of everything written at run time, and where it is unless one is named

T = TypeVar("T")
Values = dict[str, tuple[Any, str]]  # dotted key -> value, where it came from


@dataclass(frozen=True, slots=True)
class Places:
    """The files of a configuration: the folder of shipped files, the user's file and `.env`, None where there is none."""

    folder: Path
    user: Path | None = None
    dotenv: Path | None = None

    @classmethod
    def usual(cls, env: Mapping[str, str], start: Path | None = None) -> Places:
        """Where things normally lie, seen from the directory the program was started from."""
        start = start or Path.cwd()
        named = env.get(USER_VARIABLE)
        default = start / USER_FILE
        user = start / named if named else (default if os.path.lexists(default) else None)
        return cls(config_dir(), user, start / ".env")

    def file(self, name: str) -> Path:
        """A further file such as news.toml: beside the user's file where it stands there, else the shipped one.

        A link that leads nowhere stands there too: reading it fails, which is better than limits nobody chose.
        """
        if self.user is not None and os.path.lexists(self.user.parent / name):
            return self.user.parent / name
        return self.folder / name


@dataclass(frozen=True, slots=True)
class Loaded:
    """A proven configuration and the tables beside it. `sources` says for each dotted key and each secret where its value
    came from; `hours` are by symbol; `keymap` maps key ids to keys, and the screen, which owns the keys, checks it."""

    config: Config
    sources: dict[str, str]
    secrets: dict[str, SecretStr]
    places: Places
    instruments: dict[str, Instrument]
    hours: dict[str, Hours]
    news: tuple[NewsEvent, ...]
    keymap: dict[str, tuple[str, ...]]

    @property
    def hash(self) -> str:
        """Sixteen hex digits over every value; secrets have no part in it."""
        text = json.dumps(self.config.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]

    def shipped(self, key: str) -> bool:
        """Whether nobody set this key: its value is that of default.toml."""
        return self.sources[key] == str(self.places.folder / DEFAULT_FILE)

    def effective(self) -> list[tuple[str, object, str]]:
        """Every key in the order of default.toml with its value and its source, for `doctor`."""
        flat = flattened(self.config.model_dump(mode="json"))
        return [(key, flat[key], self.sources[key]) for key in leaves(Config)]


def config_dir() -> Path:
    """The folder of shipped files: `config/` of a checkout, else the copy inside the installed package."""
    package = Path(__file__).resolve().parent.parent
    checkout = package.parent / "config"
    return checkout if (checkout / DEFAULT_FILE).exists() else package / "_config"


def load(places: Places, sets: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Loaded:
    """Read and prove everything. `sets` are `section.key=value` texts. Raises ConfigFault with all problems."""
    keys = leaves(Config)
    problems: list[Problem] = []
    values: Values = {}
    for path in (places.folder / DEFAULT_FILE, places.user):
        if path is not None:
            values |= _from_file(path, keys, problems)
    around = surroundings(env or {}, places.dotenv)
    values |= {key: (value, around.sources[key]) for key, value in around.settings.items()}
    values |= _from_options(sets, keys, problems)
    sources = {key: where for key, (_, where) in values.items()}
    missing = [key for key in keys if key not in values]
    problems += [Problem(str(places.folder / DEFAULT_FILE), f"key {key} is missing") for key in missing]
    config = _proven(values, keys, problems)
    listed = gathered(problems, read_instruments, places.file("instruments.toml")) or {}
    hours = gathered(problems, read_hours, places.file("sessions.toml")) or {}
    keymap = gathered(problems, read_keymap, places.file("keymap.toml")) or {}
    if config is None:
        raise ConfigFault(problems)
    news = gathered(problems, lambda path: read_news(path, config.news), places.file("news.toml")) or ()
    instruments = {symbol: instrument for symbol, (instrument, _) in listed.items()}
    for symbol, (_, name) in listed.items():
        if hours and name not in hours:
            said = f'{symbol}.hours is "{name}"; sessions.toml knows {", ".join(hours)}{nearest(name, hours)}'
            problems.append(Problem(str(places.file("instruments.toml")), said))
    problems += checked_together(config, instruments, sources, str(places.folder / DEFAULT_FILE)) if instruments else []
    if problems:
        raise ConfigFault(problems)
    kept = {symbol: hours[name] for symbol, (_, name) in listed.items()}
    told = sources | {name: around.sources[name] for name in around.secrets}
    return Loaded(config, told, around.secrets, places, instruments, kept, news, keymap)


def folder_named(places: Places, env: Mapping[str, str]) -> str:
    """The data folder that the layers name, whatever else is wrong with them: for brakes, which must not wait until a
    mistake elsewhere is mended. What cannot be read names nothing."""
    name, key = next((name, key) for name, key in SETTINGS.items() if key == DATA_KEY)
    filed = {} if places.dotenv is None else read_dotenv(places.dotenv, [])
    if found := env.get(name) or filed.get(name):
        return found
    section, _, leaf = key.partition(".")
    for path in (places.user, places.folder / DEFAULT_FILE):
        tables = None if path is None else gathered([], read_toml, path)
        table = {} if tables is None else tables.get(section)
        if isinstance(table, dict) and isinstance(table.get(leaf), str) and table[leaf]:
            return str(table[leaf])
    return DATA


def gathered(problems: list[Problem], read: Callable[[Path], T], path: Path) -> T | None:
    """What a reader makes of a file, or None with its problems added to the others."""
    try:
        return read(path)
    except ConfigFault as fault:
        problems += fault.problems
        return None


def _from_file(path: Path, keys: Mapping[str, FieldInfo], problems: list[Problem]) -> Values:
    try:
        tables = read_toml(path)
    except ConfigFault as fault:
        problems += fault.problems
        return {}
    found: Values = {}
    for key, value in _leaf_values(tables, keys):
        if key in keys:
            found[key] = (value, str(path))
        else:
            problems.append(Problem(str(path), _unknown(key, keys)))
    return found


def _leaf_values(tables: Mapping[str, Any], keys: Mapping[str, FieldInfo], prefix: str = "") -> list[tuple[str, Any]]:
    """Dotted keys and their values. A table is gone into as long as known keys lie inside it."""
    found: list[tuple[str, Any]] = []
    for name, value in tables.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and any(known.startswith(f"{key}.") for known in keys):
            found += _leaf_values(value, keys, f"{key}.")
        else:
            found.append((key, value))
    return found


def _unknown(key: str, keys: Mapping[str, FieldInfo]) -> str:
    sections = {known.rpartition(".")[0] for known in keys}
    if key in sections:
        return f"{key} is a table; write [{key}] and its keys below it"
    hint = nearest(key, keys) or nearest(key, sections)
    return f"unknown key {key}{hint or '; see config/default.toml for all keys'}"


def _from_options(sets: Sequence[str], keys: Mapping[str, FieldInfo], problems: list[Problem]) -> Values:
    found: Values = {}
    for option in sets:
        key, equals, text = option.partition("=")
        key = key.strip()
        where = f"{OPTION} {option}"
        if not equals or not key:
            problems.append(Problem(where, "expected section.key=value, for example risk.max_contracts=1"))
        elif key not in keys:
            problems.append(Problem(where, _unknown(key, keys)))
        elif key in found:
            problems.append(Problem(where, f"{key} is set twice; keep one"))
        else:
            found[key] = (_option_value(text.strip()), where)
    return found


def _option_value(text: str) -> Any:
    """A value as TOML writes it; anything else is taken as text, so `ES` needs no quotes on a command line."""
    try:
        read = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return read["value"] if read.keys() == {"value"} else text


def _proven(values: Values, keys: Mapping[str, FieldInfo], problems: list[Problem]) -> Config | None:
    """The models, or None with one problem a key that does not fit."""
    tables: dict[str, Any] = {}
    for key, (value, _) in values.items():
        *path, name = key.split(".")
        table = tables
        for part in path:
            table = table.setdefault(part, {})
        table[name] = _tuples(value)
    try:
        return Config.model_validate(tables)
    except ValidationError as fault:
        told: set[str] = set()
        for error in fault.errors(include_url=False):
            key, inside = _key_of(error["loc"], keys)
            if not key or key in told:
                continue  # another member of the same union, or a missing key that was told already
            told.add(key)
            value, where = values.get(key, (None, ""))
            if error["type"] == "missing" and key not in values:
                continue
            hint = hint_inside(error, inside, keys[key].annotation)
            problems.append(Problem(where, f"{key} is {shown(value)}; expected {expected(key, keys[key])}{hint}"))
        return None


def hint_inside(error: ErrorDetails, inside: str, kind: Any) -> str:
    """What more can be said: the nearest word, or which entry of a list or table does not fit."""
    came, words = error["input"], enum_values(kind)
    if isinstance(came, str) and words and error["type"] in {"enum", "literal_error"}:
        return f"; {shown_plain(came)} is none of them{nearest(came, words)}" if inside else nearest(came, words)
    return f" (entry {inside}: {error['msg'][:1].lower()}{error['msg'][1:]})" if inside else ""


def _key_of(loc: tuple[int | str, ...], keys: Mapping[str, FieldInfo]) -> tuple[str, str]:
    """The configuration key an error location lies in, and the place inside its value."""
    for length in range(len(loc), 0, -1):
        key = ".".join(str(part) for part in loc[:length])
        if key in keys:
            rest = [str(p) for p in loc[length:] if not str(p).startswith(("tuple", "constrained", "literal", "int", "function"))]
            return key, ".".join(rest)
    return "", ""


def _tuples(value: Any) -> Any:
    """TOML lists as the tuples that frozen models hold."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value


def flattened(tables: Mapping[str, Any]) -> dict[str, object]:
    """Nested values by dotted key."""
    return dict(_leaf_values(tables, leaves(Config)))
