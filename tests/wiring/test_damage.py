"""What a fresh journal says after damage, and that a desk can be made of any journal with rows missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderflow_tui.adapters.journal import Damage
from orderflow_tui.adapters.journal_schema import StoredRow
from orderflow_tui.domain.action import Row
from orderflow_tui.domain.event import Command
from orderflow_tui.domain.latch import TradingState
from orderflow_tui.trading.desk import Desk
from orderflow_tui.trading.limits import TradingParams
from orderflow_tui.wiring.damage import damage_alert, locked_rows, reason
from tests.builders import ES, MES
from tests.trading.house import House
from tests.trading.test_brakes import flat

NOW_NS = 1_790_000_000_000_000_000


def damage(rows: list[Row], *, named: bool = True) -> Damage:
    stored = tuple(StoredRow(seq, "r1", row) for seq, row in enumerate(rows, 1))
    found = "orders.sqlite is damaged at row 7: its content does not match its hash."
    return Damage(NOW_NS, found, Path("/d/orders.sqlite.damaged-1"), stored, 1, "t", 9000, named)


def desk_of(rows: list[Row]) -> Desk:
    desk = Desk(TradingParams(), {"MES": MES, "ES": ES}, "MES", "U1", "t")
    desk.restore(rows)
    return desk


@pytest.fixture(scope="module")
def day() -> list[Row]:
    """A busy life: brackets, a stop that is hit, a reversal, a flatten, latches, a limit, a restart."""
    house = House()
    house.press(Command.OPEN_SESSION)
    house.enter("BUY", 1)
    house.press(Command.LIMIT, limit="daily_loss_cents", value="20000")
    house.press(Command.FLATTEN)
    flat(house)
    house.press(Command.RESUME, word="RESUME")
    house = House.restart(house)
    house.wait(10_000)
    house.enter("SELL", 1)
    house.press(Command.HALT)
    return house.rows


def test_a_desk_is_made_of_a_journal_with_any_row_or_stretch_of_rows_missing(day: list[Row]) -> None:
    assert {"intent", "order", "state", "fill", "latch", "campaign", "session"} <= {row.kind for row in day}
    for first in range(len(day)):
        for length in (1, 2, 3, 5, 10, 25, len(day)):
            left = day[:first] + day[first + length :]
            desk = desk_of([*left, *locked_rows(damage(left))])
            assert desk.latches[0].kind.value == "BROKEN_CHAIN"
            assert desk._floor.campaign is None, "no flatten of an earlier life goes on by itself"
            assert desk._floor.gate.draw_id() == "of1-t-9001"


def test_the_lock_stands_after_every_further_restart_until_a_person_brings_the_key(day: list[Row]) -> None:
    house = House()
    house.rows += [*day, *locked_rows(damage(day))]
    for _ in range(2):
        house = House.restart(house)
        house.wait(10_000)
        assert house.desk.state(house.facts) is TradingState.LOCKED
    house.press(Command.RESUME, word="RESUME")
    assert "BROKEN_CHAIN" in house.latched
    house.press(Command.RESUME, word="RESUME", key_ok="yes")
    assert "BROKEN_CHAIN" not in House.restart(house).latched


def test_an_unfinished_flatten_is_cut_and_a_finished_one_is_left_alone() -> None:
    begun = Row("orders", "campaign", "of1-t-4", NOW_NS, {"what": "begin"})
    ended = Row("orders", "campaign", "of1-t-4", NOW_NS, {"what": "end"})
    assert [row.kind for row in locked_rows(damage([begun]))] == ["counter", "campaign", "latch"]
    assert [row.kind for row in locked_rows(damage([begun, ended]))] == ["counter", "latch"]
    late = Row("orders", "campaign", "of1-t-3", NOW_NS, {"what": "end"})
    assert [row.ref for row in locked_rows(damage([begun, late])) if row.kind == "campaign"] == ["of1-t-4"]


def test_the_alert_names_both_files_and_what_there_is_to_do() -> None:
    text = damage_alert(damage([])).text
    for told in ("orders.sqlite is damaged at row 7", "orders.sqlite.damaged-1", "flatten by hand", "safety key"):
        assert told in text
    assert "not known as ours" not in text
    assert "not known as ours" in reason(damage([], named=False))
