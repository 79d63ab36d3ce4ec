"""Runs simulations by their seeds: the one command that repeats a failure exactly.

    ./dev soak --simulate SEED [COUNT] [-v] [--everything] [--processes N]

`-v` tells each story, `--everything` lets all kinds of faults happen in each. Exit status 1 where one has failed.
"""

import argparse
import multiprocessing
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import blake2b

from msgspec import Struct

from tests.simulation.plan import Plan
from tests.simulation.world import World

PROGRESS_SECONDS = 30.0


class Result(Struct):
    """What became of a seed; `trouble` is empty where nothing was found."""

    seed: int
    trouble: str
    trace: str
    story: list[str]
    fired: Counter[str]


def simulate(seed: int, everything: bool = False) -> Result:
    world = World(seed, Plan.of_everything(seed) if everything else None)
    try:
        report = world.run()
    except Exception as error:
        where = "".join(traceback.format_exception(error, limit=-4))
        return Result(seed, f"{type(error).__name__}: {error}\n{where}", "", world.log, world.fired)
    told = (
        f"{report.commands} commands, {report.lives} lives, {report.messages} messages, "
        f"{report.seconds:.1f} s, trace {report.trace}"
    )
    return Result(seed, "", report.trace, [*world.log, told], report.fired)


def results(seeds: Sequence[int], everything: bool, processes: int) -> Iterator[Result]:
    """In the order of the seeds."""
    work = partial(simulate, everything=everything)
    if processes == 1:
        yield from map(work, seeds)
        return
    with multiprocessing.Pool(processes, maxtasksperchild=200) as pool:
        yield from pool.imap(work, seeds, chunksize=4)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="./dev soak --simulate", description="Simulate the venue with all that can break."
    )
    parser.add_argument("seed", type=int, help="the first one")
    parser.add_argument("count", type=int, nargs="?", default=1)
    parser.add_argument("-v", dest="verbose", action="store_true", help="tell what happens")
    parser.add_argument("--everything", action="store_true", help="every kind of fault in each")
    parser.add_argument("--processes", type=int, default=1)
    asked = parser.parse_args(arguments)
    failed: list[int] = []
    fired: Counter[str] = Counter()
    traces = blake2b(digest_size=16)
    began = said = time.monotonic()
    seeds = range(asked.seed, asked.seed + asked.count)
    for done, result in enumerate(results(seeds, asked.everything, asked.processes), 1):
        fired += result.fired
        traces.update(result.trace.encode())
        if asked.verbose:
            print("\n".join(result.story))
        if result.trouble:
            failed.append(result.seed)
            print(f"seed {result.seed} fails: {result.trouble}", flush=True)
        elif asked.count == 1:
            print(f"seed {result.seed}: {result.story[-1]}")
        if time.monotonic() - said > PROGRESS_SECONDS:
            said = time.monotonic()
            print(f"{done} of {asked.count} seeds, {len(failed)} failed, {said - began:.0f} s", flush=True)
    if asked.count > 1:
        took = time.monotonic() - began
        for name, times in sorted(fired.items()):
            print(f"{times:7}  {name}")
        print(
            f"{asked.count} seeds, {len(failed)} failed, {took:.1f} s, {asked.count / took:.2f} a second, "
            f"trace {traces.hexdigest()}"
        )
    if failed:
        print(f"again: ./dev soak --simulate {failed[0]} -v{' --everything' if asked.everything else ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
