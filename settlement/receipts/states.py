"""What each command makes of a receipt, by the state in which it finds it: the table that the handlers ask.

What a state alone does not decide is written in a handler's docstring. `python -m settlement.receipts` writes the table
as it stands in the documents.
"""

from typing import Final, Literal, NamedTuple

from settlement.messages import LIVE_STATES, ReceiptState

Command = Literal[
    "enter_order",
    "split_receipt",
    "merge_receipts",
    "transfer_receipt",
    "pledge_receipt",
    "release_pledge",
    "hold_receipt",
    "lift_hold",
    "report_loss",
    "replace_receipt",
    "regrade_lot",
    "record_shrinkage",
    "take_stock",
    "void_receipt",
    "order_delivery",
    "cancel_delivery",
    "load_out",
    "start_buy_in",
    "expiry",
]
"""The commands' own names; `enter_order` is any offer that names the receipt, `expiry` the coming of its time."""


class Becomes(NamedTuple):
    """The command is done, and the receipt is in that state after it."""

    state: ReceiptState


class Refused(NamedTuple):
    """The command changes nothing, for that reason."""

    reason: str


class Stays(NamedTuple):
    """The command is done, and the receipt is in the state in which it was."""


class Returns(NamedTuple):
    """The receipt goes back to the state that lies beneath its hold, once nothing else holds it."""


Step = Becomes | Refused | Stays | Returns

STAYS: Final = Stays()
RETURNS: Final = Returns()
PLEDGED: Final = Refused("receipt_pledged")
HELD: Final = Refused("receipt_held")
NOT_ISSUED: Final = Refused("not_issued")
UNKNOWN: Final = Refused("unknown_receipt")
NOT_PLEDGED: Final = Refused("not_pledged")
NOT_HELD: Final = Refused("not_held")
NOT_LOST: Final = Refused("not_lost")
NOT_ORDERED: Final = Refused("delivery_not_ordered")


def _only_issued(step: Step) -> tuple[Step, ...]:
    """What is done with receipts that are free, and with no others."""
    return step, PLEDGED, HELD, NOT_ISSUED, NOT_ISSUED


_ROWS: Final[dict[Command, tuple[Step, ...]]] = {
    # in the order of LIVE_STATES:  issued              pledged             held      delivery_ordered    expired
    "enter_order": (STAYS, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN),
    "split_receipt": _only_issued(Becomes("split")),
    "merge_receipts": _only_issued(Becomes("merged")),
    "transfer_receipt": _only_issued(Becomes("split")),
    "pledge_receipt": _only_issued(Becomes("pledged")),
    "release_pledge": (NOT_PLEDGED, Becomes("issued"), STAYS, NOT_PLEDGED, STAYS),
    "hold_receipt": (Becomes("held"), Becomes("held"), STAYS, Becomes("held"), Becomes("held")),
    "lift_hold": (NOT_HELD, NOT_HELD, RETURNS, NOT_HELD, NOT_HELD),
    "report_loss": (Becomes("held"), Becomes("held"), STAYS, Becomes("held"), Becomes("held")),
    "replace_receipt": (NOT_LOST, NOT_LOST, Becomes("replaced"), NOT_LOST, NOT_LOST),
    "regrade_lot": (STAYS, STAYS, STAYS, STAYS, STAYS),
    "record_shrinkage": (STAYS, STAYS, STAYS, STAYS, STAYS),
    "take_stock": (STAYS, STAYS, STAYS, STAYS, STAYS),
    "void_receipt": _only_issued(Becomes("void")),
    "order_delivery": _only_issued(Becomes("delivery_ordered")),
    "cancel_delivery": (NOT_ORDERED, PLEDGED, HELD, Becomes("issued"), NOT_ORDERED),
    "load_out": (NOT_ORDERED, PLEDGED, HELD, Becomes("delivered"), Becomes("delivered")),
    "start_buy_in": (NOT_ORDERED, PLEDGED, Becomes("split"), Becomes("split"), NOT_ORDERED),
    "expiry": (Becomes("expired"), Becomes("expired"), STAYS, STAYS, STAYS),
}

TABLE: Final[dict[Command, dict[ReceiptState, Step]]] = {
    command: dict(zip(LIVE_STATES, row, strict=True)) for command, row in _ROWS.items()
}
"""Ended receipts have no row: for every command they are `unknown_receipt`."""


def refusal(command: Command, state: ReceiptState) -> str | None:
    """Why a receipt in that state is not for the command; None where the state has nothing against it. O(1)."""
    step = TABLE[command][state]
    return step.reason if type(step) is Refused else None


def next_state(command: Command, state: ReceiptState, beneath: ReceiptState = "issued") -> ReceiptState:
    """The state that the command leads to; `beneath` lies below the last hold. The command is not refused. O(1)."""
    step = TABLE[command][state]
    if type(step) is Becomes:
        return step.state
    if type(step) is Returns:
        return beneath
    assert type(step) is Stays, (command, state)
    return state


def as_markdown() -> str:
    """The table as the documents show it, a line a command."""
    lines = [
        "| command | " + " | ".join(f"`{state}`" for state in LIVE_STATES) + " |",
        "|---|" + "---|" * len(LIVE_STATES),
    ]
    for command, steps in TABLE.items():
        lines.append(f"| `{command}` | " + " | ".join(_shown(step) for step in steps.values()) + " |")
    return "\n".join(lines) + "\n"


def _shown(step: Step) -> str:
    match step:
        case Becomes(state):
            return f"**{state}**"
        case Refused(reason):
            return f"refused: {reason}"
        case Stays():
            return "stays"
        case Returns():
            return "what it was"
