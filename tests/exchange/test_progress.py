"""Progress as people read it: a bar that moves on a terminal, few lines in a log."""

import io

from exchange.progress import PIPE_SECONDS, Meter, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Watch:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_terminal_shows_a_bar_in_one_line() -> None:
    screen, watch = Terminal(), Watch()
    progress = Progress(screen, "rebuilding", 2_000, clock=watch)
    progress.tell(0)
    watch.now = 3
    progress.tell(1_000)
    progress.tell(1_001)  # at once again: nobody could read it
    watch.now = 6
    progress.tell(2_000)
    progress.end()
    assert screen.getvalue().split("\r")[1:] == [
        "[..............................] rebuilding 0 %, 0 of 2,000 commands\x1b[K",
        "[###############...............] rebuilding 50 %, 1,000 of 2,000 commands, 3 s left\x1b[K",
        "[##############################] rebuilding 100 %, 2,000 of 2,000 commands\x1b[K\n",
    ]


def test_a_pipe_gets_a_line_for_each_tenth_and_each_ten_seconds() -> None:
    pipe, watch = io.StringIO(), Watch()
    progress = Progress(pipe, "rebuilding", 1_000, clock=watch)
    for done in range(0, 300, 10):
        progress.tell(done)
    watch.now += PIPE_SECONDS
    progress.tell(295)
    progress.end()
    assert [line.split(",")[0] for line in pipe.getvalue().splitlines()] == [
        "rebuilding 0 %",
        "rebuilding 10 %",
        "rebuilding 20 %",
        "rebuilding 29 %",
    ]


def test_what_was_done_before_is_no_part_of_the_speed() -> None:
    pipe, watch = io.StringIO(), Watch()
    progress = Progress(pipe, "rebuilding", 1_000, done=900, clock=watch)
    watch.now = 10
    progress.tell(950)
    assert pipe.getvalue() == "rebuilding 95 %, 950 of 1,000 commands, 10 s left\n"


def test_nothing_to_do_is_no_trouble() -> None:
    pipe = io.StringIO()
    progress = Progress(pipe, "rebuilding", 0)
    progress.tell(0)
    progress.end()
    assert pipe.getvalue() == "rebuilding 100 %, 0 of 0 commands\n"


def test_work_that_is_not_commands_says_what_it_is() -> None:
    pipe = io.StringIO()
    Meter(pipe)("copying", 4, 1, "MiB").tell(4)
    assert pipe.getvalue() == "copying 100 %, 4 of 4 MiB\n"
