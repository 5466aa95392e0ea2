"""Four themes and what an ink phrase means in each.

An ink is `[bold|underline|reverse|italic …] word [on word]`; the words are the same in every theme. Side is never
colour alone: panels also use position, sign, glyph, weight or letter, so `mono` (NO_COLOR) loses nothing but comfort.
Heat steps lie on the 256-colour cube, so 256-colour terminals show exactly these.
"""

from __future__ import annotations

from rich.color import Color, ColorSystem
from rich.style import Style
from textual.strip import Strip

FLAGS = ("bold", "underline", "reverse", "italic")
_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "7": "27"}
HEAT_STEPS = 5

# word -> colour; numbers are indices of the 256-colour cube
_CB_DARK: dict[str, str | int] = {
    "base": 233, "text": 252, "bright": 231, "dim": 245, "faint": 240, "stale": 241, "frame": 238, "focus": 75, "armed": 214,
    "title": 250, "accent": 80, "price": 230, "bid": "#5aa9ff", "ask": "#ff8c1a", "up": "#5aa9ff", "down": "#ff8c1a",
    "ok": 79, "warn": 221, "alarm": 203, "poc": 228, "value": 236, "row": 235, "cursor": 238, "last": 222, "vwap": 177,
    "cva": 141, "dva": 80, "cva_dim": 60, "dva_dim": 30,
    "bid1": 17, "bid2": 24, "bid3": 25, "bid4": 32, "bid5": 75, "ask1": 52, "ask2": 94, "ask3": 130, "ask4": 166, "ask5": 208,
    "heat1": 234, "heat2": 237, "heat3": 240, "heat4": 136, "heat5": 178, "zone_buy": "#10203a", "zone_sell": "#38200c",
    "ink": 16, "calm": 66, "paper": 75, "live": 196, "brake": 215, "well": 234,
}  # fmt: skip
_CLASSIC: dict[str, str | int] = _CB_DARK | {
    "bid": 77, "ask": 203, "up": 77, "down": 203, "focus": 77, "accent": 117,
    "bid1": 22, "bid2": 22, "bid3": 28, "bid4": 34, "bid5": 77, "ask1": 52, "ask2": 88, "ask3": 124, "ask4": 160, "ask5": 203,
    "zone_buy": "#0e2a14", "zone_sell": "#361414",
}  # fmt: skip
_LIGHT: dict[str, str | int] = {
    "base": 231, "text": 235, "bright": 16, "dim": 242, "faint": 248, "stale": 249, "frame": 250, "focus": 25, "armed": 166,
    "title": 238, "accent": 30, "price": 16, "bid": 25, "ask": 130, "up": 25, "down": 130,
    "ok": 29, "warn": 136, "alarm": 160, "poc": 94, "value": 254, "row": 255, "cursor": 252, "last": 130, "vwap": 90,
    "cva": 97, "dva": 30, "cva_dim": 183, "dva_dim": 152,
    "bid1": 195, "bid2": 153, "bid3": 117, "bid4": 111, "bid5": 75,
    "ask1": 230, "ask2": 223, "ask3": 216, "ask4": 215, "ask5": 208,
    "heat1": 255, "heat2": 253, "heat3": 250, "heat4": 222, "heat5": 214, "zone_buy": 195, "zone_sell": 230,
    "ink": 231, "calm": 66, "paper": 25, "live": 160, "brake": 130, "well": 254,
}  # fmt: skip
THEMES: dict[str, dict[str, str | int]] = {"cb-dark": _CB_DARK, "classic": _CLASSIC, "light": _LIGHT, "mono": {}}
WORDS = frozenset(_CB_DARK)
_REVERSED_IN_MONO = frozenset({"alarm", "live", "warn", "focus", "armed", "calm", "paper", "last", "cursor", "bright"})


class UnknownInk(ValueError):
    """An ink phrase with a word that no theme knows, or a theme nobody defined."""


class Palette:
    """The styles of one theme. Styles and terminal sequences are made once for each phrase and kept."""

    def __init__(self, theme: str) -> None:
        if theme not in THEMES:
            raise UnknownInk(f"theme: expected one of {', '.join(THEMES)}, got {theme!r}; set [tui] theme or press t")
        self.name = theme
        self._colours = THEMES[theme]
        self._styles: dict[str, Style] = {}
        self._changes: dict[ColorSystem, Changes] = {}

    @property
    def base(self) -> Style:
        """The style of empty space."""
        return self.style("text")

    def style(self, ink: str) -> Style:
        """The rich style of an ink phrase."""
        style = self._styles.get(ink)
        if style is None:
            style = self._styles[ink] = self._make(ink)
        return style

    def changes(self, system: ColorSystem) -> Changes:
        """The shortest terminal sequence from one ink to another, for terminals of this kind."""
        known = self._changes.get(system)
        if known is None:
            known = self._changes[system] = Changes(self, system)
        return known

    def _make(self, ink: str) -> Style:
        front, _, back = ink.partition(" on ")
        flags = dict.fromkeys(FLAGS, False)
        word = "text"
        for part in front.split():
            if part in flags:
                flags[part] = True
            else:
                word = part
        for name in (word, back or "base"):
            if name not in WORDS:
                raise UnknownInk(f"ink: expected words of the palette, got {name!r} in {ink!r}; see tui/palette.py")
        if not self._colours:
            return _mono(word, back, flags)
        return _styled(flags, _colour(self._colours[word]), _colour(self._colours[back or "base"]))


class Changes(dict[tuple[str, str], str]):
    """(ink before, ink after) -> SGR sequence, filled on demand; before is empty after a reset. Bounded by pairs of inks."""

    def __init__(self, palette: Palette, system: ColorSystem) -> None:
        super().__init__()
        self._palette = palette
        self._system = system

    def __missing__(self, pair: tuple[str, str]) -> str:
        before, after = pair
        style = self._palette.style
        made = self[pair] = sgr(style(before) if before else None, style(after), self._system)
        return made


def sgr(before: Style | None, after: Style, system: ColorSystem) -> str:
    """The shortest SGR sequence from one style to another (`before` None: from reset)."""
    full = Strip.render_ansi(after, system)
    if before is None:
        return f"\x1b[{full}m" if full else ""
    was, now = _flags(before), _flags(after)
    codes = sorted({_OFF[flag] for flag in was - now})
    codes.extend(sorted(now - was if "22" not in codes else (now - was) | (now & {"1", "2"})))  # 22 ends bold and dim alike
    for old, new, default in ((before.color, after.color, "39"), (before.bgcolor, after.bgcolor, "49")):
        if old == new:
            continue
        codes.extend((default,) if new is None else new.downgrade(system).get_ansi_codes(foreground=default == "39"))
    return f"\x1b[{';'.join(codes)}m" if codes else ""


def _flags(style: Style) -> set[str]:
    wanted = ((style.bold, "1"), (style.dim, "2"), (style.italic, "3"), (style.underline, "4"), (style.reverse, "7"))
    return {code for on, code in wanted if on}


def _colour(value: str | int) -> Color:
    return Color.from_ansi(value) if isinstance(value, int) else Color.parse(value)


def _mono(word: str, back: str, flags: dict[str, bool]) -> Style:
    """Without colour: badges and cursors turn into reverse video, faint things into dim."""
    reverse = flags["reverse"] or back in _REVERSED_IN_MONO
    dim = word in ("dim", "faint", "stale", "frame") and not reverse
    return _styled(flags | {"reverse": reverse}, dim=dim)


def _styled(flags: dict[str, bool], colour: Color | None = None, back: Color | None = None, dim: bool = False) -> Style:
    return Style(
        color=colour,
        bgcolor=back,
        bold=flags["bold"] or None,
        dim=dim or None,
        underline=flags["underline"] or None,
        reverse=flags["reverse"] or None,
        italic=flags["italic"] or None,
    )
