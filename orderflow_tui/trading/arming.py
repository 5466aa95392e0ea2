"""Two permissions to increase risk, neither of which survives a restart.

*Arming* is a person's hand on the key: it times out and drops on disconnect or when a latch opens.
The *grant* is unattended trading for one session: it ends with the session, on any latch, or after a long disconnect.
"""

from __future__ import annotations

from orderflow_tui.domain.event import Automation
from orderflow_tui.domain.session import MS_NS


class Arming:
    """Armed until a deadline."""

    __slots__ = ("until_ns",)

    def __init__(self) -> None:
        self.until_ns: int | None = None

    def arm(self, now_ns: int, for_ms: int) -> None:
        """Arm, or arm anew."""
        self.until_ns = now_ns + for_ms * MS_NS

    def disarm(self) -> None:
        """Take the hand off."""
        self.until_ns = None

    def armed(self, now_ns: int) -> bool:
        """Whether a key press may increase risk now. The deadline itself is too late."""
        return self.until_ns is not None and now_ns < self.until_ns

    def left_ms(self, now_ns: int) -> int:
        """Time left in ms, 0 when not armed."""
        return 0 if self.until_ns is None else max(0, (self.until_ns - now_ns) // MS_NS)


class AutomationMode:
    """What is done with an accepted decision. AUTO is a grant, which the desk ends with the trade date."""

    __slots__ = ("mode", "rest")

    def __init__(self, rest: Automation) -> None:
        assert rest is not Automation.AUTO, "AUTO is granted by a person for one session, never a default"
        self.rest: Automation = rest  # what it falls back to when a grant ends
        self.mode: Automation = rest

    @property
    def granted(self) -> bool:
        """Whether intents without a key press may pass."""
        return self.mode is Automation.AUTO

    def choose(self, mode: Automation) -> None:
        """A person chose."""
        self.mode = mode

    def end_grant(self) -> bool:
        """Fall back; True when a grant really ended."""
        if not self.granted:
            return False
        self.mode = self.rest
        return True
