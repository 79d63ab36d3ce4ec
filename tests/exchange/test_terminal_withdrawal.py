"""Money out takes four eyes: a trader asks, two operators approve on their own screens, the bank pays."""

from datetime import date
from pathlib import Path

import pytest
from playwright.async_api import FilePayload, Page, expect

from tests.browser import Chromium
from tests.exchange.screens import opened, sign_in, today
from tests.running import let_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def statement_of(day: date, number: str) -> bytes:
    """The bank's file in the encoding that banks use: 10,000.00 came for the trader, 1,234.50 was paid out."""
    return f"""\
日期,{day}
期初余额,0.00
期末余额,"8,765.50"
流水号,收入,支出,余额,对方户名,对方账号,虚拟账号,附言
B-1,"10,000.00",,"10,000.00",陈阿香,6228480402564890018,,谢谢
B-2,,"1,234.50","8,765.50",陈阿香,6228480402564890018,,{number}
""".encode("gb18030")


async def approve(page: Page) -> None:
    await page.get_by_role("link", name="复核").click()
    waiting = page.get_by_role("region", name="提现")
    await expect(waiting).to_contain_text("1,234.50")
    await waiting.get_by_role("button", name="复核通过").click()


async def test_two_operators_approve_and_the_banks_file_shows_it_paid(tmp_path: Path, browser: Chromium) -> None:
    with opened(tmp_path) as (venue, operator):
        trader = let_in(operator, "trader", "trader", money_fen=1_000_000)
        let_in(operator, "operator2", "operator")
        desk, first, second = await browser.page(phone=True), await browser.page(), await browser.page()
        await sign_in(desk, venue.address, "trader")
        await sign_in(first, venue.address, "operator")
        await sign_in(second, venue.address, "operator2")

        await desk.get_by_role("link", name="更多").click()
        await desk.get_by_role("link", name="资金").click()
        await desk.get_by_role("link", name="提现").click()
        await desk.get_by_role("textbox", name="提现金额").fill("1234.50")
        await desk.get_by_label("收款人").fill("陈阿香")
        await desk.get_by_label("开户行").fill("遂溪农商银行")
        await desk.get_by_label("银行账号").fill("6228480402564890018")
        await desk.get_by_role("button", name="提交申请").click()
        await expect(desk.get_by_text("待复核 0/2")).to_be_visible()
        assert trader.balance("CNY") == (1_000_000, 876_550)

        # The first operator cannot give the second approval.
        await approve(first)
        await expect(first.get_by_text("您已复核，须另一位运营人员再复核。")).to_be_visible()
        await expect(first.get_by_role("button", name="复核通过")).to_have_count(0)
        await expect(desk.get_by_text("待复核 1/2")).to_be_visible()
        await approve(second)
        await expect(desk.get_by_text("银行划款中")).to_be_visible()

        # What the bank shows is matched by the number in its memo; what nobody can be found for waits for two as well.
        number = trader.get("/withdrawals")["items"][0]["number"]
        await first.get_by_role("link", name="银行").click()
        content = statement_of(today(operator), number)
        await first.get_by_label("选择文件").set_input_files(
            FilePayload(name="流水.csv", mimeType="text/csv", buffer=content)
        )
        await first.get_by_role("button", name="导入").click()
        await expect(desk.get_by_text("已到账")).to_be_visible()
        suspense = first.get_by_role("region", name="待查款项")
        await suspense.get_by_role("button", name="处理").click()
        await suspense.get_by_role("textbox", name="参与者编号").fill(str(trader.participant_id))
        await suspense.get_by_label("理由").fill("付款人来电说明")
        await suspense.get_by_role("button", name="提交复核").click()
        await expect(suspense.get_by_text("待复核")).to_be_visible()
        lines = second.get_by_role("region", name="待查款项处理")
        await lines.get_by_role("button", name="复核通过").click()
        await expect(lines.get_by_text("没有待办")).to_be_visible()
        money = 1_000_000 - 123_450 + 1_000_000
        assert trader.balance("CNY") == (money, money)

        # The day reconciles: what was deposited by hand is told, and nothing is left unexplained.
        await expect(first.get_by_role("region", name="每日对账")).to_contain_text("✓ 0.00")
