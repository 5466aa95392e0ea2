"""Which month is analysed and which is traded, over the life of the house.

The analysed month rolls by rule: at a start, and when a trade date begins. Prices learnt so far move by the spread of the
two months at the end of the last regular session; where that cannot be measured the value archive starts anew and says so.
It waits while the analysed or the traded contract is held: what is held would be measured by the prices of another month.
The traded month follows only when nothing is held and, with real orders, when a person says so. While the two differ
there are no entries. When the traded contract expires is told too: the gate ends entries some days before.

Where the analysed contract is itself traded, all months change together and only by the desk's word: entries stop when the
change is due, history is asked, and the desk is asked once more with the spread in hand. An entry never fills in a month
that its exits have left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date

from loguru import logger

from orderflow_tui.adapters.ib_contracts import trade_date_at
from orderflow_tui.adapters.ib_desk import Traded
from orderflow_tui.adapters.ib_feed import IbFeed
from orderflow_tui.adapters.ib_history import spread_ticks
from orderflow_tui.adapters.ib_line import NoAnswer, Refused
from orderflow_tui.adapters.ib_session import IbSession
from orderflow_tui.domain.account import ContractMonth
from orderflow_tui.domain.action import Row, Tier
from orderflow_tui.domain.event import Command, ContractNews, Event, OperatorCommand
from orderflow_tui.domain.session import SECOND_NS, SessionTable

LOOK_S = 5.0
MEASURED_NS = 30 * SECOND_NS  # so long a spread waits for the desk's second word
UNSURE_S = 20.0  # the broker refuses the same question twice within fifteen seconds
KIND = "contract"  # of the journal's rows that say which month is analysed or traded
Say = Callable[[str, Tier], None]


class Months:
    """Owns the months of one house. `auto`: the house itself asks for the change of the traded month. `together`: orders may go
    out in the analysed contract too, as they do where it is the only one."""

    def __init__(
        self,
        session: IbSession,
        feed: IbFeed,
        table: SessionTable,
        clock_ns: Callable[[], int],
        *,
        auto: bool,
        together: bool,
        post: Callable[[Event], None],
        record: Callable[[Row], None],
        say: Say,
    ) -> None:
        self._session, self._feed, self._table, self._clock_ns = session, feed, table, clock_ns
        self._auto = auto
        self._post, self._record, self._say = post, record, say
        self._analysis, self._execution = session.settings.analysis, session.settings.execution
        self._together = together or self._analysis == self._execution
        self._named = ""
        self._written: dict[str, str] = {}
        self._block = ""
        self._expiry: date | None = None
        self._looked: date | None = None
        self._asked = 0
        self._waited = 0  # looks since the broker was asked
        self._told_wait = ""  # the roll that waits, as last told
        self._measuring: asyncio.Task[None] | None = None  # the newest question for a spread that the desk waits for
        self._measured: tuple[int, Traded, Traded, int | None] | None = None  # when, of which months, the spread in ticks

    @property
    def contract(self) -> str:
        """The analysed month as the exchange writes it, such as `ESZ6`; empty while unknown."""
        traded = self._session.traded.get(self._analysis)
        return "" if traded is None else str(traded.contract.localSymbol)

    def known(self, months: dict[str, str]) -> None:
        """What earlier lives analysed and traded."""
        self._session.months.update(months)
        self._written.update(months)

    def synced(self) -> None:
        """Contracts are known: name the analysed one before its first price, and say what the months mean for entries."""
        if self.contract != self._named:
            self._named = self.contract
            self._feed.name_contract(self.contract)
        self._write()
        self._tell()

    async def follow(self, ready: asyncio.Event) -> None:
        """Roll when it is time, for ever. Begins when `ready`: the past is there, or will not come for now."""
        await ready.wait()
        while True:
            if self._session.traded:
                await self._look()
                self._tell()
                self._confirm_if_automatic()  # entries stop first
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        """Which month leads is told by every synchronisation, and asked when a trade date begins."""
        today = trade_date_at(self._clock_ns())
        try:
            self._waited += 1
            again = self._session.leads_unsure and self._waited * LOOK_S >= UNSURE_S
            if self._looked not in (None, today) or again:
                self._waited = 0
                await self._session.look_at_months()
            self._looked = today
            await self._roll_analysis()
        except (LookupError, NoAnswer, Refused, OSError) as fault:
            logger.warning("which month leads could not be asked: {}; asked again in {} s", fault, LOOK_S)

    async def _roll_analysis(self) -> None:
        front, lead = self._session.traded[self._analysis], self._session.leads[self._analysis]
        if lead.listed.expiry <= front.listed.expiry:
            return
        if self._together:
            return  # what is traded changes when flat, by the desk's word
        if self._waits(front, lead):
            return
        shift = await self._spread(front, lead)
        if self._waits(front, lead):
            return  # something was bought while history was asked
        self._session.take_month(self._analysis)
        self._switch(front, shift)

    def _waits(self, front: Traded, lead: Traded) -> bool:
        """Whether a contract of ours is held, as the last report told; said once."""
        ours = {traded.contract.conId: traded.contract.localSymbol for traded in self._session.traded.values()}
        held = ", ".join(f"{h.quantity:+d} {ours[h.con_id]}" for h in self._session.held if h.con_id in ours and h.quantity)
        months = f"{front.contract.localSymbol} rolls to {lead.contract.localSymbol}"
        told = f"{months} when {held} is closed" if held else ""
        if told and told != self._told_wait:
            self._say(told, Tier.WARNING)
        self._told_wait = told
        return bool(held)

    async def _spread(self, front: Traded, lead: Traded) -> int | None:
        line, end_ns = self._session.line, self._last_close()
        if line is None or end_ns is None:
            return None
        return await spread_ticks(line, front, lead, end_ns)

    def _switch(self, front: Traded, shift: int | None) -> None:
        unknown = "the spread is unknown, the value archive starts anew"
        moved = unknown if shift is None else f"levels move {shift:+d} ticks"
        reason = f"{front.contract.localSymbol} rolls to {self.contract}: {moved}"
        self._named = self.contract
        self._feed.rolled(self.contract, shift, reason)
        self._write()
        self._say(reason, Tier.WARNING)
        self._tell()

    def _last_close(self) -> int | None:
        """The end of the last completed regular session."""
        now_ns = self._clock_ns()
        day = self._table.day_at(now_ns)
        while day is not None and (day.rth_close_ns is None or day.rth_close_ns > now_ns):
            day = self._table.previous(day)
        return None if day is None else day.rth_close_ns

    # -- the traded month ---------------------------------------------------------------------------------------------

    @property
    def _behind(self) -> tuple[str, ...]:
        """What should change by the desk's word: traded in a month that another one leads now."""
        symbols = (self._analysis, self._execution) if self._together else (self._execution,)
        found = []
        for symbol in dict.fromkeys(symbols):
            traded, wanted = self._session.traded.get(symbol), self._wanted(symbol)
            if traded is not None and wanted is not None and wanted.listed.expiry > traded.listed.expiry:
                found.append(symbol)
        return tuple(found)

    @property
    def _due(self) -> str:
        """Why the traded month should change, empty when it need not."""
        names = [
            (self._session.traded[s].contract.localSymbol, self._session.leads[s].contract.localSymbol) for s in self._behind
        ]
        return ", ".join(f"{old} is traded, {new} leads" for old, new in names)

    def _wanted(self, symbol: str) -> Traded | None:
        """The month to trade in: the one that leads; where that rolls apart, not before it is analysed."""
        lead = self._session.leads.get(symbol)
        if lead is None or self._together:
            return lead
        analysed = self._session.traded[self._analysis]
        return lead if lead.listed.month == analysed.listed.month else None

    def confirm(self) -> None:
        """The desk is flat and the change was asked for."""
        behind = self._behind
        if not behind:
            self._say("roll: the traded month is the analysed one already", Tier.INFO)
        elif self._analysis not in behind:
            self._take(behind)
            self._feed.resubscribe()
            self._write()
            self._say(f"{self._session.traded[self._execution].contract.localSymbol} is traded from now on", Tier.WARNING)
            self._tell()
        else:
            self._change_together(behind)

    def _take(self, symbols: tuple[str, ...]) -> None:
        self._session.take_month(*symbols)
        for symbol in symbols:
            self._feed.streams[symbol].interrupted()  # no entry before the new month's first quote

    def _change_together(self, behind: tuple[str, ...]) -> None:
        """Measure first. With the spread in hand the desk has spoken again, after entries stopped: now nothing is between."""
        front, lead = self._session.traded[self._analysis], self._session.leads[self._analysis]
        measured, self._measured = self._measured, None
        if self._waits(front, lead):
            return
        if measured is not None and measured[1:3] == (front, lead) and self._clock_ns() - measured[0] <= MEASURED_NS:
            self._take(behind)
            self._switch(front, measured[3])
            return
        if self._measuring is not None and not self._measuring.done():
            self._say("roll: under way already, history is being asked", Tier.INFO)
            return
        self._tell()  # entries stop before anything is asked
        self._measuring = asyncio.get_running_loop().create_task(self._measure(front, lead))

    async def _measure(self, front: Traded, lead: Traded) -> None:
        try:
            shift = await self._spread(front, lead)
        except OSError as fault:
            self._say(f"roll: the broker was lost while history was asked ({fault}), ask again", Tier.WARNING)
            return
        self._measured = (self._clock_ns(), front, lead, shift)
        self._ask_desk()

    def _confirm_if_automatic(self) -> None:
        if self._due and self._auto and (self._measuring is None or self._measuring.done()):
            self._ask_desk()

    def _ask_desk(self) -> None:
        self._asked += 1
        now_ns = self._clock_ns()
        self._post(OperatorCommand(now_ns, Command.ROLL, f"roll-{now_ns}-{self._asked}"))

    # -- telling ------------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        traded = self._session.traded.get(self._execution)
        if traded is not None and traded.listed.expiry != self._expiry:
            self._expiry = traded.listed.expiry
            self._post(ContractMonth(self._clock_ns(), self._execution, self._expiry))
        block = self._why_no_entries()
        if block == self._block:
            return
        self._block = block
        self._post(ContractNews(self._clock_ns(), block, self._apart))
        if block and not self._auto:
            self._say(f"{block}; no entries until somebody who is flat confirms with `orderflow-tui roll`", Tier.WARNING)

    @property
    def _apart(self) -> bool:
        """Whether the analysed month is another than the traded one."""
        traded, analysed = self._session.traded.get(self._execution), self._session.traded.get(self._analysis)
        return traded is not None and analysed is not None and traded.listed.month != analysed.listed.month

    def _why_no_entries(self) -> str:
        traded, analysed = self._session.traded.get(self._execution), self._session.traded.get(self._analysis)
        if traded is None or analysed is None:
            return self._block
        if self._due:
            return self._due
        if traded.listed.month != analysed.listed.month:
            return f"{analysed.contract.localSymbol} is analysed, {traded.contract.localSymbol} is traded"
        return ""

    def _write(self) -> None:
        """The months as rows, so that the next life goes on with them."""
        for symbol, month in self._session.months.items():
            if self._written.get(symbol) != month:
                self._written[symbol] = month
                self._record(Row("orders", KIND, symbol, self._clock_ns(), {"month": month}))


def months_of(rows: list[Row]) -> dict[str, str]:
    """The newest month of each symbol in the journal's rows."""
    return {row.ref: str(row.payload.get("month", "")) for row in rows if row.kind == KIND}
