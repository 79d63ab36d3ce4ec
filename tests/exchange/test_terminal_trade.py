"""The main job as people see it: a real browser, a real venue, three people, and nobody reloads a page."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser import Chromium, missing_glyphs
from tests.running import PASSWORD, found, let_in, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]


async def sign_in(page: Page, address: str, name: str) -> None:
    await page.goto(address)
    await page.get_by_label("用户名").fill(name)
    await page.get_by_label("密码").fill(PASSWORD)
    await page.keyboard.press("Enter")


async def list_a_lot(phone: Page) -> None:
    """A hundred cartons of class I Brazil bananas cut today, on the phone."""
    await phone.get_by_role("link", name="挂牌").click()
    await phone.get_by_label("箱数").fill("100")
    await phone.get_by_label("总重（公斤）").fill("1350")
    await phone.get_by_label("镇").select_option(label="北坡镇")
    await phone.get_by_label("村").fill("下坡村")
    await phone.get_by_role("button", name="提交挂牌").click()
    await expect(phone.get_by_text("已登记", exact=False).first).to_be_visible()


async def take_in(warehouse: Page) -> None:
    """Weighed at 1,340.7 kg net, graded I, receipt issued: by keyboard, as the warehouse works."""
    await warehouse.get_by_role("button", name="待过磅").click()
    await warehouse.get_by_label("毛重").fill("1430.7")
    await warehouse.get_by_label("皮重").fill("90")
    await warehouse.get_by_label("磅秤编号").fill("SX1-01")
    await warehouse.keyboard.press("Enter")
    await warehouse.get_by_label("熟度").fill("1")
    await warehouse.get_by_role("textbox", name="缺陷").fill("30")
    await warehouse.get_by_label("果肉温度").fill("13.5")
    await warehouse.keyboard.press("Enter")
    await warehouse.get_by_role("button", name="开出仓单").click()
    await expect(warehouse.get_by_text("没有待办")).to_be_visible()


async def offer_all(phone: Page, price: str) -> None:
    await phone.get_by_role("link", name="我的货").click()
    await phone.get_by_role("button", name="卖出这批货").click()
    await phone.get_by_role("textbox", name="我的卖价").fill(price)
    await phone.get_by_role("button", name="挂出卖单").click()


async def test_a_lot_is_listed_taken_in_offered_and_bought_on_three_screens(tmp_path: Path, browser: Chromium) -> None:
    found(tmp_path / "data")
    with serving(tmp_path / "data") as venue:
        operator = venue.person("operator")
        grower = let_in(operator, "grower", "grower")
        let_in(operator, "warehouse", "warehouse")
        let_in(operator, "trader", "trader", money_fen=1_000_000)
        phone, warehouse, desk = (
            await browser.page(phone=True),
            await browser.page(size=(1280, 800)),
            await browser.page(),
        )
        await sign_in(phone, venue.address, "grower")
        await sign_in(warehouse, venue.address, "warehouse")
        await sign_in(desk, venue.address, "trader")

        await list_a_lot(phone)
        await take_in(warehouse)
        await offer_all(phone, "2.30")

        # The instrument has come into being under the trader's eyes, and so does the offer.
        money = desk.get_by_role("region", name="总额")
        await expect(money).to_contain_text("10,000.00")
        await desk.get_by_role("button", name="巴西蕉 一级").first.click()
        await expect(desk.get_by_text("1,340").first).to_be_visible()
        ticket = desk.get_by_role("region", name="下单")
        await ticket.get_by_role("textbox", name="价格").fill("2.35")
        await ticket.get_by_role("textbox", name="数量").fill("400")
        await desk.keyboard.press("Enter")

        # 400 kg at the resting price of 2.30, and 0.46 of fee on each side.
        await expect(money).to_contain_text("9,079.54")
        await expect(money).to_contain_text("400")
        await phone.get_by_role("link", name="账户").click()
        await expect(phone.get_by_text("919.54").first).to_be_visible()
        assert grower.balance("CNY") == (91_954, 91_954)
        for page in (phone, warehouse, desk):
            assert await missing_glyphs(page, await page.inner_text("body")) == ""
