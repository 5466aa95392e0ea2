"""Small file systems for tests of full disks. They want the right to mount; where it is missing such a test skips.

With `CI` set a machine that has the right and cannot mount all the same fails the test: it must not go away unnoticed.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CAP_SYS_ADMIN = 21


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of this size in a new folder."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        cannot_mount(done.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def cannot_mount(why: str) -> None:
    """Skip a test that needs a mount, or fail it where the right is there and somebody counts on it."""
    if os.environ.get("CI") and may_mount():
        pytest.fail(f"this machine may mount and a small tmpfs could not be mounted: {why}")
    pytest.skip(f"no small tmpfs here: {why}")


def may_mount() -> bool:
    """Whether this process has the right to mount."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return bool(int(value, 16) >> CAP_SYS_ADMIN & 1)
    return False


def fill(disk: Path, leave_kb: int = 0) -> None:
    """Leave this much room on a disk, in whole pages of 4 KiB, and no more."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        for chunk in (65_536, 4096):
            try:
                while True:
                    assert stream.write(bytes(chunk)) > 0
            except OSError:
                continue
    size = ballast.stat().st_size
    os.truncate(ballast, size - size % 4096 - leave_kb * 1024)
