"""The safety key: only its hash is kept, misses are counted on disk, guessing is slow and ends in a lock."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from orderflow_tui.adapters.safety_key import (
    FIRST_WAIT_S,
    LOCK_AFTER,
    SECOND_NS,
    Checked,
    KeyFault,
    SafetyKey,
    enrol,
    is_set,
    key_path,
    key_trouble,
    matches,
    set_key,
)

KEY = "correct horse battery"


@dataclass
class Clock:
    """Wall time that a test moves."""

    ns: int = 1_772_730_000 * SECOND_NS

    def __call__(self) -> int:
        return self.ns

    def wait(self, seconds: float) -> None:
        self.ns += int(seconds * SECOND_NS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = key_path(tmp_path)
    set_key(found, KEY)
    return found


def test_only_the_hash_is_kept_and_only_we_can_read_it(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert KEY not in path.read_text()
    document = json.loads(path.read_text())
    assert (document["n"], document["r"], document["p"]) == (2**15, 8, 1)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name], "no temporary file is left behind"


def test_two_keys_of_the_same_words_have_different_hashes(path: Path) -> None:
    before = json.loads(path.read_text())
    set_key(path, KEY)
    assert json.loads(path.read_text())["hash"] != before["hash"]


@pytest.mark.parametrize(("length", "taken"), [(11, False), (12, True), (13, True)])
def test_a_key_has_at_least_twelve_characters(tmp_path: Path, length: int, taken: bool) -> None:
    where = key_path(tmp_path)
    if taken:
        set_key(where, "k" * length)
    else:
        with pytest.raises(KeyFault, match="at least 12 characters, this one has 11"):
            set_key(where, "k" * length)
    assert is_set(where) is taken


def test_the_right_key_matches_and_no_other_does(path: Path) -> None:
    assert matches(path, KEY)
    for other in (KEY.upper(), KEY + " ", "", "ключ от сейфа", "\udcff" * 12):
        assert not matches(path, other)


def test_a_key_beyond_ascii_is_compared_as_bytes(tmp_path: Path) -> None:
    set_key(key_path(tmp_path), "ключ от сейфа")
    assert matches(key_path(tmp_path), "ключ от сейфа")


def test_without_a_key_nothing_matches_and_the_sentence_says_how_to_set_one(tmp_path: Path) -> None:
    checked = SafetyKey(key_path(tmp_path), Clock()).check(KEY)
    assert "safety-key set" in checked.fault
    assert not checked.missed, "what could not be compared is no miss"


def test_the_first_misses_cost_nothing_and_the_third_waits_a_minute_and_then_ever_longer(path: Path) -> None:
    clock = Clock()
    lock = SafetyKey(path, clock)
    assert lock.check("wrong") == Checked("the safety key does not match, miss 1", True)
    assert lock.check("wrong") == Checked("the safety key does not match, miss 2", True)
    for miss in range(3, 7):
        wait = FIRST_WAIT_S * 2 ** (miss - 3)
        assert lock.check("wrong") == Checked(f"the safety key does not match, miss {miss}: wait {wait} s", True)
        clock.wait(wait - 0.5)
        assert "is looked at in 1 s" in lock.check(KEY).fault, "not even the right key is looked at"
        clock.wait(0.5)
    assert lock.check(KEY) == Checked()


def test_an_attempt_while_waiting_is_not_counted(path: Path) -> None:
    clock = Clock()
    lock = SafetyKey(path, clock)
    for _ in range(3):
        lock.check("wrong")
    assert not lock.check("wrong").missed
    clock.wait(60)
    assert "miss 4" in lock.check("wrong").fault


def test_a_restart_forgives_no_miss(path: Path) -> None:
    clock = Clock()
    for _ in range(3):
        SafetyKey(path, clock).check("wrong")
    assert "looked at in 60 s" in SafetyKey(path, clock).check(KEY).fault


def test_the_tenth_miss_locks_and_the_ninth_does_not(path: Path) -> None:
    clock = Clock()
    lock = SafetyKey(path, clock)
    found = []
    for _ in range(LOCK_AFTER):
        found.append(lock.check("wrong").lock)
        clock.wait(FIRST_WAIT_S * 2**LOCK_AFTER)
        assert bool(SafetyKey(path, clock).locked) is found[-1], "also for an engine that starts only now"
    assert found == [False] * 9 + [True]


def test_the_right_key_ends_the_count(path: Path) -> None:
    lock = SafetyKey(path, Clock())
    lock.check("wrong")
    lock.check("wrong")
    assert lock.check(KEY) == Checked()
    assert "miss 1" in lock.check("wrong").fault


def test_a_clock_set_back_makes_no_wait_longer_than_it_was(path: Path) -> None:
    clock = Clock()
    lock = SafetyKey(path, clock)
    for _ in range(3):
        lock.check("wrong")
    clock.wait(-86_400)
    assert "looked at in 60 s" in lock.check(KEY).fault


def test_a_count_that_cannot_be_read_is_one_short_of_the_lock(path: Path) -> None:
    path.with_name("safety-misses.json").write_text("{}")
    assert SafetyKey(path, Clock()).check("wrong").lock, "who can damage the count must not gain attempts by it"


def test_a_key_file_that_others_can_read_or_that_is_none_matches_nothing(path: Path) -> None:
    path.chmod(0o644)
    assert "not ours alone" in SafetyKey(path, Clock()).check(KEY).fault
    path.chmod(0o600)
    assert key_trouble(path) == ""
    path.write_text("{}")
    assert "holds no safety key" in key_trouble(path)
    kept = {"schema": "orderflow-tui/safety-key/1", "n": 2, "r": 8, "p": 1, "salt": "00", "hash": "00" * 32}
    path.write_text(json.dumps(kept))
    assert "another version" in key_trouble(path)


def test_a_path_that_cannot_be_looked_at_counts_as_set(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    assert is_set(key_path(tmp_path))


def test_a_key_in_the_environment_is_taken_once_and_must_be_the_same_afterwards(tmp_path: Path) -> None:
    where = key_path(tmp_path)
    assert enrol(where, KEY, "FXHKD")
    before = where.read_bytes()
    assert not enrol(where, KEY, "FXHKD")
    with pytest.raises(KeyFault, match="is not the key that is set"):
        enrol(where, KEY + "x", "FXHKD")
    assert where.read_bytes() == before


def test_a_key_that_holds_brakes_is_not_taken_and_the_sentence_names_them(tmp_path: Path) -> None:
    where = key_path(tmp_path)
    with pytest.raises(KeyFault, match=r"holds K and D: .* choose one without F X H K D"):
        enrol(where, "trusty-Kite-Day7", "FXHKD")
    assert not is_set(where)
    set_key(where, "trusty-Kite-Day7")  # set before its letters became brakes: what is set stays the key
    assert not enrol(where, "trusty-Kite-Day7", "FXHKD")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_where_misses_cannot_be_counted_no_key_is_accepted(path: Path) -> None:
    path.parent.chmod(0o500)
    try:
        assert SafetyKey(path, Clock()).check("wrong").fault
    finally:
        path.parent.chmod(0o700)
