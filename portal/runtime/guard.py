"""Runs a command so that nothing of it is left behind: `python guard.py COMMAND...`.

supervisord restarts what dies, but only looks at the one process that it started. So each program
runs under this small parent, which
- passes SIGTERM and SIGINT on to the command, once;
- kills the rest of the process group when the command has ended (a web server that is killed
  outright leaves its workers behind, and they would keep the port);
- stops the command when supervisord itself is gone, where the kernel can tell (Linux).

Run as a script, with the standard library alone, so that it starts in milliseconds.
"""

import ctypes
import os
import signal
import subprocess
import sys
from types import FrameType

PR_SET_PDEATHSIG = 1


def die_with_parent(signal_number: int = signal.SIGTERM) -> None:
    """From now on the kernel sends this signal to this process when its parent ends.

    It outlives exec, but not fork: a child must ask for it itself. Does nothing but on Linux.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def main(command: list[str]) -> None:
    """Runs `command` to its end, then ends the whole process group, this process included."""
    signals = {signal.SIGTERM, signal.SIGINT}
    # Held back until the handler is there: a stop that comes now must reach the command too.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    starter = os.getppid()
    die_with_parent()
    if os.getppid() != starter:
        return
    child = subprocess.Popen(command, preexec_fn=_ready_child)

    def pass_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    for number in signals:
        signal.signal(number, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    print(f"ended with status {child.wait()}", flush=True)
    os.killpg(0, signal.SIGKILL)


def _ready_child() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    die_with_parent()


if __name__ == "__main__":
    main(sys.argv[1:])
