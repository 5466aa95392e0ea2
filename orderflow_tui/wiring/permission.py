"""What the safety key permits before anything starts: enrolment from the environment, and `run --auto`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace

from orderflow_tui.adapters.safety_key import KeyFault, SafetyKey, enrol, key_path
from orderflow_tui.commands import AUTHORISED_S
from orderflow_tui.config import ConfigFault
from orderflow_tui.config.fault import Problem
from orderflow_tui.domain.action import Json
from orderflow_tui.modes import BrokerKind
from orderflow_tui.wiring.plan import Plan, Refused

NAME = "SAFETY_AUTH_KEY"
AskSecret = Callable[[str], str]


def enrol_key(plan: Plan, brakes: str) -> str:
    """Take a key found in the environment or in `.env`: its hash is kept, and nothing of it stays with us or is handed on
    to a child. `brakes` are the characters that brake on screen. Returns a sentence for the terminal, empty when there was
    none. Raises ConfigFault."""
    os.environ.pop(NAME, None)
    secret = plan.loaded.secrets.pop(NAME, None)
    if secret is None:
        return ""
    where = key_path(plan.data_dir)
    try:
        fresh = enrol(where, secret.get_secret_value(), brakes)
    except KeyFault as fault:
        raise ConfigFault([Problem(plan.loaded.sources.get(NAME, "environment"), str(fault))]) from None
    return f"the hash of {NAME} is kept in {where}; the variable is no longer needed, remove it" if fresh else ""


def prove_auto(plan: Plan, *, headless: bool, ask: AskSecret | None, clock_ns: Callable[[], int] = time.time_ns) -> Plan:
    """Whether `--auto` may be asked for here; in live the safety key is typed for it. `ask` puts a question to whoever sits
    at the terminal without showing the answer, None when nobody does. Raises Refused."""
    if not plan.auto:
        return plan
    if not headless:
        raise Refused("--auto grants automation to a headless run; on screen a person grants it, armed, for one session")
    if plan.mode.broker is BrokerKind.NONE:
        raise Refused(f"mode {plan.mode.name} watches and never sends: --auto has nothing to grant there")
    if not plan.mode.key_always:
        return plan
    if ask is None:
        raise Refused(f"--auto in mode {plan.mode.name} needs the safety key typed at a terminal")
    checked = SafetyKey(key_path(plan.data_dir), clock_ns).check(ask("safety key, for automatic trading this session: "))
    if checked.fault:
        raise Refused(f"--auto in mode {plan.mode.name} needs the safety key: {checked.fault}")
    return replace(plan, proven_s=time.monotonic())


def grant_args(plan: Plan) -> dict[str, str]:
    """The arguments of the command that grants automation to this run; empty without `--auto`. A proof grows old."""
    if not plan.auto:
        return {}
    fresh = plan.proven_s is not None and time.monotonic() - plan.proven_s <= AUTHORISED_S
    return {"mode": "AUTO", "unattended": "yes"} | ({"key_ok": "yes"} if fresh else {})


def key_status(plan: Plan) -> dict[str, Json]:
    """For the status document: whether a key is set, and whether resuming asks for it."""
    return {"set": plan.key_set, "needed": plan.key_needed}
