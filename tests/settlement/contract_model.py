"""Contracts by hand, hour by hour: a clerk with a calendar on the wall and a cash box for each contract.

Written from the rules in `docs/settlement/contracts.md` and from nothing else. It looks at every contract every hour;
it has no deadlines, no events and no ledger, only boxes of money and purses.
"""

from typing import Any, Final

from tests.settlement.contract_books import CHEN, LI

HOUR: Final = 3_600 * 10**9
DAY: Final = 24 * HOUR

LIVE: Final = (
    "concluded",
    "paid",
    "tendered",
    "overdue",
    "delivering",
    "uncollected",
    "weighed",
    "part_paid",
    "objected",
    "disputed",
)


class Box:
    """One contract: who promised what, and the money that lies in its box."""

    def __init__(self, price: int, kilograms: int, earnest: int, pay_by: int, pickup_by: int, final_by: int) -> None:
        self.price = price
        self.kilograms = kilograms
        self.value = price * kilograms
        self.earnest = {LI: earnest, CHEN: earnest}
        self.escrow = 0
        self.pay_by, self.pickup_by, self.final_by = pay_by, pickup_by, final_by
        self.state = "concluded"
        self.paid = self.tendered = self.accepted = self.invoiced = self.on_hold = self.objected = False
        self.late_days = 0
        self.window_ends = 0
        self.claim = 0
        self.answer_by = 0
        self.weighed_at = 0
        self.stated: dict[int, int] = {}
        self.settled = 0
        self.granted = 0
        self.fetched = False

    @property
    def held(self) -> int:
        return self.escrow + self.earnest[LI] + self.earnest[CHEN]


class Clerk:
    """All boxes, the purses of both, and the risk fund."""

    def __init__(self, terms: Any, now: int) -> None:
        self.terms = terms
        self.now = now
        self.purse = {CHEN: 0, LI: 0}
        self.fund = 0
        self.fees = 0
        self.boxes: dict[int, Box] = {}

    # What the parties do

    def conclude(self, number: int, price: int, kilograms: int, *midnights: int) -> None:
        value = price * kilograms
        earnest, fee = -(-value // 5), -(-value // 2_000)
        for who in (LI, CHEN):
            self.purse[who] -= earnest + fee
            self.fees += fee
        self.boxes[number] = Box(price, kilograms, earnest, *midnights)

    def pay(self, number: int) -> None:
        box = self.boxes[number]
        box.paid = True
        self.purse[LI] -= box.value
        box.escrow += box.value
        box.tendered = box.tendered and not box.on_hold
        self._look(box)

    def tender(self, number: int) -> None:
        box = self.boxes[number]
        box.tendered = True
        self._look(box)

    def _look(self, box: Box) -> None:
        """Both done: title passes, and whoever was late has put off the rest."""
        if box.paid and box.tendered:
            box.state = "delivering"
            box.pickup_by += box.late_days * DAY
            box.final_by += box.late_days * DAY
            box.late_days = 0
        elif box.state != "overdue":
            box.state = "paid" if box.paid else "tendered"

    def fetch(self, number: int, grams: int) -> None:
        box = self.boxes[number]
        box.fetched = True
        box.late_days = 0
        box.weighed_at = self.now
        box.window_ends = self.now + self.terms.objection_hours * HOUR
        if box.state == "disputed":
            return
        off = abs(grams - box.kilograms * 1_000)
        if off * 1_000 > self.terms.tolerance_permille * box.kilograms * 1_000:
            box.state = "weighed"
        else:
            self._settle(box, grams)

    def _settle(self, box: Box, grams: int) -> None:
        worth = box.price * grams // 1_000
        if worth < box.escrow:
            self.purse[LI] += box.escrow - worth
            box.escrow = worth
        while box.escrow < worth and self.purse[LI]:
            more = min(worth - box.escrow, self.purse[LI])
            self.purse[LI] -= more
            box.escrow += more
        more = min(worth - box.escrow, box.earnest[LI])
        box.earnest[LI] -= more
        box.escrow += more
        box.settled = box.escrow
        first = box.escrow * self.terms.first_part_permille // 1_000
        box.escrow -= first
        self.purse[CHEN] += first
        box.state = "objected" if box.claim and not box.granted else "part_paid"

    def state_weight(self, number: int, who: int, grams: int) -> None:
        box = self.boxes[number]
        box.stated[who] = grams
        if box.stated.get(LI) == box.stated.get(CHEN):
            self._settle(box, grams)

    def accept(self, number: int) -> None:
        self.boxes[number].accepted = True
        self._complete(self.boxes[number])

    def object(self, number: int, claim: int) -> None:
        box = self.boxes[number]
        box.claim = claim
        box.objected = True
        box.answer_by = self.now + self.terms.objection_hours * HOUR
        if box.state == "part_paid":
            box.state = "objected"

    def withdraw(self, number: int) -> None:
        box = self.boxes[number]
        box.claim = 0
        if box.state == "objected":
            box.state = "part_paid"
            self._complete(box)

    def grant(self, number: int) -> None:
        box = self.boxes[number]
        box.granted = box.claim
        left = box.claim
        part = min(left, box.escrow)
        box.escrow -= part
        left -= part
        part = min(left, box.earnest[CHEN])
        box.earnest[CHEN] -= part
        self.purse[CHEN] -= left - part
        self.purse[LI] += box.claim
        box.state = "part_paid"
        box.accepted = True
        self._complete(box)

    def invoice(self, number: int) -> None:
        box = self.boxes[number]
        box.invoiced = True
        if box.state == "part_paid":
            self._complete(box)

    def _complete(self, box: Box) -> None:
        over = box.accepted or self.now >= box.window_ends
        if over and (box.invoiced or self.now >= box.final_by):
            self.purse[CHEN] += box.escrow
            self._empty(box, "completed")

    def _empty(self, box: Box, state: str) -> None:
        """What is left of the earnest money goes home."""
        box.escrow = 0
        for who in (LI, CHEN):
            self.purse[who] += box.earnest[who]
            box.earnest[who] = 0
        box.state = state

    def divide(self, number: int, buyer: int, seller: int) -> None:
        box = self.boxes[number]
        self.purse[LI] += buyer
        self.purse[CHEN] += seller
        self.fund += box.held - buyer - seller
        box.escrow = box.earnest[LI] = box.earnest[CHEN] = 0
        box.state = "resolved"

    def annul(self, number: int) -> None:
        box = self.boxes[number]
        self.purse[LI] += box.escrow
        self._empty(box, "annulled")

    # What the clock does

    def wait(self, until: int) -> None:
        while self.now < until:
            self.now += HOUR
            for box in self.boxes.values():
                self._hour(box)

    def _hour(self, box: Box) -> None:
        match box.state:
            case "concluded" | "paid" | "tendered":
                if self.now >= box.pay_by:
                    self._first_term(box)
            case "overdue":
                if (self.now - box.pay_by) % DAY == 0:
                    self._late_day(box)
            case "delivering":
                if self.now >= box.pickup_by:
                    box.state = "uncollected"
                    self._late_day(box)
            case "uncollected":
                if (self.now - box.pickup_by) % DAY == 0:
                    self._late_day(box)
            case "weighed":
                if self.now >= max(box.final_by, box.weighed_at + self.terms.objection_hours * HOUR):
                    box.state = "disputed"
            case "objected":
                if self.now >= max(box.final_by, box.answer_by):
                    box.state = "disputed"
            case "part_paid":
                self._complete(box)

    def _first_term(self, box: Box) -> None:
        box.tendered = (box.tendered or self.terms.automatic_tender) and not box.on_hold
        if box.paid and box.tendered:
            self._look(box)
            return
        box.state = "overdue"
        self._late_day(box)

    def _late_day(self, box: Box) -> None:
        if box.late_days == self.terms.termination_days:
            self._too_late(box)
            return
        box.late_days += 1
        late = self._late(box)
        if late is None:
            return
        charge = box.value * self.terms.late_permille // 1_000
        part = min(charge, box.earnest[late])
        box.earnest[late] -= part
        rest = min(charge - part, self.purse[late])
        self.purse[late] -= rest
        self.purse[CHEN if late == LI else LI] += part + rest

    def _late(self, box: Box) -> int | None:
        """Who is late alone."""
        if box.state == "uncollected" or (box.tendered and not box.paid):
            return LI
        return CHEN if box.paid else None

    def _too_late(self, box: Box) -> None:
        if box.state == "uncollected":
            box.accepted = True
            box.window_ends = self.now
            self._settle(box, box.kilograms * 1_000)
            self._complete(box)
            return
        late = self._late(box)
        self.purse[LI] += box.escrow
        if late is None:
            for who in (LI, CHEN):
                half = box.earnest[who] // 2
                box.earnest[who] -= half
                self.fund += half
        else:
            self.purse[CHEN if late == LI else LI] += box.earnest[late]
            box.earnest[late] = 0
        self._empty(box, "defaulted")
