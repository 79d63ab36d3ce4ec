"""The page of documentation names what there is."""

import re
from pathlib import Path

from settlement.invoices import GOODS_NAME, RATES_PERMILLE, TAX_CODE
from tests.web.office import Office
from web.documents.fonts import Typeface
from web.documents.verification import HEADLINES, SUBJECTS
from web.settings import STATIC

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "settlement" / "documents.md").read_text(encoding="utf-8")


def test_every_kind_of_document_is_told() -> None:
    assert re.findall(r"^\| [^|]*\(`(\w+)`\)", PAGE, re.MULTILINE) == [
        *("receipt", "trade", "contract", "delivery", "statement", "invoice")
    ]
    assert set(SUBJECTS) == set(re.findall(r"^\| [^|]*\(`(\w+)`\)", PAGE, re.MULTILINE))


async def test_every_address_is_told(office: Office) -> None:
    described = (await office.anyone.get("/openapi.json")).json()["paths"]
    served = {path.removeprefix("/api/v1") for path in described if path.endswith("/document.pdf")}
    told = {re.sub(r"\{\w+\}", "{}", path) for path in re.findall(r"`(/\S+/document\.pdf)`", PAGE)}
    assert {re.sub(r"\{\w+\}", "{}", path) for path in served} == told


def test_what_the_page_that_verifies_says_is_told() -> None:
    for headline in HEADLINES.values():
        assert headline.en.lower() in PAGE.lower()


def test_invoices_are_told_as_they_are() -> None:
    assert TAX_CODE in PAGE
    assert GOODS_NAME in PAGE
    for status, rate in RATES_PERMILLE.items():
        assert f"`{status}` {'exempt' if rate is None else f'{rate // 10} %'}" in PAGE


def test_the_font_has_as_many_characters_as_is_told() -> None:
    typeface = Typeface(STATIC / "fonts")
    found = sum(typeface.has(chr(code)) for code in range(0x110000))
    assert f"{found:,} characters" in PAGE
