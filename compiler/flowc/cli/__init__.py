"""The command line: ``flowc``."""

from __future__ import annotations

import os
import sys

BUG_EXIT = 1
BROKEN_PIPE_EXIT = 141
INTERRUPTED_EXIT = 130
TERMINATED_EXIT = 143


def main() -> None:
    """Run the command of ``sys.argv`` and exit with its code."""
    import gc
    import signal

    # Whoever ends this process politely ends what it has started as well.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(TERMINATED_EXIT))
    # A compilation makes much and drops little: collecting in between costs a tenth of its time.
    # Commands that stay longer (run, test) turn it on again.
    gc.disable()
    sys.exit(_guarded())


def _guarded() -> int:
    """Return the exit code; whatever goes wrong outside a command's own errors ends here."""
    try:
        code = _run()
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Python would complain about it once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE_EXIT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED_EXIT
    except Exception as error:
        return _report_bug(error)


def _run() -> int:
    import click

    import flowc.cli.deploy_app  # noqa: F401 (adds its commands)
    from flowc.cli.app import app

    try:
        code = app(standalone_mode=False)
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return code if isinstance(code, int) else 0


def _report_bug(error: Exception) -> int:
    if os.environ.get("FLOWC_DEBUG"):
        raise error
    place = ""
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_filename.rpartition(os.sep)[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    kind = type(error).__name__
    print(
        f"error[FC900]: compiler bug: {kind}: {error} (at {place})\n"
        "  = help: please report it, with the output of the same command under FLOWC_DEBUG=1",
        file=sys.stderr,
    )
    return BUG_EXIT
