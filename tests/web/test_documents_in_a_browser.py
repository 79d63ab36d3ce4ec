"""The page behind a document's code, as who scans it with a telephone sees it."""

import pytest
from playwright.async_api import Page, expect

from tests.browser import Chromium, missing_glyphs
from tests.web.office import Office, buy, post, sell
from tests.web.pdf import Pdf
from tests.web.serving import serving

pytestmark = pytest.mark.browser


async def code_of(office: Office, port: int, path: str) -> str:
    """The address on a document that was asked for at the port."""
    grower = await office.as_("grower")
    answer = await grower.get(f"http://127.0.0.1:{port}/api/v1/{path}/document.pdf")
    assert answer.status_code == 200, answer.text
    return Pdf(answer.content).code


async def drawn_well(page: Page) -> None:
    """Nothing to scroll sideways, every character a picture of itself."""
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await missing_glyphs(page, await page.locator("body").inner_text()) == ""


async def test_a_telephone_tells_whether_a_receipt_holds(office: Office, browser: Chromium) -> None:
    await office.stock(500)
    async with serving(office) as port:
        code = await code_of(office, port, "receipts/1")
        assert code.startswith(f"http://127.0.0.1:{port}/verify/receipt/1?")
        page = await browser.page(phone=True)
        await page.goto(code)
        await expect(page.get_by_role("heading", level=1)).to_contain_text("真实，内容未变")
        await expect(page.get_by_role("main")).to_contain_text("SX1-2026-0000001-WP")
        await drawn_well(page)
        for typed, answer in (("5000", "与登记不符"), ("500", "与登记相符")):
            await page.get_by_label("净重").fill(typed)
            await page.get_by_role("button", name="核对").click()
            await expect(page.get_by_role("status")).to_contain_text(answer)
            await drawn_well(page)

        await post(await office.as_("grower"), "orders", sell("s", 200))
        await post(await office.as_("trader"), "orders", buy("b", 200))
        await page.reload()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("真实，但内容已变更")
        await expect(page.get_by_role("main")).to_contain_text("出具时摘要")
        await drawn_well(page)


@pytest.mark.parametrize("colors", ["light", "dark"])
async def test_a_telephone_tells_of_a_forgery(office: Office, browser: Chromium, colors: str) -> None:
    await office.stock(500)
    async with serving(office) as port:
        code = await code_of(office, port, "receipts/1")
        page = await browser.page(phone=True, locale="en-US", colors="dark" if colors == "dark" else "light")
        await page.goto(code.replace("receipt/1", "receipt/2"))
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Not genuine")
        await expect(page.get_by_role("main")).not_to_contain_text("SX1")
        await drawn_well(page)
