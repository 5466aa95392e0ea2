"""The prices the engine has heard, kept for judging those it sends."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from orderflow_tui.domain.market import NO_PRICE, Depth, Quote, Trades

KEPT = 256


@dataclass(slots=True)
class Tape:
    """The prices heard: of each event with prices when it came, its lowest and its highest. Prices in ticks."""

    heard: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=KEPT))
    quotes: deque[tuple[int, tuple[int, ...]]] = field(default_factory=lambda: deque(maxlen=KEPT))  # when, and what was known

    def trades(self, piece: Trades, now_ns: int, spread: tuple[int, int]) -> None:
        """Trades, with the quotes that came with the last of them. `spread`: their lowest and highest price."""
        self.heard.append((now_ns, *spread))
        if piece.bid is not None and piece.ask is not None:
            self._quoted(now_ns, int(piece.bid[-1]), int(piece.ask[-1]))

    def book(self, event: Quote | Depth, now_ns: int) -> None:
        """A quote."""
        if isinstance(event, Quote):
            self._quoted(now_ns, event.bid, event.ask)

    def _quoted(self, now_ns: int, *prices: int) -> None:
        self.quotes.append((now_ns, tuple(price for price in prices if price != NO_PRICE)))

    @property
    def quoted(self) -> tuple[int, ...]:
        """The newest quotes that are known."""
        return self.quotes[-1][1] if self.quotes else ()

    def since(self, when_ns: int) -> tuple[int, int] | None:
        """The lowest and the highest price at which the market may have been believed to stand since then, None of none."""
        known: list[int] = []
        for at_ns, prices in reversed(self.quotes):
            known += prices
            if at_ns < when_ns:
                break
        lows, highs = known.copy(), known.copy()
        for at_ns, low, high in reversed(self.heard):
            lows.append(low)
            highs.append(high)
            if at_ns < when_ns:
                break
        return (min(lows), max(highs)) if lows else None

    def silent_ns(self, now_ns: int) -> int:
        """How long no trade has been heard, 0 before the first."""
        return now_ns - self.heard[-1][0] if self.heard else 0
