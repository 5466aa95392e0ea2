"""Who is told: the WhatsApp notifier where alerts are switched on, and what a start itself has to tell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING

from orderflow_tui.adapters.alert_queue import restart_alert
from orderflow_tui.adapters.alert_rows import untold_alert
from orderflow_tui.domain.action import Alert, Row
from orderflow_tui.runtime import Runtime
from orderflow_tui.wiring.plan import Plan

if TYPE_CHECKING:
    from orderflow_tui.adapters.whatsapp import WhatsApp

Service = Callable[[], Coroutine[None, None, None]]


def notifier_of(plan: Plan, runtime: Runtime) -> WhatsApp | None:
    """The notifier of the configuration, None where alerts are off. Raises NotConfigured with what is missing."""
    config = plan.loaded.config.alerts
    if not config.enabled:
        return None
    from orderflow_tui.adapters.whatsapp import WhatsApp, whatsapp_settings  # with an HTTP client behind it

    secrets = {name: secret.get_secret_value() for name, secret in plan.loaded.secrets.items()}
    loop = asyncio.get_running_loop()
    settings = whatsapp_settings(secrets, config.cooldown_min)
    return WhatsApp(settings, on_state=lambda key, state: _tell(loop, runtime, key, state))


def _tell(loop: asyncio.AbstractEventLoop, runtime: Runtime, key: str, state: str) -> None:
    loop.call_soon_threadsafe(runtime.alert_went, key, state)


def sending(
    notifier: WhatsApp, unclean: int, rows: Sequence[Row], tell: Callable[[Alert], None], now_ns: Callable[[], int]
) -> Service:
    """The service that runs the notifier's thread; its last message leaves when the house closes. `rows`: the journal's, for
    what earlier runs could not tell."""

    async def run() -> None:
        notifier.start()
        for alert in (restart_alert(now_ns(), unclean), untold_alert(rows, now_ns())):
            if alert is not None:
                tell(alert)
        try:
            await asyncio.Event().wait()
        finally:
            await _finished(asyncio.to_thread(notifier.close))

    return run


def telling(alert: Alert, tell: Callable[[Alert], None]) -> Service:
    """The service that tells what the start itself found, once the house stands."""

    async def run() -> None:
        tell(alert)
        await asyncio.Event().wait()

    return run


async def _finished(closing: Awaitable[None]) -> None:
    """Wait for the last message even while the service is being cancelled."""
    await asyncio.shield(asyncio.ensure_future(closing))
