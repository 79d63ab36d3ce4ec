"""Where each step leads a delivery order, by the state in which it finds it: the table that the handlers ask.

`python -m settlement.delivery` writes it as it stands in the documents.
"""

from typing import Final, Literal

from settlement.messages.delivery import DeliveryState

Step = Literal[
    "weigh_out",
    "weigh_out, the last",
    "void_load, others are left",
    "void_load, the only one",
    "hand_over",
    "hand_over, the last",
    "accept_delivery",
    "time",
    "cancel_delivery",
    "the contract ends",
    "report_failed_delivery",
    "dismiss_failure, nothing has left",
    "dismiss_failure, some has left",
    "start_buy_in",
    "made good",
]

STATES: Final[dict[DeliveryState, dict[Step, DeliveryState]]] = {
    "ordered": {
        "weigh_out": "loading",
        "weigh_out, the last": "loaded",
        "cancel_delivery": "cancelled",
        "the contract ends": "cancelled",
        "report_failed_delivery": "failed",
    },
    "loading": {
        "weigh_out": "loading",
        "weigh_out, the last": "loaded",
        "void_load, others are left": "loading",
        "void_load, the only one": "ordered",
        "hand_over": "loading",
        "hand_over, the last": "handed_over",
        "the contract ends": "cancelled",
        "report_failed_delivery": "failed",
    },
    "loaded": {
        "void_load, others are left": "loading",
        "void_load, the only one": "ordered",
        "hand_over, the last": "handed_over",
        "the contract ends": "cancelled",
    },
    "handed_over": {"accept_delivery": "accepted", "time": "accepted"},
    "failed": {
        "dismiss_failure, nothing has left": "ordered",
        "dismiss_failure, some has left": "loading",
        "the contract ends": "cancelled",
        "start_buy_in": "buying_in",
    },
    "buying_in": {"made good": "made_good"},
    "accepted": {},
    "cancelled": {},
    "made_good": {},
}
"""Where each step leads. What is not here is refused as `delivery_<state>`; ended orders are `delivery_closed`."""

ENDED: Final = tuple(state for state, steps in STATES.items() if not steps)

LOADABLE: Final = tuple(state for state, steps in STATES.items() if "weigh_out" in steps)
"""A truck may come."""

FETCHABLE: Final = ("ordered", "loading", "loaded")
"""Something is to be handed over."""


def as_markdown() -> str:
    """The table as the documents show it, a line a step."""
    lines = ["| in state | step | leads to |", "|---|---|---|"]
    for state, steps in STATES.items():
        if not steps:
            lines.append(f"| `{state}` | it has ended | |")
        lines.extend(f"| `{state}` | {_shown(step)} | `{reached}` |" for step, reached in steps.items())
    return "\n".join(lines) + "\n"


def _shown(step: Step) -> str:
    """A command's name as such, and whatever else is said of it."""
    name, comma, more = step.partition(",")
    return f"`{name}`{comma}{more}" if "_" in name else step
