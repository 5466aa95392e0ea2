"""Whose account a journal is of: its first proven account, for ever.

Positions, the day's money, trade count, tier and cool-down in a journal are those of one account; nothing in its rows but this
says which. Where the gateway serves another one, what it says of positions would be taken as news of the first, and the brakes
of the first would hold the second. So the session is told that such an account is a wrong one, before it says anything.

Kept are the last characters, which are shown everywhere, and a hash. A journal of an older version tells by its newest order
that names an account, or is the first proven account's from then on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from orderflow_tui.domain.action import Row
from orderflow_tui.trading import rows
from orderflow_tui.wiring.plan import SUFFIX

KIND = "owner"


@dataclass(slots=True)
class Owner:
    """The account of a journal: its last characters and its hash, empty while none was proven."""

    suffix: str = ""
    digest: str = ""

    def refusal(self, account: str, who: str = "the gateway serves") -> str:
        """Why this account, which somebody names, may not go on with the journal; empty when it may."""
        if not self.digest or self.digest == digest_of(account):
            return ""
        served = f"{who} the one ending …{account[-SUFFIX:]}"
        then = "log in to the first, or give the other a data folder of its own (--data-dir)"
        return f"this journal is of the account ending …{self.suffix}, {served}: {then}"

    def proven(self, account: str, now_ns: int) -> Row | None:
        """The row to be written when an account was proven; None when the journal says so already."""
        if self.digest:
            return None
        self.suffix, self.digest = account[-SUFFIX:], digest_of(account)
        return rows.row(KIND, self.suffix, now_ns, digest=self.digest)


def owner_of(journal: Sequence[Row]) -> Owner:
    """The account a journal's rows are of."""
    for row in reversed(journal):
        if row.kind == KIND:
            return Owner(row.ref, rows.text(row, "digest"))
    named = (str(row.payload.get("account") or "") for row in reversed(journal) if row.kind == "order")
    account = next(filter(None, named), "")
    return Owner(account[-SUFFIX:], digest_of(account)) if account else Owner()


def digest_of(account: str) -> str:
    """What an account is compared by."""
    return hashlib.sha256(account.encode()).hexdigest()
