"""A journal found damaged at the start: what its fresh one must say, what a person is told."""

from __future__ import annotations

from orderflow_tui.adapters.journal import Damage
from orderflow_tui.domain.action import Alert, Row, Tier
from orderflow_tui.domain.latch import Latch, LatchKind
from orderflow_tui.trading import rows

KIND = "journal"


def locked_rows(damage: Damage) -> list[Row]:
    """The rows a fresh journal's beginning ends with: no order name is drawn again, no flatten of an earlier life goes on by
    itself, and the lock stands until a person clears it, restarts included."""
    now_ns = damage.ts_ns
    found = [rows.row("counter", f"of1-{damage.install}-{damage.counter}", now_ns)]
    running = _running([stored.row for stored in damage.rows if stored.row.kind == "campaign"])
    if running is not None:
        found.append(rows.row("campaign", running, now_ns, what="cut", reason="the journal was damaged"))
    latch = Latch(LatchKind.BROKEN_CHAIN, now_ns, None, reason(damage))
    return [*found, rows.latch_row(latch, now_ns, True)]


def _running(campaigns: list[Row]) -> str | None:
    """The flatten that had begun and not ended; the end of one before it may have been written late."""
    running: str | None = None
    for row in campaigns:
        if row.payload.get("what") == "begin":
            running = row.ref
        elif row.ref == running:
            running = None
    return running


def reason(damage: Damage) -> str:
    """What happened to the journal, for the latch."""
    carried = f"{len(damage.rows)} proven rows are in a new journal, {damage.lost} are missing"
    strangers = "" if damage.named else "; orders from before are not known as ours: cancel them in the broker's program"
    return f"{damage.found} It is kept as {damage.kept.name}; {carried}{strangers}"


def damage_alert(damage: Damage) -> Alert:
    """What a person is told, and what there is to do."""
    what = (
        "LOCKED, nothing is traded and no stop is placed. Compare position and orders with the broker; flatten by hand (F F or "
        "orderflow-tui flatten) where they do not agree or a stop is missing; then resume with the safety key"
    )
    return Alert(damage.ts_ns, KIND, f"{reason(damage)}. {what}", Tier.CRITICAL)
