"""Imports point one way: domain <- models, schlage, feeds <- services <- views <- the app <- jobs.

The rules are in tests/support/layers.py. The second half plants one violation of each kind, so that
a checker that has gone blind is noticed.
"""

from pathlib import Path

import pytest

from tests.support.layers import LAYERS, violations

ROOT = Path(__file__).resolve().parent.parent


def test_every_import_of_the_project_points_down() -> None:
    assert violations(ROOT) == []


def test_every_layer_still_exists() -> None:
    layers = [layer for row in LAYERS for layer in row]

    paths = [ROOT.joinpath(*layer.split(".")) for layer in layers]

    missing = [path for path in paths if not (path.is_dir() or path.with_suffix(".py").exists())]
    assert missing == []


def plant(root: Path, files: dict[str, str]) -> list[str]:
    """What the checker says about a tree of these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return violations(root)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("portal/models/lock.py", "from portal.services import locks", "not below it"),
        ("portal/models/lock.py", "from portal.schlage import client", "not below it"),
        ("portal/models/lock.py", "import portal.services.locks", "not below it"),
        ("portal/models/lock.py", "from ..services import locks", "not below it"),
        ("portal/services/__init__.py", "from .. import views", "not below it"),
        ("portal/services/locks.py", "from jobs.locks import work_lock", "not below it"),
        ("portal/services/locks.py", "from portal import create_app", "not below it"),
        ("portal/queue.py", "from portal.models import Lock", "not below it"),
        ("portal/services/locks.py", "from tests.support import fakes", "leans on tests"),
        ("portal/schlage/client.py", "import simulator", "imports simulator"),
        ("simulator/cloud.py", "from portal.schlage import payloads", "imports portal.schlage"),
        ("portal/domain/stay.py", "import sqlalchemy", "standard library only"),
        ("portal/domain/stay.py", "from portal.models import Lock", "standard library only"),
        ("portal/domain/stay.py", "import time", "does no I/O"),
        ("portal/domain/stay.py", "def f(x):\n    return datetime.now(UTC) - x", "reads the time"),
        ("jobs/sweep.py", "today = datetime.date.today()", "reads the time"),
        ("jobs/sweep.py", "def f():\n    import json", "inside a function"),
        (
            "jobs/sweep.py",
            "class A:\n  def f(self):\n    from json import dumps",
            "inside a function",
        ),
        ("jobs/sweep.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING: pass", "TYPE_CHECK"),
        ("portal/novelty.py", "from portal.models import Lock", "has no layer"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, name: str, text: str, reason: str) -> None:
    rest = {
        "portal/__init__.py": "",
        "portal/views/__init__.py": "",
        "portal/models/__init__.py": "",
    }

    found = plant(tmp_path, rest | {name: text})

    assert len(found) == 1
    assert found[0].startswith(f"{name}:")
    assert reason in found[0]


def test_imports_that_point_down_are_let_be(tmp_path: Path) -> None:
    found = plant(
        tmp_path,
        {
            "portal/__init__.py": "from portal import clock, views",
            "portal/clock.py": "from datetime import datetime\nnow = datetime.now()",
            "portal/domain/__init__.py": "from dataclasses import dataclass",
            "portal/models/__init__.py": "from portal.domain import stay\nfrom .lock import Lock",
            "portal/models/lock.py": "import sqlalchemy\nfrom portal import clock",
            "portal/views/__init__.py": "from portal.models.lock import Lock",
            "jobs/sweep.py": "from portal import create_app",
            "simulator/cloud.py": "from datetime import datetime\nnow = datetime.now()",
            "benchmarks/poll.py": "from portal.views import arrivals\nimport simulator",
        },
    )

    assert found == []
