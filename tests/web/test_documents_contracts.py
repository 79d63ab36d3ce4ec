"""Contracts and delivery orders on paper, and the invoice of what was really delivered."""

import httpx
import pytest
from msgspec.structs import replace

from settlement.civil import iso_date, venue_day
from settlement.hand_over_codes import code_digest
from settlement.messages import Deposit
from settlement.messages.contracts import AcceptGoods, AnnounceTradingDays, ContractTerms, PayContract, TenderGoods
from settlement.messages.delivery import BookSlot, Dock, HandOver, RenewCode, WeighOut
from settlement.venue import DEFAULT_VENUE
from tests.web.local_gateway import MONDAY_NS
from tests.web.office import GROWER, SYMBOL, TRADER, WAREHOUSE, Office, get, post, problem
from tests.web.pdf import Pdf
from tests.web.test_documents_invoices import COMPANY, COOPERATIVE, NUMBER, titled

CODE, SALT = "KWH7-2M3P", "0" * 16
DOCK = Dock(warehouse="SX1", code="A", opens_s=0, closes_s=86_400, slot_seconds=1_800, capacity_kg=20_000)
"""Open round the clock, so that a truck can come at once."""


@pytest.fixture
async def parties(office: Office) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
    """The grower has listed 600 kg at 2.50 yuan and the trader has taken them: contract 1."""
    office.gateway.take(replace(DEFAULT_VENUE, contract=ContractTerms(), docks=(DOCK,)))
    today = venue_day(MONDAY_NS)
    days = tuple(iso_date(day) for day in range(today, today + 60) if (day + 3) % 7 < 5)
    office.gateway.take(AnnounceTradingDays(since=days[0], until=iso_date(today + 59), days=days))
    office.gateway.take(Deposit(participant_id=GROWER, amount_fen=1_000_000, reference="bank-g"))
    await post(await office.as_("operator"), "operator/instruments", {"symbol": SYMBOL, "mode": "listing"}, 201)
    receipt_id = await office.stock(1000)
    grower, trader = await office.as_("grower"), await office.as_("trader")
    offer = {"client_order_id": "l", "symbol": SYMBOL, "quantity": 600, "price": 250, "receipt_id": receipt_id}
    listing = await post(grower, "listings", offer, 201)
    taken = await post(trader, f"listings/{listing['order_id']}/takes", {"client_order_id": "t", "quantity": 600}, 201)
    assert taken["status"] == "filled"
    return grower, trader


def deliver(office: Office, net_g: int) -> None:
    """Both do their part, and a truck leaves with the goods."""
    take = office.gateway.take
    take(TenderGoods(participant_id=GROWER, contract_id=1))
    take(PayContract(participant_id=TRADER, contract_id=1))
    take(BookSlot(participant_id=TRADER, delivery_id=1, dock="A", starts_ns=MONDAY_NS))
    digest = code_digest(SALT, CODE)
    take(RenewCode(participant_id=TRADER, delivery_id=1, code_salt=SALT, code_digest=digest))
    take(
        WeighOut(
            operator_id=WAREHOUSE,
            delivery_id=1,
            ticket="T-77",
            gross_g=300_000 + net_g,
            tare_g=300_000,
            scale_id="S1",
            plate="粤G12345",
            carrier="湛江冷链",
            driver="陈师傅",
            last=True,
            reason="途中失水",
        )
    )
    take(HandOver(operator_id=WAREHOUSE, delivery_id=1, code=CODE))


async def test_a_contract_names_parties_goods_price_terms_and_days(
    office: Office, parties: tuple[httpx.AsyncClient, httpx.AsyncClient]
) -> None:
    grower, trader = parties
    await titled(office, "grower", COOPERATIVE)
    pdf = Pdf((await trader.get("/api/v1/contracts/1/document.pdf")).content)
    for words in (
        *("香蕉购销合同", "HT-2026-0000001", "已订立 concluded"),
        *("trader 先生", "grower 先生", COOPERATIVE["title"], COOPERATIVE["tax_number"], "未登记"),
        *("巴西蕉（一等）", "600", "2.50", "1,500.00", "遂溪一号库", "摘牌、挂牌", "600.000"),
        *("甲方 300.00，乙方 300.00", "甲方 0.75，乙方 0.75"),
        *("D1", "2026-11-23", "D3", "2026-11-25", "D5", "2026-11-27", "D15", "2026-12-11"),
        *("20 %", "10 %", "80 %", "0.1 %", "48 小时", "30 天"),
    ):
        assert words in pdf.text, words
    assert all(pdf.fonts.values())
    assert Pdf((await grower.get("/api/v1/contracts/1/document.pdf")).content).code == pdf.code

    page = (await office.anyone.get(pdf.code)).text
    assert "as issued" in page
    assert "与登记相符" in (await office.anyone.get(f"{pdf.code}&v=1500")).text
    office.gateway.take(PayContract(participant_id=TRADER, contract_id=1))
    page = (await office.anyone.get(pdf.code)).text
    assert "as issued" in page, "what was agreed does not change"
    assert "已付款" in page


async def test_a_trade_by_contract_is_confirmed_as_such(
    office: Office, parties: tuple[httpx.AsyncClient, httpx.AsyncClient]
) -> None:
    _, trader = parties
    pdf = Pdf((await trader.get("/api/v1/fills/1/document.pdf")).content)
    for words in ("已订立合同", "HT-2026-0000001", "保证金 earnest money", "300.00", "手续费 fee", "0.75", "300.75"):
        assert words in pdf.text, words
    assert "取得的仓单" not in pdf.text
    office.gateway.take(PayContract(participant_id=TRADER, contract_id=1))
    again = Pdf((await trader.get("/api/v1/fills/1/document.pdf")).content)
    assert "300.75" in again.text, "what the contract moves later is not the trade's"
    assert "as issued" in (await office.anyone.get(pdf.code)).text


async def test_a_delivery_order_tells_what_may_leave_and_what_has(
    office: Office, parties: tuple[httpx.AsyncClient, httpx.AsyncClient]
) -> None:
    _, trader = parties
    take = office.gateway.take
    take(TenderGoods(participant_id=GROWER, contract_id=1))
    take(PayContract(participant_id=TRADER, contract_id=1))
    before = Pdf((await trader.get("/api/v1/deliveries/1/document.pdf")).content)
    for words in ("提货单", "TH-2026-0000001", "待提货", "600.000", "HT-2026-0000001", "遂溪一号库"):
        assert words in before.text, words
    assert "as issued" in (await office.anyone.get(before.code)).text
    take(BookSlot(participant_id=TRADER, delivery_id=1, dock="A", starts_ns=MONDAY_NS))
    booked = Pdf((await trader.get("/api/v1/deliveries/1/document.pdf")).content)
    assert "A 号月台 2026-11-23 10:00–10:30" in booked.text
    deliver(office, 590_500)
    after = Pdf((await (await office.as_("warehouse")).get("/api/v1/deliveries/1/document.pdf")).content)
    for words in ("已交货", "T-77", "粤G12345", "湛江冷链 · 陈师傅", "890.500", "300.000", "590.500"):
        assert words in after.text, words
    assert CODE not in after.text
    assert "superseded" in (await office.anyone.get(before.code)).text
    assert all(after.fonts.values())


async def test_an_invoice_is_for_the_weight_that_was_delivered(
    office: Office, parties: tuple[httpx.AsyncClient, httpx.AsyncClient]
) -> None:
    grower, trader = parties
    await titled(office, "grower", COOPERATIVE)
    await titled(office, "trader", COMPANY)
    problem(await trader.post("/api/v1/invoices", json={"trade_id": 1}), 409, "under_contract")
    problem(await trader.post("/api/v1/invoices", json={"contract_id": 1}), 409, "not_settled")
    problem(await trader.post("/api/v1/invoices", json={"contract_id": 2}), 404, "unknown_contract")
    problem(await trader.post("/api/v1/invoices", json={"contract_id": 1, "trade_id": 1}), 400, "invalid_request")
    problem(await trader.post("/api/v1/invoices", json={}), 400, "invalid_request")
    deliver(office, 590_500)
    invoice = await post(trader, "invoices", {"contract_id": 1}, 201)
    assert (invoice["source"], invoice["source_id"]) == ("contract", 1)
    assert (invoice["quantity_g"], invoice["total_fen"]) == (590_500, 147_625)

    issued = {"number": NUMBER, "issued_on": "2026-11-23", "digest": "a" * 64}
    office.gateway.take(AcceptGoods(participant_id=TRADER, contract_id=1))
    done = await post(grower, "invoices/1/number", issued, 200)
    assert done["state"] == "issued"
    assert "履行完毕" in Pdf((await trader.get("/api/v1/contracts/1/document.pdf")).content).text
    pdf = Pdf((await grower.get("/api/v1/invoices/1/document.pdf")).content)
    for words in ("合同 1", "590.500", "1,476.25", NUMBER):
        assert words in pdf.text, words


async def test_documents_are_for_the_parties(
    office: Office, parties: tuple[httpx.AsyncClient, httpx.AsyncClient]
) -> None:
    deliver(office, 600_000)
    stranger = await office.as_("trader2")
    for kind in ("contract", "delivery"):
        path = f"/api/v1/{'contracts' if kind == 'contract' else 'deliveries'}"
        problem(await stranger.get(f"{path}/1/document.pdf"), 404, f"unknown_{kind}")
        for number in (2, 2**60):
            problem(await parties[1].get(f"{path}/{number}/document.pdf"), 404, f"unknown_{kind}")
        problem(await office.anyone.get(f"{path}/1/document.pdf"), 401, "unauthenticated")
        answer = await (await office.as_("operator")).get(f"{path}/1/document.pdf")
        assert answer.status_code == 200
    assert (await get(parties[1], "invoices"))["items"] == []
