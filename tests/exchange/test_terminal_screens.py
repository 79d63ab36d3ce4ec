"""Every screen, in both languages, at a desk and on a phone: it loads, fits its window, and axe finds no fault."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser import ROOT, Chromium, missing_glyphs
from tests.exchange.screens import Language, opened, sign_in, stock_for, today
from tests.running import Person, let_in, lot_cut, take_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = ROOT / "web" / "terminal" / "node_modules" / "axe-core" / "axe.min.js"
LOADING = {"zh": "载入中…", "en": "Loading…"}
FAILED = {"zh": "没有载入成功", "en": "could not be loaded"}

FAULTS = """
async () => {
  const { violations } = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"] });
  return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html).join(" | ")}`);
}
"""
TOO_WIDE = """
() => {
  const room = document.documentElement.clientWidth;
  return document.documentElement.scrollWidth > room
    ? [...document.querySelectorAll("main *")].filter((each) => each.getBoundingClientRect().right > room + 1)
        .slice(0, 5).map((each) => `${each.tagName}.${each.className} ${each.textContent.trim().slice(0, 40)}`)
    : [];
}
"""


def a_bit_of_everything(operator: Person) -> dict[str, list[str]]:
    """A market of all modes with contracts, deliveries, money on its way and readings; addresses by who opens them."""
    grower = let_in(operator, "grower", "grower", money_fen=1_000_000)
    store = let_in(operator, "warehouse", "warehouse")
    trader = let_in(operator, "trader", "trader", money_fen=10_000_000)
    let_in(operator, "operator2", "operator")
    # Whole weeks apart: what is cut in one week is one instrument, of one mode.
    listed = stock_for("listing", operator, grower, store, days_ago=8)
    auctioned = stock_for("one_way_auction", operator, grower, store, days_ago=15)
    agreed = stock_for("negotiated", operator, grower, store, days_ago=22)
    traded = take_in(grower, store, lot_cut(grower, 1), 1_340_000)
    now = operator.get("/venue")["clock"]["time_ns"]
    offer = {"client_order_id": "a", "quantity": 1_000, "price": 250}
    listing = grower.post("/listings", {**offer, "symbol": listed["symbol"], "receipt_id": listed["receipt_id"]})
    answer: dict[str, Any] = {"client_order_id": "b", "quantity": 300}
    trader.post(f"/listings/{listing['order_id']}/counters", {**answer, "price": 240})
    for name in ("c", "d"):
        trader.post(f"/listings/{listing['order_id']}/takes", {**answer, "client_order_id": name})
    auction = {"style": "english", "start_price": 230, "step": 5, "ends_ns": now + 3_600 * 10**9}
    auction |= {"client_order_id": "e", "symbol": auctioned["symbol"], "quantity": 500}
    grower.post("/auctions", {**auction, "receipt_id": auctioned["receipt_id"]})
    report = {"client_order_id": "f", "counterparty_id": trader.participant_id, "side": "sell"}
    report |= {"symbol": agreed["symbol"], "quantity": 400, "price": 245, "expires_ns": now + 3_600 * 10**9}
    grower.post("/reports", report)
    grower.place(traded["symbol"], "sell", 500, 260, client_order_id="g")
    trader.place(traded["symbol"], "buy", 200, 260, client_order_id="h")
    trader.post("/contracts/2/payment", {}, 200)
    grower.post("/contracts/2/tender", {}, 200)
    store.post(f"/receipts/{auctioned['receipt_id']}/hold", {"cause": "quality", "reason": "抽检"}, 200)
    store.post("/warehouse/loggers", {"logger_id": "SX1-1", "warehouse": "SX1", "chamber": "C1"}, 200)
    readings = [{"time_ns": now - minutes * 60 * 10**9, "temperature_dc": 130 + minutes % 9} for minutes in (40, 20, 5)]
    store.post("/warehouse/readings", {"logger_id": "SX1-1", "warehouse": "SX1", "readings": readings}, 200)
    payee = {"payee_name": "陈阿香", "payee_bank": "遂溪农商银行", "payee_account": "6228480402564890018"}
    trader.post("/withdrawals", {"client_reference": "w", "amount_fen": 100_000, **payee})
    entry = {"debit": "fees", "credit": "risk_fund", "amount_fen": 1}
    operator.post("/operator/vouchers", {"reference": "V1", "reason": "测试", "entries": [entry]})
    grower.post("/lots", lot_cut(grower, 1))
    elsewhere = f"date,price\n{today(operator)},3.02\n{today(operator) - timedelta(days=1)},none\n"
    prices = {"source": "广西", "content": elsewhere, "currency": "CNY", "unit": "公斤"}
    assert operator.post("/operator/prices", prices, 200)["rejected"] == 1
    shared = ["contracts", "contracts/1", "contracts/2", "receipts", "money", "money/withdrawals", "money/statement"]
    books = [f"trade/{each['symbol']}" for each in (listed, auctioned, agreed, traded)]
    return {
        "trader": [*books, *shared, "deliveries", "deliveries/1", "more", "market"],
        "grower": [
            "grower",
            "grower/list",
            "grower/sell",
            "grower/account",
            *shared,
            f"receipts/{traded['receipt_id']}",
        ],
        "warehouse": [f"warehouse/{tab}" for tab in ("intake", "load_out", "stock", "climate")],
        "operator": [
            *(f"operator/{tab}" for tab in ("overview", "approvals", "bank", "instruments")),
            *(f"data/{tab}" for tab in ("index", "statistics", "downloads", "prices")),
        ],
    }


async def look(page: Page, address: str, path: str, language: Language, *, axe: bool) -> list[str]:
    """What is wrong with a screen, once it has loaded what it shows."""
    await page.goto(f"{address}/{path}")
    await expect(page.locator("main")).to_be_visible()
    await expect(page.get_by_text(LOADING[language])).to_have_count(0)
    wrong = [f"too wide: {each}" for each in await page.evaluate(TOO_WIDE)]
    text = await page.inner_text("body")
    if FAILED[language] in text or "{" in text:
        wrong.append(text)
    if language == "zh" and (missing := await missing_glyphs(page, text)):
        wrong.append(f"boxes for {missing}")
    if axe:
        await page.evaluate(AXE.read_text())
        wrong += await page.evaluate(FAULTS)
    return [f"{path} {language}: {each}" for each in wrong]


@pytest.mark.timeout(600)
async def test_every_screen_loads_fits_and_is_accessible(tmp_path: Path, browser: Chromium) -> None:
    wrong: list[str] = []
    with opened(tmp_path) as (venue, operator):
        screens = a_bit_of_everything(operator)
        languages: tuple[tuple[Language, Any], ...] = (("zh", "zh-CN"), ("en", "en-US"))
        for language, locale in languages:
            for phone in (False, True):
                for name, paths in screens.items():
                    if name == "grower" and not phone:
                        continue  # growers have phones; what they see at a desk, traders see
                    page = await browser.page(locale=locale, phone=phone)
                    await sign_in(page, venue.address, name, language)
                    for path in paths:
                        wrong += await look(page, venue.address, path, language, axe=language == "zh")
                    await page.context.close()
    assert wrong == [], "\n".join(wrong)
