"""An empty venue is opened and run through `/operator`."""

import pytest
from sqlalchemy.exc import IntegrityError

from tests.web.local_gateway import MONDAY_NS
from tests.web.office import PASSWORD, SYMBOL, TRADER, Office, get, post, problem
from web.sessions import has_credentials

NEW = {"name": "li-4", "password": "plantain-li", "display_name": "李四", "roles": ["trader", "grower"]}


async def test_a_participant_is_registered_and_signs_in(office: Office) -> None:
    operator = await office.as_("operator")
    registered = await post(operator, "operator/participants", {**NEW, "obliged": True}, 201)
    assert registered["participant_id"] == 7
    assert (registered["name"], registered["roles"], registered["obliged"]) == ("li-4", ["trader", "grower"], True)
    answer = await office.anyone.post("/api/v1/sessions", json={"name": "li-4", "password": "plantain-li"})
    assert answer.json()["participant"]["display_name"] == "李四"
    problem(await operator.post("/api/v1/operator/participants", json=NEW), 409, "name_taken", "name")
    everyone = await get(operator, "operator/participants", limit=4)
    assert [each["participant_id"] for each in everyone["items"]] == [7, 6, 5, 4]
    rest = await get(operator, "operator/participants", limit=4, cursor=everyone["next"])
    assert [each["participant_id"] for each in rest["items"]] == [3, 2, 1]
    assert "password" not in repr(everyone)


async def test_what_a_crash_left_half_done_is_finished_by_asking_again(office: Office) -> None:
    operator = await office.as_("operator")
    office.gateway.history_is_down = True
    problem(await operator.post("/api/v1/operator/participants", json=NEW), 503, "history_unavailable")
    office.gateway.history_is_down = False
    assert office.gateway.participants()[-1].name == "li-4"

    other_roles = await operator.post("/api/v1/operator/participants", json={**NEW, "roles": ["operator"]})
    problem(other_roles, 409, "name_taken")
    again = await post(operator, "operator/participants", NEW, 201)
    assert again["participant_id"] == 7
    assert await office.gateway.own_records(lambda connection: has_credentials(connection, 7))
    problem(await operator.post("/api/v1/operator/participants", json=NEW), 409, "name_taken", "name")


async def test_the_same_registration_sent_twice_at_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = await office.as_("operator")
    await post(operator, "operator/participants", NEW, 201)
    # The second one looks for the first one's credentials a moment before they are there.
    monkeypatch.setattr("web.operators.has_credentials", lambda connection, participant_id: False)
    monkeypatch.setattr("web.sessions.set_credentials", _taken)
    problem(await operator.post("/api/v1/operator/participants", json=NEW), 409, "name_taken", "name")


def _taken(*_: object) -> None:
    raise IntegrityError("insert", {}, Exception("unique"))


async def test_participants_that_are_none(office: Office) -> None:
    operator = await office.as_("operator")
    for changes, field in (
        ({"name": "Li"}, "name"),
        ({"name": "li\n"}, "name"),
        ({"name": ""}, "name"),
        ({"password": "short"}, "password"),
        ({"display_name": ""}, "display_name"),
        ({"roles": []}, "roles"),
        ({"roles": ["king"]}, "roles[0]"),
        ({"obliged": "yes"}, "obliged"),
    ):
        answer = await operator.post("/api/v1/operator/participants", json={**NEW, **changes})
        problem(answer, 400, "invalid_request", field)
    twice = await operator.post("/api/v1/operator/participants", json={**NEW, "roles": ["trader", "trader"]})
    problem(twice, 422, "invalid_roles", "roles")


async def test_deposits(office: Office) -> None:
    operator, trader = await office.as_("operator"), await office.as_("trader")
    deposit = {"participant_id": TRADER, "amount_fen": 500, "reference": "bank-77"}
    booked = await post(operator, "operator/deposits", deposit, 201)
    assert booked == {**deposit, "sequence": office.gateway.sequence, "time_ns": MONDAY_NS}
    assert (await get(trader, "balances"))["items"][0]["total"] == 1_000_500
    problem(await operator.post("/api/v1/operator/deposits", json=deposit), 409, "duplicate_reference", "reference")
    unknown = {**deposit, "participant_id": 99, "reference": "bank-78"}
    nobody = await operator.post("/api/v1/operator/deposits", json=unknown)
    problem(nobody, 404, "unknown_participant", "participant_id")
    for amount in (0, -1, 2**53, "5"):
        answer = await operator.post("/api/v1/operator/deposits", json={**deposit, "amount_fen": amount})
        problem(answer, 400, "invalid_request", "amount_fen")


async def test_instruments_and_phases(office: Office) -> None:
    operator = await office.as_("operator")
    defined = await post(operator, "operator/instruments", {"symbol": SYMBOL, "reference_price": 250, "band": 50}, 201)
    assert (defined["symbol"], defined["phase"], defined["band"], defined["harvest_week"]) == (
        *(SYMBOL, "continuous", 50),
        "26W47",
    )
    open_already = await operator.post("/api/v1/operator/instruments", json={"symbol": SYMBOL})
    problem(open_already, 409, open_already.json()["code"])
    wrong = await operator.post("/api/v1/operator/instruments", json={"symbol": "bananas"})
    problem(wrong, 422, "invalid_symbol", "symbol")
    wrong = await operator.post("/api/v1/operator/instruments", json={"symbol": "FJ-1-SX1-26W47", "tick_size": 0})
    problem(wrong, 422, "invalid_tick_size", "tick_size")

    for phase in ("halted", "auction", "closed"):
        changed = await post(operator, "operator/phases", {"symbol": SYMBOL, "phase": phase}, 200)
        assert (changed["symbol"], changed["phase"], changed["sequence"]) == (SYMBOL, phase, office.gateway.sequence)
        assert (await get(office.anyone, f"instruments/{SYMBOL}"))["phase"] == phase
    same = await operator.post("/api/v1/operator/phases", json={"symbol": SYMBOL, "phase": "closed"})
    problem(same, 409, same.json()["code"])
    unknown = await operator.post("/api/v1/operator/phases", json={"symbol": "NO", "phase": "closed"})
    problem(unknown, 404, "unknown_symbol", "symbol")


async def test_the_clock(office: Office) -> None:
    operator = await office.as_("operator")
    assert await get(operator, "operator/clock") == {"mode": "manual", "time_ns": MONDAY_NS}
    moved = await post(operator, "operator/clock", {"time_ns": MONDAY_NS + 5}, 200)
    assert moved == {"mode": "manual", "time_ns": MONDAY_NS + 5}
    back = await operator.post("/api/v1/operator/clock", json={"time_ns": MONDAY_NS})
    problem(back, 409, "time_running_backwards", "time_ns")
    office.gateway.clock_mode = "real"
    problem(await operator.post("/api/v1/operator/clock", json={"time_ns": MONDAY_NS + 9}), 409, "clock_is_real")
    assert (await get(operator, "me"))["name"] == "operator"


async def test_a_year_passes_and_nobody_is_signed_out(office: Office) -> None:
    operator = await office.as_("operator")
    await post(operator, "operator/clock", {"time_ns": MONDAY_NS + 365 * 24 * 3600 * 10**9}, 200)
    assert (await get(operator, "me"))["name"] == "operator"


async def test_only_operators_operate(office: Office) -> None:
    for name in ("trader", "grower", "warehouse", "analyst"):
        client = await office.as_(name)
        for path in ("participants", "instruments", "deposits", "phases", "clock"):
            problem(await client.post(f"/api/v1/operator/{path}", json={}), 403, "forbidden")
        for path in ("participants", "clock"):
            problem(await client.get(f"/api/v1/operator/{path}"), 403, "forbidden")
    problem(await office.anyone.get("/api/v1/operator/clock"), 401, "unauthenticated")
    assert PASSWORD not in repr(office.gateway.submitted)
