"""The panels, written out. Adding one: a file that turns a view into rows, a line here, a place in `arrange`."""

from __future__ import annotations

from orderflow_tui.tui.panels.dom import DomPanel
from orderflow_tui.tui.panels.footprint import FootprintPanel
from orderflow_tui.tui.panels.panel import Box, CellMode, Panel, Sight
from orderflow_tui.tui.panels.pnl import PnlPanel
from orderflow_tui.tui.panels.profile import ProfilePanel
from orderflow_tui.tui.panels.regime import RegimePanel
from orderflow_tui.tui.panels.signals import SignalsPanel
from orderflow_tui.tui.panels.tape import TapePanel

PANELS: tuple[type[Panel], ...] = (
    DomPanel,
    FootprintPanel,
    ProfilePanel,
    SignalsPanel,
    RegimePanel,
    PnlPanel,
    TapePanel,
)

__all__ = ["PANELS", "Box", "CellMode", "Panel", "Sight"]
