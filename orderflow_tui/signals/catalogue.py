"""The detectors there are, written out. A new one is a file of its own and a line here."""

from __future__ import annotations

from collections.abc import Callable

from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.signal import Pattern
from orderflow_tui.signals.absorption import AbsorptionDetector
from orderflow_tui.signals.climax import ClimaxDetector
from orderflow_tui.signals.detector import Detector
from orderflow_tui.signals.divergence import DivergenceDetector
from orderflow_tui.signals.exhaustion import ExhaustionDetector
from orderflow_tui.signals.imbalance import ImbalanceDetector
from orderflow_tui.signals.params import SignalParams
from orderflow_tui.signals.participation import ParticipationDetector
from orderflow_tui.signals.unfinished import UnfinishedDetector

Build = Callable[[SignalParams, Instrument], Detector]

# Those that read a bar's levels first: they are not even asked about bars that have none.
LEVEL_DETECTORS: tuple[Build, ...] = (
    lambda p, i: ImbalanceDetector(p.imbalance, i.imbalance_min_volume),
    lambda p, i: ExhaustionDetector(p.exhaustion, i.imbalance_min_volume),
    lambda p, i: AbsorptionDetector(p.absorption, i.absorption_min_volume),
)
DETECTORS: tuple[Build, ...] = (
    *LEVEL_DETECTORS,
    lambda p, _: ClimaxDetector(p.climax),
    lambda p, _: DivergenceDetector(p.divergence),
    lambda p, _: UnfinishedDetector(p.unfinished),
    lambda p, _: ParticipationDetector(p.participation),
)

LETTERS = {
    Pattern.BUY_IMBALANCE: "I",
    Pattern.SELL_IMBALANCE: "I",
    Pattern.STACKED_BUY: "S",
    Pattern.STACKED_SELL: "S",
    Pattern.BUYING_EXHAUSTION: "X",
    Pattern.SELLING_EXHAUSTION: "X",
    Pattern.VOLUME_CLIMAX: "C",
    Pattern.BUYING_ABSORPTION: "A",
    Pattern.SELLING_ABSORPTION: "A",
    Pattern.DOM_ABSORPTION_BUY: "A",
    Pattern.DOM_ABSORPTION_SELL: "A",
    Pattern.BEARISH_DIVERGENCE: "D",
    Pattern.BULLISH_DIVERGENCE: "D",
    Pattern.UNFINISHED_HIGH: "U",
    Pattern.UNFINISHED_LOW: "U",
    Pattern.UNFINISHED_REVISITED: "R",
    Pattern.LACK_OF_PARTICIPATION_HIGH: "L",
    Pattern.LACK_OF_PARTICIPATION_LOW: "L",
}
