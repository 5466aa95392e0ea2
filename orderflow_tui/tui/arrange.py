"""Where panels stand, by size: all of them, two columns, or one with tabs. Pure geometry, no widget.

At ≥ 160 × 44 everything is shown (time & sales joins at 200 columns), at ≥ 118 × 34 two columns with one shared place,
below that one panel with tabs and a line of money. The truth bar, the lights, the notice and the keys are there at every size.
"""

from __future__ import annotations

from dataclasses import dataclass

from orderflow_tui.tui.panels.panel import Box

ALL = ("dom", "footprint", "profile", "signals", "regime", "pnl", "tape")
FULL = (160, 44)
TAPE_WIDTH = 200
COLUMNS = (118, 34)
SHARED = ("signals", "regime", "profile", "tape")  # take turns in the two-column layout
LADDER_FOOT = 8  # heading row and footers that ladder and footprint share
SHORT_FOOT = 5  # the same where rows are few


@dataclass(frozen=True, slots=True)
class Arrangement:
    """`boxes` of the visible panels; `tabs` the panels that take turns, empty when all are shown; `focus` what is shown
    or marked; rows of the bars. `price_rows` is how many price rows ladder and footprint share (0: each its own)."""

    boxes: dict[str, Box]
    tabs: tuple[str, ...]
    focus: str
    truth: Box
    lights: Box
    tab_row: Box | None
    money: Box | None
    notice: Box
    replay: Box | None
    keys: Box
    price_rows: int

    @property
    def order(self) -> tuple[str, ...]:
        """What Tab walks through."""
        return tuple(name for name in ALL if name in self.boxes or name in self.tabs)


def arrange(width: int, height: int, truth_rows: int, focus: str, zoomed: bool = False, replay: bool = False) -> Arrangement:
    """Places for everything on a screen of `width` × `height` cells."""
    top = truth_rows + 1
    bottom = height - 2 - int(replay)
    tab_row: Box | None = None
    money: Box | None = None
    tabs: tuple[str, ...] = ()
    price_rows = 0
    if zoomed or width < COLUMNS[0] or height < COLUMNS[1]:
        tab_row = Box(0, top, width, 1)
        money = Box(0, top + 1, width, 1)
        tabs = ALL
        boxes = {focus: Box(0, top + 2, width, max(bottom - top - 2, 3))}
    elif width < FULL[0] or height < FULL[1]:
        tabs = SHARED
        boxes, price_rows = _two_columns(width, top, bottom, focus if focus in SHARED else SHARED[0])
    else:
        boxes, price_rows = _full(width, top, bottom)
        if focus not in boxes:
            focus = "dom"
    return Arrangement(
        boxes,
        tabs,
        focus,
        Box(0, 0, width, truth_rows),
        Box(0, truth_rows, width, 1),
        tab_row,
        money,
        Box(0, bottom, width, 1),
        Box(0, bottom + 1, width, 1) if replay else None,
        Box(0, height - 1, width, 1),
        price_rows,
    )


def _full(width: int, top: int, bottom: int) -> tuple[dict[str, Box], int]:
    room = bottom - top
    lower = 12 if room < 48 else 14
    upper = room - lower
    tape = 30 if width >= TAPE_WIDTH else 0
    dom = 68 if width >= 168 else 66
    profile = 34 if width < 170 else 36 if width < TAPE_WIDTH else 38
    foot = width - dom - profile - tape
    boxes = {
        "dom": Box(0, top, dom, upper),
        "footprint": Box(dom, top, foot, upper),
        "profile": Box(dom + foot, top, profile, upper),
    }
    if tape:
        boxes["tape"] = Box(width - tape, top, tape, room)
    across = width - tape
    side = min(max(across // 4, 41), 48)
    boxes["signals"] = Box(0, top + upper, across - 2 * side, lower)
    boxes["regime"] = Box(across - 2 * side, top + upper, side, lower)
    boxes["pnl"] = Box(across - side, top + upper, side, lower)
    return boxes, upper - 2 - LADDER_FOOT


def _two_columns(width: int, top: int, bottom: int, shared: str) -> tuple[dict[str, Box], int]:
    room = bottom - top
    lower = 10
    upper = room - lower
    dom = 56 if width < 130 else 64
    pnl = min(dom, 48)
    boxes = {
        "dom": Box(0, top, dom, upper),
        "footprint": Box(dom, top, width - dom, upper),
        "pnl": Box(0, top + upper, pnl, lower),
        shared: Box(pnl, top + upper, width - pnl, lower),
    }
    return boxes, upper - 2 - SHORT_FOOT
