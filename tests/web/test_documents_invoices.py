"""Asking for an invoice of a trade, from the title to the number, and the request on paper."""

from typing import Any

import httpx
import pytest

from settlement.invoices import check_character
from tests.web.office import GROWER, TRADER, Office, buy, get, post, problem, sell
from tests.web.pdf import Pdf
from web.documents.invoices import in_characters, unit_price

COOPERATIVE = {
    "title": "遂溪县北坡香蕉专业合作社",
    "tax_status": "producer",
    "tax_number": "93440823MA4W00001K",
    "address": "广东省湛江市遂溪县北坡镇",
    "phone": "0759-7770000",
    "bank": "遂溪农村商业银行北坡支行",
    "account": "80020000001234567",
}
STEM = "91440101MA5X12345"
COMPANY = {
    "title": "广州市果业贸易有限公司",
    "tax_status": "general",
    "tax_number": STEM + check_character(STEM),
}
NUMBER = "26442000000012345678"


async def titled(office: Office, name: str, title: dict[str, Any]) -> httpx.AsyncClient:
    client = await office.as_(name)
    answer = await client.put("/api/v1/invoices/title", json=title)
    assert answer.status_code == 200, answer.text
    return client


async def traded(office: Office, kilograms: int = 123, price: int = 263) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
    """The grower has sold to the trader; both have titles."""
    await office.stock(500)
    grower, trader = await titled(office, "grower", COOPERATIVE), await titled(office, "trader", COMPANY)
    await post(grower, "orders", sell("s", kilograms, price))
    await post(trader, "orders", buy("b", kilograms, price))
    return grower, trader


async def test_a_title_is_kept_and_can_be_changed(office: Office) -> None:
    trader = await office.as_("trader")
    problem(await trader.get("/api/v1/invoices/title"), 404, "unknown_invoice_title")
    await titled(office, "trader", COMPANY)
    kept = await get(trader, "invoices/title")
    assert kept == {"participant_id": TRADER, "address": "", "phone": "", "bank": "", "account": "", **COMPANY}
    await titled(office, "trader", {**COMPANY, "phone": "020-1"})
    assert (await get(trader, "invoices/title"))["phone"] == "020-1"
    problem(await (await office.as_("grower")).get("/api/v1/invoices/title"), 404, "unknown_invoice_title")


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"tax_number": "93440823MA4W000011"}, 422, "invalid_tax_number", "tax_number"),
        ({"tax_number": "440823198001010011"}, 422, "invalid_tax_number", "tax_number"),
        ({"tax_number": ""}, 422, "invalid_tax_number", "tax_number"),
        ({"title": ""}, 400, "invalid_request", "title"),
        ({"title": "甲\n乙"}, 400, "invalid_request", "title"),
        ({"tax_status": "exempt"}, 400, "invalid_request", "tax_status"),
        ({"phone": "x" * 201}, 400, "invalid_request", "phone"),
    ],
)
async def test_a_title_is_looked_at(
    office: Office, changes: dict[str, str], status: int, code: str, field: str
) -> None:
    trader = await office.as_("trader")
    problem(await trader.put("/api/v1/invoices/title", json={**COMPANY, **changes}), status, code, field)


async def test_a_growers_sale_is_exempt_and_adds_up_to_the_trade(office: Office) -> None:
    grower, trader = await traded(office)
    invoice = await post(trader, "invoices", {"trade_id": 1, "remarks": "请寄广州"}, 201)
    assert invoice["state"] == "requested"
    assert (invoice["buyer_id"], invoice["seller_id"], invoice["requested_by"]) == (TRADER, GROWER, TRADER)
    assert invoice["buyer"]["title"] == COMPANY["title"]
    assert invoice["seller"]["tax_number"] == COOPERATIVE["tax_number"]
    assert (invoice["goods_name"], invoice["tax_code"]) == ("*水果*香蕉", "1010115010500000000")
    assert (invoice["unit"], invoice["quantity_g"], invoice["unit_price_microfen"]) == ("公斤", 123_000, 263_000_000)
    assert (invoice["amount_fen"], invoice["rate_permille"]) == (323_49, None)
    assert (invoice["tax_fen"], invoice["total_fen"]) == (0, 323_49)
    assert await get(grower, "invoices/1") == invoice
    problem(await trader.post("/api/v1/invoices", json={"trade_id": 1}), 409, "already_requested")
    problem(await trader.post("/api/v1/invoices", json={"trade_id": 1, "kind": "special"}), 409, "exempt", "kind")

    issued = {"number": NUMBER, "issued_on": "2026-11-23"}
    problem(await trader.post("/api/v1/invoices/1/number", json=issued), 403, "forbidden")
    done = await post(grower, "invoices/1/number", issued, 200)
    assert (done["state"], done["number"], done["issued_on"]) == ("issued", NUMBER, "2026-11-23")
    problem(await grower.post("/api/v1/invoices/1/number", json=issued), 409, "invoice_issued")
    problem(await trader.request("DELETE", "/api/v1/invoices/1"), 409, "invoice_issued")


async def test_a_traders_sale_is_taxed_within_its_price(office: Office) -> None:
    await traded(office)
    trader, trader2 = await office.as_("trader"), await titled(office, "trader2", {**COMPANY, "title": "二号果行"})
    await post(trader, "orders", sell("s2", 100, 300))
    await post(trader2, "orders", buy("b2", 100, 300))
    invoice = await post(trader2, "invoices", {"trade_id": 2, "kind": "special"}, 201)
    assert (invoice["rate_permille"], invoice["total_fen"]) == (90, 300_00)
    assert (invoice["amount_fen"], invoice["tax_fen"]) == (275_23, 24_77)
    assert invoice["unit_price_microfen"] == 275_230_000


async def test_who_has_no_title_is_asked_for_it(office: Office) -> None:
    await office.stock(500)
    grower, trader = await office.as_("grower"), await office.as_("trader")
    await post(grower, "orders", sell("s", 100))
    await post(trader, "orders", buy("b", 100))
    problem(await trader.post("/api/v1/invoices", json={"trade_id": 1}), 409, "no_seller_title", "title")
    await titled(office, "grower", {**COOPERATIVE, "tax_status": "small_scale", "tax_number": None})
    problem(await trader.post("/api/v1/invoices", json={"trade_id": 1}), 409, "no_buyer_title", "title")
    await titled(office, "trader", COMPANY)
    answer = await trader.post("/api/v1/invoices", json={"trade_id": 1, "kind": "special"})
    problem(answer, 409, "no_seller_tax_number", "tax_number")
    await post(trader, "invoices", {"trade_id": 1}, 201)


async def test_a_request_is_for_its_two_parties(office: Office) -> None:
    grower, trader = await traded(office)
    stranger, operator = await titled(office, "trader2", COMPANY), await office.as_("operator")
    problem(await stranger.post("/api/v1/invoices", json={"trade_id": 1}), 404, "unknown_trade")
    problem(await trader.post("/api/v1/invoices", json={"trade_id": 2}), 404, "unknown_trade")
    problem(await operator.post("/api/v1/invoices", json={"trade_id": 1}), 404, "unknown_trade")
    await post(grower, "invoices", {"trade_id": 1}, 201)
    for path in ("invoices/1", "invoices/1/document.pdf", "invoices/2", f"invoices/{2**60}"):
        problem(await stranger.get(f"/api/v1/{path}"), 404, "unknown_invoice")
        problem(await office.anyone.get(f"/api/v1/{path}"), 401, "unauthenticated")
    problem(await stranger.request("DELETE", "/api/v1/invoices/1"), 404, "unknown_invoice")
    assert (await get(operator, "invoices/1"))["invoice_id"] == 1
    problem(await stranger.get("/api/v1/invoices", params={"all": True}), 403, "forbidden")
    for client, parameters, ids in (
        (grower, {}, [1]),
        (trader, {}, [1]),
        (trader, {"side": "buyer"}, [1]),
        (trader, {"side": "seller"}, []),
        (grower, {"state": "requested"}, [1]),
        (grower, {"state": "issued"}, []),
        (stranger, {}, []),
        (operator, {}, []),
        (operator, {"all": True}, [1]),
    ):
        found = await get(client, "invoices", **parameters)
        assert [each["invoice_id"] for each in found["items"]] == ids, parameters


async def test_a_withdrawn_request_makes_room_for_another(office: Office) -> None:
    grower, trader = await traded(office)
    await post(trader, "invoices", {"trade_id": 1}, 201)
    for _ in range(2):
        answer = await trader.request("DELETE", "/api/v1/invoices/1")
        assert (answer.status_code, answer.json()["state"]) == (200, "withdrawn")
    issued = {"number": NUMBER, "issued_on": "2026-11-23"}
    problem(await grower.post("/api/v1/invoices/1/number", json=issued), 409, "invoice_withdrawn")
    again = await post(grower, "invoices", {"trade_id": 1}, 201)
    assert again["invoice_id"] == 2
    problem(await trader.request("DELETE", "/api/v1/invoices/2"), 403, "forbidden")
    page = await get(trader, "invoices", limit=1)
    rest = await get(trader, "invoices", limit=1, cursor=page["next"])
    assert [page["items"][0]["invoice_id"], rest["items"][0]["invoice_id"], rest["next"]] == [2, 1, None]


async def test_a_trade_that_was_taken_back_has_no_invoice(office: Office) -> None:
    grower, trader = await traded(office)
    operator = await office.as_("operator")
    await post(trader, "invoices", {"trade_id": 1}, 201)
    await post(operator, "operator/busts", {"trade_id": 1, "reason": "价格输错"})
    issued = {"number": NUMBER, "issued_on": "2026-11-23"}
    problem(await grower.post("/api/v1/invoices/1/number", json=issued), 409, "busted")
    await trader.request("DELETE", "/api/v1/invoices/1")
    problem(await trader.post("/api/v1/invoices", json={"trade_id": 1}), 409, "busted")


async def test_a_number_is_looked_at(office: Office) -> None:
    grower, trader = await traded(office)
    await post(trader, "invoices", {"trade_id": 1}, 201)
    for changes, status, code in (
        ({"number": "123"}, 422, "invalid_number"),
        ({"issued_on": "2026-11-24"}, 422, "invalid_issued_on"),
        ({"issued_on": "2026-02-30"}, 422, "invalid_issued_on"),
        ({"issued_on": "gestern"}, 400, "invalid_request"),
    ):
        body = {"number": NUMBER, "issued_on": "2026-11-23", **changes}
        problem(await grower.post("/api/v1/invoices/1/number", json=body), status, code)
    assert (await get(grower, "invoices/1"))["state"] == "requested"


async def test_one_invoice_may_stand_for_several_trades_of_the_same_two(office: Office) -> None:
    grower, trader = await traded(office)
    trader2 = await titled(office, "trader2", {**COMPANY, "title": "二号果行"})
    await post(grower, "orders", sell("s2", 50))
    await post(trader, "orders", buy("b2", 20))
    await post(trader2, "orders", buy("b3", 30))
    issued = {"number": NUMBER, "issued_on": "2026-11-23"}
    for trade_id in (1, 2, 3):
        await post(grower, "invoices", {"trade_id": trade_id}, 201)
    for invoice_id in (1, 2):
        await post(grower, f"invoices/{invoice_id}/number", issued, 200)
    problem(await grower.post("/api/v1/invoices/3/number", json=issued), 409, "duplicate_reference", "number")


async def test_the_request_on_paper_has_every_field_of_an_invoice(office: Office) -> None:
    grower, trader = await traded(office)
    await post(trader, "invoices", {"trade_id": 1, "remarks": "请寄广州"}, 201)
    answer = await grower.get("/api/v1/invoices/1/document.pdf")
    pdf = Pdf(answer.content)
    for words in (
        *("开票申请单", "增值税普通发票", "成交 1", "已申请 requested"),
        *(str(value) for title in (COMPANY, COOPERATIVE) for name, value in title.items() if name != "tax_status"),
        *("*水果*香蕉", "巴西蕉（一等）", "公斤", "123.000", "2.63", "323.49", "免税", "***"),
        *("叁佰贰拾叁元肆角玖分", "1010115010500000000", "请寄广州"),
    ):
        assert words in pdf.text, words
    assert all(pdf.fonts.values())
    page = await office.anyone.get(pdf.code)
    assert "as issued" in page.text
    assert "合作社" not in page.text
    await post(grower, "invoices/1/number", {"number": NUMBER, "issued_on": "2026-11-23"}, 200)
    assert "superseded" in (await office.anyone.get(pdf.code)).text
    assert NUMBER in Pdf((await trader.get("/api/v1/invoices/1/document.pdf")).content).text


@pytest.mark.parametrize(
    ("fen", "words"),
    [
        (0, "零元整"),
        (5, "伍分"),
        (30, "叁角整"),
        (32349, "叁佰贰拾叁元肆角玖分"),
        (10_00, "壹拾元整"),
        (1_005, "壹拾元零伍分"),
        (100_000_00, "壹拾万元整"),
        (1_0050_30, "壹万零伍拾元叁角整"),
        (1_0000_0005_00, "壹亿零伍元整"),
        (1_0500_0000_00, "壹亿零伍佰万元整"),
        (20_3040_5060_07, "贰拾亿叁仟零肆拾万伍仟零陆拾元零柒分"),
    ],
)
def test_sums_in_characters(fen: int, words: str) -> None:
    assert in_characters(fen) == words


@pytest.mark.parametrize(
    ("microfen", "text"),
    [(240_000_000, "2.40"), (220_183_486, "2.20183486"), (100_000_000_000, "1,000.00"), (1, "0.00000001"), (0, "0.00")],
)
def test_unit_prices(microfen: int, text: str) -> None:
    assert unit_price(microfen) == text
