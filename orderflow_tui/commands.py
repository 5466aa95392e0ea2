"""What the operator presses becomes a command of the engine; a typed safety key is proven on the way.

The key itself goes no further than this file: never into log, journal or engine. It authorises the one command it came
with, for `AUTHORISED_S`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from loguru import logger

from orderflow_tui.adapters.safety_key import Checked
from orderflow_tui.domain.action import Alert, Tier
from orderflow_tui.domain.event import OperatorCommand, Trouble
from orderflow_tui.domain.latch import LatchKind
from orderflow_tui.ports import Post
from orderflow_tui.seam import Pressed

AUTHORISED_S = 30.0


class Commands:
    """Keys pressed at the screen, on their way to the engine. `check_key` None: no key is asked for here."""

    def __init__(
        self,
        post: Post,
        alert: Callable[[Alert], None],
        stamp: Callable[[], int],
        check_key: Callable[[str], Checked] | None,
    ) -> None:
        self._post, self._alert, self._stamp = post, alert, stamp
        self._check_key = check_key  # takes its time: called in a thread
        self._proofs: set[asyncio.Task[None]] = set()

    def take(self, pressed: Pressed) -> None:
        """A command from the screen. One that brings the safety key is proven beside the others, which never wait for it."""
        args = {name: value for name, value in pressed.args.items() if name not in {"key", "key_ok"}}
        key = pressed.args.get("key")
        if not key:
            self._command(pressed, args)
            return
        args["pressed_ns"] = str(self._stamp())  # what stops trading meanwhile is not cleared by it
        proof = asyncio.create_task(self._prove_and_command(pressed, args, key), name="safety key")
        self._proofs.add(proof)
        proof.add_done_callback(self._proofs.discard)

    async def _prove_and_command(self, pressed: Pressed, args: dict[str, str], key: str) -> None:
        if not await self.prove_key(key) and time.monotonic() - pressed.at_s <= AUTHORISED_S:
            args["key_ok"] = "yes"
        self._command(pressed, args)

    def _command(self, pressed: Pressed, args: dict[str, str]) -> None:
        logger.info("operator: {} {}", pressed.command.value, args)
        self._post(OperatorCommand(self._stamp(), pressed.command, pressed.id, args))

    async def prove_key(self, key: str) -> str:
        """Why a typed safety key does not authorise, empty when it does. Every miss alerts, and the tenth locks."""
        if self._check_key is None:
            return "no safety key is asked for here"
        checked = await asyncio.to_thread(self._check_key, key)
        if checked.fault:
            self._alert(Alert(self._stamp(), "safety key", checked.fault, Tier.WARNING))
        if checked.lock:
            self._post(Trouble(self._stamp(), LatchKind.KEY_ATTEMPTS, checked.fault))
        return checked.fault
