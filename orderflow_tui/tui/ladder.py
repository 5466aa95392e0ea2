"""Where the price ladder stands. It stays put while price moves inside the middle third.

When the inside leaves the middle third the ladder flashes once, then moves; never per trade. A ladder scrolled by hand
stays until it is centred again, and says so.
"""

from __future__ import annotations

FLASH_MS = 350


class Ladder:
    """The top price of a static ladder, in ticks. Times are milliseconds of any clock that never goes back."""

    def __init__(self) -> None:
        self.top: int | None = None
        self.scrolled = False
        self._rows = 0
        self._inside: int | None = None
        self._flash_until_ms: int | None = None

    @property
    def flashing(self) -> bool:
        """Whether the ladder announces that it is about to move."""
        return self._flash_until_ms is not None

    def follow(self, inside: int | None, rows: int, now_ms: int) -> int | None:
        """Take the newest inside price and the number of rows shown; returns the top price, None before any price."""
        self._inside = inside if inside is not None else self._inside
        if self._inside is None or rows <= 0:
            return self.top
        resized = rows != self._rows
        self._rows = rows
        if self.top is None or (resized and not self.scrolled):
            self._centre()
        elif not self.scrolled:
            self._keep_in_the_middle_third(now_ms)
        return self.top

    def _keep_in_the_middle_third(self, now_ms: int) -> None:
        assert self.top is not None
        assert self._inside is not None
        row = self.top - self._inside
        if self._rows // 3 <= row < self._rows - self._rows // 3:
            self._flash_until_ms = None
        elif not 0 <= row < self._rows:
            self._centre()  # out of sight: there is nothing left to warn about
        elif self._flash_until_ms is None:
            self._flash_until_ms = now_ms + FLASH_MS
        elif now_ms >= self._flash_until_ms:
            self._centre()

    def _centre(self) -> None:
        assert self._inside is not None
        self.top = self._inside + self._rows // 2
        self._flash_until_ms = None

    def centre(self) -> None:
        """The trader asked: centre now and follow again."""
        self.scrolled = False
        if self._inside is not None and self._rows:
            self._centre()

    def scroll(self, ticks: int) -> None:
        """Move by hand, positive towards higher prices."""
        if self.top is not None:
            self.top += ticks
            self.scrolled = True
            self._flash_until_ms = None
