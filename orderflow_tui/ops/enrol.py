"""`safety-key set`: the old key when there is one, the new one twice, never shown."""

from __future__ import annotations

import getpass
import time
from pathlib import Path

from orderflow_tui.adapters.safety_key import LEAST_CHARACTERS, KeyFault, SafetyKey, is_set, key_path, set_key, untypable


def ask_and_set(data_dir: Path, brakes: str) -> Path:
    """Ask at the terminal and keep the hash; returns where. A key that is set is asked for first, and misses count.
    `brakes` are the characters that brake on screen, wherever they are typed. Raises KeyFault with what was wrong, OSError."""
    path = key_path(data_dir)
    if is_set(path):
        checked = SafetyKey(path, time.time_ns).check(getpass.getpass("the safety key that is set now: "))
        if checked.fault:
            raise KeyFault(f"{checked.fault}; forgotten? stop the engine, remove {path} and set a new key")
    first = getpass.getpass(f"new safety key, at least {LEAST_CHARACTERS} characters: ")
    if len(first) < LEAST_CHARACTERS:
        raise KeyFault(f"a safety key has at least {LEAST_CHARACTERS} characters, this one has {len(first)}; nothing was changed")
    if found := untypable(first, brakes):
        raise KeyFault(f"{found}; nothing was changed")
    if getpass.getpass("once more: ") != first:
        raise KeyFault("the two did not match; nothing was changed")
    set_key(path, first)
    return path
