"""Does work in other processes begin together, end when told to, fail here, and end with us?"""

import os

import pytest
from benchmarks.apart import Bell, alone, processes


def number(bell: Bell, more: int) -> int:
    bell.ready()
    return bell.number + more


def until_stopped(bell: Bell) -> int:
    bell.ready()
    while not bell.stopped():
        continue
    return bell.number


def broken(bell: Bell) -> int:
    bell.ready()
    raise ValueError("broken")


def own_id(bell: Bell) -> int:
    bell.ready()
    return os.getpid()


def endless(bell: Bell) -> None:
    bell.ready()
    while True:
        bell.stopped()


def test_every_process_does_the_work_and_answers_in_order() -> None:
    with processes(2) as both:
        assert both.start(number, 10).results() == [10, 11]
        assert both.start(number, more=20).results() == [20, 21]
        assert both.start(until_stopped).stop() == [0, 1]
        assert both.start(number, 30).results() == [30, 31]


def test_an_error_of_the_work_is_raised_here() -> None:
    with pytest.raises(ValueError, match="broken"):
        alone(broken)


def test_a_process_ends_with_the_block_whatever_it_does() -> None:
    with processes(1) as one:
        (process,) = one.start(own_id).results()
        one.start(endless)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
