"""The browser fixture keeps what it promises: the locale asked for, no mistake unseen, no Chinese font but ours."""

from pathlib import Path

import pytest
from playwright.async_api import Page, Route

from tests.browser import ROOT, Chromium, chromium, missing_glyphs

pytestmark = pytest.mark.browser
FONTS = ROOT / "web" / "terminal" / "node_modules" / "@fontsource" / "noto-sans-sc" / "files"
ADDRESS = "http://127.0.0.1/page"


async def test_a_page_speaks_the_locale_asked_for(browser: Chromium) -> None:
    chinese = await browser.page(locale="zh-CN")
    english = await browser.page(locale="en-US", phone=True)
    script = "() => [navigator.language, new Intl.DateTimeFormat().resolvedOptions().timeZone, innerWidth]"
    assert await chinese.evaluate(script) == ["zh-CN", "Asia/Shanghai", 1440]
    assert await english.evaluate(script) == ["en-US", "Asia/Shanghai", 980]


async def test_what_a_page_does_wrong_is_noticed(tmp_path: Path) -> None:
    async with chromium(tmp_path) as browser:
        page = await browser.page()
        await show(
            page,
            """<script>console.error("a crate fell"); setTimeout(() => { throw new Error("spoilt") })</script>
            <img src="http://bananas.invalid/peel.png">""",
        )
        await page.wait_for_load_state()
        noticed = "\n".join(browser.unexpected())
        assert "console: a crate fell" in noticed
        assert "spoilt" in noticed
        assert "left this machine: http://bananas.invalid/peel.png" in noticed
        browser.expect_error("a crate fell")
        assert "a crate fell" not in "\n".join(browser.unexpected())


async def test_chinese_is_drawn_with_the_font_that_travels_with_the_page(browser: Chromium) -> None:
    page = await browser.page()
    await show(page, "<p>香蕉</p>")
    assert await missing_glyphs(page, "banana 香蕉") == "香蕉"
    await show(
        page,
        """<style>@font-face { font-family: Ours; src: url(font.woff2) } body { font-family: Ours }</style>
        <p>香蕉</p>""",
    )
    assert await missing_glyphs(page, "banana 香蕉") == ""


async def show(page: Page, html: str) -> None:
    """Open a page of this content, with the terminal's Chinese font beside it; no server listens."""

    async def answer(route: Route) -> None:
        if route.request.url == ADDRESS:
            no_icon = "<link rel=icon href=data:,>"  # or the browser may ask for one, and miss it
            await route.fulfill(content_type="text/html; charset=utf-8", body=f"<!doctype html>{no_icon}{html}")
        elif route.request.url.endswith("font.woff2"):
            await route.fulfill(path=FONTS / "noto-sans-sc-chinese-simplified-400-normal.woff2")
        else:
            await route.abort()

    await page.unroute_all()
    await page.route("**/*", answer)
    await page.goto(ADDRESS)
