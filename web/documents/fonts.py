"""Noto Sans SC, in the two weights that documents are set in.

The font comes from npm with the terminal's build (`web/static/fonts`), as WOFF: one file a weight with the characters
in common use, and slices of the regular weight that hold rare ones. A text is set in runs, each in the font that has
its characters. PDF readers find the characters again by the maps that are embedded with each subset, so what is drawn
can be searched and copied.
"""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

Weight = Literal["regular", "bold"]
WEIGHTS: Final[dict[Weight, str]] = {"regular": "400", "bold": "600"}

GETA: Final = "〓"
"""What printers have set since lead for a character that they have not got."""


class FontsMissing(Exception):
    """The fonts have not been built; the text says how to."""


class Run(NamedTuple):
    """Characters in a row that one font draws."""

    font: str
    text: str


class Typeface:
    """The fonts by name; each is read when first needed. Belongs to one process, as reportlab's registry does."""

    def __init__(self, folder: Path) -> None:
        """Raises `FontsMissing`."""
        self._folder = folder
        self._slices: dict[int, str] = {}
        self._fonts: dict[str, TTFont] = {}
        self._chosen: dict[tuple[Weight, str], str | None] = {}
        self._advances: dict[tuple[Weight, str], float] = {}
        self.missing: dict[str, None] = {}
        """Characters that no font has, in the order in which they were met; whoever prints them clears it."""
        try:
            for key, ranges in msgspec.json.decode((folder / "unicode.json").read_bytes()).items():
                name = f"noto-sans-sc-{key.strip('[]')}-400-normal"
                if (folder / f"{name}.woff").is_file():
                    self._slices.update((code, name) for code in _code_points(ranges))
            for number in WEIGHTS.values():
                self._font(f"noto-sans-sc-chinese-simplified-{number}-normal")
        except OSError as error:
            raise FontsMissing(f"{error.filename} is missing: ./dev setup builds the fonts in a clone") from None

    def has(self, character: str, weight: Weight = "regular") -> bool:
        """Whether some font draws it."""
        return self._font_of(character, weight) is not None

    def runs(self, text: str, weight: Weight) -> Iterator[Run]:
        """The text cut where the font changes; what no font has becomes `〓` and is noted as missing."""
        font, begun = "", ""
        for character in text:
            found = self._font_of(character, weight)
            if found is None:
                self.missing[character] = None
                character, found = GETA, self._font_of(GETA, weight)
                assert found is not None
            if found != font and begun:
                yield Run(font, begun)
                begun = ""
            font, begun = found, begun + character
        if begun:
            yield Run(font, begun)

    def width(self, text: str, weight: Weight, size: float) -> float:
        """In points. Characters stand side by side as they are: neither is the font kerned nor are letters joined."""
        return sum(self._advance(character, weight) for character in text) * size

    def _advance(self, character: str, weight: Weight) -> float:
        """A character's width at one point."""
        advance = self._advances.get((weight, character))
        if advance is None:
            name = self._font_of(character, weight) or self._font_of(GETA, weight)
            assert name is not None
            drawn = character if self._font_of(character, weight) else GETA
            advance = self._advances[weight, character] = self._fonts[name].stringWidth(drawn, 1)
        return advance

    def _font_of(self, character: str, weight: Weight) -> str | None:
        key = (weight, character)
        if key not in self._chosen:
            self._chosen[key] = self._find(ord(character), weight)
        return self._chosen[key]

    def _find(self, code: int, weight: Weight) -> str | None:
        names = [f"noto-sans-sc-chinese-simplified-{WEIGHTS[weight]}-normal", self._slices.get(code)]
        return next((name for name in names if name and code in self._font(name).face.charToGlyph), None)

    def _font(self, name: str) -> TTFont:
        font = self._fonts.get(name)
        if font is None:
            content = io.BytesIO(sfnt_of((self._folder / f"{name}.woff").read_bytes()))
            font = TTFont(name, content, asciiReadable=0, shapable=False)
            # Slices all bear the whole font's name, and reportlab would embed one in place of another.
            font.face.name = name.encode()
            pdfmetrics.registerFont(font)
            self._fonts[name] = font
        return font


def sfnt_of(woff: bytes) -> bytes:
    """The font that a WOFF 1.0 file packs (W3C Recommendation of 2012-12-13): its tables, each deflated by itself.
    O(bytes). Raises `ValueError`.
    """
    if woff[:4] != b"wOFF":
        raise ValueError("this is no WOFF file")
    flavor, _, tables = struct.unpack_from(">4sIH", woff, 4)
    power = 1 << (tables.bit_length() - 1)
    head = struct.pack(">4sHHHH", flavor, tables, power * 16, tables.bit_length() - 1, tables * 16 - power * 16)
    directory, content = b"", b""
    start = len(head) + 16 * tables
    for number in range(tables):
        tag, offset, packed, length, checksum = struct.unpack_from(">4sIIII", woff, 44 + 20 * number)
        table = woff[offset : offset + packed]
        if packed != length:
            table = zlib.decompress(table)
        directory += struct.pack(">4sIII", tag, checksum, start + len(content), length)
        content += table + b"\0" * (-length % 4)
    return head + directory + content


_RANGE = re.compile(r"U\+([0-9a-f]+)(?:-([0-9a-f]+))?", re.IGNORECASE)


def _code_points(ranges: str) -> Iterator[int]:
    """Of `U+20-7e,U+b7`."""
    for low, high in _RANGE.findall(ranges):
        yield from range(int(low, 16), int(high or low, 16) + 1)
