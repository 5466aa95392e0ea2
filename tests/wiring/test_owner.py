"""A journal is of one account: the first that was proven, as a row says, or an order of a version that wrote none."""

from __future__ import annotations

from orderflow_tui.domain.action import Row
from orderflow_tui.trading import rows
from orderflow_tui.wiring.owner import Owner, owner_of

NOW = 1_790_000_000_000_000_000
OURS, OTHER = "DU1234567", "DU7654321"


def order(account: str) -> Row:
    return rows.row("order", "of1-abcde-1-E", NOW, id="of1-abcde-1-E", account=account)


def test_the_first_proven_account_is_written_once_and_never_whole() -> None:
    owner = owner_of([])
    assert owner.refusal(OURS) == ""
    row = owner.proven(OURS, NOW)
    assert row is not None
    assert OURS not in f"{row.ref} {row.payload}"
    assert owner.proven(OURS, NOW) is None
    again = owner_of([row, order(OTHER)])
    assert again == owner
    assert again.refusal(OURS) == ""
    assert again.refusal(OTHER) == (
        "this journal is of the account ending …4567, the gateway serves the one ending …4321: log in to the first, or give the "
        "other a data folder of its own (--data-dir)"
    )


def test_a_journal_of_an_older_version_is_of_the_account_its_newest_order_names() -> None:
    assert owner_of([order(OTHER), order(OURS), order("")]).refusal(OTHER) != ""
    assert owner_of([order(OTHER), order(OURS), order("")]).refusal(OURS) == ""
    assert owner_of([order("")]) == Owner()
