"""`doctor`: the preflight as a document and as text, with every value of the configuration and where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from orderflow_tui.config import ConfigFault
from orderflow_tui.domain.action import Json
from orderflow_tui.modes import AccountProof
from orderflow_tui.ops import paper_check
from orderflow_tui.ops.preflight import Finding, Ground, Result, fail, findings, ok, secret_values
from orderflow_tui.ops.versions import versions
from orderflow_tui.wiring import Plan, Wish, plan_of

SCHEMA = "orderflow-tui/doctor/1"
WIDEST_NAME = 14


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. `plan` is None when the configuration cannot be used; `checked` is the paper checklist, if asked."""

    rows: tuple[Finding, ...]
    plan: Plan | None
    checked: paper_check.Checked | None = None

    @property
    def failed(self) -> bool:
        """Whether any row failed."""
        return any(row.result is Result.FAIL for row in self.rows)

    def document(self) -> dict[str, Json]:
        """The `doctor --json` document."""
        worst = max((row.result for row in self.rows), key=list(Result).index, default=Result.OK)
        document: dict[str, Json] = {
            "schema": SCHEMA,
            "result": worst.value,
            "rows": [{"name": row.name, "result": row.result.value, "sentence": row.sentence} for row in self.rows],
            "configuration": [{"key": key, "value": value, "source": source} for key, value, source in _values(self.plan)],
            "secrets": [{"name": name, "source": source} for name, source in _secrets(self.plan)],
            "versions": dict(versions()),
        }
        return document if self.checked is None else {**document, "paper_check": self.checked.document()}

    def text(self) -> str:
        """For people: the configuration in force first, the verdict last."""
        lines = ["configuration in force" if self.plan else "the configuration cannot be used"]
        lines += [f"  {key} = {_shown(value)}    {source}" for key, value, source in _values(self.plan)]
        lines += [f"  {name} is set    {source}" for name, source in _secrets(self.plan)]
        if self.checked is not None:
            lines += ["", *self.checked.lines()]
        lines += ["", "preflight"]
        lines += [f"  {row.result.value:<4}  {row.name:<{WIDEST_NAME}} {row.sentence}" for row in self.rows]
        counts = {result: sum(row.result is result for row in self.rows) for result in Result}
        lines += ["", ", ".join(f"{number} {result.value}" for result, number in counts.items())]
        return "\n".join(lines)


def examine(wish: Wish, *, check_paper: bool = False, test_alert: bool = False, ground: Ground | None = None) -> Report:
    """Look at everything. `check_paper` also connects to the gateway and watches; `test_alert` sends one message.

    A configuration that cannot be used is rows of the report; an unknown mode raises UnknownMode.
    """
    ground = ground or Ground()
    try:
        plan = plan_of(wish)
    except ConfigFault as fault:
        return Report(tuple(fail("configuration", str(problem)) for problem in fault.problems), None)
    rows = list(findings(plan, ground, gateway=check_paper))
    if test_alert:
        rows.append(_test_alert(plan))
    checked = None
    if check_paper:
        checked = paper_check.check(plan, reachable=_stands(rows, "gateway"), wall_ns=ground.wall_ns)
        rows.append(paper_check.finding(checked))
    if plan.mode.proof is not AccountProof.NOT_NEEDED:
        rows.append(paper_check.currency(plan))
    return Report(tuple(rows), plan, checked)


def _stands(rows: list[Finding], name: str) -> bool:
    return any(row.name == name and row.result is not Result.FAIL for row in rows)


def _test_alert(plan: Plan) -> Finding:
    from orderflow_tui.adapters.alert_queue import Verdict
    from orderflow_tui.adapters.whatsapp import NotConfigured, send_test, whatsapp_settings

    try:
        outcome = send_test(whatsapp_settings(secret_values(plan), plan.loaded.config.alerts.cooldown_min))
    except NotConfigured as fault:
        return fail("test alert", f"not sent: {fault}")
    if outcome.verdict is Verdict.SENT:
        return ok("test alert", "Twilio took it; whether it arrives, your phone says")
    return fail("test alert", f"not sent: {outcome.why}")


def _values(plan: Plan | None) -> list[tuple[str, Json, str]]:
    """Every key, value and source; the account by its last digits only."""
    if plan is None:
        return []
    found: list[tuple[str, Json, str]] = []
    for key, value, source in plan.loaded.effective():
        plain = cast(Json, value)  # model_dump(mode="json") yields nothing else
        if key == "ib.account" and isinstance(value, str) and value:
            plain = f"…{value[-3:]}"
        found.append((key, plain, source.partition("=")[0] if key == "ib.account" else source))
    return found


def _secrets(plan: Plan | None) -> list[tuple[str, str]]:
    return [] if plan is None else [(name, plan.loaded.sources[name]) for name in plan.loaded.secrets]


def _shown(value: Json) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"'
        case _:
            return str(value)
