"""Which versions run here: for `--version`, bug reports and the journal."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from orderflow_tui import __version__

LIBRARIES = ("textual", "ib_insync", "ib_async", "numpy", "pyarrow", "aiosqlite", "pydantic", "twilio", "databento-dbn")


def versions() -> dict[str, str]:
    """Name and version of the program, Python and the libraries that matter; libraries that are absent are left out."""
    found = {"orderflow-tui": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def versions_text() -> str:
    """One line each."""
    return "\n".join(f"{name} {number}" for name, number in versions().items())
