"""The living market: one director draws who acts next and what they do, from one seed, one request at a time.

Because each request is answered before the next is drawn, the same seed on the same market gives the same requests.
Fruit comes in, is traded, and is loaded out and eaten at about the same rate, so that the market can go on round the
clock.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import httpx

from exchange.demo.cast import ACCOUNTS, BUYERS, GROWERS, LAST, OPERATOR, SIMULATED, WHOLESALERS
from exchange.demo.opening import INSTRUMENT_PLANS, age_days, open_market, plan_lot, take_in, venue_day
from exchange.demo.person import Person, Refused
from exchange.demo.prices import VARIETY_PERMILLE, Prices

MEAN_PAUSE_MS = 90
"""Between two acts: about eleven a second, most of them one order."""
ACTS_PER_CLOCK_MOVE = 2_000
"""With a manual clock at most so many acts follow one move of it."""
LIVE_QUOTES = 5
"""A wholesaler's resting orders a symbol and side at most; the oldest makes room."""
STOCK_KG = 60_000
"""Below this much fruit for sale growers bring more."""


class Director:
    """Opens the market if that was not done, then keeps it alive until cancelled."""

    def __init__(self, address: str, seed: int) -> None:
        self._http = httpx.AsyncClient(base_url=address, timeout=30)
        self._chance = random.Random(seed)
        self._seed = seed
        self._prices = Prices(self._chance)
        self._operator = Person(OPERATOR, self._http)
        self._people = {member.name: Person(member, self._http) for member in (*ACCOUNTS, *SIMULATED, LAST)}
        self._symbols: list[str] = []
        self._quotes: dict[tuple[str, str, str], list[int]] = {}
        self._today = date.min
        self._acts = 0
        # Client order ids and references are taken once: the sequence at which this run began keeps runs apart.
        self._epoch = 0
        self._serial = 0
        self._plan: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self._quote, 46),
            (self._buy, 22),
            (self._sell, 16),
            (self._amend, 6),
            (self._cancel, 6),
            (self._load_out, 3),
            (self._harvest, 1),
        ]

    async def open(self) -> None:
        """Sign everybody in; the first time, bring the market into being."""
        await self._operator.sign_in()
        known = {item["name"] for item in await self._operator.all_of("/operator/participants")}
        if LAST.name in known:
            await asyncio.gather(*(self._people[member.name].sign_in() for member in SIMULATED))
            await self._resume()
        else:
            await open_market(self._operator, self._people, self._prices, self._chance)
        self._today = await venue_day(self._operator)
        await self._look_around()

    async def run(self, clock: str) -> None:
        """Act for ever: at a real clock with a pause between acts, at a manual one as much as its moves allow."""
        if clock == "real":
            while True:
                await asyncio.sleep(self._chance.randrange(MEAN_PAUSE_MS // 3, 2 * MEAN_PAUSE_MS) / 1000)
                await self.act()
        time_ns = await self._venue_time()
        while True:
            await asyncio.sleep(0.2)
            now_ns = await self._venue_time()
            for _ in range(min(ACTS_PER_CLOCK_MOVE, (now_ns - time_ns) // (MEAN_PAUSE_MS * 1_000_000))):
                await self.act()
            time_ns = now_ns

    async def close(self) -> None:
        await self._http.aclose()

    async def act(self) -> None:
        """One drawn act of one drawn person. What the venue refuses is part of life; what it cannot answer is not."""
        self._acts += 1
        if self._acts % 50 == 0:
            await self._look_around()
        self._prices.step(self._chance.choice(list(VARIETY_PERMILLE)))
        act = self._chance.choices([act for act, _ in self._plan], [weight for _, weight in self._plan])[0]
        try:
            await act()
        except Refused as refused:
            if refused.status >= 500:
                await asyncio.sleep(0.5)

    # What people do

    async def _quote(self) -> None:
        """A wholesaler bids below, or offers what he holds above, the fair price."""
        person = self._one_of(WHOLESALERS)
        symbol = self._symbol()
        side = self._chance.choice(("buy", "buy", "sell"))
        fair = self._fair(symbol)
        distance = 1 + min(self._chance.getrandbits(8).bit_count(), 8) * self._chance.randrange(1, 3) // 2
        quantity = self._chance.randrange(30, 400, 10)
        if side == "sell":
            quantity = min(quantity, (await person.holdings()).get(symbol, 0))
            if quantity == 0:
                return
        price = max(1, fair - distance if side == "buy" else fair + distance)
        quotes = self._quotes.setdefault((person.member.name, symbol, side), [])
        if len(quotes) >= LIVE_QUOTES:
            await self._withdraw(person, quotes.pop(0))
        order = await self._place(person, symbol, side, quantity, price)
        if order["remaining"] and order["status"] in ("resting", "partly_filled"):
            quotes.append(order["order_id"])

    async def _buy(self) -> None:
        """A buyer takes what he needs now; mostly at a price he names, sometimes at the market."""
        person = self._one_of(BUYERS)
        symbol = self._symbol()
        quantity = self._chance.randrange(20, 260, 10)
        if self._chance.randrange(4) == 0:
            order = await self._place(person, symbol, "buy", quantity, None, kind="market", time_in_force="ioc")
        else:
            price = self._fair(symbol) + self._chance.randrange(-2, 7)
            force = self._chance.choice(("ioc", "ioc", "day"))
            order = await self._place(person, symbol, "buy", quantity, max(1, price), time_in_force=force)
        if order["reason"] == "insufficient_funds":
            await self._fund(person)

    async def _sell(self) -> None:
        """A grower, or a wholesaler who has enough, sells: patiently above the fair price or at once below it."""
        person = self._one_of((*GROWERS, *GROWERS, *WHOLESALERS))
        holdings = await person.holdings()
        if not holdings:
            return
        symbol = self._chance.choice(sorted(holdings))
        fair = self._fair(symbol)
        quantity = min(holdings[symbol], self._chance.randrange(50, 600, 10))
        if self._chance.randrange(5) < 2:
            await self._place(
                person, symbol, "sell", quantity, max(1, fair - self._chance.randrange(1, 8)), time_in_force="ioc"
            )
        else:
            await self._place(person, symbol, "sell", quantity, fair + self._chance.randrange(1, 10))

    async def _amend(self) -> None:
        found = self._some_quote()
        if found is None:
            return
        person, symbol, side, order_id = found
        fair = self._fair(symbol)
        price = fair - self._chance.randrange(1, 5) if side == "buy" else fair + self._chance.randrange(1, 5)
        await person.patch(f"/orders/{order_id}", {"price": max(1, price)})

    async def _cancel(self) -> None:
        found = self._some_quote()
        if found is not None:
            person, symbol, side, order_id = found
            self._quotes[person.member.name, symbol, side].remove(order_id)
            await self._withdraw(person, order_id)

    async def _load_out(self) -> None:
        """A buyer has bought fruit loaded out and eaten: the stock leaves the venue, retail money comes in."""
        person = self._one_of(BUYERS)
        receipts = [item for item in await person.all_of("/receipts") if item["state"] == "issued"]
        for receipt in receipts[:40]:
            await person.post(f"/receipts/{receipt['receipt_id']}/delivery", {})
            await self._staff(receipt["warehouse"]).post(f"/receipts/{receipt['receipt_id']}/load-out", {})

    async def _harvest(self) -> None:
        """A grower brings a lot while less than the usual stock stands for sale."""
        grower = self._chance.choice(GROWERS)
        variety, grade, warehouse, _ = self._chance.choice(INSTRUMENT_PLANS)
        plan = plan_lot(self._chance, grower, (variety, grade, warehouse, 0), self._today)
        if await self._stock_kg() < STOCK_KG:
            lot = await self._people[grower.name].post("/lots", plan.body)
            await take_in(plan, lot["lot_id"], lot["status"], self._staff(warehouse))

    # What they need for it

    async def _place(
        self, person: Person, symbol: str, side: str, quantity: int, price: int | None, **more: str
    ) -> dict[str, Any]:
        self._serial += 1
        body: dict[str, Any] = {
            "client_order_id": f"d{self._seed}-{self._epoch}-{self._serial}",
            "symbol": symbol,
            "side": side,
            "quantity": quantity,
            **more,
        }
        if price is not None:
            body["price"] = price
        order: dict[str, Any] = await person.post("/orders", body)
        return order

    async def _withdraw(self, person: Person, order_id: int) -> None:
        try:
            await person.delete(f"/orders/{order_id}")
        except Refused as refused:
            if refused.status not in (404, 409):
                raise

    async def _fund(self, person: Person) -> None:
        """The proceeds of a buyer's own shop, paid in at the bank."""
        self._serial += 1
        body = {
            "participant_id": person.participant_id,
            "amount_fen": 5_000_000,
            "reference": f"retail {self._epoch}-{self._serial}",
        }
        await self._operator.post("/operator/deposits", body)

    async def _look_around(self) -> None:
        """Which instruments trade, and what day it is."""
        instruments = (await self._operator.get("/instruments"))["items"]
        self._symbols = [item["symbol"] for item in instruments if item["phase"] == "continuous"]
        self._today = await venue_day(self._operator)

    async def _resume(self) -> None:
        """Go on where the market stands: its sequence makes the chance a new one, its last prices the walk."""
        self._epoch = (await self._operator.get("/me"))["sequence"]
        self._chance.seed(f"{self._seed}-{self._epoch}")
        self._today = await venue_day(self._operator)
        for item in (await self._operator.get("/instruments"))["items"]:
            if item["last"] is not None and item["phase"] == "continuous":
                self._prices.settle_at(item["symbol"].split("-")[0], item["last"], self._fair(item["symbol"]))
        for member in WHOLESALERS:
            for order in await self._people[member.name].all_of("/orders", status="live"):
                key = (member.name, order["symbol"], order["side"])
                self._quotes.setdefault(key, []).append(order["order_id"])

    async def _stock_kg(self) -> int:
        stock = 0
        for member in GROWERS:
            balances = await self._people[member.name].get("/balances")
            stock += sum(item["total"] // 1000 for item in balances["items"] if item["unit"] == "g")
        return stock

    async def _venue_time(self) -> int:
        return int((await self._operator.get("/venue"))["clock"]["time_ns"])

    def _fair(self, symbol: str) -> int:
        return self._prices.fair(symbol, month=self._today.month, age_days=age_days(symbol, self._today))

    def _symbol(self) -> str:
        """Drawn with more weight on the first ones, as a few instruments make most of any market."""
        index = min(self._chance.randrange(len(self._symbols)), self._chance.randrange(len(self._symbols)))
        return self._symbols[index]

    def _some_quote(self) -> tuple[Person, str, str, int] | None:
        keys = sorted(key for key, orders in self._quotes.items() if orders)
        if not keys:
            return None
        name, symbol, side = self._chance.choice(keys)
        return self._people[name], symbol, side, self._chance.choice(self._quotes[name, symbol, side])

    def _one_of(self, members: tuple[Any, ...]) -> Person:
        return self._people[self._chance.choice(members).name]

    def _staff(self, warehouse: str) -> Person:
        return self._people[f"staff-{warehouse.lower()}"]
