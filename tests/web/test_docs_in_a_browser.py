"""The documentation page in a real browser: drawn under the policy, without the internet, and usable."""

import pytest
from playwright.async_api import expect

from tests.browser import Chromium, missing_glyphs
from tests.web.office import PASSWORD, TRADER, Office
from tests.web.serving import serving

pytestmark = pytest.mark.browser


async def test_the_description_is_drawn_and_can_be_tried(office: Office, browser: Chromium) -> None:
    await office.stock(100)
    async with serving(office) as port:
        page = await browser.page(locale="en-US")
        address = f"http://127.0.0.1:{port}"
        await page.goto(f"{address}/docs")
        # A hundred and more addresses: by subject, of which each opens when it is asked for.
        await page.locator("#operations-tag-orders").click()
        await expect(page.get_by_text("Place an order")).to_be_visible()
        await expect(page.locator("#missing")).to_be_hidden()

        # Signed in as the terminal is, by cookie: a write from here carries the session's token.
        signed = await page.request.post(f"{address}/api/v1/sessions", data={"name": "trader", "password": PASSWORD})
        assert signed.ok
        await page.locator("#operations-orders-place_order button.opblock-summary-control").click()
        await page.get_by_role("button", name="Try it out").click()
        await page.locator("#operations-orders-place_order textarea.body-param__text").fill(
            '{"client_order_id": "docs-1", "symbol": "BXJ-1-SX1-26W47", "side": "buy", "quantity": 5, "price": 240}'
        )
        await page.get_by_role("button", name="Execute").click()
        await expect(page.locator("#operations-orders-place_order .live-responses-table")).to_contain_text("resting")
    assert [order.client_order_id for order in office.gateway.live_orders(TRADER)] == ["docs-1"]


async def test_the_feed_is_drawn_from_its_description_and_fits_a_phone(office: Office, browser: Chromium) -> None:
    async with serving(office) as port:
        page = await browser.page(phone=True)
        await page.goto(f"http://127.0.0.1:{port}/docs/feed#limits")
        await expect(page.locator("#operation-subscribe h3")).to_contain_text("订阅频道 Subscribe to a channel")
        await expect(page.locator("#channel-book pre").first).to_contain_text('"checksum": 4171866969')
        await expect(page.get_by_text("65,536").first).to_be_in_viewport()
        link = page.locator("#channel-orders a").first
        await link.click()
        await expect(page.locator("#type-OrderRow")).to_be_in_viewport()
        assert await page.evaluate("document.documentElement.scrollWidth") == 390
        assert await missing_glyphs(page, await page.inner_text("#feed")) == ""
