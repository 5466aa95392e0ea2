"""Alerts in the journal: one row when an alert is made, one when a messenger took it or gave it up.

So that a crash does not lose what was still on its way: the next start finds what nobody is known to have been told.
"""

from __future__ import annotations

from collections.abc import Iterable

from orderflow_tui.adapters.alert_queue import FAILED, SENT, alert_id
from orderflow_tui.domain.action import Alert, Row, Tier

KIND = "alert"
LOOK_BACK_NS = 86_400_000_000_000
NAMED = 3


def made_row(alert: Alert, *, messenger: bool) -> Row:
    """The row of a new alert. `messenger`: whether somebody beside the screen is to be told."""
    payload = {"what": "made", "kind": alert.kind, "subject": alert.subject, "tier": alert.tier.name, "text": alert.text}
    return Row("orders", KIND, alert_id(alert), alert.ts_ns, {**payload, "messenger": messenger})


def went_row(key: str, ts_ns: int, state: str) -> Row | None:
    """The row of what became of an alert, None while that is not known."""
    return Row("orders", KIND, key, ts_ns, {"what": "went", "state": state}) if state.startswith((SENT, FAILED)) else None


def untold_alert(rows: Iterable[Row], now_ns: int) -> Alert | None:
    """What a start tells of the day's CRITICAL alerts that no messenger is known to have taken; None when there is none.

    `rows`: the journal's, oldest first. It is told once: the alert that names them stands for them from then on.
    """
    open_: dict[str, Row] = {}
    for row in rows:
        if row.kind != KIND:
            continue
        said = row.payload
        if said.get("kind") == "untold":
            open_.clear()
        if said.get("what") == "made" and said.get("messenger") and said.get("tier") == Tier.CRITICAL.name:
            open_[row.ref] = row
        elif said.get("state") == SENT:
            open_.pop(row.ref, None)
    found = [row for row in open_.values() if now_ns - row.ts_ns <= LOOK_BACK_NS]
    if not found:
        return None
    texts = "; ".join(f"{row.payload.get('kind')}: {row.payload.get('text')}" for row in found[-NAMED:])
    more = f"; and {len(found) - NAMED} before" if len(found) > NAMED else ""
    text = f"{len(found)} CRITICAL alert(s) of an earlier run may not have reached you: {texts}{more}"
    return Alert(now_ns, "untold", text, Tier.CRITICAL)
