"""The trade as people see it: a real browser, a real venue, and nobody reloads a page."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser import Chromium, missing_glyphs
from tests.running import PASSWORD, exchange, let_in, lot_cut, serving, take_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]


async def sign_in(page: Page, address: str, name: str) -> None:
    await page.goto(address)
    await page.get_by_label("用户名").fill(name)
    await page.get_by_label("密码").fill(PASSWORD)
    await page.keyboard.press("Enter")


async def test_an_order_from_the_terminal_moves_both_balances_without_a_reload(
    tmp_path: Path, browser: Chromium
) -> None:
    assert exchange("init", "--data", tmp_path / "data", "--password", PASSWORD).returncode == 0
    with serving(tmp_path / "data", "--clock", "manual") as venue:
        operator = venue.person("operator")
        grower = let_in(operator, "grower", "grower")
        warehouse = let_in(operator, "warehouse", "warehouse")
        let_in(operator, "trader", "trader", money_fen=1_000_000)
        receipt = take_in(grower, warehouse, lot_cut(grower, 4), 1_340_700)
        grower.place(receipt["symbol"], "sell", 1000, 230, client_order_id="offer")

        phone = await browser.page(phone=True)
        await sign_in(phone, venue.address, "grower")
        await phone.get_by_role("link", name="账户").click()
        desk = await browser.page()
        await sign_in(desk, venue.address, "trader")
        money = desk.get_by_role("region", name="总额")
        await expect(money).to_contain_text("10,000.00")
        ticket = desk.get_by_role("region", name="下单")
        await ticket.get_by_role("textbox", name="价格").fill("2.35")
        await ticket.get_by_role("textbox", name="数量").fill("400")
        await desk.keyboard.press("Enter")

        # 400 kg at the resting price of 2.30, and 0.46 of fee on each side.
        await expect(money).to_contain_text("9,079.54")
        await expect(money).to_contain_text("400")
        await expect(phone.get_by_text("919.54").first).to_be_visible()
        text = await desk.inner_text("body")
        assert await missing_glyphs(desk, text) == ""
        await asyncio.gather(desk.close(), phone.close())
