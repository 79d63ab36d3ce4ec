"""Whatever the venue refuses, the terminal says why, in Chinese and in English.

The reasons are read from the sources themselves: what is given to a refusal, what functions that judge return, and what
docstrings list behind "Refused". A reason that is new and has no words fails here.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from settlement.messages.delivery import DeliveryState, LoadState
from settlement.messages.receipts import ReceiptState

ROOT = Path(__file__).resolve().parents[2]
WORDS = ROOT / "web" / "terminal" / "src" / "lib" / "words"
ROOMS = ("matching", "settlement", "exchange", "web")
REFUSALS = {"refuse", "Refused", "NotFound", "Problem", "Forbidden", "RequestRefused", "uncover"}
STATES = {"delivery": get_args(DeliveryState), "load": get_args(LoadState), "receipt": get_args(ReceiptState)}

REASON = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
LISTED = re.compile(r"Refused[^`.]*((?:.(?!\n\n))*)", re.DOTALL)
NO_REASONS = {"amount_fen", "defaulter_id", "payee_account", "payee_bank", "payee_name", "risk_fund"}
"""Fields that docstrings name beside the reasons which they explain, and an account of that form."""


def reasons() -> dict[str, str]:
    """Every reason and a file that gives it."""
    found: dict[str, str] = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            place = path.relative_to(ROOT)
            if "demo" not in place.parts and "terminal" not in place.parts:
                for reason in reasons_in(ast.parse(path.read_text())):
                    found.setdefault(reason, str(place))
    return found


def reasons_in(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call():
                yield from given(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield from listed(ast.get_docstring(node) or "")
                if isinstance(node, ast.FunctionDef):
                    yield from judged(node)
            case ast.Assign(targets=[ast.Name(id="reason")]):
                yield from texts(node.value)
            case (
                ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(text)))
                | ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text)))
            ) if name == text.upper() and REASON.fullmatch(text) and text not in NO_REASONS:
                yield text


def given(call: ast.Call) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    named = [each.value for each in call.keywords if each.arg in ("reason", "code")]
    if name in REFUSALS:
        yield from (text for each in (*call.args[:2], *named) for text in texts(each))
    elif name.endswith("Rejected"):
        yield from (text for each in (*call.args[-1:], *named) for text in texts(each))


def judged(function: ast.FunctionDef) -> Iterator[str]:
    """What a function that answers a reason or none returns; a tuple's first is the reason."""
    answers = ast.unparse(function.returns) if function.returns is not None else ""
    if "str" in answers and "None" in answers:
        for node in ast.walk(function):
            if isinstance(node, ast.Return) and node.value is not None:
                yield from texts(node.value.elts[0] if isinstance(node.value, ast.Tuple) else node.value)


def listed(docstring: str) -> Iterator[str]:
    for part in LISTED.finditer(docstring):
        for word in re.findall(r"`([a-z0-9_<>]+)`", part.group(1)):
            stem, _, state = word.partition("_<state>")
            if stem != word and not state:
                yield from (f"{stem}_{each}" for each in STATES[stem])
            elif REASON.fullmatch(word) and word not in NO_REASONS:
                yield word


def texts(value: ast.expr) -> Iterator[str]:
    if isinstance(value, ast.Constant | ast.IfExp | ast.BoolOp):
        for node in ast.walk(value):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and REASON.fullmatch(node.value):
                yield node.value


def spoken(language: str) -> set[str]:
    text = "".join(path.read_text() for path in sorted((WORDS / language).glob("*.ts")))
    return set(re.findall(r"'(?:reason|error)\.([a-z0-9_]+)':", text))


def test_reasons_are_found_in_calls_answers_docstrings_and_states() -> None:
    found = reasons()
    assert {"duplicate_reference", "own_listing", "claim_too_high", "delivery_buying_in", "too_ripe"} <= found.keys()
    assert len(found) > 200


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_reason_has_words(language: str) -> None:
    """What is `invalid_…` without words of its own is said to be a field that is not right."""
    known = spoken(language)
    silent = {
        reason: path for reason, path in reasons().items() if reason not in known and not reason.startswith("invalid_")
    }
    assert silent == {}
