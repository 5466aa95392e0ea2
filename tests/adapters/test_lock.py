"""One instance at a time, the holder named, the lock free the moment its holder is dead."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from orderflow_tui.adapters.instance_lock import (
    InstanceLock,
    LockHeld,
    account_lock_path,
    held,
    holder,
    instance_lock_path,
    make_room_for_account_locks,
)
from tests.adapters.small_disk import fill, small_disk

CHILD = (
    "import sys\nfrom pathlib import Path\nfrom orderflow_tui.adapters.instance_lock import InstanceLock\n"
    "lock=InstanceLock.take(Path(sys.argv[1]),'paper')\nprint('held',flush=True)\nsys.stdin.read()"
)


def test_a_second_instance_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    path = instance_lock_path(tmp_path)
    with InstanceLock.take(path, "demo"):
        with pytest.raises(LockHeld, match=rf"process {os.getpid()} on .* \(demo, since ") as caught:
            InstanceLock.take(path, "live")
        assert caught.value.exit_code == 75
        found = holder(path)
        assert found is not None
        assert (found.pid, found.mode) == (os.getpid(), "demo")
    assert holder(path) is None
    InstanceLock.take(path, "live").release()


def test_a_killed_holder_leaves_no_stale_lock(tmp_path: Path) -> None:
    path = instance_lock_path(tmp_path)
    with subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(LockHeld, match=f"process {child.pid}"):
            InstanceLock.take(path, "demo")
        child.kill()
        child.wait()
    with InstanceLock.take(path, "demo") as lock:
        lock.release()
        lock.release()


def test_a_lock_file_with_no_name_in_it_still_locks(tmp_path: Path) -> None:
    path = instance_lock_path(tmp_path)
    lock = InstanceLock.take(path, "demo")
    path.write_text("garbage")
    with pytest.raises(LockHeld, match="another instance already works here"):
        InstanceLock.take(path, "demo")
    lock.release()


def test_a_full_disk_takes_the_note_but_not_the_lock(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        path = instance_lock_path(disk)
        InstanceLock.take(path, "paper").release()
        fill(disk)
        with InstanceLock.take(path, "paper"):
            with pytest.raises(LockHeld, match="another instance already works here"):
                InstanceLock.take(path, "paper")
            (disk / "ballast").unlink()


@pytest.mark.parametrize("how", ["removed", "replaced", "folder removed"])
def test_a_lock_whose_file_went_is_lost_and_can_be_taken_again(tmp_path: Path, how: str) -> None:
    path = instance_lock_path(tmp_path)
    with InstanceLock.take(path, "paper") as lock:
        assert lock in held()
        assert not lock.lost
        path.unlink()
        if how == "replaced":
            path.write_text("another")
        if how == "folder removed":
            path.parent.rmdir()
        assert lock.lost
        lock.take_again()
        assert not lock.lost
        with pytest.raises(LockHeld, match=f"process {os.getpid()}"):
            InstanceLock.take(path, "paper")
        path.unlink()
        with InstanceLock.take(path, "demo"), pytest.raises(LockHeld):
            lock.take_again()
        assert lock.lost
    assert held() == ()


def test_a_lock_whose_whole_data_folder_went_is_not_made_anew(tmp_path: Path) -> None:
    with InstanceLock.take(instance_lock_path(tmp_path / "data"), "paper") as lock:
        shutil.rmtree(tmp_path / "data")
        with pytest.raises(FileNotFoundError):
            lock.take_again()
        assert not (tmp_path / "data").exists()


def test_nobody_holds_a_lock_that_was_never_taken(tmp_path: Path) -> None:
    assert holder(tmp_path / "nothing") is None


def test_a_link_in_place_of_the_lock_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        InstanceLock.take(tmp_path / "lock", "demo")


def test_the_account_lock_does_not_name_the_account() -> None:
    path = account_lock_path("DU1234567")
    assert "1234567" not in str(path)
    assert path == account_lock_path("DU1234567") != account_lock_path("DU1234568")


def test_the_account_lock_lies_in_one_place_whatever_the_folder_for_passing_things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/somewhere/else")
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    for folder in ("/tmp/a", "/tmp/b"):
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", None)
        assert account_lock_path("DU1234567").parent == home / ".local" / "state" / "orderflow_tui"


@pytest.mark.parametrize(("said", "taken"), [("/var/lib/me", True), ("relative", False), ("", False)])
def test_the_state_folder_of_the_environment_is_taken_where_it_is_a_whole_path(
    monkeypatch: pytest.MonkeyPatch, said: str, taken: bool
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", said)
    assert (account_lock_path("DU1234567").parent == Path("/var/lib/me/orderflow_tui")) is taken


def test_a_user_without_an_entry_has_the_home_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nobody(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setenv("XDG_STATE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert account_lock_path("DU1234567").is_relative_to(tmp_path)


def test_the_folder_of_account_locks_is_ours_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "orderflow_tui").mkdir(mode=0o755)
    make_room_for_account_locks()
    assert (tmp_path / "orderflow_tui").stat().st_mode & 0o777 == 0o700


def test_a_lock_the_system_refuses_is_no_held_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(OSError, match="No locks available"):
        InstanceLock.take(tmp_path / "lock", "demo")
