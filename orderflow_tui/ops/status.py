"""`status`: what the engine says of itself, asked at its second door, else read from its last heartbeat."""

from __future__ import annotations

from pathlib import Path

from orderflow_tui.adapters.control import NoAnswer, Refused, ask, control_path
from orderflow_tui.adapters.heartbeat import read_status
from orderflow_tui.domain.action import Json
from orderflow_tui.ops.published import published

SCHEMA = "orderflow-tui/status/1"
STOPPED, UNKNOWN = "STOPPED", "UNKNOWN"  # words of `trading_state` beside those of a running engine
LIVES_MS = 5_000  # a heartbeat comes every second


def status_of(data_dir: Path) -> dict[str, Json]:
    """The document. `heartbeat_age_s` None when no engine ever beat here; `answering` whether one answered just now.

    What is only read from a heartbeat is as old as that: ages go on, and what nobody vouches for any more is UNKNOWN.
    Raises HeartbeatFault when the heartbeat file is not one.
    """
    beat = read_status(data_dir)
    document: dict[str, Json] = dict(beat.document) if beat else {}
    answering = False
    try:
        answer = ask(control_path(data_dir), "status").get("status")
        if isinstance(answer, dict):
            document |= answer
            answering = True
    except (NoAnswer, Refused):
        answering = False
    if beat is not None and not answering:
        _grow_old(document, beat.age_ms)
    for inner in ("mono_ns", "boot", "wall_ns", "schema"):
        document.pop(inner, None)
    age = None if beat is None else round(beat.age_ms / 1000, 3)
    return {"schema": SCHEMA, "answering": answering, "heartbeat_age_s": age, **published(document)}


def _grow_old(document: dict[str, Json], age_ms: int) -> None:
    feed = document.get("feed")
    for holder, name in ((document, "reconcile_age_ms"), (feed if isinstance(feed, dict) else {}, "age_ms")):
        told = holder.get(name)
        if isinstance(told, int):
            holder[name] = told + age_ms
    if document.get("trading_state") == STOPPED or age_ms <= LIVES_MS:
        return
    was = document.get("trading_state", "?")
    document["trading_state_reason"] = f"no engine answers; {age_ms // 1000} s ago it said {was}"
    document["trading_state"] = document["link_state"] = UNKNOWN
    document["armed"] = None


def gone(document: dict[str, Json]) -> str:
    """Why this document speaks of no running engine, empty when it does."""
    if document["heartbeat_age_s"] is None:
        return "no engine has written a heartbeat here"
    if document.get("trading_state") == STOPPED:
        return "the engine has stopped; what it said last stands above"
    if document.get("trading_state") == UNKNOWN and not document["answering"]:
        return f"no engine answers, its last heartbeat is {document['heartbeat_age_s']} s old; stops rest at the broker"
    return ""


def status_text(document: dict[str, Json]) -> str:
    """The same for people: one line a fact, nested facts on one line."""
    brief = document | ({"session": _session(document["session"])} if "session" in document else {})
    shown = [(name.replace("_", " "), _plain(value)) for name, value in brief.items() if name != "schema"]
    return "\n".join(f"{name:>22}  {text}" for name, text in shown)


def _session(session: Json) -> Json:
    """What matters of a session at a glance; `--json` has its limits and patterns."""
    if not isinstance(session, dict):
        return session
    return {name: session.get(name) for name in ("id", "instrument", "execution", "trades", "net", "changes")}


def _plain(value: Json) -> str:
    match value:
        case None:
            return "?"
        case "":
            return "none"
        case dict():
            return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
        case list():
            return "; ".join(" · ".join(map(str, part)) if isinstance(part, list) else str(part) for part in value) or "none"
        case _:
            return str(value)
