"""Money in and out over HTTP: what the bank says, what participants ask for, what two operators decide."""

import base64
import functools
from typing import Any

import httpx
import pytest

from settlement.messages import RegisterParticipant
from settlement.payment_codes import deposit_code
from tests.web.office import OPERATOR, PASSWORD, TRADER, TRADER2, Office, get, post, problem
from web.sessions import set_credentials

TODAY = "2026-11-23"
PAYEE = {"payee_name": "李明", "payee_bank": "农行遂溪支行", "payee_account": "6228480"}
ASKED = {"client_reference": "w-1", "amount_fen": 40_000, **PAYEE}


async def second_operator(office: Office) -> httpx.AsyncClient:
    """Four eyes need two: participant 7."""
    if "second" not in [each.name for each in office.gateway.participants()]:
        office.gateway.take(RegisterParticipant(name="second", display_name="Bo", roles=("operator",)))
        password_hash = await office.sessions.passwords.hash(PASSWORD)
        let_in = functools.partial(set_credentials, participant_id=7, name="second", password_hash=password_hash)
        await office.gateway.own_records(let_in)
    return await office.as_("second")


def line(bank_reference: str, amount_fen: int, **more: str) -> dict[str, Any]:
    return {"bank_reference": bank_reference, "amount_fen": amount_fen, **more}


def statement(*lines: dict[str, Any], opening_fen: int = 0, date: str = TODAY) -> dict[str, Any]:
    closing_fen = opening_fen + sum(each["amount_fen"] for each in lines)
    return {"date": date, "opening_fen": opening_fen, "closing_fen": closing_fen, "lines": list(lines)}


# The traders' 10,000 yuan each came by hand, as bank-4 and bank-5.
SHOWN = (line("bank-4", 1_000_000), line("bank-5", 1_000_000))


async def test_from_the_request_to_the_bank_s_word(office: Office) -> None:
    trader, operator, second = await office.as_("trader"), await office.as_("operator"), await second_operator(office)
    asked = await post(trader, "withdrawals", ASKED, 201)
    assert (asked["withdrawal_id"], asked["number"], asked["state"]) == (1, "TX00000195", "requested")
    assert (await get(trader, "balances"))["items"][0]["reserved"] == 40_000
    again = await post(trader, "withdrawals", ASKED, 200)
    assert {**again, "sequence": 0} == {**asked, "sequence": 0}
    other = await trader.post("/api/v1/withdrawals", json={**ASKED, "amount_fen": 1})
    problem(other, 409, "exists_with_different_amount_fen", "amount_fen")

    assert [each["withdrawal_id"] for each in (await get(operator, "operator/withdrawals"))["items"]] == [1]
    once = await post(operator, "operator/withdrawals/1/approval", {})
    assert (once["state"], once["approvals"]) == ("requested", [OPERATOR])
    problem(await operator.post("/api/v1/operator/withdrawals/1/approval"), 409, "same_operator")
    assert (await post(second, "operator/withdrawals/1/approval", {}))["state"] == "approved"
    problem(await trader.delete("/api/v1/withdrawals/1"), 409, "already_approved")
    assert (await get(operator, "operator/pending-transfers"))["items"][0]["key"] == "payment:1"

    imported = await post(
        operator, "operator/statements", statement(*SHOWN, line("b-1", -40_000, memo="付款 TX00000195")), 201
    )
    assert (imported["booked"], imported["suspense"], imported["unassigned"]) == (3, 0, 0)
    assert (imported["difference_fen"], imported["unexplained_fen"]) == (0, 0)
    paid = await get(trader, "withdrawals/1")
    assert (paid["state"], paid["paid_line_id"]) == ("paid", 3)
    cash = (await get(trader, "balances"))["items"][0]
    assert (cash["total"], cash["reserved"]) == (960_000, 0)
    assert (await get(trader, "ledger"))["items"][0]["cause"] == "withdrawal"
    assert (await get(trader, "withdrawals", state="paid"))["items"][0]["withdrawal_id"] == 1
    assert (await get(trader, "withdrawals", state="live"))["items"] == []


async def test_a_withdrawal_is_its_participant_s(office: Office) -> None:
    trader, stranger, operator = await office.as_("trader"), await office.as_("trader2"), await office.as_("operator")
    await post(trader, "withdrawals", ASKED, 201)
    problem(await stranger.get("/api/v1/withdrawals/1"), 404, "unknown_withdrawal")
    problem(await stranger.delete("/api/v1/withdrawals/1"), 404, "unknown_withdrawal")
    assert (await get(stranger, "withdrawals"))["items"] == []
    assert (await get(operator, "withdrawals/1"))["state"] == "requested"
    for path in ("9", "0", "99999999999999999999"):
        problem(await trader.get(f"/api/v1/withdrawals/{path}"), 404, "unknown_withdrawal")
        problem(await trader.delete(f"/api/v1/withdrawals/{path}"), 404, "unknown_withdrawal")
        problem(await operator.post(f"/api/v1/operator/withdrawals/{path}/approval"), 404, "unknown_withdrawal")
    cancelled = await trader.delete("/api/v1/withdrawals/1")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    problem(await trader.delete("/api/v1/withdrawals/1"), 409, "already_ended")
    too_much = await trader.post("/api/v1/withdrawals", json={**ASKED, "client_reference": "w", "amount_fen": 10**9})
    problem(too_much, 409, "insufficient_funds", "amount_fen")


async def test_a_rejection_has_a_reason(office: Office) -> None:
    trader, operator = await office.as_("trader"), await office.as_("operator")
    await post(trader, "withdrawals", ASKED, 201)
    nothing = await operator.post("/api/v1/operator/withdrawals/1/rejection", json={})
    problem(nothing, 400, "invalid_request", "reason")
    rejected = await post(operator, "operator/withdrawals/1/rejection", {"reason": "no such account"})
    assert (rejected["state"], rejected["reason"], rejected["rejections"]) == ("rejected", "no such account", [1])
    assert (await get(trader, "withdrawals/1"))["reason"] == "no such account"


async def test_a_halted_venue_tells_of_money_from_the_database(office: Office) -> None:
    trader, trader2, operator = [await office.as_(name) for name in ("trader", "trader2", "operator")]
    await post(trader, "withdrawals", ASKED, 201)
    await post(operator, "operator/statements", statement(*SHOWN, line("b-1", 900, memo="hello")), 201)
    paths = ("withdrawals/1", "operator/statements/1", "operator/suspense/3")
    before = [await get(operator, path) for path in paths]
    office.gateway.halted = "the disk is full"
    assert [await get(operator, path) for path in paths] == before
    problem(await trader2.get("/api/v1/withdrawals/1"), 404, "unknown_withdrawal")
    problem(await trader.get("/api/v1/withdrawals/0"), 404, "unknown_withdrawal")
    problem(await trader.get("/api/v1/withdrawals/2"), 503, "venue_halted")
    problem(await operator.get("/api/v1/operator/suspense/4"), 503, "venue_halted")
    problem(await operator.get("/api/v1/operator/statements/2"), 503, "venue_halted")
    problem(await trader.delete("/api/v1/withdrawals/1"), 503, "venue_halted")


async def test_how_to_pay_in(office: Office) -> None:
    trader, operator = await office.as_("trader"), await office.as_("operator")
    told = await get(trader, "deposit-code")
    assert told == {"participant_id": TRADER, "deposit_code": deposit_code(TRADER), "virtual_account": f"P{TRADER}"}
    paid = [line("b-1", 500, memo=told["deposit_code"]), line("b-2", 70, virtual_account=told["virtual_account"])]
    await post(operator, "operator/statements", statement(*SHOWN, *paid), 201)
    assert (await get(trader, "balances"))["items"][0]["total"] == 1_000_570


async def test_what_is_nobody_s_waits_for_two(office: Office) -> None:
    operator, second = await office.as_("operator"), await second_operator(office)
    lines = (line("b-1", 900, memo="hello", counterparty_account="6222"), line("b-2", -25, memo="账户管理费"))
    imported = await post(operator, "operator/statements", statement(*SHOWN, *lines), 201)
    assert (imported["suspense"], imported["unassigned"], imported["difference_fen"]) == (1, 1, -25)
    outgoing, incoming = (await get(operator, "operator/suspense"))["items"]
    assert (incoming["line_id"], incoming["state"], incoming["unmatched"]) == (3, "suspense", "no_code")
    assert (outgoing["line_id"], outgoing["state"], outgoing["memo"]) == (4, "unassigned", "账户管理费")

    proposed = await post(
        operator, "operator/suspense/3/release", {"to": "participant", "participant_id": TRADER2, "reason": "he called"}
    )
    assert (proposed["state"], proposed["release"]["proposed_by"]) == ("suspense", OPERATOR)
    problem(await operator.post("/api/v1/operator/suspense/3/approval"), 409, "same_operator", "operator_id")
    released = await post(second, "operator/suspense/3/approval", {})
    assert (released["state"], released["participant_id"]) == ("released", TRADER2)
    assert (await get(await office.as_("trader2"), "balances"))["items"][0]["total"] == 1_000_900
    assert (await get(operator, "operator/suspense", state="released"))["items"][0]["release"]["approved_by"] == 7
    assert (await get(operator, "operator/suspense/3"))["state"] == "released"

    body = {"to": "venue", "account": "fees", "reason": "bank's fee"}
    await post(operator, "operator/suspense/4/release", body)
    problem(await second.post("/api/v1/operator/suspense/4/approval"), 409, "insufficient_funds", "line_id")
    await post(operator, "operator/suspense/4/rejection", {"reason": "no fees yet"})
    problem(await second.post("/api/v1/operator/suspense/4/approval"), 409, "not_proposed")
    for path in ("9", "0"):
        problem(await second.post(f"/api/v1/operator/suspense/{path}/approval"), 404, "unknown_line")
        problem(await second.get(f"/api/v1/operator/suspense/{path}"), 404, "unknown_line")
    wrong = await operator.post("/api/v1/operator/suspense/4/release", json={**body, "account": "escrow"})
    problem(wrong, 422, "invalid_account", "account")


async def test_money_goes_back_to_its_sender(office: Office) -> None:
    operator, second = await office.as_("operator"), await second_operator(office)
    lines = (line("b-1", 900, counterparty="张三", counterparty_account="6222"),)
    await post(operator, "operator/statements", statement(*SHOWN, *lines), 201)
    await post(operator, "operator/suspense/3/release", {"to": "sender", "reason": "not ours"})
    returning = await post(second, "operator/suspense/3/approval", {})
    assert (returning["state"], returning["withdrawal_id"]) == ("returning", 1)
    refund = await get(operator, "withdrawals/1")
    assert (refund["line_id"], refund["participant_id"], refund["payee_account"]) == (3, None, "6222")


async def test_a_bank_s_file(office: Office) -> None:
    operator = await office.as_("operator")
    text = (
        '日期,2026-11-23\n期初余额,0.00\n期末余额,"20,005.00"\n流水号,金额,虚拟账号,附言\n'
        f"bank-4,10000.00,,\nbank-5,10000.00,,\nB-1,5.00,P{TRADER},货款\n"
    )
    wrong = await operator.post("/api/v1/operator/statements/file", json={"content": text.replace("5.00,P", "5.001,P")})
    details = problem(wrong, 400, "invalid_request", "line 7")
    assert [fault["field"] for fault in details["errors"]] == ["line 7"]
    encoded = base64.b64encode(text.encode("gb18030")).decode()
    imported = await post(operator, "operator/statements/file", {"content_base64": encoded}, 201)
    assert (imported["statement_id"], imported["lines"], imported["closing_fen"]) == (1, 3, 2_000_500)
    again = await operator.post("/api/v1/operator/statements/file", json={"content": text})
    details = problem(again, 409, "duplicate_statement", "date")
    assert details["detail"] == "the statement of 2026-11-23 is imported already"

    for body, field in (
        ({}, "content"),
        ({"content": text, "content_base64": encoded}, "content"),
        ({"content_base64": "?"}, "content_base64"),
        ({"content_base64": "/////w=="}, None),
        ({"content": "hello"}, None),
        ({"content": 5}, "content"),
    ):
        answer = await operator.post("/api/v1/operator/statements/file", json=body)
        problem(answer, 400, "invalid_request", field)

    (listed,) = (await get(operator, "operator/statements"))["items"]
    assert listed == await get(operator, "operator/statements/1")
    assert (listed["paid_in_fen"], listed["paid_out_fen"], listed["operator_id"]) == (2_000_500, 0, OPERATOR)
    lines = (await get(operator, "operator/statements/1/lines"))["items"]
    assert [(each["position"], each["matched_by"]) for each in lines] == [
        (3, "virtual_account"),
        (2, "by_hand"),
        (1, "by_hand"),
    ]
    (day,) = (await get(operator, "operator/reconciliations"))["items"]
    assert (day["bank_fen"], day["ledger_fen"], day["unexplained_fen"]) == (2_000_500, 2_000_500, 0)
    problem(await operator.get("/api/v1/operator/statements/9"), 404, "unknown_statement")
    problem(await operator.get("/api/v1/operator/statements/0/lines"), 404, "unknown_statement")


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"date": "2026-11-24"}, 409, "outside_calendar", "date"),
        ({"date": "2026-02-30"}, 409, "outside_calendar", "date"),
        ({"date": "yesterday"}, 400, "invalid_request", "date"),
        ({"opening_fen": 1}, 409, "lines_do_not_add_up", "closing_fen"),
        ({"opening_fen": -1}, 400, "invalid_request", "opening_fen"),
        ({"lines": [line("b-1", 0)]}, 422, "invalid_amount_fen", "lines"),
        ({"lines": [line("b-1", 5), line("b-1", -5)]}, 409, "duplicate_bank_reference", "lines"),
        ({"lines": [line("", 5)]}, 400, "invalid_request", "lines[0].bank_reference"),
        ({"lines": [line("b\n1", 5)]}, 400, "invalid_request", "lines[0].bank_reference"),
        ({"lines": [{**line("b-1", 5), "note": "x"}]}, 400, "invalid_request", "lines[0]"),
    ],
)
async def test_a_statement_that_breaks_a_rule(
    office: Office, changes: dict[str, Any], status: int, code: str, field: str
) -> None:
    operator = await office.as_("operator")
    body = statement() | changes
    problem(await operator.post("/api/v1/operator/statements", json=body), status, code, field)
    assert (await get(operator, "operator/statements"))["items"] == []


async def test_vouchers_need_two(office: Office) -> None:
    operator, second, trader = await office.as_("operator"), await second_operator(office), await office.as_("trader")
    entry = {"debit": f"participant:{TRADER}", "credit": "risk_fund", "amount_fen": 700}
    body = {"reference": "v-1", "reason": "agreed by letter", "entries": [entry]}
    proposed = await post(operator, "operator/vouchers", body, 201)
    assert (proposed["voucher_id"], proposed["state"]) == (1, "proposed")
    problem(await operator.post("/api/v1/operator/vouchers/1/approval"), 409, "same_operator")
    problem(await operator.post("/api/v1/operator/vouchers", json=body), 409, "duplicate_reference", "reference")
    posted = await post(second, "operator/vouchers/1/approval", {})
    assert (posted["state"], posted["decided_by"]) == ("posted", 7)
    assert (await get(trader, "balances"))["items"][0]["total"] == 999_300
    await post(operator, "operator/vouchers", {**body, "reference": "v-2"}, 201)
    await post(operator, "operator/vouchers/2/rejection", {"reason": "once is enough"})
    assert [each["state"] for each in (await get(operator, "operator/vouchers"))["items"]] == ["rejected", "posted"]
    assert (await get(operator, "operator/vouchers", state="proposed"))["items"] == []
    for changes, status, code, field in (
        ({"entries": []}, 400, "invalid_request", "entries"),
        ({"entries": [{**entry, "amount_fen": 0}]}, 400, "invalid_request", "entries[0].amount_fen"),
        ({"entries": [{**entry, "credit": "escrow"}]}, 404, "unknown_account", "entries"),
        ({"entries": [{**entry, "credit": entry["debit"]}]}, 409, "same_account", "entries"),
    ):
        wrong = await operator.post("/api/v1/operator/vouchers", json={**body, "reference": "v-3", **changes})
        problem(wrong, status, code, field)
    for path in ("9", "0"):
        problem(await second.post(f"/api/v1/operator/vouchers/{path}/approval"), 404, "unknown_voucher")
        rejection = await second.post(f"/api/v1/operator/vouchers/{path}/rejection", json={"reason": "r"})
        problem(rejection, 404, "unknown_voucher")


READS = ("statements", "statements/1", "statements/1/lines", "reconciliations", "suspense", "suspense/1")
MORE_READS = ("withdrawals", "vouchers", "pending-transfers")
WRITES: dict[str, Any] = {
    "statements": statement(),
    "statements/file": {"content": ""},
    "suspense/1/release": {"to": "sender", "reason": "r"},
    "suspense/1/approval": {},
    "suspense/1/rejection": {"reason": "r"},
    "withdrawals/1/approval": {},
    "withdrawals/1/rejection": {"reason": "r"},
    "vouchers": {"reference": "v", "reason": "r", "entries": [{"debit": "fees", "credit": "bank", "amount_fen": 1}]},
    "vouchers/1/approval": {},
    "vouchers/1/rejection": {"reason": "r"},
}


async def test_the_treasury_is_for_operators(office: Office) -> None:
    for name in ("trader", "grower", "warehouse", "analyst"):
        client = await office.as_(name)
        for path in (*READS, *MORE_READS):
            problem(await client.get(f"/api/v1/operator/{path}"), 403, "forbidden")
        for path, body in WRITES.items():
            problem(await client.post(f"/api/v1/operator/{path}", json=body), 403, "forbidden")
    for path in (*READS, *MORE_READS):
        problem(await office.anyone.get(f"/api/v1/operator/{path}"), 401, "unauthenticated")
    for path in ("withdrawals", "deposit-code", f"statements/{TODAY}"):
        problem(await office.anyone.get(f"/api/v1/{path}"), 401, "unauthenticated")
