"""What could not be drawn: one sentence for the screen each time, one line in the log for each place that failed."""

from __future__ import annotations

import logging

SENTENCE = 160  # characters of an exception that a screen may show


class Faults:
    """Remembers which places have failed, so that a fault at twenty frames a second fills no log."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str, int]] = set()

    def tell(self, where: str, error: BaseException) -> str:
        """The sentence for the screen; the log gets the traceback once for each place and kind."""
        line, trace = 0, error.__traceback__
        while trace is not None:
            line, trace = trace.tb_lineno, trace.tb_next
        place = (where, type(error).__name__, line)
        if place not in self._told:
            self._told.add(place)
            logging.getLogger(__name__).error("%s cannot be drawn", where, exc_info=error)
        return reason(error)


def reason(error: BaseException) -> str:
    """`ValueError: what it said`, in one line of bounded length."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}"[:SENTENCE] if said else type(error).__name__
