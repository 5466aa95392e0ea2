"""How old the picture is. The engine cannot report that it is silent, so the screen counts by its own monotonic clock."""

from __future__ import annotations

from dataclasses import replace

from orderflow_tui.view import ConsoleView

SILENT_ENGINE_MS = 2_000  # a beat older than this: what is shown is doubtful, and nothing that raises risk is sent


def beat_age_ms(view: ConsoleView, now_ns: int) -> int:
    """Milliseconds since the engine last turned its loop, by the screen's own monotonic clock."""
    return max(now_ns - view.beat_mono_ns, 0) // 1_000_000


def aged(view: ConsoleView | None, now_ns: int) -> ConsoleView | None:
    """The view as it is now: its ages have grown and its arming has shrunk since the engine made it."""
    if view is None:
        return None
    beat, truth = beat_age_ms(view, now_ns), view.truth
    older = replace(
        truth,
        data_age_ms=None if truth.data_age_ms is None else truth.data_age_ms + beat,
        reconcile_age_ms=None if truth.reconcile_age_ms is None else truth.reconcile_age_ms + beat,
        armed_left_ms=max(truth.armed_left_ms - beat, 0),
    )
    return replace(view, truth=older)
