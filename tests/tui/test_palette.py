from __future__ import annotations

import itertools
import re

import pytest
from rich.color import ColorSystem
from rich.style import Style

from orderflow_tui.tui.palette import THEMES, WORDS, Palette, UnknownInk, sgr

INKS = ("text", "bold ask", "dim", "bright on bid3", "bold ink on last", "reverse warn", "underline price", "text on value")


class Terminal:
    """Understands the SGR subset a strip may write."""

    def __init__(self) -> None:
        self.flags: set[str] = set()
        self.front = self.back = "default"

    def read(self, sequence: str) -> None:
        codes = re.fullmatch(r"\x1b\[([\d;]*)m", sequence)
        parts = iter(codes[1].split(";") if codes else [])
        for code in parts:
            match code:
                case "0":
                    self.__init__()  # type: ignore[misc]
                case "22":
                    self.flags -= {"1", "2"}
                case "23" | "24" | "27":
                    self.flags.discard(code[1])
                case "38" | "48":
                    kind = next(parts)
                    rest = [next(parts) for _ in range(1 if kind == "5" else 3)]
                    self._colour(code == "38", ";".join([kind, *rest]))
                case "39" | "49":
                    self._colour(code == "39", "default")
                case "1" | "2" | "3" | "4" | "7":
                    self.flags.add(code)
                case _:
                    number = int(code)
                    self._colour(number < 40 or 90 <= number < 100, code if number < 40 or number >= 90 else str(number - 10))

    def _colour(self, front: bool, value: str) -> None:
        if front:
            self.front = value
        else:
            self.back = value

    def state(self) -> tuple[frozenset[str], str, str]:
        return frozenset(self.flags), self.front, self.back


@pytest.mark.parametrize("theme", list(THEMES))
@pytest.mark.parametrize("system", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT])
def test_going_from_one_ink_to_another_ends_where_starting_afresh_does(theme: str, system: ColorSystem) -> None:
    palette = Palette(theme)
    for before, after in itertools.permutations(INKS, 2):
        walked, fresh = Terminal(), Terminal()
        walked.read(sgr(None, palette.style(before), system))
        walked.read(sgr(palette.style(before), palette.style(after), system))
        fresh.read(sgr(None, palette.style(after), system))
        assert walked.state() == fresh.state(), (before, after)


def test_a_change_of_colour_alone_says_only_the_colour() -> None:
    palette = Palette("cb-dark")
    change = sgr(palette.style("text"), palette.style("dim"), ColorSystem.EIGHT_BIT)
    assert change == "\x1b[38;5;245m"


@pytest.mark.parametrize("theme", [name for name in THEMES if name != "mono"])
def test_every_theme_knows_every_word(theme: str) -> None:
    assert set(THEMES[theme]) == WORDS


@pytest.mark.parametrize("theme", [name for name in THEMES if name != "mono"])
def test_bid_and_ask_differ_in_brightness_or_hue_for_every_eye(theme: str) -> None:
    palette = Palette(theme)
    bid, ask = (palette.style(word).color for word in ("bid", "ask"))
    assert bid is not None
    assert ask is not None
    assert bid.get_truecolor() != ask.get_truecolor()
    if theme == "cb-dark":
        assert (bid.get_truecolor().hex, ask.get_truecolor().hex) == ("#5aa9ff", "#ff8c1a")


def test_mono_uses_no_colour_at_all() -> None:
    palette = Palette("mono")
    assert all(palette.style(ink).color is None and palette.style(ink).bgcolor is None for ink in INKS)
    assert palette.style("bold ink on alarm") == Style(bold=True, reverse=True)


def test_an_unknown_word_is_refused_by_name() -> None:
    with pytest.raises(UnknownInk, match="'purple'"):
        Palette("cb-dark").style("bold purple")
    with pytest.raises(UnknownInk, match="cb-dark, classic, light, mono"):
        Palette("neon")
