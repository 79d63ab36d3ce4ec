"""`./dev` does again only what changed, says what it cannot do, and locks nothing that ties a clone to one place."""

import importlib.machinery
import importlib.util
import json
import re
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program as a module, its clone an empty folder."""
    loader = importlib.machinery.SourceFileLoader("dev", str(ROOT / "dev"))
    spec = importlib.util.spec_from_loader("dev", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "dev", module)  # dataclasses look their module up
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "CACHE", tmp_path / ".cache")
    return module


class Kitchen:
    """A step that cooks a dish from a recipe, and counts how often it did."""

    def __init__(self, dev: ModuleType, folder: Path) -> None:
        self.recipe = folder / "recipe"
        self.recipe.mkdir()
        (self.recipe / "banana.txt").write_text("ripe")
        self.dish = folder / "dish"
        self.stamp = folder / "made" / "dish"
        self.cooked = 0
        self.step = dev.Step("dish", (self.recipe, "word"), self.dish, self.stamp, self.cook)

    def cook(self, step: object) -> None:
        self.cooked += 1
        self.dish.write_text("served")


@pytest.fixture
def kitchen(dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kitchen:
    kitchen = Kitchen(dev, tmp_path)
    nothing = dev.Step("nothing", (), tmp_path, tmp_path / "made" / "nothing", lambda step: None)
    monkeypatch.setattr(dev, "VIRTUAL_ENVIRONMENT", nothing)
    return kitchen


def test_a_step_is_done_once(dev: ModuleType, kitchen: Kitchen, capsys: pytest.CaptureFixture[str]) -> None:
    dev.install([[kitchen.step]])
    assert re.search(r"\d+\.\d s  dish\n", capsys.readouterr().err)
    dev.install([[kitchen.step]])
    assert kitchen.cooked == 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "change",
    [
        lambda kitchen: (kitchen.recipe / "banana.txt").write_text("green"),
        lambda kitchen: (kitchen.recipe / "banana.txt").rename(kitchen.recipe / "plantain.txt"),
        lambda kitchen: (kitchen.recipe / "sugar.txt").write_text(""),
        lambda kitchen: kitchen.dish.unlink(),
        lambda kitchen: kitchen.stamp.unlink(),
    ],
    ids=["content", "name", "new file", "result gone", "stamp gone"],
)
def test_a_step_is_done_again_when_something_changed(dev: ModuleType, kitchen: Kitchen, change: object) -> None:
    dev.install([[kitchen.step]])
    assert callable(change)
    change(kitchen)
    dev.install([[kitchen.step]])
    assert kitchen.cooked == 2


def test_what_tools_leave_behind_changes_nothing(dev: ModuleType, kitchen: Kitchen) -> None:
    dev.install([[kitchen.step]])
    (kitchen.recipe / "node_modules").mkdir()
    (kitchen.recipe / "node_modules" / "left-pad.js").write_text("")
    dev.install([[kitchen.step]])
    assert kitchen.cooked == 1


def test_a_failure_is_told_with_the_logs_end_and_tried_again(dev: ModuleType, kitchen: Kitchen) -> None:
    def burn(step: object) -> None:
        dev.call(step, [sys.executable, "-c", "print('\\x1b[31msmoke\\x1b[0m'); raise SystemExit(3)"])

    burnt = dev.Step("dish", kitchen.step.inputs, kitchen.dish, kitchen.stamp, burn)
    with pytest.raises(dev.Trouble, match=r"(?s)dish failed. Mend what .cache/log/dish.log tells.*\n  smoke$"):
        dev.install([[burnt]])
    assert not burnt.done()
    dev.STOPPING.clear()
    dev.install([[kitchen.step]])
    assert kitchen.cooked == 1


def test_a_failure_ends_what_runs_beside_it_and_leaves_no_stamp_there(dev: ModuleType, kitchen: Kitchen) -> None:
    beside = dev.Step(
        "slow dish",
        (),
        kitchen.recipe,
        kitchen.stamp.parent / "slow",
        lambda step: dev.call(step, ["sleep", "60"]),
    )

    def burn(step: object) -> None:
        deadline = time.monotonic() + 20
        while not dev.CHILDREN:
            assert time.monotonic() < deadline
        dev.call(step, [sys.executable, "-c", "raise SystemExit(3)"])

    burnt = dev.Step("dish", (), kitchen.dish, kitchen.stamp, burn)
    began = time.monotonic()
    with pytest.raises(dev.Trouble, match="dish failed"):
        dev.install([[burnt], [beside]])
    assert time.monotonic() - began < 30
    assert not beside.stamp.exists()


def test_two_at_once_do_the_work_once(dev: ModuleType, kitchen: Kitchen) -> None:
    both = [threading.Thread(target=dev.install, args=([[kitchen.step]],)) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert kitchen.cooked == 1


@pytest.mark.parametrize(
    ("arguments", "status", "out", "err"),
    [
        (["--help"], 0, "usage: ./dev COMMAND", ""),
        ([], 0, "usage: ./dev COMMAND", ""),
        (["dmeo"], 2, "", "there is no command 'dmeo'"),
        (["check", "everything"], 2, "", "check takes no arguments"),
        (["bench", "nonsense"], 2, "", "the benchmarks are:"),
        (["compile", "bench"], 2, "", "compile takes --clean, or demo, exchange or test"),
    ],
)
def test_usage(arguments: list[str], status: int, out: str, err: str) -> None:
    done = subprocess.run([ROOT / "dev", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (done.returncode, bool(done.stdout), bool(done.stderr)) == (status, bool(out), bool(err))
    assert out in done.stdout
    assert err in done.stderr


def test_programs_keep_what_they_have_compiled(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    asked = [sys.executable, "-c", "import sys; print(sys.dont_write_bytecode)"]
    assert dev.captured(asked, ROOT)[1].strip() == "False"


def test_usage_names_every_command(dev: ModuleType) -> None:
    """A line that is set in further goes on about the command above it."""
    told = [line[2:] for line in dev.USAGE.splitlines() if line.startswith("  ") and not line[2].isspace()]
    assert {line.split()[0] for line in told} == set(dev.COMMANDS)


def test_without_a_compiler_compile_says_so_in_a_line(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert dev.main(["compile"]) == 2
    assert re.fullmatch(r"\./dev: compile needs a C compiler \(\S+\); .*\n", capsys.readouterr().err)


def test_a_lock_is_read_entry_by_entry(dev: ModuleType) -> None:
    banana = "banana==1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
    plantain = "plantain==2 ; sys_platform == 'linux' \\\n    --hash=sha256:cc\n"
    assert list(dev.lock_entries(banana + plantain)) == [banana, plantain]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_hold_what_pyproject_asks_for_with_hashes_and_no_address(dev: ModuleType, lock: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    extras = project["project"]["optional-dependencies"]
    asked = project["project"]["dependencies"] + extras["postgres"] + groups["build"]
    if lock == "requirements-dev.lock":
        asked = asked + groups["dev"] + groups["bench"]
    text = (ROOT / lock).read_text()
    entries = list(dev.lock_entries(text))
    locked = {entry.split("==")[0] for entry in entries}
    assert {re.split(r"[\[<>=]", each)[0] for each in asked} <= locked
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text


def test_both_locks_agree(dev: ModuleType) -> None:
    """The same versions and files; what the demonstration needs on one platform, developers may need on all."""

    def chosen(name: str) -> set[str]:
        return {re.sub(r" (; .* )?\\\n", "\n", entry, count=1) for entry in dev.lock_entries((ROOT / name).read_text())}

    assert chosen("requirements.lock") <= chosen("requirements-dev.lock")


@pytest.mark.parametrize("folder", ["web/terminal", "tests/chromium"])
def test_npm_locks_name_no_registry(folder: str) -> None:
    lock = json.loads((ROOT / folder / "package-lock.json").read_text())
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert packages
    assert [name for name, each in packages.items() if "resolved" in each] == []
    assert [name for name, each in packages.items() if "integrity" not in each and not each.get("inBundle")] == []
