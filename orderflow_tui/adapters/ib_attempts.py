"""How long to wait before the next attempt to connect: longer after every failure, flat in the broker's nightly reset."""

from __future__ import annotations

from dataclasses import dataclass

BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
JITTER = 0.2
STABLE_S = 60.0  # a line that lived so long resets the backoff
RESET_WAIT_S = 15.0
ID_TRIES = 3
ID_WAIT_S = 5.0


@dataclass(slots=True)
class Attempts:
    """What is counted over lines: backoff steps, refused client ids, futile resubscriptions."""

    backoff: int = 0
    id_refused: int = 0
    resubscribed: int = 0
    connected_s: float | None = None

    def wait_s(self, now_s: float, resetting: bool, chance: float) -> float:
        """Seconds before the next attempt, spread by a chance from 0 to 1. `resetting`: the broker's nightly reset runs."""
        if self.connected_s is not None and now_s - self.connected_s > STABLE_S:
            self.backoff = 0
        self.connected_s = None
        seconds = BACKOFF_S[min(self.backoff, len(BACKOFF_S) - 1)]
        self.backoff += 1
        return (RESET_WAIT_S if resetting else seconds) * (1 + JITTER * (2 * chance - 1))
