"""Documents over HTTP: whoever may read a thing gets it on paper, and whoever holds the paper can verify it."""

from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import httpx
import pytest
from msgspec.structs import replace

from settlement.messages.receipts import HoldReceipt, PledgeReceipt
from settlement.messages.storage import StorageTariff
from settlement.venue import DEFAULT_VENUE
from tests.web.office import CHEAP, GROWER, TRADER, WAREHOUSE, Office, buy, new_lot, post, problem, sell
from tests.web.pdf import Pdf
from web.documents.wording import day

NUMBER = "SX1-2026-0000001-WP"

TARIFF = StorageTariff(
    warehouse="SX1",
    fen_per_tonne_day=350,
    free_days=3,
    insurance_fen_per_tonne_day=20,
    insurer="中国人民财产保险股份有限公司",
    insured_fen_per_kg=260,
    wastage_permille=15,
    period_days=21,
)


async def paper(client: httpx.AsyncClient, path: str, **parameters: str) -> Pdf:
    answer = await client.get(f"/api/v1/{path}/document.pdf", params=parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "no-store"
    return Pdf(answer.content)


async def verdict(office: Office, address: str) -> str:
    """The page's words, its tags and attributes left out."""
    answer = await office.anyone.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text


async def test_a_receipt_states_all_that_the_standard_asks_for(office: Office) -> None:
    """GB/T 30332-2024 and Civil Code art. 909."""
    office.gateway.take(replace(DEFAULT_VENUE, storage=(TARIFF,)))
    grower, warehouse = await office.as_("grower"), await office.as_("warehouse")
    title = {"title": "合作社", "tax_status": "producer", "address": "广东省湛江市遂溪县北坡镇"}
    assert (await grower.put("/api/v1/invoices/title", json=title)).status_code == 200
    lot = await post(grower, "lots", new_lot(500, cartons=37, certificate_number="HG-2026-001", marks="红星蕉"), 201)
    path = f"lots/{lot['lot_id']}"
    await post(warehouse, f"{path}/weighing", {"gross_g": 510_700, "tare_g": 10_000, "scale_id": "A"})
    await post(warehouse, f"{path}/inspection", {"grade": "1", "colour_stage": 2, "defect_permille": 35})
    receipt = await post(warehouse, f"{path}/receipt", {})
    pdf = await paper(grower, f"receipts/{receipt['receipt_id']}")
    text = pdf.text
    for words in (
        *("仓单", "Warehouse receipt", NUMBER, "有效 issued"),
        *("存货人及住所 depositor, residence", f"grower 先生 P{GROWER}", "广东省湛江市遂溪县北坡镇", "持有人 holder"),
        *(
            "巴西蕉（一等）",
            "500.700",
            "红星蕉",
            "浅绿",
            "缺陷 3.5 %",
            "37 箱",
            "批次 1",
            "BXJ-1-SX1-26W47",
            "HG-2026-001",
        ),
        *("2026-11-20", "北坡镇 下黎村（合成）"),
        *("损耗标准 wastage standard", "不超过入库净重的 1.5 %"),
        *("储存场所 place of storage", "遂溪一号库（SX1）"),
        *("储存期间 storage period", f"2026-11-23 至 {day(receipt['expires_ns'])}"),
        *("仓储费 storage fee", "每吨每天 3.70 元（含保险），免费 3 天"),
        *("保险 insurance", "保险金额 1,301.82 元", "2026-11-23 至 2026-12-14", "中国人民财产保险股份有限公司"),
        *("填发人 issuer", "warehouse 先生", "填发地 place of issue", "填发日期 date of issue", "2026-11-23 10:00:00"),
    ):
        assert words in text, words
    assert pdf.pages == 1
    assert all(pdf.fonts.values())


async def test_a_pledge_and_a_hold_stand_on_the_receipt(office: Office) -> None:
    """Civil Code art. 441: a pledge of a warehouse receipt is entered on it."""
    await office.stock(500)
    grower = await office.as_("grower")
    free = (await paper(grower, "receipts/1")).code
    office.gateway.take(
        PledgeReceipt(participant_id=GROWER, receipt_id=1, lender_id=TRADER, reference="DK-2026-9", amount_fen=80_000)
    )
    pledged = await paper(grower, "receipts/1")
    for words in ("已质押 pledged", "权利负担", "trader 先生", "800.00", "DK-2026-9"):
        assert words in pledged.text, words
    page = await verdict(office, free)
    assert "superseded" in page
    assert "已质押" in page
    assert "DK-2026-9" not in page
    office.gateway.take(HoldReceipt(operator_id=WAREHOUSE, receipt_id=1, cause="quality", reason="复检"))
    held = await paper(grower, "receipts/1")
    for words in ("已冻结 on hold", "质量争议", "复检", "DK-2026-9"):
        assert words in held.text, words
    assert held.pages <= 2


async def test_the_code_on_a_receipt_verifies_it(office: Office) -> None:
    receipt_id = await office.stock(500)
    grower = await office.as_("grower")
    pdf = await paper(grower, f"receipts/{receipt_id}")
    assert urlsplit(pdf.code).path == f"/verify/receipt/{receipt_id}"
    assert pdf.code in pdf.text
    page = await verdict(office, pdf.code)
    assert "Genuine, and as issued" in page
    assert NUMBER in page
    assert "有效" in page
    digest = parse_qs(urlsplit(pdf.code).query)["d"][0]
    assert " ".join(digest[place : place + 4] for place in (0, 4, 8, 12)) in page
    for secret in ("grower", "500.000", "巴西蕉", "BXJ-1", "SX1-26W47"):
        assert secret not in page, "the page tells nothing of what is in the receipt"


async def test_a_messenger_may_add_to_the_address(office: Office) -> None:
    receipt_id = await office.stock(500)
    pdf = await paper(await office.as_("grower"), f"receipts/{receipt_id}")
    assert "as issued" in await verdict(office, f"{pdf.code}&from=timeline&isappinstalled=0")


async def test_an_offer_leaves_the_paper_true_and_a_trade_supersedes_it(office: Office) -> None:
    receipt_id = await office.stock(500)
    grower, trader = await office.as_("grower"), await office.as_("trader")
    pdf = await paper(grower, f"receipts/{receipt_id}")
    await post(grower, "orders", sell("s", 500))
    assert "as issued" in await verdict(office, pdf.code)
    await post(trader, "orders", buy("b", 200))
    page = await verdict(office, pdf.code)
    assert "Genuine, but superseded" in page
    assert "300.000" not in page, "nor what it weighs now"
    await post(trader, "orders", buy("c", 300))
    page = await verdict(office, pdf.code)
    assert "what it stands for has ended" in page
    assert "已拆分" in page

    fresh = await paper(grower, f"receipts/{receipt_id}")
    assert "SPLIT" in fresh.text
    bought = await paper(trader, "receipts/2")
    assert "200.000" in bought.text
    assert NUMBER in bought.text, "the receipt that it came of"


async def test_who_types_in_the_figure_hears_whether_it_is_right(office: Office) -> None:
    """A code that was cut out and put under other figures is genuine; the figures are not."""
    receipt_id = await office.stock(500)
    code = (await paper(await office.as_("grower"), f"receipts/{receipt_id}")).code
    assert "净重" in await verdict(office, code)
    for typed in ("500", "500.000", " 500.0 ", "５００", "0500"):
        assert "与登记相符" in await verdict(office, f"{code}&v={typed}"), typed
    for typed in ("5000", "500.001", "50", "-500", "五百", "500.000.0", "<b>"):
        page = await verdict(office, f"{code}&v={typed}")
        assert "与登记不符" in page, typed
        assert "<b>" not in page
    for _ in range(3):
        await verdict(office, f"{code}&v=1")
    assert "请稍后再试" in await verdict(office, f"{code}&v=500"), "nobody tries all of them"
    assert "as issued" in await verdict(office, code)


async def test_the_figure_of_a_superseded_paper_is_not_compared(office: Office) -> None:
    await office.stock(500)
    grower, trader = await office.as_("grower"), await office.as_("trader")
    code = (await paper(grower, "receipts/1")).code
    await post(grower, "orders", sell("s", 200))
    await post(trader, "orders", buy("b", 200))
    for typed in ("500", "300"):
        page = await verdict(office, f"{code}&v={typed}")
        assert "superseded" in page
        assert "与登记" not in page
        assert "净重" not in page


@pytest.mark.parametrize(
    ("part", "value"),
    [("n", "1"), ("d", "0" * 16), ("m", "A" * 22), ("m", ""), ("path", "/verify/receipt/2"), ("path", "/verify/x/1")],
)
async def test_who_tampers_learns_that_it_is_not_genuine_and_nothing_else(
    office: Office, part: str, value: str
) -> None:
    await office.stock(500)
    await office.stock(400)
    code = urlsplit((await paper(await office.as_("grower"), "receipts/1")).code)
    query = {name: values[0] for name, values in parse_qs(code.query).items()}
    path = code.path
    if part == "path":
        path = value
    else:
        query[part] = value
    page = await verdict(office, urlunsplit(code._replace(path=path, query=urlencode(query))))
    assert "Not genuine" in page
    for told in ("现时状态", "SX1", "receipt/", "有效"):
        assert told not in page


async def test_what_comes_from_outside_is_escaped(office: Office) -> None:
    page = await verdict(office, '/verify/receipt/"><script>?n=1&d=<b>&m=x')
    assert "<script>" not in page
    assert "<b>" not in page


async def test_a_page_says_so_while_the_state_cannot_be_read(office: Office) -> None:
    await office.stock(500)
    code = (await paper(await office.as_("grower"), "receipts/1")).code
    office.gateway.history_is_down = True
    answer = await office.anyone.get(code)
    assert answer.status_code == 503
    assert "Cannot be verified at the moment" in answer.text
    assert "Not genuine" in (await office.anyone.get(code.replace("m=", "m=A"))).text


async def test_a_trade_is_confirmed_to_each_side(office: Office) -> None:
    await office.stock(500)
    grower, trader = await office.as_("grower"), await office.as_("trader")
    await post(grower, "orders", sell("s", 500, 263))
    await post(trader, "orders", buy("b", 123, 263))
    bought, sold = await paper(trader, "fills/1"), await paper(grower, "fills/1")
    for pdf, side, other in ((bought, "买入 buy", "grower"), (sold, "卖出 sell", "trader")):
        for words in (side, "巴西蕉（一等）", "2.63", "323.49", "手续费 fee", "123.000", "2026-11-23 10:00:00"):
            assert words in pdf.text, words
        assert other not in pdf.text, "the other side of a trade in the book is nobody's to know"
        assert all(pdf.fonts.values())
        assert "as issued" in await verdict(office, pdf.code)
    assert "323.66" in bought.text  # with the fee of 0.05 %, rounded up to 0.17
    assert "323.32" in sold.text
    assert "SX1-2026-0000002" in bought.text
    assert NUMBER in sold.text
    operator = await office.as_("operator")
    assert "买入 buy" in (await paper(operator, "fills/1")).text
    assert "卖出 sell" in (await paper(operator, "fills/1", side="sell")).text


async def test_a_bust_supersedes_the_confirmation(office: Office) -> None:
    await office.stock(500)
    grower, trader, operator = [await office.as_(name) for name in ("grower", "trader", "operator")]
    await post(grower, "orders", sell("s", 500))
    await post(trader, "orders", buy("b", 100))
    pdf = await paper(trader, "fills/1")
    await post(operator, "operator/busts", {"trade_id": 1, "reason": "价格输错"})
    page = await verdict(office, pdf.code)
    assert "what it stands for has ended" in page
    assert "已撤销" in page
    fresh = await paper(trader, "fills/1")
    assert "BUSTED" in fresh.text
    assert "价格输错" in fresh.text


async def test_documents_are_for_those_who_may_read_the_thing(office: Office) -> None:
    await office.stock(500)
    grower, trader, trader2 = [await office.as_(name) for name in ("grower", "trader", "trader2")]
    await post(grower, "orders", sell("s", 500))
    await post(trader, "orders", buy("b", 100))
    problem(await trader2.get("/api/v1/receipts/1/document.pdf"), 404, "unknown_receipt")
    problem(await trader2.get("/api/v1/fills/1/document.pdf"), 404, "unknown_trade")
    problem(await trader.get("/api/v1/fills/1/document.pdf", params={"side": "sell"}), 404, "unknown_trade")
    for path in ("receipts/99", f"receipts/{2**60}", "fills/99", f"fills/{2**60}"):
        answer = await grower.get(f"/api/v1/{path}/document.pdf")
        problem(answer, 404, "unknown_receipt" if path.startswith("r") else "unknown_trade")
    for path in ("receipts/1", "fills/1"):
        problem(await office.anyone.get(f"/api/v1/{path}/document.pdf"), 401, "unauthenticated")
    for name in ("warehouse", "operator"):
        assert "500.000" not in (await paper(await office.as_(name), "receipts/1")).text


async def test_the_venues_public_address_goes_before_the_host_that_was_asked() -> None:
    office = await Office(replace(CHEAP, public_address="https://exchange.example.cn/")).open()
    await office.stock(500)
    code = (await paper(await office.as_("grower"), "receipts/1")).code
    assert code.startswith("https://exchange.example.cn/verify/receipt/1?")
    await office.close()


async def test_a_key_outlives_the_process() -> None:
    settings = replace(CHEAP, document_key=bytes(range(32)))
    first, second = await Office(settings).open(), await Office(settings).open()
    other = await Office(replace(CHEAP, document_key=bytes(32))).open()
    codes = []
    for office in (first, second, other):
        await office.stock(500)
        codes.append((await paper(await office.as_("grower"), "receipts/1")).code)
    assert codes[0] == codes[1]
    assert "as issued" in await verdict(second, codes[0])
    assert "Not genuine" in await verdict(other, codes[0])
    for office in (first, second, other):
        await office.close()


async def test_without_fonts_the_answer_says_what_to_do(tmp_path_factory: pytest.TempPathFactory) -> None:
    office = await Office(replace(CHEAP, static=tmp_path_factory.mktemp("static"))).open()
    await office.stock(500)
    answer = await (await office.as_("grower")).get("/api/v1/receipts/1/document.pdf")
    assert "./dev setup" in problem(answer, 503, "fonts_missing")["detail"]
    await office.close()


async def test_the_pages_files(office: Office) -> None:
    style = await office.anyone.get("/verify/verify.css")
    assert style.headers["content-type"].startswith("text/css")
    font = await office.anyone.get("/verify/noto-sans-sc-chinese-simplified-400-normal.woff")
    assert font.content[:4] == b"wOFF"
    for name in ("verify.html", "seals.py", "noto-sans-sc-chinese-simplified-600-normal.woff", "x"):
        problem(await office.anyone.get(f"/verify/{name}"), 404, "not_found")
