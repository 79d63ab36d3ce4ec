"""What a PDF shows to those who read it: its text, its fonts, and the code on it."""

from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

import pypdfium2
import pypdfium2.raw as pdfium
import zxingcpp

T = TypeVar("T")


class Pdf:
    """A document as a reader of it has it: `pages` of them, `properties`, the `text` that copying everything gives."""

    def __init__(self, content: bytes) -> None:
        assert content.startswith(b"%PDF-")
        self._content = content
        self.properties: dict[str, str] = self._read(lambda document: document.get_metadata_dict())
        self.pages: int = self._read(len)
        self.text = self._read(_text)

    @property
    def fonts(self) -> dict[str, bool]:
        """Each font that some text is set in, and whether the file brings it along."""
        return self._read(_fonts)

    @property
    def code(self) -> str:
        """What the QR code on the first page says, read from its picture as a telephone would."""
        (code,) = zxingcpp.read_barcodes(self._read(lambda document: document[0].render(scale=2).to_pil()))
        assert code.format == zxingcpp.BarcodeFormat.QRCode
        text: str = code.text
        return text

    def _read(self, look: Callable[[pypdfium2.PdfDocument], T]) -> T:
        with closing(pypdfium2.PdfDocument(self._content)) as document:
            return look(document)


def _text(document: pypdfium2.PdfDocument) -> str:
    """Lines ended by single line feeds."""
    return "\n".join(page.get_textpage().get_text_range() for page in document).replace("\r\n", "\n")


def _fonts(document: pypdfium2.PdfDocument) -> dict[str, bool]:
    return {
        item.get_font().get_base_name(): item.get_font().is_embedded
        for page in document
        for item in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_TEXT])
    }
