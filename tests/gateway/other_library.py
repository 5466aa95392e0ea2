"""`python -m tests.gateway.other_library [--short] [--python PYTHON]`: the IB suites with the other client library.

Builds an environment that has `ib_async` instead of `ib_insync` (the two cannot share one: both bring a module `eventkit`)
from `requirements-ib_async.lock`, in a folder beside the tests' own, kept until lock or interpreter change; runs the
suites in it and ends with pytest's exit code. Before a release: all of them, with the oldest and the newest interpreter.
`--short` is what every landing runs: the two contract suites, connection, codec and line.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements-ib_async.lock"
FOLDER = ROOT / ".venv-ib_async"
SHORT = ("tests/adapters/test_ib_contract.py", "tests/adapters/test_ib_codec.py", "tests/gateway/test_connection.py")


def suites(short: bool) -> list[str]:
    """What is run."""
    every = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests/adapters").glob("test_ib_*.py"))
    return list(SHORT) if short else ["tests/gateway", *every]


def build(folder: Path, python: str) -> Path:
    """The interpreter of the environment, built anew when the lock or the interpreter is another one."""
    version = subprocess.run([python, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    stamp, wanted = folder / ".locked", f"{version} {hashlib.sha256(LOCK.read_bytes()).hexdigest()}"
    inside = folder / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True)
        install = ["-m", "pip", "install", "-q", "--require-hashes", "--no-deps", "-r", str(LOCK)]
        subprocess.run([str(inside), *install], check=True)
        stamp.write_text(wanted)
    return inside


def main(argv: list[str] | None = None) -> int:
    """Build the environment if need be, run the suites, return pytest's exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.gateway.other_library", description=__doc__)
    parser.add_argument("--short", action="store_true", help="only what every landing runs")
    parser.add_argument("--python", default=sys.executable, help="interpreter to build the environment with")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the environment lives")
    options = parser.parse_args(argv)
    python = build(options.folder, options.python)
    environment = {**os.environ, "ORDERFLOW_IB_LIBRARY": "ib_async"}
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *suites(options.short)]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
