"""Stretches of market data that are missing, and how the engine hears of them: DOWN when one begins, GAP before the first
event after it.

A loss has three ends, each in its own time: the cause goes, quotes speak again, prints come again. Quotes may speak long
before the next print, and the last prints on their way when it began come after it: so a gap may be told again, before the
first print that follows a pause. Stamps are handed in.
"""

from __future__ import annotations

from collections.abc import Callable

from orderflow_tui.adapters.ib_stream import Stream
from orderflow_tui.domain.market import FeedState
from orderflow_tui.domain.session import SECOND_NS

PAUSE_NS = SECOND_NS  # without a print for longer, what a loss took lies before the next one


class Losses:
    """The losses of one feed. The streams in order, what is analysed first; `tell` passes a state of a symbol on, `now_ns` is
    the stamp of what is told, `refused` why a symbol has only snapshots, `lasts` whether the cause of a loss is still there."""

    def __init__(
        self,
        streams: dict[str, Stream],
        tell: Callable[[str, FeedState, str], None],
        now_ns: Callable[[], int],
        refused: Callable[[str], str],
        lasts: Callable[[], bool],
    ) -> None:
        self._streams = streams
        self._tell = tell
        self._now_ns = now_ns
        self._refused = refused
        self._lasts = lasts
        self.untold = False  # one is known, and nothing came after it
        self._prints_missing = False  # since a loss no print is known to be after it
        self._away = False  # between the loss of what is behind the line and the next synchronisation
        self._gap_ns = self._print_ns = 0  # when the last GAP was told, and when the last print came
        self._heard = False

    def away(self, reason: str) -> None:
        """Nothing is behind the line any more."""
        if self._heard:
            self._away = True
            for stream in self._streams.values():
                stream.interrupted()
        self.begin(reason)

    def back(self) -> None:
        """What is behind the line is known again; who was not said to be away may have been."""
        if self._away:
            self._away = False
            self.over()
        else:
            self.begin("the broker was away")

    def begin(self, reason: str) -> None:
        """Prints are being lost: told once, until something comes again."""
        if not self._heard:
            return
        self._prints_missing = True
        if self.untold:
            return
        self.untold = True
        for symbol, stream in self._streams.items():
            stream.classifier.reset()
            stream.day_volume = None
            self._tell(symbol, FeedState.DOWN, reason)

    def over(self) -> None:
        """A loss has ended: what came while it lasted was its tail, and what comes now has a gap before it."""
        self.untold |= self._prints_missing

    def told(self, at_ns: int) -> None:
        """A gap was told otherwise: prints come after it."""
        self._gap_ns, self._prints_missing = at_ns, True

    def resume(self, stream: Stream, at_ns: int, state: FeedState | None) -> None:
        """The first word after a loss says so; single trades after snapshots end the degradation. `state` is of a print."""
        self._heard = True
        if state is not None:
            self._printed(at_ns)
        if self.untold:
            self._tell_gap()
        if state is FeedState.LIVE and stream.snapshot:
            stream.snapshot = False
            self._tell(stream.instrument.symbol, FeedState.GAP, "single trades again after snapshots")
            self._tell(stream.instrument.symbol, FeedState.LIVE, "")

    def _printed(self, at_ns: int) -> None:
        """A print. After a loss quotes may speak long before it, and so may the last prints on their way when it began: where
        it comes after a pause the gap is told again."""
        if self._prints_missing:
            self.untold |= at_ns - max(self._gap_ns, self._print_ns) > PAUSE_NS
            self._prints_missing = self._away or self._lasts()
        self._print_ns = at_ns

    def _tell_gap(self) -> None:
        """Data are missing before this instant. What is analysed speaks last: only its prints may be snapshots."""
        self.untold = False
        self._gap_ns = self._now_ns()
        for symbol in reversed(self._streams):
            self._tell(symbol, FeedState.GAP, "data was lost before this instant")
            if self._streams[symbol].snapshot:
                self._tell(symbol, FeedState.SNAPSHOT, self._refused(symbol))
            else:
                self._tell(symbol, FeedState.LIVE, "")
