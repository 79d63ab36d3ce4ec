"""Draws a `Paper` on A4 pages, Chinese first and English below it.

    ┌──────────────────────────────┐
    │ venue                 ▄▄▄▄▄▄ │
    │ TITLE                 █ QR █ │
    │ number · state        ▀▀▀▀▀▀ │
    │ blocks …                     │
    │ digest · address · page n/m  │
    └──────────────────────────────┘

All lengths are points (1/72 inch) from the lower left corner. The same paper gives the same bytes.
"""

import io
import os
import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal

import segno
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from web.documents.fonts import GETA, Typeface, Weight
from web.documents.paper import Block, Clauses, Column, Field, Fields, Paper, Signatures, Table, Words

MM: Final = 72 / 25.4
WIDTH, HEIGHT = A4
MARGIN: Final = 18 * MM
LEFT: Final = MARGIN
RIGHT: Final = WIDTH - MARGIN
TOP: Final = HEIGHT - 12 * MM
BOTTOM: Final = 31 * MM
QR: Final = 30 * MM

INK: Final = HexColor("#1B1F1A")
MUTED: Final = HexColor("#5C6358")
LINE: Final = HexColor("#D5D7CB")
SHADE: Final = HexColor("#F3F4EC")
ACCENT: Final = HexColor("#F2C230")
FADED: Final = HexColor("#EFEBE4")
WARNING: Final = HexColor("#A3271F")

Align = Literal["left", "right", "center"]


def draw(paper: Paper, typeface: Typeface) -> bytes:
    """The PDF. Laid out twice: the first time tells how many pages there are, and what characters are missing."""
    typeface.missing.clear()
    # Error correction M bears a crease or a thumb.
    code = [[bool(module) for module in row] for row in segno.make_qr(paper.address, error="m").matrix]
    pages = Sheet(paper, typeface, code, pages=0, missing="").lay_out()
    missing = " ".join(f"U+{ord(character):04X}" for character in typeface.missing)
    sheet = Sheet(paper, typeface, code, pages=pages, missing=missing)
    assert sheet.lay_out() == pages
    return sheet.content()


class Sheet:
    """One laying out; `y` is how far down the page it has come."""

    def __init__(self, paper: Paper, typeface: Typeface, code: list[list[bool]], *, pages: int, missing: str) -> None:
        self._paper = paper
        self._typeface = typeface
        self._modules = code
        self._pages = pages
        self._missing = missing
        self._page = 0
        self._output = io.BytesIO()
        self._canvas = canvas = _canvas(self._output, paper.made_ns)
        canvas.setTitle(f"{paper.title.zh} {paper.title.en} {paper.number}")
        canvas.setAuthor(f"{paper.venue.zh} {paper.venue.en}")
        canvas.setSubject(paper.made.en)
        canvas.setKeywords(paper.digest)
        canvas.setCreator("Banana exchange")
        self.y = TOP

    def lay_out(self) -> int:
        """Draw everything; the number of pages."""
        self._begin_page()
        self._head()
        for block in self._paper.blocks:
            self._block(block)
        self._end_page()
        return self._page

    def content(self) -> bytes:
        self._canvas.save()
        return self._output.getvalue()

    # Pages

    def _begin_page(self) -> None:
        self._page += 1
        self.y = TOP
        canvas = self._canvas
        if not self._paper.valid:
            canvas.saveState()
            canvas.translate(WIDTH / 2, HEIGHT / 2 - 20)
            canvas.rotate(35)
            self._text(0, 0, self._paper.state.zh, "bold", 88, FADED, "center")
            self._text(0, -52, self._paper.state.en.upper(), "bold", 36, FADED, "center")
            canvas.restoreState()
        canvas.setFillColor(ACCENT)
        canvas.rect(0, HEIGHT - 2.2 * MM, WIDTH, 2.2 * MM, stroke=0, fill=1)
        if self._page > 1:
            self._pair(LEFT, self.y - 8, Words(f"{self._paper.title.zh} {self._paper.number}", self._paper.title.en), 8)
            self._rule(self.y - 14)
            self.y -= 28

    def _end_page(self) -> None:
        paper, y = self._paper, BOTTOM - 14
        self._rule(y)
        self._pair(LEFT, y - 11, Words(f"校验摘要 {paper.digest}", "digest"), 7)
        self._text(RIGHT, y - 11, f"{self._page} / {self._pages}", "regular", 7, MUTED, "right")
        self._pair(LEFT, y - 21, paper.made, 7)
        for number, part in enumerate(self._wrap(paper.address, "regular", 6.5, RIGHT - LEFT)[:2]):
            self._text(LEFT, y - 31 - 8 * number, part, "regular", 6.5, MUTED)
        notice = Words(
            "本件只载明出具时的情况；现时状态以验真页面为准，请核对网址属于交易中心。",
            "True of the moment it was made; the page behind the code tells what holds now. Check its address.",
        )
        if self._missing:
            notice = Words(f"{GETA} 为字库所缺之字：{self._missing}", "characters that the font lacks")
        self._text(LEFT, y - 48, notice.zh, "regular", 6.5, MUTED)
        self._text(LEFT, y - 56, notice.en, "regular", 6, MUTED)
        self._canvas.showPage()

    def _room(self, height: float) -> bool:
        """Whether there is so much room; if not, a new page has been begun."""
        if self.y - height >= BOTTOM:
            return True
        self._end_page()
        self._begin_page()
        return False

    def _head(self) -> None:
        paper = self._paper
        self._code(RIGHT - QR, TOP - QR)
        self._text(RIGHT - QR / 2, TOP - QR - 9, "扫码验真 Scan to verify", "regular", 6.5, MUTED, "center")
        self._text(LEFT, TOP - 8, paper.venue.zh, "bold", 9, INK)
        self._text(LEFT, TOP - 18, paper.venue.en, "regular", 7.5, MUTED)
        self._text(LEFT, TOP - 50, paper.title.zh, "bold", 23, INK)
        self._text(LEFT, TOP - 65, paper.title.en, "regular", 11, MUTED)
        y = TOP - 87
        self._text(LEFT, y, paper.number, "bold", 11, INK)
        x = LEFT + self._typeface.width(paper.number, "bold", 11) + 10
        color = INK if paper.valid else WARNING
        words = f"{paper.state.zh} {paper.state.en}".strip()
        width = self._typeface.width(words, "regular", 8)
        self._canvas.setStrokeColor(color)
        self._canvas.setLineWidth(0.7)
        self._canvas.roundRect(x, y - 3.5, width + 10, 13, 3, stroke=1, fill=0)
        self._text(x + 5, y, words, "regular", 8, color)
        self.y = TOP - QR - 12

    def _code(self, left: float, bottom: float) -> None:
        """The QR code, its quiet zone being the paper's own white; dark modules in a row are one bar."""
        rows = self._modules
        size = QR / len(rows)
        canvas = self._canvas
        canvas.setFillColor(HexColor("#000000"))
        path = canvas.beginPath()
        for number, row in enumerate(rows):
            column = 0
            while column < len(row):
                length = 0
                while column + length < len(row) and row[column + length]:
                    length += 1
                if length:
                    path.rect(left + column * size, bottom + QR - (number + 1) * size, length * size, size)
                column += length or 1
        canvas.drawPath(path, stroke=0, fill=1)

    # Blocks

    def _block(self, block: Block) -> None:
        match block:
            case Fields():
                self._fields(block)
            case Table():
                self._table(block)
            case Clauses():
                self._clauses(block)
            case Signatures():
                self._signatures(block)

    def _title(self, title: Words, following: float) -> None:
        """A block's title, kept with what follows it."""
        self._room(23 + following)
        self.y -= 18
        self._canvas.setFillColor(ACCENT)
        self._canvas.rect(LEFT, self.y - 2, 3, 11, stroke=0, fill=1)
        self._pair(LEFT + 9, self.y, title, 10.5, INK, "bold")
        self.y -= 5

    def _fields(self, block: Fields) -> None:
        rows = list(_rows(block.fields))
        self._title(block.title, self._height_of(rows[0]) if rows else 0)
        for row in rows:
            height = self._height_of(row)
            self._room(height)
            for number, field in enumerate(row):
                x, width = self._place(field, number)
                self._pair(x, self.y - 11, field.label, 7.5)
                y = self.y - 24
                if self._abreast(field.value, width):
                    self._pair(x, y, field.value, 10, INK)
                    continue
                for line in self._wrap(field.value.zh, "regular", 10, width):
                    self._text(x, y, line, "regular", 10, INK)
                    y -= 13.5
                for line in self._wrap(field.value.en, "regular", 8, width):
                    self._text(x, y + 3, line, "regular", 8, MUTED)
                    y -= 10.5
            self.y -= height
            self._rule(self.y)

    def _place(self, field: Field, number: int) -> tuple[float, float]:
        half = (RIGHT - LEFT) / 2
        return LEFT + number * (half + 8), (RIGHT - LEFT) if field.wide else half - 8

    def _height_of(self, row: Sequence[Field]) -> float:
        heights = []
        for number, field in enumerate(row):
            width = self._place(field, number)[1]
            height = 18 + 13.5 * len(self._wrap(field.value.zh, "regular", 10, width))
            if not self._abreast(field.value, width):
                height += 10.5 * len(self._wrap(field.value.en, "regular", 8, width))
            heights.append(height)
        return max(heights)

    def _abreast(self, words: Words, width: float) -> bool:
        """Whether both languages have room on one line."""
        chinese = self._typeface.width(words.zh, "regular", 10)
        return chinese + 5 + self._typeface.width(words.en, "regular", 8.5) <= width

    def _table(self, block: Table) -> None:
        shares = sum(column.share for column in block.columns)
        widths = [(RIGHT - LEFT) * column.share / shares for column in block.columns]
        self._title(block.title, 24 + 18)
        self._table_head(block.columns, widths)
        for row in block.rows:
            self._table_row(block.columns, widths, row, "regular")
        if block.total is not None:
            self._table_row(block.columns, widths, block.total, "bold")

    def _table_head(self, columns: Sequence[Column], widths: Sequence[float]) -> None:
        self._canvas.setFillColor(SHADE)
        self._canvas.rect(LEFT, self.y - 24, RIGHT - LEFT, 24, stroke=0, fill=1)
        for x, width, column in zip(_edges(widths), widths, columns, strict=True):
            place = x + width - 4 if column.align == "right" else x + 4
            self._text(place, self.y - 10, column.label.zh, "bold", 8, INK, column.align)
            self._text(place, self.y - 19, column.label.en, "regular", 6.5, MUTED, column.align)
        self.y -= 24

    def _table_row(
        self, columns: Sequence[Column], widths: Sequence[float], row: Sequence[str], weight: Weight
    ) -> None:
        cells = [self._wrap(text, weight, 8.5, width - 8) for text, width in zip(row, widths, strict=True)]
        height = 6 + 11 * max(1, *(len(lines) for lines in cells))
        if not self._room(height):
            self._table_head(columns, widths)
        for x, width, column, lines in zip(_edges(widths), widths, columns, cells, strict=True):
            place = x + width - 4 if column.align == "right" else x + 4
            for number, line in enumerate(lines):
                self._text(place, self.y - 11 - 11 * number, line, weight, 8.5, INK, column.align)
        self.y -= height
        self._rule(self.y)

    def _clauses(self, block: Clauses) -> None:
        self._title(block.title, 40)
        width = RIGHT - LEFT - 18
        for number, clause in enumerate(block.clauses, 1):
            chinese = self._wrap(clause.zh, "regular", 9, width)
            english = self._wrap(clause.en, "regular", 7.5, width)
            self._room(13 * len(chinese) + 10 * len(english) + 5)
            self._text(LEFT + 12, self.y - 11, f"{number}.", "regular", 9, MUTED, "right")
            for line in chinese:
                self._text(LEFT + 18, self.y - 11, line, "regular", 9, INK)
                self.y -= 13
            for line in english:
                self._text(LEFT + 18, self.y - 9, line, "regular", 7.5, MUTED)
                self.y -= 10
            self.y -= 5

    def _signatures(self, block: Signatures) -> None:
        height = 20 * MM
        self._room(height + 10)
        self.y -= 9
        gap = 12
        width = (RIGHT - LEFT - gap * (len(block.parties) - 1)) / len(block.parties)
        self._canvas.setStrokeColor(LINE)
        self._canvas.setLineWidth(0.6)
        for number, party in enumerate(block.parties):
            x = LEFT + number * (width + gap)
            self._canvas.rect(x, self.y - height, width, height, stroke=1, fill=0)
            self._pair(x + 6, self.y - 12, party, 7.5)
            self._pair(x + 6, self.y - height + 6, Words("日期", "date"), 7.5)
        self.y -= height

    # Words

    def _pair(
        self, x: float, y: float, words: Words, size: float, color: Color = MUTED, weight: Weight = "regular"
    ) -> None:
        """Both languages on one line, English a little smaller."""
        self._text(x, y, words.zh, weight, size, color)
        if words.en:
            x += self._typeface.width(words.zh, weight, size) + size / 2
            self._text(x, y, words.en, "regular", size * 0.85 if size > 8 else size - 0.5, MUTED)

    def _text(
        self, x: float, y: float, text: str, weight: Weight, size: float, color: Color, align: Align = "left"
    ) -> None:
        if align != "left":
            width = self._typeface.width(text, weight, size)
            x -= width if align == "right" else width / 2
        line = self._canvas.beginText(x, y)
        line.setFillColor(color)
        for run in self._typeface.runs(text, weight):
            line.setFont(run.font, size)
            line.textOut(run.text)
        self._canvas.drawText(line)

    def _rule(self, y: float) -> None:
        self._canvas.setStrokeColor(LINE)
        self._canvas.setLineWidth(0.5)
        self._canvas.line(LEFT, y, RIGHT, y)

    def _wrap(self, text: str, weight: Weight, size: float, width: float) -> list[str]:
        """Lines no wider than that: Chinese breaks anywhere but before closing and after opening marks, other scripts
        at spaces, a word that is too long wherever it must. O(characters).
        """
        lines, line, filled = [], "", 0.0
        for piece in _pieces(text):
            taken = self._typeface.width(piece, weight, size)
            if line and filled + self._typeface.width(piece.rstrip(), weight, size) > width:
                lines.append(line.rstrip())
                line, filled, piece = "", 0.0, piece.lstrip()
            while taken > width and len(piece) > 1:
                fits = next(n for n in range(len(piece), 0, -1) if n == 1 or self._fits(piece[:n], weight, size, width))
                lines.append(piece[:fits])
                piece = piece[fits:]
                taken = self._typeface.width(piece, weight, size)
            line += piece
            filled += taken
        return [*lines, line.rstrip()] if line.strip() else lines

    def _fits(self, text: str, weight: Weight, size: float, width: float) -> bool:
        return self._typeface.width(text, weight, size) <= width


def _canvas(output: io.BytesIO, made_ns: int) -> Canvas:
    """An empty PDF that says when it was made: by SOURCE_DATE_EPOCH, reportlab's way to be told a time."""
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = str(made_ns // 10**9)
    try:
        return Canvas(output, pagesize=A4, invariant=1, lang="zh-CN")
    finally:
        if before is None:
            del os.environ["SOURCE_DATE_EPOCH"]
        else:
            os.environ["SOURCE_DATE_EPOCH"] = before


_PIECE = re.compile(
    r"[（《「『“‘(\[]*"  # opening marks stay with what follows
    r"(?:[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]|[^\s\u2e80-\u9fff\uf900-\uffef]+|\s)"
    r"[，。、；：？！）》」』”’)\]·…%‰]*\s*"
)


def _pieces(text: str) -> list[str]:
    """What may not be broken within."""
    return _PIECE.findall(text)


def _edges(widths: Sequence[float]) -> Iterator[float]:
    """Where each column begins."""
    x = LEFT
    for width in widths:
        yield x
        x += width


def _rows(fields: Sequence[Field]) -> Iterator[list[Field]]:
    """Two by two; a wide one stands alone."""
    row: list[Field] = []
    for field in fields:
        if row and (field.wide or len(row) == 2):
            yield row
            row = []
        row.append(field)
        if field.wide:
            yield row
            row = []
    if row:
        yield row
