"""The lock page as a health page: charts with their tables, why it is unreliable, its clock."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from portal import clock
from portal.domain.command import State
from portal.domain.problems import (
    ASK_SCHLAGE,
    CLOSER_WIFI,
    NEW_BATTERIES,
    RESTART_ROUTER,
    ProblemKey,
)
from portal.domain.status import Status
from portal.models import Lock, Role
from portal.services.lock_page import NEWEST_LINES
from tests.support.builders import (
    make_account,
    make_booking,
    make_command,
    make_door_code,
    make_door_event,
    make_entry,
    make_lock,
    make_property,
    make_reading,
    make_timeline_entry,
)
from tests.web.pages import Element, browser, element, elements, words

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CHARTS = ("times", "outcomes", "battery", "signal")


def answered(
    lock: Lock,
    *ends: State,
    days_ago: float = 0,
    seconds: float = 4,
    problem: ProblemKey | None = None,
) -> None:
    """Writes to the lock that ended so, a minute apart."""
    entry = make_entry(make_door_code(make_booking(make_property()), lock))
    for number, state in enumerate(ends):
        at = clock.now() - days_ago * DAY - number * timedelta(minutes=1)
        sent_at = at - timedelta(seconds=seconds)
        make_command(entry, state=state, closed_at=at, sent_at=sent_at, problem=problem)


def a_measured_lock(**fields: Any) -> Lock:
    """A lock with a month of readings and some writes."""
    lock = make_lock(**fields)
    for ago in range(30):
        make_reading(
            lock, at=clock.now() - ago * DAY, battery_level=60 + ago, wifi_signal=-50 - ago % 7
        )
    answered(lock, *[State.SUCCEEDED] * 8, State.FAILED, State.TIMED_OUT, seconds=9)
    answered(lock, State.SUCCEEDED, State.UNKNOWN, days_ago=3, seconds=75)
    return lock


def cells(html: str, chart: str) -> list[list[str]]:
    """The table of a chart, row by row."""
    [table] = re.findall(rf'<table class="numbers" id="numbers-{chart}">(.*?)</table>', html, re.S)
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.S)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def history_lines(html: str) -> int:
    return element(html, id="timeline").text.count("Resync pressed")


def shapes(html: str, chart: str) -> list[str]:
    """What the shapes of a chart say of themselves."""
    [figure] = re.findall(rf'<figure class="chart" id="chart-{chart}">(.*?)</figure>', html, re.S)
    return re.findall(r"<(?:circle|rect)[^>]*><title>(.*?)</title>", figure)


@pytest.mark.parametrize("days", [30, 90])
def test_every_chart_has_a_table_with_the_numbers_of_its_shapes(app: Flask, days: int) -> None:
    lock = a_measured_lock()

    html = browser(app).get(f"/locks/{lock.id}?days={days}").text

    for chart in CHARTS:
        [header, *rows] = cells(html, chart)
        said = shapes(html, chart)
        assert rows
        assert said
        for row in rows:
            [day, *values] = row
            of_day = [text.partition(": ")[2] for text in said if f"{day}:" in text]
            if chart == "outcomes":
                shown = [f"{n} {v}" for n, v in zip(header[1:], values, strict=True) if v != "0"]
                assert of_day == shown
            elif chart == "times":
                assert [text.rsplit(" than ")[1] for text in of_day] == [values[2], values[1]]
            else:
                assert of_day == values
    assert sum(int(row[1]) for row in cells(html, "outcomes")[1:]) == 9
    assert ["1", "1 min", "1 min"] in [row[1:] for row in cells(html, "times")] or days == 90


def test_no_two_marks_of_an_axis_read_alike(app: Flask) -> None:
    lock = make_lock()
    answered(lock, *[State.SUCCEEDED] * 3, seconds=70)

    html = browser(app).get(f"/locks/{lock.id}").text

    [figure] = re.findall(r'<figure class="chart" id="chart-times">(.*?)</figure>', html, re.S)
    marks = re.findall(r'text-anchor="end">([^<]* (?:s|min))</text>', figure)
    assert marks == ["0 s", "30 s", "1 min", "90 s"]


def test_a_chart_has_a_name_and_a_summary_for_those_who_do_not_see_it(app: Flask) -> None:
    html = browser(app).get(f"/locks/{a_measured_lock().id}").text

    drawn = elements(html, role="img")
    assert len(drawn) == len(CHARTS)
    for chart in drawn:
        assert chart.tag == "svg"
        assert element(html, id=str(chart["aria-labelledby"])).text
        assert element(html, id=str(chart["aria-describedby"])).text
    assert "9 confirmed, 1 refused, 1 timed out, 1 unknown" in words(html)
    assert 'style="' not in html


def test_90_days_have_an_address_of_their_own_and_anything_else_is_30(app: Flask) -> None:
    lock = a_measured_lock()
    make_reading(lock, at=clock.now() - 80 * DAY, battery_level=99)
    client = browser(app)

    month, quarter, odd = (
        client.get(f"/locks/{lock.id}{query}").text for query in ("", "?days=90", "?days=1e9")
    )

    assert ["99 %"] not in [row[1:] for row in cells(month, "battery")]
    assert ["99 %"] in [row[1:] for row in cells(quarter, "battery")]
    assert cells(odd, "battery") == cells(month, "battery")
    assert "week from" in "".join(shapes(quarter, "times"))
    assert [words(e.text) for e in elements(quarter, aria_current="true")] == ["90 days"]


def test_a_lock_without_any_measurement_says_so_in_words(app: Flask) -> None:
    html = browser(app).get(f"/locks/{make_lock().id}").text

    assert elements(html, role="img") == []
    for said in ("No code was confirmed", "Nothing was sent", "how full", "how strong"):
        assert said in words(html)


def test_the_refreshed_part_holds_neither_charts_nor_anything_to_open(app: Flask) -> None:
    lock = a_measured_lock()

    html = browser(app).get(f"/locks/{lock.id}/live").text

    assert '<svg class="chart' not in html
    assert "<details" not in html


def an_unreliable_lock(**fields: Any) -> Lock:
    lock = make_lock(**{"name": "Garden door"} | fields)
    make_reading(lock, wifi_signal=-88)
    answered(lock, *[State.SUCCEEDED] * 6, *[State.TIMED_OUT] * 4)
    return lock


def test_the_lock_page_says_why_it_is_unreliable_and_what_helps_in_order(app: Flask) -> None:
    lock = an_unreliable_lock()

    html = browser(app).get(f"/locks/{lock.id}").text

    told = words(element(html, id="unreliable").text)
    assert "too weak to rely on (−88 dBm)" in told
    assert "4 of the last 10 changes to its codes got no answer in time" in told
    steps = [CLOSER_WIFI, RESTART_ROUTER, ASK_SCHLAGE]
    places = [told.index(step) for step in steps]
    assert places == sorted(places)
    assert "https://www.schlage.com/en/home/contact-us.html" in {
        e.get("href") for e in elements(html)
    }


def test_a_lock_that_answers_with_nack_is_unreliable_on_every_page(app: Flask) -> None:
    lock = make_lock(name="Garden door")
    answered(lock, *[State.FAILED] * 20, problem=ProblemKey.NACK)
    booking = make_booking(make_property(locks=[lock]))
    make_door_code(booking, lock, status=Status.CONFIRMED)
    client = browser(app)

    page = client.get(f"/locks/{lock.id}").text
    listed = words(element(client.get("/locks").text, id=f"lock-{lock.id}").text)
    [hint] = [e for e in elements(client.get(f"/bookings/{booking.id}").text) if _is_hint(e)]

    said = "20 of the last 20 changes to its codes got no acknowledgement (Nack)."
    told = words(element(page, id="unreliable").text)
    assert said in told
    assert said in listed
    assert said in words(hint.text)
    steps = [CLOSER_WIFI, RESTART_ROUTER, NEW_BATTERIES, ASK_SCHLAGE]
    places = [told.index(step) for step in steps]
    assert places == sorted(places)
    assert "0 refused, 20 without acknowledgement (Nack)" in words(page)
    assert cells(page, "outcomes")[0][1:] == [
        *("Confirmed", "Refused", "Nack", "Timed out", "Unknown"),
    ]


def test_silence_and_nacks_together_are_said_in_one_sentence(app: Flask) -> None:
    lock = make_lock()
    answered(lock, *[State.FAILED] * 3, problem=ProblemKey.NACK)
    answered(lock, *[State.TIMED_OUT] * 3, *[State.SUCCEEDED] * 4)

    told = words(element(browser(app).get(f"/locks/{lock.id}").text, id="unreliable").text)

    assert "6 of the last 10 changes" in told
    assert "got no answer in time, or no acknowledgement (Nack)." in told


def _is_hint(found: Element) -> bool:
    return "data-unreliable" in found


def test_the_list_of_locks_names_the_first_reason(app: Flask) -> None:
    lock, fine = an_unreliable_lock(), make_lock(name="Street door")
    make_reading(fine)

    html = browser(app).get("/locks").text

    assert "Unreliable lately: Its Wi-Fi signal" in words(element(html, id=f"lock-{lock.id}").text)
    assert "Unreliable" not in element(html, id=f"lock-{fine.id}").text


def test_a_problem_that_says_it_already_is_not_said_twice_in_the_list(app: Flask) -> None:
    lock = make_lock(battery_state="Low", battery_level=20)
    make_reading(lock, battery_state="Low", battery_level=20)
    client = browser(app)

    assert "batteries are weak" in client.get("/locks").text
    assert "Unreliable" not in client.get("/locks").text
    assert "Unreliable" in client.get(f"/locks/{lock.id}").text


def test_a_booking_with_an_unreliable_door_has_one_hint_that_leads_there(app: Flask) -> None:
    lock = an_unreliable_lock()
    place = make_property(locks=[lock])
    booking = make_booking(place)
    make_door_code(booking, lock, status=Status.CONFIRMED)
    over = make_booking(place, arrives_in=-9 * DAY)
    make_door_code(over, lock, status=Status.CONFIRMED)
    client = browser(app)

    html = client.get(f"/bookings/{booking.id}").text

    [hint] = [e for e in elements(html) if _is_hint(e)]
    assert "Garden door is unreliable lately" in hint.text
    assert f"/locks/{lock.id}#unreliable" in {e.get("href") for e in elements(html)}
    assert "data-unreliable" not in client.get(f"/bookings/{over.id}").text


def test_the_page_tells_battery_signal_firmware_and_the_last_contact_in_full(app: Flask) -> None:
    lock = make_lock(
        battery_level=14, battery_state="Low", wifi_signal=-71, firmware="10.00.264", has_vlac=True
    )
    make_door_event(lock, at=clock.now() - 3 * HOUR)

    html = words(browser(app).get(f"/locks/{lock.id}").text)

    text = words(re.sub(r"<[^>]+>", " ", html))
    assert "Batteries weak (14 %)" in text
    assert "weak signal (−71 dBm)" in text
    assert "10.00.264" in text
    assert "The lock last answered 3 h ago" in text
    assert "4 to 8, may differ" in text
    assert "room for 100" in text


@pytest.mark.parametrize(
    ("of_lock", "is_warned"),
    [
        ("America/New_York", False),
        ("US/Eastern", False),
        (None, False),
        ("America/Chicago", True),
        ("Not/AZone", True),  # it is told in UTC then
    ],
)
def test_a_lock_whose_clock_is_another_than_its_propertys_is_warned_of(
    app: Flask, of_lock: str | None, is_warned: bool
) -> None:
    lock = make_lock(time_zone=of_lock)
    make_property(locks=[lock], time_zone="America/New_York", name="Casa Mar")

    html = words(browser(app).get(f"/locks/{lock.id}").text)

    assert ("clock is another" in html) is is_warned
    assert ("Casa Mar to New York" in html) is is_warned


def test_a_lock_in_a_zone_nobody_knows_that_opens_nothing_has_a_page(app: Flask) -> None:
    lock = a_measured_lock(time_zone="Mars/Olympus")

    assert browser(app).get(f"/locks/{lock.id}").status_code == 200


def test_what_another_account_measured_is_in_no_chart(app: Flask) -> None:
    ours = make_account("Ours")
    theirs = make_account("Theirs")
    lock = make_lock(account=ours)
    make_reading(make_lock(account=theirs), wifi_signal=-99)
    client = browser(app, ours)

    assert client.get(f"/locks/{lock.id}").status_code == 200
    assert "Unreliable" not in client.get("/locks").text


def test_staff_see_no_lock_page(app: Flask) -> None:
    lock = a_measured_lock()

    assert browser(app, role=Role.STAFF).get(f"/locks/{lock.id}").status_code == 403


def test_what_needs_a_person_stands_first_and_what_is_rarely_asked_last(app: Flask) -> None:
    lock = make_lock(battery_state="Low")
    make_door_code(make_booking(make_property(locks=[lock])), lock)

    html = browser(app).get(f"/locks/{lock.id}").text

    marks = (
        'data-trouble="low_battery"',
        "Health</h2>",
        "Codes of bookings</h2>",
        'id="entries"',
        'id="history"',
        'id="course"',
        'id="about"',
        'id="rebuild"',
    )
    places = [html.index(mark) for mark in marks]
    assert places == sorted(places)


def test_the_history_shows_its_newest_lines_and_unfolds_to_stay_so(app: Flask) -> None:
    lock = make_lock()
    code = make_door_code(make_booking(make_property(locks=[lock])), lock)
    for _ in range(NEWEST_LINES + 2):
        make_timeline_entry(code.booking, "resync_pressed", lock_id=lock.id)
    client = browser(app)

    folded = client.get(f"/locks/{lock.id}").text
    [more] = [
        e["href"] for e in elements(folded) if "More of the history" in e.text and e.tag == "a"
    ]
    unfolded = client.get(str(more)).text
    poll = str(element(unfolded, id=f"lock-{lock.id}")["hx-get"])
    make_timeline_entry(code.booking, "resync_pressed", lock_id=lock.id)
    polled = client.get(re.sub(r"version=\d+", "version=0", poll)).text

    assert history_lines(folded) == NEWEST_LINES
    assert history_lines(unfolded) == NEWEST_LINES + 2
    assert "More of the history" not in unfolded
    assert history_lines(polled) == NEWEST_LINES + 3


@pytest.mark.parametrize(("status", "wanted"), [(Status.NEEDS_YOU, True), (Status.REMOVING, False)])
def test_a_lock_whose_memory_disagrees_says_so_on_top_with_the_way_to_put_it_right(
    app: Flask, status: Status, wanted: bool
) -> None:
    lock = make_lock(is_online=True)
    booking = make_booking(make_property(locks=[lock]))
    make_door_code(booking, lock, status=status, is_wanted=wanted, problem=ProblemKey.SPLIT_BRAIN)
    client = browser(app)

    page = client.get(f"/locks/{lock.id}").text

    assert page.index('data-trouble="split_brain"') < page.index("Health</h2>")
    assert f"/locks/{lock.id}/rebuild" in {e.get("href") for e in elements(page)}
    listed = element(client.get("/locks").text, id="locks")
    assert "memory and Schlage's list disagree" in words(listed.text)
