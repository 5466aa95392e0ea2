"""The STOP file's twelve cases, and that it is written whole."""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from orderflow_tui.adapters import stop_file
from orderflow_tui.adapters.stop_file import StopBeside, StopFileFault, StopWriter, look, watch, write_stop
from orderflow_tui.domain.event import Event, StopFileGone, StopFileSeen


def action(path: Path) -> str | None:
    seen = look(path, "flatten", now_ns=7)
    assert seen is None or seen.ts_ns == 7
    return None if seen is None else seen.action


def test_absent_is_nothing(tmp_path: Path) -> None:
    assert action(tmp_path / "STOP") is None


def test_a_bare_touch_does_what_is_configured(tmp_path: Path) -> None:
    (tmp_path / "STOP").touch()
    assert action(tmp_path / "STOP") == "flatten"
    seen = look(tmp_path / "STOP", "halt")
    assert seen is not None
    assert seen.action == "halt"
    assert "is empty" in seen.detail


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"halt\n", "halt"),
        (b"  HALT  \nflatten\n", "halt"),
        (b"flatten", "flatten"),
        (b"FLATTEN\r\n", "flatten"),
        (b"please stop", "flatten"),
        (b"\n\nhalt\n", "flatten"),
        (b"\xff\xfe\x00", "flatten"),
        (b"x" * 100_000, "flatten"),
    ],
)
def test_the_first_line_decides_and_an_unknown_word_is_a_bare_touch(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "STOP").write_bytes(content)
    assert action(tmp_path / "STOP") == expected


def test_a_directory_and_a_pipe_halt(tmp_path: Path) -> None:
    (tmp_path / "STOP").mkdir()
    os.mkfifo(tmp_path / "PIPE")
    assert action(tmp_path / "STOP") == "halt"
    assert action(tmp_path / "PIPE") == "halt"


def test_a_dangling_link_and_a_loop_of_links_halt(tmp_path: Path) -> None:
    (tmp_path / "STOP").symlink_to(tmp_path / "nothing")
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert action(tmp_path / "STOP") == "halt"
    assert action(tmp_path / "a") == "halt"


def test_a_link_to_a_file_says_what_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("halt")
    (tmp_path / "STOP").symlink_to(tmp_path / "word")
    assert action(tmp_path / "STOP") == "halt"


def test_a_missing_folder_is_no_proof_of_absence(tmp_path: Path) -> None:
    seen = look(tmp_path / "gone" / "STOP")
    assert seen is not None
    assert seen.action == "halt"
    assert "absence is not proven" in seen.detail
    assert action(tmp_path / "x\0y") == "halt"


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder of our own seen by a user with no rights, so that permissions mean something even for root."""
    if os.geteuid() != 0:
        with tempfile.TemporaryDirectory() as name:
            yield Path(name)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(0)


def test_an_unreadable_file_halts(as_nobody: Path) -> None:
    (as_nobody / "STOP").write_text("flatten")
    (as_nobody / "STOP").chmod(0)
    assert action(as_nobody / "STOP") == "halt"


def test_an_unreadable_folder_halts_although_exists_would_say_no(as_nobody: Path) -> None:
    closed = as_nobody / "closed"
    closed.mkdir()
    (closed / "STOP").touch()
    for mode in (0o000, 0o300):
        closed.chmod(mode)
        assert action(closed / "STOP") is not None
        assert action(closed / "ELSE") == "halt"
    closed.chmod(0o700)


async def test_the_watcher_tells_the_first_look_and_every_change(tmp_path: Path) -> None:
    path, posted, turns = tmp_path / "STOP", list[Event](), iter(range(9))

    def act(_: float) -> None:
        match next(turns):
            case 0 | 2:
                pass
            case 1:
                path.write_text("halt")
            case 3:
                path.write_text("flatten")
            case 4:
                path.unlink()
            case _:
                raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await watch(path, posted.append, clock=lambda: 5, sleep=act)
    assert [e.action if isinstance(e, StopFileSeen) else "gone" for e in posted] == ["gone", "halt", "flatten", "gone"]
    assert isinstance(posted[0], StopFileGone)
    assert {getattr(e, "ts_ns", None) for e in posted} == {5}


def test_writing_makes_a_whole_file_and_never_weakens_one(tmp_path: Path) -> None:
    path = tmp_path / "STOP"
    write_stop(path, "halt")
    assert path.read_text() == "halt\n"
    write_stop(path, "flatten")
    assert path.read_text() == "flatten\n"
    write_stop(path, "halt")
    assert path.read_text() == "flatten\n", "halt must not take a flatten back"
    assert [p.name for p in tmp_path.iterdir()] == ["STOP"]


def test_what_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StopFileFault, match="create it by hand"):
        write_stop(tmp_path / "file" / "STOP", "flatten")


async def test_the_writer_holds_nobody_up_and_what_hangs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_file, "SLOW_S", 0.02)
    disk, told = threading.Event(), list[str]()
    written: list[str] = []

    def write(word: str) -> None:
        disk.wait(30)
        written.append(word)

    writer = StopWriter(write, told.append)
    writer.begin("halt")
    writer.begin("halt")
    await writer.finish(0.1)
    assert written == []
    assert [("does not answer" in sentence) for sentence in told] == [True, True]
    disk.set()
    await writer.finish(30)
    assert written == ["halt", "halt"]
    assert len(told) == 2


async def test_a_write_that_failed_is_told_and_nothing_is_claimed(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "file").touch()
    writer = StopWriter(lambda _: write_stop(tmp_path / "file" / "STOP", "halt"), told.append)
    writer.begin("halt")
    await writer.finish(30)
    assert len(told) == 1
    assert "create it by hand" in told[0]
    await writer.finish(30)


def test_beside_the_loop_a_file_is_written_or_its_loss_is_told(tmp_path: Path) -> None:
    told: SimpleQueue[str] = SimpleQueue()
    StopBeside(lambda: write_stop(tmp_path / "STOP", "halt"), told.put).begin()
    StopBeside(lambda: write_stop(tmp_path / "missing" / "STOP", "halt"), told.put).begin()
    assert "create it by hand" in told.get(timeout=30)
    until(lambda: action(tmp_path / "STOP") == "halt")
    assert told.empty()


def test_beside_the_loop_a_disk_that_hangs_holds_nobody_up_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_file, "SLOW_S", 0.05)
    told: SimpleQueue[str] = SimpleQueue()
    disk = threading.Event()

    def write() -> None:
        disk.wait(30)

    StopBeside(write, told.put).begin()
    assert "does not answer" in told.get(timeout=30)
    disk.set()


def test_two_who_write_at_once_do_not_spoil_each_others_file(tmp_path: Path) -> None:
    told: SimpleQueue[str] = SimpleQueue()
    writers = [StopBeside(lambda: write_stop(tmp_path / "STOP", "flatten"), told.put) for _ in range(20)]
    for writer in writers:
        writer.begin()
    until(lambda: not any(thread.name == "STOP file, beside" for thread in threading.enumerate()))
    assert told.empty()
    assert [path.name for path in tmp_path.iterdir()] == ["STOP"]


def until(done: Callable[[], bool]) -> None:
    for _ in range(3_000):
        if done():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to that")
