"""All settings of the signals floor, composed of what stands beside each family. Filled by the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from orderflow_tui.market.imbalance import ImbalanceRules
from orderflow_tui.signals.absorption import AbsorptionParams
from orderflow_tui.signals.climax import ClimaxParams
from orderflow_tui.signals.detector import LOW_QUALITY_SHARE
from orderflow_tui.signals.divergence import DivergenceParams
from orderflow_tui.signals.dom_absorption import DomParams
from orderflow_tui.signals.exhaustion import ExhaustionParams
from orderflow_tui.signals.hold import HoldParams
from orderflow_tui.signals.news_window import NewsEvent, NewsParams
from orderflow_tui.signals.openings import OpeningParams
from orderflow_tui.signals.participation import ParticipationParams
from orderflow_tui.signals.regime import RegimeParams
from orderflow_tui.signals.router import RouterParams
from orderflow_tui.signals.rule80 import Rule80Params
from orderflow_tui.signals.scoring import ScoreParams
from orderflow_tui.signals.setups import SetupParams
from orderflow_tui.signals.sma_crossover import SmaParams
from orderflow_tui.signals.unfinished import UnfinishedParams


class Strategy(Enum):
    """What may lead to an accepted decision. Exactly one: the modes never run together."""

    SETUPS = "setups"  # the 90/10 score; patterns only confirm
    PATTERNS = "patterns"  # signals the router approves
    SMA_CROSSOVER = "sma_crossover"  # the example


@dataclass(frozen=True, slots=True)
class SignalParams:
    """One field a family. Volumes left None take the instrument's thresholds."""

    strategy: Strategy = Strategy.SETUPS
    imbalance: ImbalanceRules = field(default_factory=ImbalanceRules)
    exhaustion: ExhaustionParams = field(default_factory=ExhaustionParams)
    climax: ClimaxParams = field(default_factory=ClimaxParams)
    absorption: AbsorptionParams = field(default_factory=AbsorptionParams)
    dom: DomParams = field(default_factory=DomParams)
    divergence: DivergenceParams = field(default_factory=DivergenceParams)
    unfinished: UnfinishedParams = field(default_factory=UnfinishedParams)
    participation: ParticipationParams = field(default_factory=ParticipationParams)
    opening: OpeningParams = field(default_factory=OpeningParams)
    rule_80: Rule80Params = field(default_factory=Rule80Params)
    regime: RegimeParams = field(default_factory=RegimeParams)
    router: RouterParams = field(default_factory=RouterParams)
    setups: SetupParams = field(default_factory=SetupParams)
    score: ScoreParams = field(default_factory=ScoreParams)
    hold: HoldParams = field(default_factory=HoldParams)
    news: NewsParams = field(default_factory=NewsParams)
    sma: SmaParams = field(default_factory=SmaParams)
    news_events: tuple[NewsEvent, ...] = ()
    low_quality_share: float = LOW_QUALITY_SHARE
