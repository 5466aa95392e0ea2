"""Composite and developing value as two histograms on one price axis: CVA to the left, DVA to the right.

A row covers as many ticks as are needed to show today's whole profile and the composite value area; the heading says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orderflow_tui.tui import cells
from orderflow_tui.tui.cells import Row, Span
from orderflow_tui.tui.panels.panel import Panel, Sight
from orderflow_tui.view import ConsoleView, Hist, ProfileView

SCALES = (1, 2, 4, 5, 8, 10, 20, 40, 80, 160, 400)  # ticks a row may cover
TAG = 6
WIDE_TAG = 10  # room for two labels on a row that several levels share
ROOMY = 32  # cells from which the labels have it
_SHORTER = {"stack": "stk"}


@dataclass(frozen=True, slots=True)
class Axis:
    """The shared price axis: row n covers ticks top - n*step … top - n*step + step - 1, counted down."""

    top: int
    step: int
    rows: int

    def row(self, tick: float) -> int:
        """The row a price falls into (may lie outside)."""
        return int((self.top + self.step - 1 - tick) // self.step)


def profile_axis(profile: ProfileView, rows: int) -> Axis | None:
    """The finest axis that shows today's profile and the composite value area; None without any."""
    low, high = _extent(profile)
    if low is None or high is None or rows <= 0:
        return None
    for step in SCALES:
        top = high // step * step
        if (top - low // step * step) // step + 1 <= rows:
            spare = rows - ((top - low // step * step) // step + 1)
            return Axis(top + spare // 2 * step, step, rows)
    step = SCALES[-1]
    middle = profile.last if profile.last is not None else (low + high) // 2
    return Axis(middle // step * step + rows // 2 * step, step, rows)


def _extent(profile: ProfileView) -> tuple[int | None, int | None]:
    lows: list[int] = []
    highs: list[int] = []
    if profile.dva is not None and profile.dva.volumes:
        lows.append(profile.dva.low)
        highs.append(profile.dva.low + len(profile.dva.volumes) - 1)
    for area in (profile.cva.value if profile.cva else None, profile.pva):
        if area is not None:
            lows.append(area.val)
            highs.append(area.vah)
    if not lows and profile.cva is not None and profile.cva.volumes:
        lows.append(profile.cva.low)
        highs.append(profile.cva.low + len(profile.cva.volumes) - 1)
    return min(lows, default=None), max(highs, default=None)


def profile_heading(view: ConsoleView, _sight: Sight) -> str:
    """`PROFILE · CVA 5d │ DVA · B`; a composite of too few sessions says PARTIAL."""
    profile = view.profile
    cva = f"CVA {profile.cva_days}d PARTIAL" if profile.cva_note else f"CVA {profile.cva_days}d │ DVA"
    return f"PROFILE · {cva} · {profile.grade.value}"


def profile_rows(view: ConsoleView, sight: Sight) -> tuple[Row, ...]:
    """Histograms with level labels, and what is still missing under them."""
    profile = view.profile
    axis = profile_axis(profile, sight.height - len(_notes(view, sight.width, 1)))
    if axis is None:
        waits = " · ".join(note for note in (profile.cva_note, profile.dva_note) if note) or "no volume yet"
        return cells.sentence(waits, sight.width, sight.height)
    label = max(len(view.instrument.text(axis.top)), 6) + 2
    tag = WIDE_TAG if sight.width >= ROOMY else TAG
    half = max((sight.width - label - tag) // 2, 1)
    right = sight.width - label - tag - half
    cva, dva = _binned(profile.cva, axis), _binned(profile.dva, axis)
    tags = _tags(profile, axis, tag)
    last_row = axis.row(profile.last) if profile.last is not None else -1
    trail = {axis.row(tick) for tick in profile.poc_trail}
    rows: list[Row] = []
    for n in range(axis.rows):
        tick = axis.top - n * axis.step
        price_ink = "bold ink on last" if n == last_row else "text"
        rows.append(
            (
                *_left_bar(cva[n], max(cva), half, _inside(profile.cva, axis, n)),
                (f"│{view.instrument.text(tick):^{label - 2}}│", price_ink),
                *_right_bar(dva[n], max(dva), right, _inside(profile.dva, axis, n), n in trail),
                _tag_span(tags.get(n, ""), tag),
            )
        )
    rows.extend(_notes(view, sight.width, axis.step))
    return tuple(rows)


def _binned(hist: Hist | None, axis: Axis) -> list[int]:
    bins = [0] * axis.rows
    if hist is not None:
        for offset, volume in enumerate(hist.volumes):
            row = axis.row(hist.low + offset)
            if 0 <= row < axis.rows:
                bins[row] += volume
    return bins


def _inside(hist: Hist | None, axis: Axis, row: int) -> int:
    """2 for the row of the POC, 1 inside the value area, 0 outside."""
    if hist is None or hist.value is None:
        return 0
    if row == axis.row(hist.value.poc):
        return 2
    return 1 if axis.row(hist.value.vah) <= row <= axis.row(hist.value.val) else 0


def _left_bar(volume: int, largest: int, width: int, inside: int) -> tuple[Span, ...]:
    """Growing leftwards in half cells: no glyph fills a cell from its right edge any finer."""
    full, half = divmod(round(volume / largest * width * 2) if largest else 0, 2)
    ink = ("cva_dim", "cva", "bold poc")[inside]
    return ((("▐" * half + "█" * full).rjust(width), ink),)


def _right_bar(volume: int, largest: int, width: int, inside: int, on_trail: bool) -> tuple[Span, ...]:
    text = cells.bar(volume / largest if largest else 0.0, width)
    ink = ("dva_dim", "dva", "bold poc")[inside]
    if on_trail and inside != 2 and width > 1:
        return (("◦", "poc"), (text[1:], ink))
    return ((text, ink),)


def _tags(profile: ProfileView, axis: Axis, room: int) -> dict[int, str]:
    """Level labels by row. The view lists the most important last: it comes first on its row, and those that find no room
    beside it are told by a plus."""
    levels = list(profile.levels)
    names = " ".join(name for _, name in levels)
    if profile.vwap is not None and "VWAP" not in names:
        levels.insert(0, (round(profile.vwap), "VWAP"))
    if profile.vwap is not None and profile.vwap_sd and "σ" not in names:
        sigmas = [(round(profile.vwap + k * profile.vwap_sd), f"{k:+d}σ") for k in (3, -3, 2, -2, 1, -1)]
        levels[:0] = sigmas
    tags: dict[int, str] = {}
    for tick, name in reversed(levels):
        row = axis.row(tick)
        if 0 <= row < axis.rows:
            short = _SHORTER.get(name[:5], name[:5]) + name[5:]
            known = tags.get(row, "")
            if not known:
                tags[row] = short
            elif short not in known:
                fits = len(known) + len(short) + 3 <= room and not known.endswith("+")
                tags[row] = f"{known} {short}" if fits else known.rstrip("+") + "+"
    return tags


def _tag_span(tag: str, width: int) -> Span:
    ink = "bold poc" if "POC" in tag else "vwap" if "VWAP" in tag or "σ" in tag else "bold accent"
    return cells.left(f" {tag}" if tag else "", width), ink


def _notes(view: ConsoleView, width: int, step: int) -> list[Row]:
    """Both areas in figures, what is missing in words, how value moved, and how all of it is made."""
    profile = view.profile
    arrow = "▲" if profile.aligned_vas > 0 else "▼"
    aligned = f" · {abs(profile.aligned_vas)} aligned {arrow}" if profile.aligned_vas else ""
    approx = " · ~bars" if (profile.cva and profile.cva.approx) or (profile.dva and profile.dva.approx) else ""
    lines = [
        *_figures(view, "CVA", profile.cva, profile.cva_note, width, "cva"),
        *_figures(view, "DVA", profile.dva, profile.dva_note, width, "dva"),
        (f"{profile.migration or 'migration ?'}{aligned}", "bold text"),
        (f"{profile.method} · row = {step} tick{'s'[: step > 1]}{approx}", "dim"),
    ]
    return [((cells.left(line, width), ink),) for line, ink in lines]


def _figures(view: ConsoleView, name: str, hist: Hist | None, note: str, width: int, ink: str) -> list[Span]:
    """`CVA 6655.00–6700.00 6665.25`: edges and POC; then what the area still waits for."""
    area, text = hist.value if hist else None, view.instrument.text
    figures = [(f"{name} {text(area.val)}–{text(area.vah)} {text(area.poc)}", ink)] if area else []
    return figures + [(line, "warn") for line in cells.wrap(note, width)]


class ProfilePanel(Panel):
    """The profile on the screen, every tenth frame."""

    panel_id = "profile"
    word = "PROFILE"
    every = 10

    def heading(self, view: ConsoleView, sight: Sight) -> str:
        """What the frame says."""
        return profile_heading(view, sight)

    def content(self, view: ConsoleView, sight: Sight) -> Sequence[Row]:
        """Both histograms."""
        return profile_rows(view, sight)
