"""A call that runs in several places at once: a program per place, and the first of them decides.

When the program of the first place ends, the others are ended. One of them that fails before that
fails the call, and ends the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from flowc_shim.components.limits import POLL_SECONDS, stopped_error

if TYPE_CHECKING:
    from flowc_shim.components.api import Call

Program = Callable[["Call"], None]
_PER_NET = 254


def hosts_here(locations: int) -> tuple[str, ...]:
    """Return as many addresses of this machine, all different, () for a call in one place.

    >>> hosts_here(2)
    ('127.0.0.1', '127.0.0.2')
    """
    if locations == 1:
        return ()
    return tuple(f"127.0.{n // _PER_NET}.{n % _PER_NET + 1}" for n in range(locations))


def run_together(call: Call, programs: Sequence[Program]) -> None:
    """Run ``programs`` at once to the end of the first; raises what the first to fail raises."""
    stop = threading.Event()
    failures: list[BaseException] = []
    inner = replace(call, cancelled=stop)

    def work(number: int) -> None:
        try:
            programs[number](inner)
        except BaseException as error:
            if not stop.is_set():  # or it was ended, and says so
                failures.append(error)
        if number == 0 or failures:
            stop.set()

    threads = [
        threading.Thread(target=work, args=(number,), name=f"location-{number}")
        for number in range(len(programs))
    ]
    for thread in threads:
        thread.start()
    try:
        while not stop.wait(POLL_SECONDS):
            if call.cancelled.is_set():
                failures.append(stopped_error())
                stop.set()
    finally:
        stop.set()  # this process may be ended here: its threads would outlive it
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
