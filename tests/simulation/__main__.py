"""Runs simulations by their seeds: the one command that repeats a failure exactly.

    python -m tests.simulation SEED [COUNT] [-v]

Exit status 1 where one has failed; `-v` tells each story.
"""

import sys
import time
import traceback
from collections import Counter

from tests.simulation.world import World


def main(arguments: list[str]) -> int:
    verbose = "-v" in arguments
    numbers = [int(each) for each in arguments if each != "-v"]
    first, count = (*numbers, 1)[:2]
    failed = 0
    fired: Counter[str] = Counter()
    began = time.monotonic()
    for seed in range(first, first + count):
        world = World(seed)
        try:
            report = world.run()
        except Exception as error:
            failed += 1
            if verbose:
                print("\n".join(world.log))
            print(f"seed {seed} fails: {type(error).__name__}: {error}", flush=True)
            traceback.print_exc(limit=-4)
        else:
            fired += report.fired
            if verbose:
                print("\n".join(world.log))
            if count == 1:
                print(
                    f"seed {seed}: {report.commands} commands, {report.lives} lives, {report.messages} messages, "
                    f"{report.seconds:.1f} s, trace {report.trace}"
                )
    if count > 1:
        took = time.monotonic() - began
        for name, times in sorted(fired.items()):
            print(f"{times:7}  {name}")
        print(f"{count} seeds, {failed} failed, {took:.1f} s, {count / took:.2f} a second")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
