"""The console through a real process: what goes in by a file or a pipe, and what comes out."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "matching"
CONSOLE = [sys.executable, "-m", "matching"]

DEFINE = '{"type":"define_instrument","symbol":"GJ"}'


def place(order_id: int, side: str, quantity: int, price: int, **more: object) -> str:
    fields = {"order_id": order_id, "participant_id": order_id, "symbol": "GJ", "side": side, "quantity": quantity}
    return json.dumps({"type": "place_order", **fields, "price": price, **more})


def run(
    lines: Iterable[str] | bytes, *arguments: str, hash_seed: str = "0"
) -> tuple[int, list[dict[str, object]], list[str]]:
    """(exit status, objects on standard output, lines on standard error)."""
    text = lines if isinstance(lines, bytes) else "\n".join(lines).encode()
    done = subprocess.run(
        [*CONSOLE, *arguments],
        input=text,
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
    )
    return (
        done.returncode,
        [json.loads(line) for line in done.stdout.splitlines()],
        done.stderr.decode().splitlines(),
    )


def test_commands_in_events_out() -> None:
    status, events, errors = run([DEFINE, place(1, "sell", 10, 100), place(2, "buy", 4, 100)])
    assert status == 0
    assert errors == []
    assert events == [
        {"type": "instrument_defined", "symbol": "GJ"},
        {"type": "order_accepted", "order_id": 1, "symbol": "GJ"},
        {"type": "order_accepted", "order_id": 2, "symbol": "GJ"},
        {
            "type": "trade_executed",
            "trade_id": 1,
            "symbol": "GJ",
            "price": 100,
            "quantity": 4,
            "buy_order_id": 2,
            "sell_order_id": 1,
            "aggressor_side": "buy",
        },
    ]


def test_a_file_is_read_as_standard_input_is(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    tape.write_text(f"{DEFINE}\n{place(1, 'sell', 10, 100)}\n")
    status, events, _ = run([], str(tape))
    assert (status, len(events)) == (0, 2)


def test_the_book_is_printed_best_first_displayed_quantity_only(tmp_path: Path) -> None:
    lines = [
        DEFINE,
        place(1, "buy", 10, 99),
        place(2, "buy", 30, 100, display_quantity=5),
        place(3, "buy", 2, 100),
        place(4, "sell", 7, 103),
        place(5, "sell", 8, 102),
        "broken",
    ]
    tape = tmp_path / "tape.jsonl"
    tape.write_text("\n".join(lines))
    status, levels, errors = run([], "--book", "GJ", str(tape))
    assert levels == [
        {"side": "buy", "price": 100, "quantity": 7, "orders": 2},
        {"side": "buy", "price": 99, "quantity": 10, "orders": 1},
        {"side": "sell", "price": 102, "quantity": 8, "orders": 1},
        {"side": "sell", "price": 103, "quantity": 7, "orders": 1},
    ]
    assert status == 1
    assert json.loads(errors[0])["line"] == 7
    assert run([DEFINE], "--book", "GJ")[:2] == (0, [])
    status, levels, errors = run([DEFINE], "--book", "BXJ")
    assert (status, levels) == (1, [])
    assert "BXJ" in errors[0]


BROKEN = [
    (b"nonsense", ""),
    (b"[1, 2]", "object"),
    (b"null", "object"),
    (b"{}", "type"),
    (b'{"type":"place_orders"}', "type"),
    (b'{"type":"set_phase","symbol":"GJ","phase":"lunch"}', "phase"),
    (b'{"type":"set_phase","symbol":"GJ"}', "phase"),
    (b'{"type":"set_phase","symbol":"GJ","phase":"closed","why":1}', "why"),
    (b'{"type":"cancel_order","order_id":1.0,"participant_id":1}', "order_id"),
    (b'{"type":"cancel_order","order_id":"1","participant_id":1}', "order_id"),
    (b'{"type":"cancel_order","order_id":true,"participant_id":1}', "order_id"),
    (b'{"type":"cancel_order","order_id":null,"participant_id":1}', "order_id"),
    (b'{"type":"cancel_order","order_id":9007199254740992,"participant_id":1}', "order_id"),
    (b'{"type":"cancel_order","order_id":1,"participant_id":' + b"9" * 5000 + b"}", "participant_id"),
    (b'{"type":"advance_time","time_ns":9223372036854775808}', "time_ns"),
    (b'{"type":"cancel_order","order_id":1,"participant_id":1', ""),
    (b'{"type":"cancel_order","order_id":1,"participant_id":1} {}', ""),
    (b'{"type":"define_instrument","symbol":"\xff\xfe"}', "UTF-8"),
    (b'{"type":"define_instrument","symbol":"\\ud800"}', ""),
    (b"[" * 100_000, ""),
    (b'{"type":' * 100_000, ""),
    (b'{"type":"define_instrument","symbol":' + b'{"a":' * 100_000, "symbol"),
    (b"\x00\x01\x02", ""),
    (b'"' + b"x" * 2_000_000 + b'"', "longer than"),
    (b'{"type":"place_order","order_id":3,"participant_id":1,"symbol":"GJ","side":"boy","quantity":1}', "side"),
    (b'{"type":"place_order","order_id":3,"participant_id":1,"symbol":"GJ","side":"buy","quantity":1e2}', "quantity"),
]


def test_a_broken_line_is_answered_by_its_number_and_changes_nothing() -> None:
    lines = [DEFINE.encode(), b"", place(1, "buy", 5, 100).encode(), b"   \r"]
    lines += [line for line, _ in BROKEN]
    lines.append(place(2, "sell", 5, 100).encode())
    status, events, errors = run(b"\n".join(lines))
    assert status == 1
    assert errors == []
    assert [event["type"] for event in events] == [
        "instrument_defined",
        "order_accepted",
        *["error"] * len(BROKEN),
        "order_accepted",
        "trade_executed",
    ]
    for number, (event, (line, names)) in enumerate(zip(events[2:-2], BROKEN, strict=True), start=5):
        assert event["line"] == number, line[:80]
        assert names in str(event["detail"]), line[:80]
        assert event["detail"]


def test_values_that_break_a_rule_are_events_not_errors() -> None:
    status, events, _ = run([DEFINE, place(1, "buy", 0, 100), place(1, "buy", 5, -1), place(1, "buy", 5, 2**53 - 1)])
    assert status == 0
    assert [event.get("reason", event["type"]) for event in events] == [
        "instrument_defined",
        "invalid_quantity",
        "invalid_price",
        "order_accepted",
    ]


@pytest.mark.parametrize("arguments", [["--depth"], ["a", "b"], ["no-such-file"], ["--book"], [str(ROOT)]])
def test_wrong_usage_is_said_in_a_line_and_exits_with_2(arguments: list[str]) -> None:
    status, events, errors = run([], *arguments)
    assert status == 2
    assert events == []
    assert errors
    assert "Traceback" not in "\n".join(errors)


def test_help_exits_with_0() -> None:
    done = subprocess.run([*CONSOLE, "--help"], capture_output=True, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 0
    assert b"--book" in done.stdout


def test_a_program_may_wait_for_the_events_of_each_command() -> None:
    """Nothing is held back: one command, its events, the next command. A deadlock here ends by the test's timeout."""
    with subprocess.Popen(CONSOLE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as console:
        assert console.stdin is not None
        assert console.stdout is not None
        for line, kinds in [
            (DEFINE, ["instrument_defined"]),
            (place(1, "sell", 5, 100), ["order_accepted"]),
            (place(2, "buy", 5, 100), ["order_accepted", "trade_executed"]),
            ("oops", ["error"]),
        ]:
            # In two halves, so that a line may arrive in pieces.
            for half in (line[:7], line[7:] + "\n"):
                console.stdin.write(half.encode())
                console.stdin.flush()
            assert [json.loads(console.stdout.readline())["type"] for _ in kinds] == kinds
        console.stdin.close()
        assert console.stdout.read() == b""
        assert console.wait(timeout=30) == 1


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    with subprocess.Popen(
        CONSOLE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as console:
        assert console.stdin is not None
        assert console.stdout is not None
        assert console.stderr is not None
        console.stdout.close()
        console.stdin.write(f"{DEFINE}\n".encode())
        console.stdin.close()
        assert console.wait(timeout=30) == 1
        assert console.stderr.read() == b""


def test_an_interrupt_ends_it_quietly() -> None:
    with subprocess.Popen(
        CONSOLE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        # A shell's background job ignores interrupts, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as console:
        assert console.stdin is not None
        assert console.stdout is not None
        assert console.stderr is not None
        console.stdin.write(f"{DEFINE}\n".encode())
        console.stdin.flush()
        assert console.stdout.readline()
        console.send_signal(signal.SIGINT)
        assert console.wait(timeout=30) == 130
        assert console.stderr.read() == b""


def test_a_long_tape_runs_in_memory_bounded_by_its_live_orders(tmp_path: Path) -> None:
    """200,000 commands, 21 MB, two orders live at most: the peak stays near that of an empty run."""
    tape = tmp_path / "tape.jsonl"
    with tape.open("w") as file:
        file.write(f"{DEFINE}\n")
        for number in range(1, 100_001):
            side, other = ("buy", "sell") if number % 2 else ("sell", "buy")
            file.write(place(2 * number, side, 5, 100 + number % 50) + "\n")
            file.write(place(2 * number + 1, other, 5, 100 + number % 50, time_in_force="ioc") + "\n")
    program = (
        "import resource, sys; from matching.__main__ import main; status = main([sys.argv[1]]); "
        "print(status, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    peaks = []
    for source in (os.devnull, str(tape)):
        done = subprocess.run(
            [sys.executable, "-c", program, source], capture_output=True, cwd=ROOT, timeout=100, check=True
        )
        status, peak = done.stderr.split()
        assert status == b"0"
        peaks.append(int(peak))
    assert done.stdout.count(b"trade_executed") == 100_000
    assert peaks[1] - peaks[0] < 12 * 1024, peaks


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
@pytest.mark.parametrize("tape", sorted(GOLDEN.glob("*.commands.jsonl")), ids=lambda path: path.name.split(".")[0])
def test_a_golden_tape_gives_the_recorded_events_under_any_hash_seed(tape: Path, hash_seed: str) -> None:
    recorded = tape.with_name(tape.name.replace(".commands.", ".events."))
    done = subprocess.run(
        [*CONSOLE, str(tape)],
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
    )
    assert done.stdout == recorded.read_bytes()
