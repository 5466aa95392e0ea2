"""Where the real recordings are, if they are here at all. They are not part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("ORDERFLOW_RECORDINGS", str(ROOT.parent / "shared" / "data")))


def recording(name: str) -> Path:
    """The path of a recording, or a skip that says what is missing."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"recording {name} is not here: set ORDERFLOW_RECORDINGS to the folder that holds it")
    return path
