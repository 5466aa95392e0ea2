"""`python -m tests.gateway.other_library FOLDER`: the IB suites with the other client library.

Builds an environment in FOLDER that has `ib_async` instead of `ib_insync` (the two cannot share one: both bring a module
`eventkit`), and runs the gateway's and the adapters' suites in it. `--python` names another interpreter to build it with.
Ends with pytest's exit code.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEEDS = ("ib_async==2.1.0", "numpy>=2.0", "loguru>=0.7.3", "tzdata", "pytest>=9", "pytest-asyncio>=1.2", "hypothesis>=6.150")


def main(argv: list[str] | None = None) -> int:
    """Build the environment if it is not there, run the suites, return pytest's exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.gateway.other_library", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the environment lives")
    parser.add_argument("--python", default=sys.executable, help="interpreter to build it with")
    options = parser.parse_args(argv)
    python = options.folder / "bin" / "python"
    if not python.exists():
        subprocess.run([options.python, "-m", "venv", str(options.folder)], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", *NEEDS], check=True)
    suites = ["tests/gateway", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "tests/adapters").glob("test_ib_*.py"))]
    environment = {**os.environ, "ORDERFLOW_IB_LIBRARY": "ib_async"}
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *suites]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
