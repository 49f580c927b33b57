"""Jobs that a real worker runs in the tests: they leave a file that says where they ran."""

import json
import os
import time
from pathlib import Path


def note_process(path: str) -> None:
    """Writes this process's id and its parent's."""
    partial = Path(f"{path}.partial")
    partial.write_text(json.dumps({"pid": os.getpid(), "parent": os.getppid()}))
    partial.rename(path)


def take_forever(path: str) -> None:
    """Says where it runs, and does not end by itself."""
    note_process(path)
    time.sleep(600)


def fail_with(text: str) -> None:
    raise ValueError(text)
