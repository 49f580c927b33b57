"""The comparison of worlds: a table and a plot that say what the runs printed."""

import json
import random
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import compare

SVG = "{http://www.w3.org/2000/svg}"


def a_run(policy: str, faults: str, seed: int, **changes: Any) -> str:
    """A line as `benchmarks.world` prints it."""
    figures = {
        "policy": policy,
        "bookings": 1000,
        "seed": seed,
        "faults": faults,
        "days": 365,
        "avoidable_lockouts": 0,
        "unavoidable_lockouts": 1,
        "stale_over_15_min": 0,
        "double_codes": 0,
        "wrong_green": 0,
        "unresolved": 0,
        "posts_per_booking": 2.5,
        "confirmed_24h_ahead": 1.0,
        "human_clicks": 0,
        "converge_p50_s": 12.0,
        "converge_p99_s": 5400.0,
    }
    return json.dumps(figures | changes)


LINES = [
    a_run("baseline", "harsh", 1, avoidable_lockouts=61, stale_over_15_min=3, human_clicks=900),
    a_run("baseline", "harsh", 2, avoidable_lockouts=59, confirmed_24h_ahead=0.9, bookings=3000),
    a_run("latchboard", "harsh", 1),
    a_run("latchboard", "harsh", 2, bookings=3000, human_clicks=20, confirmed_24h_ahead=None),
    a_run("baseline", "realistic", 1, avoidable_lockouts=4),
    a_run("latchboard", "realistic", 1, posts_per_booking=2.0),
]


def cells(text: str, words: str) -> list[str]:
    [row] = [line for line in text.splitlines() if line.startswith(f"| {words}")]
    return [cell.strip() for cell in row.strip("|").split("|")][1:]


def test_the_table_adds_the_seeds_up_and_weighs_shares_by_bookings() -> None:
    text = compare.table(compare.read(LINES))

    assert text.splitlines()[0] == (
        "|  | realistic: usual design | realistic: Latchboard "
        "| harsh: usual design | harsh: Latchboard |"
    )
    assert cells(text, "guests locked out although") == ["4", "0", "120", "0"]
    assert cells(text, "bookings") == ["1,000", "1,000", "4,000", "4,000"]
    assert cells(text, "confirmed") == ["100.00 %", "100.00 %", "92.50 %", "100.00 %"]
    assert cells(text, "clicks") == ["0.0", "0.0", "22.5", "0.5"]
    assert cells(text, "writes") == ["2.50", "2.00", "2.50", "2.50"]
    assert cells(text, "from due to done, median") == ["12 s"] * 4
    assert "A 0 in 1,000 bookings means under 0.3 %" in text


def test_the_order_of_the_lines_does_not_matter_and_a_line_twice_counts_once() -> None:
    mixed = [*LINES, LINES[0], ""]
    random.Random(3).shuffle(mixed)

    assert compare.table(compare.read(mixed)) == compare.table(compare.read(LINES))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "no runs"),
        (LINES[:2], "one policy only"),
        ([*LINES, a_run("baseline", "harsh", 3)], "the same seeds"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(lines: list[str], words: str) -> None:
    with pytest.raises(compare.CannotCompare, match=words):
        compare.read(lines)


def test_the_command_writes_both_pages(tmp_path: Path) -> None:
    runs = tmp_path / "runs.jsonl"
    runs.write_text("\n".join(LINES))
    page, picture = tmp_path / "table.md", tmp_path / "plot.svg"

    code = compare.main([str(runs), "--table", str(page), "--plot", str(picture)])

    assert code == 0
    assert page.read_text() == compare.table(compare.read(LINES))
    drawn = ElementTree.parse(picture).getroot()  # noqa: S314 (written two lines above)
    assert len(drawn.findall(f"{SVG}rect")) == 12
    assert "harsh, usual design 30" in drawn.findtext(f"{SVG}desc", "")


def test_the_longest_bar_fills_its_panel_a_small_one_is_seen_and_nothing_is_nothing() -> None:
    bars = compare.panels(compare.read(LINES))[0].bars
    drawn = ElementTree.fromstring(compare.plot("x", [compare.Panel("y", bars)]))  # noqa: S314

    widths = [float(rect.attrib["width"]) for rect in drawn.findall(f"{SVG}rect")]

    assert [bar.value for bar in bars] == [4.0, 0.0, 30.0, 0.0]
    assert widths[1] == widths[3] == 0
    assert max(widths) == widths[2]
    assert widths[0] == pytest.approx(widths[2] * 4 / 30, abs=0.1)


def test_one_policy_alone_ends_the_command_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs.jsonl"
    runs.write_text(LINES[0])

    assert compare.main([str(runs)]) == 1
    assert "one policy only" in capsys.readouterr().err
