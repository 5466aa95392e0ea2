"""What comes from the environment and from `.env`: secrets, and the few settings that belong to the machine.

A `.env` file is read from one explicit path, without interpolation, and refused when anybody else could read it, when a
name stands in it twice, is unknown or has no value, and when the shell says something else than the file.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv.parser import parse_stream
from pydantic import SecretStr

from orderflow_tui.config.fault import ConfigFault, Problem, nearest

SECRETS = (
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_API_KEY_SID",
    "TWILIO_API_KEY_SECRET",
    "TWILIO_WHATSAPP_FROM",
    "TWILIO_WHATSAPP_TO",
    "TWILIO_CONTENT_SID",
    "SAFETY_AUTH_KEY",
)
SETTINGS = {"ORDERFLOW_IB_ACCOUNT": "ib.account", "ORDERFLOW_DATA": "paths.data"}  # name -> key of the configuration
OURS = ("ORDERFLOW_CONFIG", "ORDERFLOW_RECORDINGS")  # read elsewhere, allowed here
PREFIX = "ORDERFLOW_"
TEST_PREFIX = "ORDERFLOW_TEST_"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Secrets by name, settings by dotted key, and where each came from."""

    secrets: dict[str, SecretStr]
    settings: dict[str, str]
    sources: dict[str, str]


def surroundings(env: Mapping[str, str], dotenv: Path | None) -> Surroundings:
    """Merge environment and `.env`. Raises ConfigFault with everything that is wrong."""
    problems: list[Problem] = []
    filed = read_dotenv(dotenv, problems) if dotenv is not None else {}
    known = (*SECRETS, *SETTINGS)
    ours = [name for name in sorted(env) if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX)]
    problems += [
        Problem("environment", f"unknown variable {name}{nearest(name, (*known, *OURS))}")
        for name in ours
        if name not in (*known, *OURS)
    ]
    secrets: dict[str, SecretStr] = {}
    settings: dict[str, str] = {}
    sources: dict[str, str] = {}
    for name in known:
        here, there = env.get(name), filed.get(name)
        if here is not None and there is not None and here != there:
            problems.append(Problem(str(dotenv), f"{name} differs from the shell's; unset one of them"))
        value = here if here is not None else there
        if value is None or (here is not None and not value):
            continue
        where = "environment" if here is not None else str(dotenv)
        if name in SETTINGS:
            settings[SETTINGS[name]] = value
            sources[SETTINGS[name]] = f"{where} ({name})"
        else:
            secrets[name] = SecretStr(value)
            sources[name] = where
    if problems:
        raise ConfigFault(problems)
    return Surroundings(secrets, settings, sources)


def read_dotenv(path: Path, problems: list[Problem]) -> dict[str, str]:
    """The names and values of a `.env` file; an absent file is empty. What is wrong is added to `problems`."""
    try:
        found = path.stat()
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        if path.is_symlink():
            problems.append(Problem(str(path), "is a link that leads nowhere"))
        return {}
    except UnicodeDecodeError as fault:
        problems.append(Problem(str(path), f"cannot be read: expected UTF-8 text, byte {fault.start} is not"))
        return {}
    except OSError as fault:
        problems.append(Problem(str(path), f"cannot be read: {(fault.strerror or str(fault)).lower()}"))
        return {}
    if stat.S_IMODE(found.st_mode) & 0o077:
        problems.append(Problem(str(path), f"others could read it (mode {stat.S_IMODE(found.st_mode):04o}); chmod 600 {path}"))
    if found.st_uid != os.geteuid():
        problems.append(Problem(str(path), f"belongs to user {found.st_uid}, not to us ({os.geteuid()})"))
    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        where = f"{path}:{binding.original.line}"
        if binding.error:
            problems.append(Problem(where, 'expected NAME=value, one a line; a value with spaces stands in "quotes"'))
        elif binding.key is None:
            continue
        elif binding.key in values:
            problems.append(Problem(where, f"{binding.key} stands there twice; keep one"))
        elif binding.key not in (*SECRETS, *SETTINGS):
            problems.append(Problem(where, f"unknown name {binding.key}{nearest(binding.key, (*SECRETS, *SETTINGS))}"))
        elif not binding.value:
            problems.append(Problem(where, f"{binding.key} has no value; give one or remove the line"))
        else:
            values[binding.key] = binding.value
    return values
