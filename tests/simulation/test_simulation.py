"""The venue keeps its promises whatever breaks, in as many worlds as a minute has room for; `./dev soak` has more.

A failure names its seed, and the command that repeats it exactly.
"""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.plan import NAMED, Plan
from tests.simulation.world import Report, World

ROOT = Path(__file__).parents[2]

SEEDS = 50
CHUNK = 5


def run(world: World, options: str = "") -> Report:
    try:
        return world.run()
    except Exception as error:
        story = "\n".join(world.log[-20:])
        again = f"./dev soak --simulate {world.seed} -v{options}"
        raise AssertionError(f"seed {world.seed} fails: {error}\n{story}\nagain: {again}") from error


@pytest.mark.parametrize("first", range(1, SEEDS + 1, CHUNK))
def test_the_venue_keeps_its_promises(first: int) -> None:
    for seed in range(first, first + CHUNK):
        report = run(World(seed))
        assert report.commands > 0
        assert report.lives > 0


def test_everything_that_is_named_breaks() -> None:
    """Each kind of fault happens within a few worlds that have all of them."""
    fired: Counter[str] = Counter()
    missing = [each for kinds in NAMED.values() for each in kinds]
    for seed in range(1, 31):
        fired += run(World(seed, Plan.of_everything(seed)), " --everything").fired
        missing = [each for each in missing if not fired[each]]
        if not missing:
            break
    assert not missing, fired


def test_a_seed_decides_everything() -> None:
    """Two processes whose hashes of text differ go the same way, callback by callback."""
    assert _traces(1) == _traces(2)


def _traces(hash_seed: int) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "3", "2"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1].split("trace ")[1]
