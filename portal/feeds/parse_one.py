"""The program of the parse child: a calendar on standard input, JSON on standard output.

It is started by its path in an isolated interpreter. The portal's own package is put in place
bare, without running the application factory: that would load Flask and the database, and the
child needs neither.
"""

import json
import resource
import sys
import types
from datetime import date
from pathlib import Path

if "portal" not in sys.modules:
    _package = types.ModuleType("portal")
    _package.__path__ = [str(Path(__file__).parents[1])]
    sys.modules["portal"] = _package

from portal.domain.intake_types import FeedSource  # noqa: E402 - after the package is in place
from portal.feeds.child import reading_to_json  # noqa: E402
from portal.feeds.errors import FeedUnreadable  # noqa: E402
from portal.feeds.reader import read  # noqa: E402


def main() -> None:
    """Limits the process, reads, answers."""
    source, today, memory, seconds = sys.argv[1:5]
    for limit, value in (
        (resource.RLIMIT_AS, int(memory)),
        (resource.RLIMIT_CPU, int(seconds)),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    body = sys.stdin.buffer.read()
    hint = FeedSource(source) if source else None
    try:
        answer = reading_to_json(read(body, hint, today=date.fromisoformat(today)))
    except FeedUnreadable as problem:
        answer = {"unreadable": {"key": problem.key, "words": problem.words}}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
