"""A day's statement on paper."""

from tests.web.office import TRADER, Office, buy, post, problem, sell
from tests.web.pdf import Pdf

DAY = "2026-11-23"
PATH = f"/api/v1/statements/{DAY}/document.pdf"


async def test_a_day_is_told_posting_by_posting(office: Office) -> None:
    await office.stock(500)
    grower, trader = await office.as_("grower"), await office.as_("trader")
    await post(grower, "orders", sell("s", 500))
    await post(trader, "orders", buy("b", 200))
    pdf = Pdf((await trader.get(PATH)).content)
    for words in (
        *("对账单", f"{DAY} P{TRADER}", "当日未结束", "trader 先生"),
        *("入金 deposit", "+10,000.00", "成交 trade 1", "-500.00", "手续费 fees", "-0.25", "9,499.75"),
        *("BXJ-1-SX1-26W47 LOT-1（公斤）", "+200.000", "200.000", "其他交易商"),
    ):
        assert words in pdf.text, words
    assert "grower" not in pdf.text
    assert all(pdf.fonts.values())
    assert "as issued" in (await office.anyone.get(pdf.code)).text
    assert "与登记相符" in (await office.anyone.get(f"{pdf.code}&v=9499.75")).text

    await post(trader, "orders", buy("c", 100))
    assert "superseded" in (await office.anyone.get(pdf.code)).text


async def test_a_day_that_is_over_stays_as_it_was(office: Office) -> None:
    trader = await office.as_("trader")
    await office.gateway.set_clock(office.gateway.time_ns + 24 * 3_600 * 10**9)
    pdf = Pdf((await trader.get(PATH)).content)
    assert "日终 final" in pdf.text
    await office.stock(500)
    await post(await office.as_("grower"), "orders", sell("s", 500))
    await post(trader, "orders", buy("b", 200))
    assert "as issued" in (await office.anyone.get(pdf.code)).text


async def test_statements_are_ones_own(office: Office) -> None:
    trader, operator = await office.as_("trader"), await office.as_("operator")
    problem(await trader.get(PATH, params={"participant_id": 1}), 403, "forbidden")
    problem(await office.anyone.get(PATH), 401, "unauthenticated")
    for day in ("2026-11-24", "2026-02-30", "today"):
        problem(await trader.get(f"/api/v1/statements/{day}/document.pdf"), 404, "unknown_statement")
    problem(await operator.get(PATH, params={"participant_id": 99}), 404, "unknown_statement")
    answer = await operator.get(PATH, params={"participant_id": TRADER})
    assert "10,000.00" in Pdf(answer.content).text
