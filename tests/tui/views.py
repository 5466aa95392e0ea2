"""A small seeded market that makes realistic views for tests, the demo script and the console's bench."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date

from orderflow_tui.domain.bar import FootprintBar
from orderflow_tui.domain.event import Command
from orderflow_tui.domain.instrument import Instrument
from orderflow_tui.domain.latch import TradingState
from orderflow_tui.domain.market import Grade
from orderflow_tui.domain.signal import Regime, RegimeReading, RegimeTerm
from orderflow_tui.domain.value import UnfinishedLevel, ValueArea, Zone
from orderflow_tui.view import (
    BarCells,
    Chapter,
    ConsoleView,
    DomView,
    FootprintView,
    Hist,
    Light,
    LightState,
    OrderRow,
    PnlView,
    ProfileView,
    Protection,
    RegimeView,
    ReplayView,
    SetupRow,
    SignalRow,
    SignalsView,
    TapeRow,
    Truth,
)

ES = Instrument("ES", "E-mini S&P 500", "CME", 250_000_000, 1250, 50, 225, 50_000, 16, 24, 20, 150)
TICK_CENTS_MES = 125
BAR_NS = 300_000_000_000
START_NS = 1_797_607_500_000_000_000  # 2026-12-18 10:05 New York
BASE = 26_700  # ticks: the lowest price of the windows
SPAN = 260
TRADE_DATE = date(2026, 12, 18)


def value_area(volumes: list[int], low: int) -> ValueArea | None:
    """A plain 70 % area around the largest level, good enough to draw."""
    total = sum(volumes)
    if not total:
        return None
    poc = max(range(len(volumes)), key=volumes.__getitem__)
    down = up = poc
    held = volumes[poc]
    while held < 0.7 * total and (down > 0 or up < len(volumes) - 1):
        below = volumes[down - 1] if down > 0 else -1
        above = volumes[up + 1] if up < len(volumes) - 1 else -1
        if above >= below:
            up += 1
            held += above
        else:
            down -= 1
            held += below
    return ValueArea(low + down, low + poc, low + up, held, total)


class Scene:
    """A market that moves when told to. `advance` makes one step of about 50 ms; `view` is what the engine would publish."""

    def __init__(self, seed: int = 7, mode: str = "paper") -> None:
        self.random = random.Random(seed)
        self.mode = mode
        self.now_ns = START_NS - 13 * BAR_NS
        self.price = 26_838
        self.drift = 0.05
        self.volume = [0] * SPAN
        self.delta = [0] * SPAN
        self.sold = [0] * SPAN
        self.bought = [0] * SPAN
        self.pulled = [0] * SPAN
        self.bid_sizes: dict[int, int] = {}
        self.ask_sizes: dict[int, int] = {}
        self.tape: list[TapeRow] = []
        self.bars: tuple[BarCells, ...] = ()
        self.equity: list[int] = [0]
        self.cvd = 0
        self.last_side, self.last_size = 1, 3
        self.seq = 0
        self._open_bar()
        for _ in range(13 * 600):
            self.now_ns += BAR_NS // 600
            self._trade()
            if self.now_ns - self.bar_start >= BAR_NS:
                self.close_bar()
        self._quote()
        self.cva = self._composite()

    def _open_bar(self) -> None:
        self.bar_start = self.now_ns // BAR_NS * BAR_NS
        self.cells: dict[int, list[int]] = {}
        self.bar_open = self.price
        self.bar_delta = self.bar_min = self.bar_max = self.bar_trades = 0

    def _trade(self) -> None:
        roll = self.random.random()
        home = (26_838 - self.price) * 0.0015
        if roll < 0.07 + self.drift * 0.03 + home:
            self.price = min(self.price + 1, BASE + SPAN - 40)
        elif roll < 0.14:
            self.price = max(self.price - 1, BASE + 40)
        side = 1 if self.random.random() < 0.5 + self.drift * 0.2 else -1
        size = max(int(self.random.expovariate(1 / 9)), 1)
        if self.random.random() < 0.002:
            self.drift = self.random.uniform(-0.5, 0.5)
        price = self.price + (1 if side > 0 else 0)
        index = price - BASE
        self.volume[index] += size
        self.delta[index] += side * size
        (self.bought if side > 0 else self.sold)[index] += size
        cell = self.cells.setdefault(price, [0, 0])
        cell[1 if side > 0 else 0] += size
        self.cvd += side * size
        self.bar_delta += side * size
        self.bar_min, self.bar_max = min(self.bar_min, self.bar_delta), max(self.bar_max, self.bar_delta)
        self.bar_trades += 1
        self.last_side, self.last_size = side, size
        self.tape.insert(0, TapeRow(self._clock(), price, size, side))
        del self.tape[80:]
        self.last = price

    def _clock(self) -> str:
        seconds = (self.now_ns - START_NS) // 1_000_000_000 + 10 * 3600 + 5 * 60
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"

    def _bar(self, end_ns: int) -> BarCells:
        low, high = min(self.cells, default=self.price), max(self.cells, default=self.price)
        bid = [self.cells.get(t, (0, 0))[0] for t in range(low, high + 1)]
        ask = [self.cells.get(t, (0, 0))[1] for t in range(low, high + 1)]
        total = [b + a for b, a in zip(bid, ask, strict=True)]
        poc = low + max(range(len(total)), key=total.__getitem__)
        buys = tuple(low + i for i in range(1, len(ask)) if ask[i] >= 20 and ask[i] >= 3 * max(bid[i - 1], 1))
        sells = tuple(low + i for i in range(len(bid) - 1) if bid[i] >= 20 and bid[i] >= 3 * max(ask[i + 1], 1))
        bar = FootprintBar(
            "ES", self.bar_start, end_ns, self.bar_open, high, low, self.price, sum(total), sum(bid), sum(ask), 0, 0, 0,
            self.bar_trades, self.bar_delta, self.bar_min, self.bar_max, self.cvd, self.cvd, poc, bid, ask, [0] * len(bid), True,
        )  # fmt: skip
        marks: tuple[tuple[int, str, int], ...] = ()
        if len(self.bars) % 3 == 1 and buys:
            marks = ((buys[0], "S", 1), (low, "A", 1))
        elif len(self.bars) % 4 == 2:
            marks = ((high, "X", -1),)
        return BarCells(bar, buys, sells, value_area(total, low), marks)

    def close_bar(self) -> None:
        """The open bar closes; the next begins."""
        self.bars = (*self.bars, self._bar(self.bar_start + BAR_NS))[-24:]
        self._open_bar()

    def _quote(self) -> None:
        for sizes, prices in (
            (self.bid_sizes, range(self.price, self.price - 10, -1)),
            (self.ask_sizes, range(self.price + 1, self.price + 11)),
        ):
            for gone in set(sizes) - set(prices):
                del sizes[gone]
            for price in prices:
                if price not in sizes:
                    sizes[price] = self.random.randint(20, 190)
                elif self.random.random() < 0.35:
                    change = self.random.randint(-14, 14)
                    sizes[price] = max(sizes[price] + change, 1)
                    self.pulled[price - BASE] = max(min(self.pulled[price - BASE] + change, 999), -999)

    def _composite(self) -> Hist:
        volumes = [
            int(9000 * 2.7 ** -(((t - 96) / 26) ** 2) + 5200 * 2.7 ** -(((t - 148) / 16) ** 2) + self.random.randint(0, 500))
            for t in range(SPAN)
        ]
        return Hist(BASE, tuple(volumes), value_area(volumes, BASE), False)

    def advance(self, trades: int = 6) -> None:
        """About fifty milliseconds of market."""
        self.now_ns += 50_000_000
        for _ in range(trades):
            self._trade()
        self._quote()
        for column in (self.sold, self.bought):
            for index in range(SPAN):
                if column[index] and abs(index + BASE - self.price) > 4 and self.random.random() < 0.05:
                    column[index] = 0
        if self.now_ns - self.bar_start >= BAR_NS:
            self.close_bar()
        if self.seq % 20 == 0:
            self.equity = [*self.equity, self.open_cents + 3500][-60:]

    @property
    def open_cents(self) -> int:
        """Open P&L of two MES bought twelve ticks below the middle of the scene."""
        return 2 * (self.price - self.entry) * TICK_CENTS_MES

    @property
    def entry(self) -> int:
        """Average price of the position shown."""
        return self.bars[-1].bar.close - 2 if self.bars else self.price

    def view(self, beat_mono_ns: int = 0) -> ConsoleView:
        """Everything, as one frozen view."""
        self.seq += 1
        last = self.last
        dva = Hist(BASE, tuple(self.volume), value_area(self.volume, BASE), False)
        return ConsoleView(
            seq=self.seq,
            beat_mono_ns=beat_mono_ns,
            instrument=ES,
            truth=self._truth(),
            lights=self._lights(),
            dom=self._dom(last, dva),
            footprint=self._footprint(),
            profile=self._profile(dva, last),
            signals=self._signals(),
            regime=self._regime(),
            pnl=self._pnl(),
            orders=(
                OrderRow(self.now_ns, self._clock(), "of1-a-42-S", "STOP", "SELL", 2, ES.text(self.entry - 16), "WORKING", ""),
                OrderRow(self.now_ns, self._clock(), "of1-a-42-T", "TARGET", "SELL", 2, ES.text(self.entry + 24), "WORKING", ""),
            ),
            news=(
                OrderRow(self.now_ns, "10:02:11", "of1-a-42-E", "ENTRY", "BUY", 2, ES.text(self.entry), "FILLED", "slip 0.5t"),
            ),
            tape=tuple(self.tape),
            latches=(),
            alerts=(),
            context=None,
            replay=None,
            definitions=(
                Chapter("Footprint", (("imbalance", "diagonal, ≥ 3.0 × the neighbour and ≥ 20 contracts of ES"),)),
                Chapter("Value", (("value area", "70 % of volume, two-row"), ("VWAP", "from the open of regular hours"))),
            ),
        )

    def _truth(self) -> Truth:
        return Truth(
            mode=self.mode, account_suffix="6789", instrument="ES", contract="Z6", execution="MES", state=TradingState.RUNNING,
            state_reason="", armed_left_ms=42_000, automation="OFF", broker_position=2, local_position=2,
            avg_price_ticks=float(self.entry), working_orders=2, protection=Protection.AT_BROKER,
            net_cents=3_500 - 188 + self.open_cents,
            loss_limit_cents=30_000, data_age_ms=120, grade=Grade.B, inferred_pct=3.0, reconcile_age_ms=4_000, link="READY",
            stop_file="/srv/orderflow/STOP", now_ns=self.now_ns, et_clock=self._clock(),
        )  # fmt: skip

    def _lights(self) -> tuple[Light, ...]:
        green, amber = LightState.GREEN, LightState.AMBER
        return (
            Light("CVA", green, "5/5"), Light("DVA", green, "ready"), Light("VWAP", green, ""), Light("HYP", green, "long 70"),
            Light("SIGNALS", amber, "3 new", True), Light("REGIME", green, "TRENDING_UP .81"), Light("LINK", green, "READY"),
            Light("ALERTS", green, "delivered"), Light("AUTO", LightState.OFF, "off"),
        )  # fmt: skip

    def _dom(self, last: int, dva: Hist) -> DomView:
        area = dva.value
        tags = ((area.vah, "VAH"), (area.poc, "POC"), (area.val, "VAL")) if area else ()
        return DomView(
            bids=tuple(sorted(self.bid_sizes.items(), reverse=True)), asks=tuple(sorted(self.ask_sizes.items())), last=last,
            last_size=self.last_size, last_side=self.last_side, base=BASE, volume=tuple(self.volume), delta=tuple(self.delta),
            sold=tuple(v % 90 if abs(i + BASE - self.price) < 5 else 0 for i, v in enumerate(self.sold)),
            bought=tuple(v % 90 if abs(i + BASE - self.price) < 5 else 0 for i, v in enumerate(self.bought)),
            pulled=tuple(self.pulled), own=((self.entry - 16, "S −2"), (self.entry + 24, "T −2")),
            tags=(*tags, (self._vwap(), "VWAP"), (BASE + 178, "ONH")), position=2, avg_price_ticks=float(self.entry),
            tick_cents=TICK_CENTS_MES, book_valid=True, empty_reason="",
        )  # fmt: skip

    def _vwap(self) -> int:
        total = sum(self.volume)
        return BASE + round(sum(i * v for i, v in enumerate(self.volume)) / total) if total else BASE

    def _footprint(self) -> FootprintView:
        zones, rays = self._zones_and_rays()
        return FootprintView(self.bars, self._bar(self.now_ns), "5 min", 3.0, "two-row 70 %", zones, rays, "")

    def _zones_and_rays(self) -> tuple[tuple[Zone, ...], tuple[UnfinishedLevel, ...]]:
        if len(self.bars) < 3:
            return (), ()
        third, second = self.bars[-3].bar, self.bars[-2].bar
        middle = (third.low + third.high) // 2
        return (
            (
                Zone(middle, middle + 2, 1, third.start_ns, TRADE_DATE),
                Zone(second.low + 1, second.low + 3, -1, second.start_ns, TRADE_DATE),
            ),
            (UnfinishedLevel(second.high + 2, 1, second.start_ns, TRADE_DATE),),
        )

    def _profile(self, dva: Hist, last: int) -> ProfileView:
        area, composite = dva.value, self.cva.value
        assert area is not None
        assert composite is not None
        levels = (
            (BASE + 178, "ONH"), (BASE + 60, "nPOC"), (BASE + 84, "stack×3"), (composite.vah, "cVAH"), (composite.val, "cVAL"),
            (composite.poc, "cPOC"), (area.vah, "VAH"), (area.val, "VAL"), (area.poc, "dPOC"),
        )  # fmt: skip
        pva = ValueArea(composite.val + 8, composite.poc + 5, composite.vah - 4, 1, 1)
        return ProfileView(
            self.cva, 5, "", dva, "", pva, levels, (area.poc - 6, area.poc - 3, area.poc), float(self._vwap()), 14.0,
            "two-row 70 %",
            "OVERLAPPING_HIGHER", 3, last, Grade.B,
        )  # fmt: skip

    def _signals(self) -> SignalsView:
        lines = (
            ("10:00:00", "STACKED_BUY", "S", 1, 0.80, "TRENDING_UP", "accepted", "→ E-0042"),
            ("09:55:00", "BUYING_ABSORPTION", "A", 1, 0.71, "TRENDING_UP", "accepted", "confirms E-0042"),
            ("09:55:00", "BUYING_EXHAUSTION", "X", -1, 0.66, "TRENDING_UP", "refused", "not enabled in TRENDING_UP"),
            ("09:50:00", "BEARISH_DIVERGENCE", "D", -1, 0.58, "RANGING", "refused", "strength 0.58 < 0.60"),
            ("09:45:00", "UNFINISHED_HIGH", "U", 1, 0.67, "RANGING", "refused", "regime confidence 0.62 < 0.70"),
            ("09:40:00", "BUY_IMBALANCE", "I", 1, 0.61, "VOLATILE", "noted", "pattern disabled"),
        )
        rows = tuple(
            SignalRow(
                f"s{n}", self.now_ns, clock, pattern, letter, side, self.price - n, strength, regime, verdict, reason,
                ("levels 26840 … 26843, ratios 4.1 3.8 5.0", "regime TRENDING_UP 0.81", "gate: 14 rules passed"),
            )
            for n, (clock, pattern, letter, side, strength, regime, verdict, reason) in enumerate(lines)
        )  # fmt: skip
        parts = (("loc", 30.0), ("val", 20.0), ("reg", 16.0), ("aln", 15.0), ("hyp", 3.0))
        setup = SetupRow("u1", "VA_BREAKOUT", 1, self.price - 3, 84.1, 83.5, 90.0, 0.9, parts, True, "")
        return SignalsView(rows, (setup,), 65.5, 44.0, "")

    def _regime(self) -> RegimeView:
        up = Regime.TRENDING_UP
        terms = (
            RegimeTerm(up, 2.0, "ADX 31.2 > 25"), RegimeTerm(up, 2.0, "higher highs and higher lows"),
            RegimeTerm(up, 1.5, "EMA9 - EMA21 +2.10 > 0"),
            RegimeTerm(up, 1.5, "CD +2410 and delta slope +35.0 > 0"),
        )  # fmt: skip
        inputs: dict[str, float | bool | None] = {
            "adx": 31.2, "adx_slope": 0.4, "ema_trend": 2.1, "price_vs_vwap": 0.7, "atr_percentile": 55.0,
            "volume_vs_average": 1.1,
            "cumulative_delta": float(self.cvd), "delta_slope": 35.0, "higher_highs": True, "higher_lows": True,
            "lower_highs": False,
            "lower_lows": None,
        }  # fmt: skip
        reading = RegimeReading(self.bar_start, up, up, 0.81, (8.5, 2.5, 0.0, 1.0), terms, inputs)
        return RegimeView(
            reading,
            "DIRECTIONAL_UP rf 0.67",
            44,
            346,
            "14:00 FOMC",
            1.0,
            ("STACKED_BUY", "BUYING_ABSORPTION"),
            "S A",
            ("RANGING", "TRENDING_UP"),
            "",
        )

    def _pnl(self) -> PnlView:
        net = 3_500 - 188 + self.open_cents
        return PnlView(
            net, 3_500, self.open_cents, 188, net - 16 * 2 * TICK_CENTS_MES, 30_000, 50_000, tuple(self.equity), max(self.equity),
            max(self.equity) - net if net < max(self.equity) else 0, 5, 5, 3, 700, 1, 1, "MES 1–2", 20, 2, 3.0, 9.0, 0.4,
            16, 24,
        )  # fmt: skip


class FakeSeam:
    """The engine's side, by hand: shows the view it was given and remembers what was asked."""

    def __init__(self, shown: ConsoleView | None) -> None:
        self.shown = shown
        self.commands: list[tuple[Command, dict[str, str]]] = []
        self.feed: list[tuple[str, float | None]] = []
        self.alive = True
        self.told: list[str] = []
        self.stops = 0

    def view(self) -> ConsoleView | None:
        return self.shown

    def command(self, command: Command, args: dict[str, str]) -> str:
        self.commands.append((command, args))
        return f"k{len(self.commands)}"

    def feed_command(self, name: str, value: float | None = None) -> None:
        self.feed.append((name, value))

    def heard(self) -> list[str]:
        told, self.told = self.told, []
        return told

    def engine_alive(self) -> bool:
        return self.alive

    def request_stop(self) -> None:
        self.stops += 1


def unarmed(view: ConsoleView) -> ConsoleView:
    """The same view, not armed."""
    return replace(view, truth=replace(view.truth, armed_left_ms=0))


def halted(view: ConsoleView, reason: str = "OPERATOR: H at 10:04:12") -> ConsoleView:
    """The same view with trading halted by a latch."""
    truth = replace(view.truth, state=TradingState.HALTED, state_reason=reason, armed_left_ms=0)
    return replace(view, truth=truth, latches=(("OPERATOR", "10:04:12 H pressed", "U and the typed word"),))


def replaying(view: ConsoleView, paused: bool = True, speed: float = 10.0) -> ConsoleView:
    """The same view with a replay bar."""
    first, last = START_NS - 3_600_000_000_000, START_NS + 3 * 3_600_000_000_000
    return replace(
        view, replay=ReplayView("es_2022-01-24_trades_dom40.txt", paused, speed, view.truth.now_ns, first, last, False)
    )


def empty_view() -> ConsoleView:
    """The first second of a console: nothing is known yet and every panel says what it waits for."""
    full = Scene(1, "demo").view()
    zero = (0,) * SPAN
    dom = replace(
        full.dom, bids=(), asks=(), last=None, volume=zero, delta=zero, sold=zero, bought=zero, pulled=zero, own=(), tags=(),
        position=0,
        avg_price_ticks=None, book_valid=False, empty_reason="no quote and no trade yet",
    )  # fmt: skip
    truth = replace(
        full.truth, state=TradingState.RECOVERING, state_reason="waiting for the first account report", armed_left_ms=0,
        broker_position=None, local_position=0, avg_price_ticks=None, working_orders=0,
        protection=Protection.NONE_NEEDED, net_cents=0, data_age_ms=None, grade=Grade.UNKNOWN,
        inferred_pct=None, reconcile_age_ms=None,
    )  # fmt: skip
    return replace(
        full,
        truth=truth,
        dom=dom,
        footprint=replace(full.footprint, bars=(), live=None, zones=(), rays=()),
        profile=replace(
            full.profile, cva=None, cva_days=3, cva_note="CVA: 3 of 5 sessions, needs 2 more: import or wait", dva=None,
            dva_note="DVA: waits for the first trade of the session", pva=None, levels=(), poc_trail=(), vwap=None, vwap_sd=None,
            last=None,
            migration="", aligned_vas=0,
        ),
        signals=SignalsView((), (), None, None, "no bar has closed yet"),
        regime=RegimeView(None, "", None, None, "", None, (), "", (), "warming up: 12 of 150 bars"),
        pnl=replace(full.pnl, net=0, realised=0, open=0, fees=0, worst_case=0, equity=(), peak=0, drawdown=0, trades=0, wins=0,
                    expectancy=None, streak=0, tier=None, tier_text="", mae_ticks=None, mfe_ticks=None, slippage_ticks=None,
                    stop_ticks=None, target_ticks=None),
        orders=(), news=(), tape=(), definitions=(),
    )  # fmt: skip
