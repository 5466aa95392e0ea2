"""The floors: who may import whom, what the pure floors never touch, who alone calls the broker."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "orderflow_tui"
NAME = "orderflow_tui"

PURE = ("domain", "market", "signals", "trading", "engine", "driver", "stream", "view", "ports", "window")
SHELL = (
    "config",
    "outbox",
    "hands",
    "seam",
    "pulse",
    "house",
    "inbox",
    "order_lane",
    "commands",
    "runtime",
    "closed_loop",
    "modes",
    "wiring",
    "research",
    "ops",
)
ALLOWED: dict[str, set[str]] = {
    "domain": set(),
    "market": {"domain"},
    "signals": {"domain", "market"},
    "trading": {"domain"},
    "window": {"domain"},
    "ports": {"domain"},
    "driver": {"domain", "ports"},
    "stream": {"domain", "driver"},
    "engine": {"domain", "market", "signals", "trading", "window"},
    "view": {"domain", "market", "signals", "trading", "engine", "window"},
    "adapters": {"domain", "market", "ports"},
    **{
        name: {
            "domain",
            "market",
            "signals",
            "trading",
            "engine",
            "driver",
            "stream",
            "view",
            "ports",
            "window",
            "adapters",
            *SHELL,
        }
        for name in SHELL
    },
    "tui": {"domain", "view"},
    "console": {"domain", "tui", "runtime", "seam", "wiring", "adapters"},
    "cli": {"domain", "modes", "config", "wiring", "research", "ops", "adapters", "console"},
    "__main__": {"cli"},
    "__init__": set(),
}
OUTSIDE: dict[str, set[str]] = {
    "numpy": {"domain", "market", "signals", "engine", "driver", "stream", "view", "ports", "adapters", *SHELL},
    "ib_insync": {"adapters"},
    "aiosqlite": {"adapters"},
    "twilio": {"adapters"},
    "pyarrow": {"adapters", "research"},
    "loguru": {"adapters", *SHELL, "cli"},
    "pandas": {"adapters", "research"},
    "pydantic": {"config"},
    "dotenv": {"config"},
    "textual": {"tui"},
    "rich": {"tui"},
    "typer": {"cli"},
}
BANNED_IN_PURE = {
    "asyncio",
    "threading",
    "time",
    "random",
    "os",
    "sys",
    "pathlib",
    "logging",
    "socket",
    "subprocess",
    "io",
    "secrets",
    "uuid",
}
BANNED_CALLS = {"print", "open", "input", "exec", "eval"}
FILES = sorted(PACKAGE.rglob("*.py"))


def floor_of(path: Path) -> str:
    """The floor a file stands on: its first folder, or its own name at the root."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports_of(tree: ast.AST) -> list[str]:
    """Every module a file imports, dotted."""
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the floor they reach"
            module = node.module or ""
            names += [f"{module}.{alias.name}" for alias in node.names] if module == NAME else [module]
    return names


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_imports_only_what_its_floor_allows(path: Path) -> None:
    floor = floor_of(path)
    assert floor in ALLOWED, f"{floor} is not on the plan of the house"
    for name in imports_of(parsed(path)):
        root, *rest = name.split(".")
        if root == NAME:
            target = rest[0] if rest else "__init__"
            assert target in {floor, "__version__", "__init__"} or target in ALLOWED[floor], f"{floor} must not import {target}"
        elif root in OUTSIDE:
            assert floor in OUTSIDE[root], f"{floor} must not import {root}"


@pytest.mark.parametrize("path", [p for p in FILES if floor_of(p) in PURE], ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_pure_file_touches_no_clock_no_file_no_chance(path: Path) -> None:
    tree = parsed(path)
    for name in imports_of(tree):
        assert name.split(".")[0] not in BANNED_IN_PURE, f"{path.name} imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                assert node.func.id not in BANNED_CALLS, f"{path.name}:{node.lineno} calls {node.func.id}"
            if isinstance(node.func, ast.Attribute):
                assert node.func.attr not in {"now", "today", "utcnow"}, f"{path.name}:{node.lineno} reads a clock"
        assert not isinstance(node, ast.AsyncFunctionDef) or floor_of(path) == "ports", f"{path.name}:{node.lineno} is async"


@pytest.mark.parametrize("path", [p for p in FILES if floor_of(p) == "adapters"], ids=lambda p: str(p.relative_to(PACKAGE)))
def test_an_adapter_keeps_to_its_own_library(path: Path) -> None:
    for name in imports_of(parsed(path)):
        root = name.split(".")[0]
        if root in {"ib_insync", "ib_async", "eventkit"}:
            assert path.name.startswith("ib_"), f"{path.name} must not know the broker's library"
        if root == "aiosqlite":
            assert path.name.startswith("journal"), f"{path.name} must not know the journal's library"
        if root == "twilio":
            assert path.name.startswith("whatsapp"), f"{path.name} must not know the messenger's library"


def test_only_the_gate_constructs_orders_and_changes() -> None:
    for path in FILES:
        if path.relative_to(PACKAGE).as_posix() == "trading/gate.py":
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"Order", "Change"}, (
                    f"{path.relative_to(PACKAGE)}:{node.lineno} constructs {node.func.id}"
                )


def test_only_the_outbox_calls_the_broker() -> None:
    verbs = {"cancel_everything", "ask_report", "ask_margin", "change"}
    for path in FILES:
        relative = path.relative_to(PACKAGE).as_posix()
        if relative == "outbox.py" or relative.startswith("adapters/"):
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value)
                assert not (node.func.attr in verbs | {"send", "cancel"} and owner.split(".")[-1].lstrip("_") == "broker"), (
                    f"{relative}:{node.lineno} calls the broker"
                )


def test_the_engine_loads_no_screen_no_broker_library_no_event_loop() -> None:
    code = (
        "import sys; import orderflow_tui.engine, orderflow_tui.driver, orderflow_tui.view.build\n"
        "bad = set('textual rich ib_insync asyncio pandas pyarrow pydantic loguru sqlite3'.split()) & set(sys.modules)\n"
        "print(sorted(bad))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_file_has_a_name_that_says_nothing() -> None:
    empty_words = {"utils", "util", "helpers", "helper", "common", "manager", "handler", "service", "misc", "base"}
    for path in FILES:
        assert not empty_words & set(path.stem.split("_")), f"{path.name} says nothing about what is inside"
