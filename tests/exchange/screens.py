"""The terminal as people use it: a venue with contracts on a clock that the test moves, and hands on its screens."""

import contextlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Page, expect

from tests.running import PASSWORD, Person, VenueProcess, found, lot_cut, serving, take_in

SUIXI = timezone(timedelta(hours=8))
Language = Literal["zh", "en"]
NAME = {"zh": "用户名", "en": "Name"}
PASSWORD_FIELD = {"zh": "密码", "en": "Password"}


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[tuple[VenueProcess, Person]]:
    """A venue whose listings lead to contracts, and its operator."""
    settings = folder / "venue.toml"
    settings.write_text("contracts = true\n")
    found(folder / "data", settings)
    with serving(folder / "data", "--clock", "manual", "--config", str(settings)) as venue:
        yield venue, venue.person("operator")


def stock_for(
    mode: str, operator: Person, grower: Person, warehouse: Person, *, days_ago: int = 3, net_g: int = 1_340_000
) -> dict[str, Any]:
    """A receipt of the grower's whose instrument trades in that mode."""
    receipt = take_in(grower, warehouse, lot_cut(grower, days_ago), net_g)
    operator.post("/operator/phases", {"symbol": receipt["symbol"], "phase": "closed"}, 200)
    operator.post("/operator/instruments", {"symbol": receipt["symbol"], "mode": mode, "reference_price": 250})
    return receipt


def today(person: Person) -> date:
    """The venue's day."""
    time_ns: int = person.get("/venue")["clock"]["time_ns"]
    return datetime.fromtimestamp(time_ns // 10**9, SUIXI).date()


def wait_until(operator: Person, time_ns: int) -> None:
    """Move the venue's clock; what falls due happens."""
    operator.call("POST", "/operator/clock", {"time_ns": time_ns})


async def sign_in(page: Page, address: str, name: str, language: Language = "zh") -> None:
    await page.goto(address)
    await page.get_by_label(NAME[language], exact=True).fill(name)
    await page.get_by_label(PASSWORD_FIELD[language], exact=True).fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("header")).to_be_visible()


async def book_first_time_tomorrow(page: Page) -> None:
    """The first free time of the first dock, on the second day of the calendar."""
    await page.get_by_role("group", name="日期").get_by_role("button").nth(1).click()
    await page.get_by_role("button", name="A 号装车位 06:00").click()
    await expect(page.get_by_text("已预约", exact=False).first).to_be_visible()


async def hand_over_code(page: Page) -> str:
    """A new code, read off the screen as the buyer reads it to the driver."""
    section = page.get_by_role("region", name="提货码")
    shown = section.locator(".secret")
    before = await shown.inner_text() if await shown.count() else ""
    await section.get_by_role("button").click()
    await expect(shown).not_to_have_text(before or "-")
    return (await shown.inner_text()).strip()


async def weigh_out(page: Page, delivery_id: int, *, gross: str, tare: str, last_because: str | None = None) -> None:
    """A truck of the warehouse's load-out list over the scale."""
    await page.get_by_role("button", name=f"提货单 {delivery_id}").click()
    await page.get_by_role("button", name="过磅", exact=True).click()
    for label, text in (("毛重", gross), ("皮重", tare), ("磅单", "T-1001"), ("磅秤编号", "SX1-9")):
        await page.get_by_label(label, exact=False).first.fill(text)
    for label, text in (("车牌", "粤G·12345"), ("承运人", "北坡运输"), ("司机", "李四")):
        await page.get_by_label(label, exact=True).fill(text)
    if last_because is not None:
        await page.get_by_label("最后一车").check()
        await page.get_by_label("少装的原因").fill(last_because)
    await page.get_by_role("button", name="确认过磅").click()
    await expect(page.get_by_text("请司机报提货码")).to_be_visible()
