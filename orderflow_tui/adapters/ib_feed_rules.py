"""What is asked for of market data, how sides are settled with it, and how often the broker is asked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from orderflow_tui.market.aggressor import AggressorParams

QUIET_QUOTES = AggressorParams(max_quote_age_s=60)  # tick-by-tick quotes speak only on a change


@dataclass(frozen=True, slots=True)
class FeedPace:
    """Seconds between the streams of one instrument when it is subscribed, between two such subscriptions (the broker takes
    one request for single ticks in so long), before a refused stream is tried again, and between renewals of the book."""

    stagger_s: float = 1.0
    spacing_s: float = 15.0
    retry_s: float = 15.0
    renew_s: float = 5.0


class QuoteSource(Enum):
    """Where the quotes come from that settle a trade's side."""

    BOOK = "dom0"  # the best row of the book; tick by tick where the broker gives no book
    TICKS = "BidAsk"  # tick by tick
    LEVEL1 = "mktdata"  # the 250 ms aggregate


@dataclass(frozen=True, slots=True)
class FeedRules:
    """Which prints and quotes of the analysed instrument are asked for, and how sides are settled with them."""

    prints: str = "Last"
    quotes: QuoteSource = QuoteSource.TICKS
    sides: AggressorParams = QUIET_QUOTES
