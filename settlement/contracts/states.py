"""The states of a contract, what may happen in each, and where that leads: data, from which the documentation is made.

concluded ──► paid | tendered ──► delivering ──► weighed ──► part_paid ──► completed
    └──────── overdue ────────┘     uncollected     │           └─ objected ─┐
                 └─► defaulted      failed          └──────────► disputed ───┴──► resolved
terminated: the goods spoiled and nobody was late     annulled: force majeure
"""

from collections.abc import Mapping
from typing import Final, Literal

from settlement.messages.contracts import ContractState

Happening = Literal[
    "pay",
    "tender",
    "term_ends",
    "weighed_out",
    "delivery_fails",
    "failure_dismissed",
    "made_good",
    "agree_weight",
    "accept",
    "object",
    "answer",
    "withdraw",
    "invoice",
    "dispute",
    "outcome",
    "force_majeure",
]

HAPPENINGS: Final[Mapping[Happening, str]] = {
    "pay": "the buyer pays (`pay_contract`)",
    "tender": "the seller tenders (`tender_goods`)",
    "term_ends": "a term ends, another late day begins, or the goods expire",
    "weighed_out": "goods leave and have been weighed (delivery)",
    "delivery_fails": "the warehouse reports that the rest will not be delivered (delivery)",
    "failure_dismissed": "an operator dismisses that report (delivery)",
    "made_good": "a buy-in is over (delivery)",
    "agree_weight": "a party states a weight (`agree_weight`)",
    "accept": "the buyer accepts the goods (`accept_goods`)",
    "object": "the buyer objects (`object_quality`)",
    "answer": "the seller answers (`answer_objection`)",
    "withdraw": "the buyer takes his objection back (`withdraw_objection`)",
    "invoice": "the seller registers his invoice (`register_invoice`)",
    "dispute": "a party asks the venue to decide (`open_dispute`)",
    "outcome": "two operators decide (`propose_outcome`, `approve_outcome`)",
    "force_majeure": "two operators find force majeure (`declare_force_majeure`, `confirm_force_majeure`)",
}

STATES: Final[Mapping[ContractState, str]] = {
    "concluded": "traded: neither paid nor tendered",
    "paid": "the price is with the venue, the goods are not tendered",
    "tendered": "the goods are ready, the price is not paid",
    "overdue": "the term for both is over, and somebody is late",
    "delivering": "title has passed, the goods are to be fetched",
    "uncollected": "the buyer is late in fetching them",
    "failed": "what was left cannot be delivered; it is made good, or the report dismissed",
    "weighed": "all is out, and weighs so much more or less that both must agree",
    "part_paid": "the quantity is agreed, the first part is paid",
    "objected": "the buyer's objection awaits an answer",
    "disputed": "the venue's operators decide; no term runs",
    "completed": "all is paid and both have their earnest money back",
    "terminated": "ended without fault: the goods spoiled before title could pass",
    "defaulted": "ended by somebody's default",
    "resolved": "ended as the operators decided",
    "annulled": "ended by force majeure",
}

ENDED: Final[tuple[ContractState, ...]] = ("completed", "terminated", "defaulted", "resolved", "annulled")

TRANSITIONS: Final[Mapping[ContractState, Mapping[Happening, tuple[ContractState, ...]]]] = {
    "concluded": {
        "pay": ("paid",),
        "tender": ("tendered",),
        "term_ends": ("overdue", "terminated"),
        "force_majeure": ("annulled",),
    },
    "paid": {
        "tender": ("delivering",),
        "term_ends": ("delivering", "overdue", "terminated"),
        "force_majeure": ("annulled",),
    },
    "tendered": {
        "pay": ("delivering", "paid"),
        "tender": ("tendered",),
        "term_ends": ("overdue", "terminated"),
        "force_majeure": ("annulled",),
    },
    "overdue": {
        "pay": ("delivering", "overdue"),
        "tender": ("delivering", "overdue"),
        "term_ends": ("overdue", "defaulted"),
        "dispute": ("disputed",),
        "force_majeure": ("annulled",),
    },
    "delivering": {
        "term_ends": ("uncollected",),
        "weighed_out": ("delivering", "weighed", "part_paid"),
        "delivery_fails": ("failed",),
        "dispute": ("disputed",),
        "force_majeure": ("annulled",),
    },
    "uncollected": {
        "term_ends": ("uncollected", "part_paid", "completed"),
        "weighed_out": ("uncollected", "weighed", "part_paid"),
        "delivery_fails": ("part_paid", "completed"),
        "dispute": ("disputed",),
        "force_majeure": ("annulled",),
    },
    "failed": {
        "weighed_out": ("failed",),
        "delivery_fails": ("failed",),
        "failure_dismissed": ("failed", "delivering"),
        "made_good": ("failed", "delivering", "weighed", "part_paid", "defaulted"),
        "dispute": ("disputed",),
        "force_majeure": ("annulled",),
    },
    "weighed": {
        "agree_weight": ("weighed", "part_paid", "objected"),
        "object": ("weighed",),
        "withdraw": ("weighed",),
        "term_ends": ("disputed",),
        "dispute": ("disputed",),
    },
    "part_paid": {
        "accept": ("part_paid", "completed"),
        "object": ("objected",),
        "invoice": ("part_paid", "completed"),
        "term_ends": ("part_paid", "completed"),
        "dispute": ("disputed",),
    },
    "objected": {
        "answer": ("part_paid", "completed", "disputed"),
        "withdraw": ("part_paid", "completed"),
        "invoice": ("objected",),
        "term_ends": ("disputed",),
        "dispute": ("disputed",),
    },
    "disputed": {
        "weighed_out": ("disputed",),
        "delivery_fails": ("disputed",),
        "failure_dismissed": ("disputed",),
        "made_good": ("disputed",),
        "outcome": ("disputed", "resolved"),
        "force_majeure": ("annulled",),
    },
    "completed": {},
    "terminated": {},
    "defaulted": {},
    "resolved": {},
    "annulled": {},
}
"""Where each happening may lead from each state. What is not here is refused `wrong_state`, or cannot come."""


def table() -> str:
    """States by happenings in Markdown, for the documentation."""
    lines = ["| state | what happens | leads to |", "|---|---|---|"]
    for state, happenings in TRANSITIONS.items():
        for happening, states in happenings.items():
            reached = ", ".join(f"`{each}`" for each in states)
            lines.append(f"| `{state}` | {HAPPENINGS[happening]} | {reached} |")
    return "\n".join(lines)
