"""Part of a receipt is ordered out on a phone, a dock booked, and the truck let go against the code alone."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser import Chromium, missing_glyphs
from tests.exchange.screens import book_first_time_tomorrow, hand_over_code, opened, sign_in, wait_until, weigh_out
from tests.running import let_in, lot_cut, take_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]


async def test_a_truck_leaves_with_the_code_that_the_buyer_sees_big(tmp_path: Path, browser: Chromium) -> None:
    browser.expect_error("409")  # the wrong code is refused
    with opened(tmp_path) as (venue, operator):
        grower = let_in(operator, "grower", "grower", money_fen=100_000)
        store = let_in(operator, "warehouse", "warehouse")
        receipt = take_in(grower, store, lot_cut(grower, 2), 1_340_000)
        phone, dock = await browser.page(phone=True), await browser.page(size=(1280, 800))
        await sign_in(phone, venue.address, "grower")
        await sign_in(dock, venue.address, "warehouse")

        await phone.get_by_role("link", name="账户").click()
        await phone.get_by_role("link", name="仓单").click()
        await phone.get_by_role("button", name=receipt["number"]).click()
        await phone.get_by_role("button", name="提货", exact=True).click()
        await phone.get_by_role("textbox", name="提货重量").fill("340")
        await phone.get_by_role("button", name="确认提货").click()

        # The code stands there in figures that are read across a yard; another one makes it worthless.
        first = (await phone.locator(".secret").inner_text()).strip()
        assert await phone.locator(".secret").evaluate("element => parseInt(getComputedStyle(element).fontSize)") >= 34
        await book_first_time_tomorrow(phone)
        second = await hand_over_code(phone)
        assert first != second
        wait_until(operator, grower.get("/deliveries/1")["slot"]["starts_ns"])

        await dock.get_by_role("link", name="出库").click()
        await expect(dock.get_by_role("heading", name="A 号装车位")).to_be_visible()
        await weigh_out(dock, 1, gross="8340", tare="8000")
        await dock.get_by_label("提货码").fill(first)
        await dock.get_by_role("button", name="核对并放行").click()
        await expect(dock.get_by_role("alert")).to_have_text("提货码不对")
        await expect(dock.get_by_text("还可试 4 次")).to_be_visible()
        await dock.get_by_label("提货码").fill(second)
        await dock.get_by_role("button", name="核对并放行").click()
        await expect(dock.get_by_text("请司机报提货码")).to_have_count(0)

        await phone.get_by_role("button", name="货已收到，验收").click()
        await expect(phone.get_by_text("已验收", exact=True).first).to_be_visible()
        await expect(phone.get_by_role("cell", name="粤G·12345")).to_be_visible()
        assert grower.get("/deliveries/1")["handed_g"] == 340_000
        assert [each["weight_g"] for each in grower.get("/receipts")["items"]] == [1_000_000]
        for page in (phone, dock):
            assert await missing_glyphs(page, await page.inner_text("body")) == ""
