"""The environment with the other client library is locked, and holds it instead of ours and not beside it."""

from __future__ import annotations

import re

from tests.gateway.other_library import LOCK, SHORT, suites

PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)", re.MULTILINE)


def test_every_package_is_pinned_and_hashed_and_no_address_is_named() -> None:
    text = LOCK.read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=[A-Za-z0-9_.-]+==)", text.strip())
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text
    assert "--index" not in text


def test_one_library_is_in_it_with_its_own_eventkit() -> None:
    names = {name.lower().replace("_", "-") for name, _ in PINNED.findall(LOCK.read_text(encoding="utf-8"))}
    assert {"ib-async", "aeventkit"} <= names
    assert not {"ib-insync", "eventkit"} & names


def test_the_short_part_is_a_part_of_the_whole_and_holds_the_contract_suites() -> None:
    assert "tests/adapters/test_ib_contract.py" in SHORT
    assert suites(short=True) == list(SHORT)
    assert all(any(path.startswith(whole) for whole in suites(short=False)) for path in SHORT)
