"""A real Chromium for tests: the machine's own, else the one that npm's `@sparticuz/chromium` carries.

A test asks for `browser` and opens pages with the locale and size it is about. It fails if a page throws, writes an
error to its console, or asks for anything beyond this machine: a test that means one of those says so with
`expect_error`.
"""

import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request, async_playwright

ROOT = Path(__file__).resolve().parent.parent
UNPACKED = ROOT / ".cache" / "chromium"
SYSTEM_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
]
TRADER = (1440, 900)
PHONE = (390, 844)


class Chromium:
    """One running browser and what went wrong in its pages."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._expected: list[re.Pattern[str]] = []
        self.errors: list[str] = []

    async def page(
        self,
        *,
        locale: Literal["zh-CN", "en-US"] = "zh-CN",
        size: tuple[int, int] = TRADER,
        phone: bool = False,
        colors: Literal["light", "dark"] = "light",
    ) -> Page:
        """A page in a profile of its own, nothing remembered. `phone` adds touch and a 390 pixel screen."""
        width, height = PHONE if phone and size == TRADER else size
        context = await self._browser.new_context(
            locale=locale,
            timezone_id="Asia/Shanghai",
            viewport={"width": width, "height": height},
            has_touch=phone,
            is_mobile=phone,
            color_scheme=colors,
        )
        context.set_default_timeout(15_000)
        self.watch(context)
        return await context.new_page()

    def watch(self, context: BrowserContext) -> None:
        """Collect what goes wrong in every page of the context."""
        context.on("weberror", lambda error: self.errors.append(f"thrown: {error.error}"))
        context.on("console", self._console)
        context.on("request", self._request)

    def expect_error(self, pattern: str) -> None:
        """Errors that match are part of the story that the test tells, as a wrong password's 401 is."""
        self._expected.append(re.compile(pattern))

    def unexpected(self) -> list[str]:
        return [each for each in self.errors if not any(pattern.search(each) for pattern in self._expected)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob", "about") and address.hostname not in (
            "127.0.0.1",
            "localhost",
            "::1",
        ):
            self.errors.append(f"left this machine: {request.url}")


@contextlib.asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Chromium]:
    """A browser for as long as the block runs; it keeps its files in the folder.

    RuntimeError if the machine has none.
    """
    async with async_playwright() as playwright:
        browser = await _launch(playwright, folder)
        try:
            yield Chromium(browser)
        finally:
            await browser.close()


async def _launch(playwright: Playwright, folder: Path) -> Browser:
    program, unpacked = find()
    home = folder / "chromium-home"
    home.mkdir(exist_ok=True)
    environment = _environment(home, unpacked)
    return await playwright.chromium.launch(executable_path=program, args=FLAGS, env=dict(environment))


def find() -> tuple[str, bool]:
    """The browser's program, and whether it is the one that npm carries. RuntimeError if there is neither."""
    for name in SYSTEM_PROGRAMS:
        if program := shutil.which(name):
            return program, False
    program = str(UNPACKED / "chromium")
    if not os.access(program, os.X_OK):
        raise RuntimeError("no Chromium: run ./dev setup (x86_64 Linux), or install your system's chromium")
    return program, True


def _environment(home: Path, unpacked: bool) -> dict[str, str]:
    """The browser's own home, and no Chinese font of the machine: Chinese is drawn with the fonts we ship or not.

    npm's Chromium brings the libraries that a bare machine lacks, and one Latin font.
    """
    fonts = home / "fonts.conf"
    machine = '<include ignore_missing="yes">/etc/fonts/fonts.conf</include>'
    source = f"<dir>{UNPACKED / 'fonts'}</dir>" if unpacked else machine
    chinese = '<pattern><patelt name="lang"><string>zh-cn</string></patelt></pattern>'
    refused = f"<selectfont><rejectfont>{chinese}</rejectfont></selectfont>"
    fonts.write_text(f"<fontconfig>{source}{refused}<cachedir>{home / 'fonts'}</cachedir></fontconfig>")
    environment = {**os.environ, "FONTCONFIG_FILE": str(fonts), "HOME": str(home)}
    environment |= {"XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home)}
    if unpacked:
        libraries = [str(UNPACKED / "al2023" / "lib"), os.environ.get("LD_LIBRARY_PATH", "")]
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, libraries))
    return environment


async def missing_glyphs(page: Page, text: str) -> str:
    """The characters of the text that the page's body font draws as an empty box."""
    return str(await page.evaluate(_MISSING_GLYPHS, text))


# U+FFFFE is no character and never will be: how it is drawn is how a missing one is drawn.
_MISSING_GLYPHS = """
async (text) => {
  const font = `24px ${getComputedStyle(document.body).fontFamily}`;
  await document.fonts.load(font, text);
  const canvas = Object.assign(document.createElement("canvas"), { width: 48, height: 48 });
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  const drawn = (character) => {
    brush.clearRect(0, 0, canvas.width, canvas.height);
    brush.font = font;
    brush.fillText(character, 10, 36);
    return brush.getImageData(0, 0, canvas.width, canvas.height).data.join();
  };
  const box = drawn("\\u{FFFFE}");
  return [...new Set(text)].filter((character) => character.trim() && drawn(character) === box).join("");
}
"""


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Chromium]:
    """A fresh browser with a fresh profile; the test fails on errors of its pages that it did not expect."""
    async with chromium(tmp_path) as started:
        yield started
        assert started.unexpected() == []
