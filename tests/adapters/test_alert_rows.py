"""What the journal says of alerts, and what the next start tells of those that nobody heard."""

from __future__ import annotations

from orderflow_tui.adapters.alert_queue import alert_id
from orderflow_tui.adapters.alert_rows import LOOK_BACK_NS, made_row, untold_alert, went_row
from orderflow_tui.domain.action import Alert, Row, Tier

NOW_NS = 1_772_721_000_000_000_000


def made(text: str, tier: Tier = Tier.CRITICAL, *, messenger: bool = True) -> Row:
    return made_row(Alert(NOW_NS, "naked", text, tier, "+1 MES"), messenger=messenger)


def went(row: Row, state: str) -> list[Row]:
    found = went_row(row.ref, NOW_NS + 1, state)
    return [] if found is None else [found]


def test_an_alert_is_a_row_with_all_that_was_said() -> None:
    alert = Alert(NOW_NS, "naked", "bare", Tier.CRITICAL, "+1 MES")
    row = made_row(alert, messenger=True)
    assert (row.book, row.kind, row.ref, row.ts_ns) == ("orders", "alert", alert_id(alert), NOW_NS)
    told = {"kind": "naked", "subject": "+1 MES", "tier": "CRITICAL", "text": "bare"}
    assert row.payload == {"what": "made", **told, "messenger": True}


def test_only_what_is_settled_is_written_of_its_way() -> None:
    row = made("bare")
    assert [r.payload["state"] for s in ("waiting", "repeat ×1", "sent", "failed: why") for r in went(row, s)] == [
        "sent",
        "failed: why",
    ]


def test_a_start_tells_the_critical_alerts_that_no_messenger_is_known_to_have_taken() -> None:
    first, second, third, calm = made("one"), made("two"), made("three"), made("four", Tier.WARNING)
    alert = untold_alert([first, *went(first, "sent"), second, *went(second, "failed: no line"), third, calm], NOW_NS + 5)
    assert alert is not None
    assert alert.text == "2 CRITICAL alert(s) of an earlier run may not have reached you: naked: two; naked: three"
    assert (alert.kind, alert.tier) == ("untold", Tier.CRITICAL)


def test_what_only_the_screen_was_to_tell_and_what_is_a_day_old_is_not_told_again() -> None:
    assert untold_alert([made("one", messenger=False)], NOW_NS) is None
    assert untold_alert([made("one")], NOW_NS + LOOK_BACK_NS + 1) is None
    assert untold_alert([Row("orders", "fill", "f", NOW_NS)], NOW_NS) is None


def test_the_alert_that_named_them_stands_for_them_from_then_on() -> None:
    rows = [made(f"n{n}") for n in range(5)]
    alert = untold_alert(rows, NOW_NS)
    assert alert is not None
    assert alert.text.endswith("naked: n2; naked: n3; naked: n4; and 2 before")
    again = made_row(alert, messenger=True)
    assert untold_alert([*rows, again, *went(again, "sent")], NOW_NS) is None
    repeated = untold_alert([*rows, again], NOW_NS)
    assert repeated is not None
    assert repeated.text.count("n4") == 1
