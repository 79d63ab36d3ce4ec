"""The wheel alone, away from the clone, runs the demonstration with the terminal in it."""

import importlib.metadata
import os
import re
import select
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 60
END_SECONDS = 5


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pip wheel .` makes: the build backend is called as pip calls it, on the clone as it stands."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel is unpacked into, as an installer does."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_the_wheel_carries_the_built_terminal_the_fonts_and_the_migrations(installed: Path) -> None:
    assert (installed / "web" / "static" / "terminal" / "index.html").is_file()
    assert list((installed / "web" / "static" / "terminal").rglob("*.js"))
    assert list((installed / "web" / "static" / "terminal").rglob("*.woff2"))
    assert len(list((installed / "web" / "static" / "fonts").glob("*.woff"))) > 90
    assert (installed / "web" / "static" / "fonts" / "LICENSE").is_file()
    assert (installed / "web" / "documents" / "verify.html").is_file()
    assert (installed / "migrations" / "env.py").is_file()
    assert list((installed / "migrations" / "versions").glob("*.py"))


def test_the_wheel_carries_nothing_else(installed: Path) -> None:
    assert {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")} == {
        "exchange",
        "marketdata",
        "matching",
        "migrations",
        "settlement",
        "web",
    }
    assert not (installed / "web" / "terminal").exists()


def test_the_wheel_names_its_command(installed: Path) -> None:
    (distribution,) = importlib.metadata.distributions(path=[str(installed)])
    (command,) = distribution.entry_points
    assert (command.name, command.value) == ("exchange", "exchange.__main__:main")


@pytest.mark.slow
def test_the_wheel_runs_the_demonstration(installed: Path, tmp_path: Path) -> None:
    demonstration = subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            "exchange",
            "demo",
            "--port",
            "0",
            "--feed-port",
            "0",
            "--data",
            str(tmp_path / "data"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    try:
        address = _ready(demonstration)
        page = httpx.get(f"{address}/")
        assert page.status_code == 200
        script = re.search(r'src="(/[^"]+\.js)"', page.text)
        assert script is not None, page.text
        assert httpx.get(address + script[1]).status_code == 200
        demonstration.send_signal(signal.SIGTERM)
        assert demonstration.wait(END_SECONDS) == 0
    finally:
        demonstration.kill()
        demonstration.wait()
        assert demonstration.stdout is not None
        demonstration.stdout.close()


def _ready(demonstration: subprocess.Popen[bytes]) -> str:
    """The address in the line `ready http://HOST:PORT`; what it printed instead, if none comes."""
    assert demonstration.stdout is not None
    heard = b""
    deadline = time.monotonic() + READY_SECONDS
    while select.select([demonstration.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
        more = os.read(demonstration.stdout.fileno(), 65_536)
        heard += more
        if found := re.search(rb"^ready (http://\S+)\n", heard, re.MULTILINE):
            return found[1].decode()
        if not more:
            break
    raise AssertionError(f"the demonstration did not get ready: {heard.decode()}")
