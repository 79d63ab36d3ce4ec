"""The floor compiled by `./dev compile` does what its sources do: every event and every state of the same tapes."""

import hashlib
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from matching import Market, market
from tests.strategies import SYMBOLS, from_seed

ROOT = Path(__file__).resolve().parents[2]
TAPES = 30
LENGTH = 200


def account() -> str:
    """A line a tape: a hash over its events and over the state after each command, and what the last event was."""
    lines = []
    for seed in range(TAPES):
        writer = from_seed(seed)
        floor = Market()
        total = hashlib.sha256()
        events = [floor.apply(writer.opening(symbol)) for symbol in SYMBOLS][-1]
        for number in range(LENGTH):
            if number == LENGTH // 2:
                floor = Market.restore(floor.snapshot())
            command = writer.command(floor)
            total.update((floor.check(command) or "").encode())
            events = floor.apply(command)
            floor.audit()
            total.update(msgspec.json.encode(events) + floor.snapshot())
        lines.append(f"{seed} {total.hexdigest()} {events}")
    return "\n".join(lines)


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The clone's program as a module, which keeps what it makes in a folder of the test's own."""
    loader = importlib.machinery.SourceFileLoader("dev", str(ROOT / "dev"))
    spec = importlib.util.spec_from_loader("dev", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "dev", module)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(module)
    monkeypatch.setattr(module, "CACHE", tmp_path)
    monkeypatch.setattr(module, "COMPILED", tmp_path / "compiled")
    return module


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_compiled_floor_gives_the_events_and_states_of_its_sources(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if missing := dev.missing_compiler():
        pytest.skip(f"./dev compile needs {missing}")
    monkeypatch.setenv("MYPYC_OPT_LEVEL", "0")  # What it does is the same, and it compiles in a third of the time.
    monkeypatch.setattr(dev, "log_of", lambda step: tmp_path / "log" / "compile.log")
    dev.compile_matching(dev.FLOOR)
    path = os.pathsep.join([str(tmp_path / "compiled"), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-P", __file__],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    module, _, lines = done.stdout.partition("\n")
    assert Path(module).parent == tmp_path / "compiled" / "matching"
    assert Path(module).suffix == ".so"
    assert lines.splitlines() == account().splitlines()


if __name__ == "__main__":
    print(market.__file__)
    print(account())
