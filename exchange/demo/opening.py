"""Opening night: from an empty venue to a market with people, money, receipts and a book, by public requests alone.

Every step may be repeated: names, deposit references and client order ids are taken once, lots are counted. So an
opening that was cut short is gone through again and ends in the same market.
"""

import asyncio
import random
from datetime import date, timedelta

from msgspec import Struct

from exchange.demo.cast import ACCOUNTS, GROWERS, LAST, PASSWORD, SIMULATED, Member
from exchange.demo.person import Person, Refused
from exchange.demo.prices import Prices

CARTON_G = 13_500
CARTON_TARE_G = 900
LOTS = 46
INSTRUMENT_PLANS = (
    *(("BXJ", "1", "SX1", 1), ("BXJ", "1", "SX1", 8), ("BXJ", "1", "SX2", 1), ("BXJ", "1", "SX2", 8)),
    *(("BXJ", "E", "SX1", 1), ("BXJ", "2", "SX2", 8), ("GJ", "1", "SX1", 1), ("NTH", "1", "SX2", 1)),
    *(("FJ", "1", "SX1", 1), ("HDJ", "E", "SX2", 1), ("WLS", "1", "SX1", 8), ("BXJ", "1", "SX1", 15)),
)
"""Variety, grade, warehouse, and how many days before the opening the fruit was cut, give or take two."""


class LotPlan(Struct, frozen=True):
    """A lot that a grower will announce, and what scale and inspection will find."""

    grower: str
    body: dict[str, object]
    gross_g: int
    tare_g: int
    grade: str
    defect_permille: int


def plan_lot(chance: random.Random, grower: Member, plan: tuple[str, str, str, int], today: date) -> LotPlan:
    """Draw one lot: 80 to 320 cartons, found up to 1.5 % off the declared weight."""
    variety, grade, warehouse, age = plan
    cartons = chance.randrange(80, 321, 10)
    declared_g = cartons * CARTON_G
    net_g = declared_g * chance.randrange(985, 1006) // 1000
    tare_g = cartons * CARTON_TARE_G
    harvest = today - timedelta(days=max(0, age + chance.randrange(-1, 3)))
    body: dict[str, object] = {
        "variety": variety,
        "grade": grade,
        "warehouse": warehouse,
        "harvest_date": harvest.isoformat(),
        "cartons": cartons,
        "weight_g": declared_g,
        "town": grower.town,
        "village": f"{chance.choice('东西南北上下')}{chance.choice(('坡', '塘', '村', '园', '岭'))}（合成村名）",
        "certificate_number": f"CN-{today.year}-{chance.randrange(10**6):06}",
    }
    return LotPlan(grower.name, body, net_g + tare_g, tare_g, grade, chance.randrange(5, 45))


async def take_in(plan: LotPlan, lot_id: int, status: str, staff: Person) -> None:
    """The warehouse weighs, grades and issues, from wherever the lot stands."""
    if status == "announced":
        weighing = {"gross_g": plan.gross_g, "tare_g": plan.tare_g, "scale_id": f"{staff.member.warehouse}-01"}
        await staff.post(f"/lots/{lot_id}/weighing", weighing)
        status = "weighed"
    if status == "weighed":
        findings = {
            "grade": plan.grade,
            "colour_stage": 1,
            "defect_permille": plan.defect_permille,
            "temperature_dc": 135,
        }
        await staff.post(f"/lots/{lot_id}/inspection", findings)
        status = "inspected"
    if status == "inspected":
        await staff.post(f"/lots/{lot_id}/receipt", {})


async def open_market(operator: Person, people: dict[str, Person], prices: Prices, chance: random.Random) -> None:
    """Register, fund, take in, offer and bid; `people` gains every member of the cast."""
    members = (*ACCOUNTS, *SIMULATED)
    for member in members:
        await _register(operator, member)
    await asyncio.gather(*(people[member.name].sign_in() for member in members))
    for member in members:
        if member.money_yuan:
            await _deposit(operator, people[member.name], member.money_yuan * 100, f"opening {member.name}")
    today = await venue_day(operator)
    await _take_in_stock(people, chance, today)
    await _leave_work(people, chance, today)
    await _open_books(people, prices, chance, today)
    await _register(operator, LAST)


async def venue_day(person: Person) -> date:
    """The venue's civil day in Suixi (UTC+8, no summer time)."""
    time_ns = (await person.get("/venue"))["clock"]["time_ns"]
    return date.fromordinal(date(1970, 1, 1).toordinal() + (time_ns // 10**9 + 8 * 3600) // 86_400)


def age_days(symbol: str, today: date) -> int:
    """Days since the middle of the symbol's harvest week."""
    week = symbol.rsplit("-", 1)[1]
    return max(0, (today - date.fromisocalendar(2000 + int(week[:2]), int(week[3:]), 4)).days)


async def _register(operator: Person, member: Member) -> None:
    body = {
        "name": member.name,
        "password": PASSWORD,
        "display_name": member.display_name,
        "roles": list(member.roles),
        "obliged": member.obliged,
        "region": member.region,
    }
    try:
        await operator.post("/operator/participants", body)
    except Refused as refused:
        if refused.code != "name_taken":
            raise


async def _deposit(operator: Person, person: Person, amount_fen: int, reference: str) -> None:
    body = {"participant_id": person.participant_id, "amount_fen": amount_fen, "reference": reference}
    try:
        await operator.post("/operator/deposits", body)
    except Refused as refused:
        if refused.code != "duplicate_reference":
            raise


async def _take_in_stock(people: dict[str, Person], chance: random.Random, today: date) -> None:
    growers = [*GROWERS, *(member for member in ACCOUNTS if "grower" in member.roles)]
    plans: dict[str, list[LotPlan]] = {grower.name: [] for grower in growers}
    for index in range(LOTS):
        grower = growers[index % len(growers)]
        kind = INSTRUMENT_PLANS[index % len(INSTRUMENT_PLANS)]
        plans[grower.name].append(plan_lot(chance, grower, kind, today))
    staff = {person.member.warehouse: person for person in people.values() if person.member.name.startswith("staff-")}
    for grower in growers:
        person = people[grower.name]
        known = sorted(await person.all_of("/lots"), key=lambda lot: lot["lot_id"])
        for index, plan in enumerate(plans[grower.name]):
            lot = known[index] if index < len(known) else await person.post("/lots", plan.body)
            await take_in(plan, lot["lot_id"], lot["status"], staff[str(plan.body["warehouse"])])


async def _leave_work(people: dict[str, Person], chance: random.Random, today: date) -> None:
    """Two lots of the visitor's own grower are on their way to his own warehouse: nobody else takes them in."""
    member = ACCOUNTS[0]
    person = people[member.name]
    plans = [plan_lot(chance, member, kind, today) for kind in INSTRUMENT_PLANS[:2]]
    waiting = [lot for lot in await person.all_of("/lots") if lot["status"] == "announced"]
    for plan in plans[len(waiting) :]:
        await person.post("/lots", plan.body)


async def _open_books(people: dict[str, Person], prices: Prices, chance: random.Random, today: date) -> None:
    """Offers of the growers, bids of the trade around the fair price, and a few first trades in every instrument."""
    for member in GROWERS:
        person = people[member.name]
        for symbol, kilograms in sorted((await person.holdings()).items()):
            fair = prices.fair(symbol, month=today.month, age_days=age_days(symbol, today))
            for step in range(4):
                price = fair + 1 + step * 2 + chance.randrange(3)
                quantity = max(1, kilograms // 6 - chance.randrange(1 + kilograms // 30))
                await _place(person, f"open-{symbol}-{step}", symbol, "sell", quantity, price)
    bidders = [people[name] for name in sorted(people) if name.startswith(("wholesaler-", "buyer-"))]
    symbols = [item["symbol"] for item in (await bidders[0].get("/instruments"))["items"]]
    for symbol in symbols:
        fair = prices.fair(symbol, month=today.month, age_days=age_days(symbol, today))
        for index, person in enumerate(chance.sample(bidders, 10)):
            price = fair - 1 - index - chance.randrange(2)
            await _place(person, f"open-{symbol}", symbol, "buy", chance.randrange(40, 400, 10), max(1, price))
        for index, person in enumerate(chance.sample(bidders, 3)):
            await _place(
                person, f"first-{symbol}-{index}", symbol, "buy", chance.randrange(20, 120, 10), fair + 3, "ioc"
            )


async def _place(
    person: Person, client_order_id: str, symbol: str, side: str, quantity: int, price: int, force: str = "gtc"
) -> None:
    body = {
        "client_order_id": client_order_id,
        "symbol": symbol,
        "side": side,
        "quantity": quantity,
        "price": price,
        "time_in_force": force,
    }
    await person.post("/orders", body)
