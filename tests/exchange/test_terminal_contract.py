"""A listing becomes a contract and ends well on three screens: a grower's phone, a trader's desk, the warehouse."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser import Chromium, missing_glyphs
from tests.exchange.screens import (
    book_first_time_tomorrow,
    hand_over_code,
    opened,
    sign_in,
    stock_for,
    wait_until,
    weigh_out,
)
from tests.running import let_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]


async def list_a_ton(phone: Page, receipt: dict[str, Any]) -> None:
    await phone.get_by_role("link", name="卖出").click()
    await phone.get_by_role("textbox", name="我的卖价").fill("2.50")
    await phone.get_by_role("textbox", name="卖多少").fill("1000")
    await phone.get_by_role("button", name="挂牌卖出").click()
    await expect(phone.get_by_text("正在卖")).to_be_visible()
    assert receipt["weight_g"] >= 1_000_000


async def take_it(desk: Page, symbol: str) -> None:
    await desk.get_by_role("button", name="巴西蕉 一级").first.click()
    board = desk.get_by_role("region", name="挂牌大厅")
    await board.get_by_role("button", name="摘牌").click()
    await expect(desk.get_by_text("保证金（20%）")).to_be_visible()
    await desk.get_by_role("button", name="确认摘牌").click()
    await expect(board.get_by_text("现在没有挂牌")).to_be_visible()
    assert desk.url.endswith(symbol)


async def test_a_listing_becomes_a_contract_and_is_completed(tmp_path: Path, browser: Chromium) -> None:
    with opened(tmp_path) as (venue, operator):
        grower = let_in(operator, "grower", "grower", money_fen=100_000)
        store = let_in(operator, "warehouse", "warehouse")
        trader = let_in(operator, "trader", "trader", money_fen=1_000_000)
        receipt = stock_for("listing", operator, grower, store)
        phone, desk = await browser.page(phone=True), await browser.page()
        dock = await browser.page(size=(1280, 800))
        await sign_in(phone, venue.address, "grower")
        await sign_in(desk, venue.address, "trader")
        await sign_in(dock, venue.address, "warehouse")

        await list_a_ton(phone, receipt)
        await take_it(desk, receipt["symbol"])

        # Both have put up 500.00 of earnest money and 1.25 of fee; what is due next stands on both screens.
        assert (trader.balance("CNY"), grower.balance("CNY")) == ((949_875, 949_875), (49_875, 49_875))
        await desk.get_by_role("link", name="合同").click()
        await desk.get_by_role("button", name="合同 1").click()
        await expect(desk.get_by_role("list", name="下一步")).to_contain_text("请您：付货款")
        await desk.get_by_role("button", name="付款", exact=True).click()
        await desk.get_by_role("button", name="付款 2,500.00 元").click()
        await expect(desk.get_by_role("list", name="下一步")).not_to_contain_text("付货款")
        await expect(desk.get_by_role("list", name="下一步")).to_contain_text("等卖方：确认备货")

        await phone.get_by_role("link", name="我的货").click()
        await phone.get_by_role("link", name="合同 1").click()
        await phone.get_by_role("button", name="备货完成").click()
        await phone.get_by_role("button", name="确认备货").click()
        await expect(phone.get_by_role("list", name="下一步")).to_contain_text("等买方：提货")

        # Title has passed: the buyer books a dock and has the code for his driver.
        await desk.get_by_role("button", name="去提货").click()
        await desk.get_by_role("link", name="提货单 1").click()
        await book_first_time_tomorrow(desk)
        code = await hand_over_code(desk)
        slot = trader.get("/deliveries/1")["slot"]
        wait_until(operator, slot["starts_ns"])

        await dock.get_by_role("link", name="出库").click()
        await weigh_out(dock, 1, gross="8980", tare="8000", last_because="装车时挑出二十公斤软果")
        await dock.get_by_label("提货码").fill(code.lower())
        await dock.get_by_role("button", name="核对并放行").click()
        await expect(dock.get_by_text("已交接").first).to_be_visible()

        # 20 kg less than agreed: within ten per cent, so it settles at 980 kg, and both read why in the same words.
        await desk.goto(f"{venue.address}/contracts/1")
        for page in (desk, phone):
            weight = page.get_by_role("region", name="重量")
            await expect(weight).to_contain_text("−20")
            await expect(weight).to_contain_text("相差在 ±10% 以内")
            await expect(weight).to_contain_text("装车时挑出二十公斤软果")

        await desk.get_by_role("button", name="验收", exact=True).click()
        await desk.get_by_role("button", name="确认验收").click()
        await phone.get_by_role("button", name="登记发票").first.click()
        await phone.get_by_label("发票号码").fill("26442000000012345678")
        await expect(phone.get_by_text("发票金额须为 2,450.00 元。")).to_be_visible()
        await phone.get_by_role("button", name="登记发票").last.click()
        for page in (desk, phone):
            await expect(page.get_by_text("已完成").first).to_be_visible()
            await expect(page.get_by_role("region", name="款项")).to_contain_text(re.compile(r"市场现持有\s*0\.00"))
            assert await missing_glyphs(page, await page.inner_text("body")) == ""
        assert await missing_glyphs(dock, await dock.inner_text("body")) == ""

        # 980 kg at 2.50, less the fee of 1.25 each; the grower's storage of the first days was free.
        assert trader.balance("CNY") == (1_000_000 - 245_000 - 125, 1_000_000 - 245_000 - 125)
        assert grower.balance("CNY") == (100_000 + 245_000 - 125, 100_000 + 245_000 - 125)
