"""The answer of the arrivals page: its numbers agree, whatever a page cuts and a sweep stored."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from freezegun import freeze_time

from portal import clock
from portal.domain.status import Status, Verdict
from portal.models import (
    Role,
)
from tests.support.builders import (
    make_account,
    make_feed,
    make_property,
)
from tests.web.outlook import (
    HOUR,
    a_stay,
    answer,
    rows,
    tally,
    title,
)
from tests.web.pages import browser, element, elements, poll_url, words


def test_the_one_on_the_second_page_is_named_and_shown_on_the_first(app: Flask) -> None:
    place = make_property()
    for number in range(50):
        a_stay(place=place, arrives_in=timedelta(hours=5, minutes=number), verdict=Verdict.READY)
    bad = a_stay(
        Status.NEEDS_YOU,
        place=make_property(name="Casa Mar"),
        name="Bad Bo",
        arrives_in=20 * HOUR,
        verdict=Verdict.NOT_READY,
    )
    client = browser(app)

    html = client.get("/").text
    second = client.get("/?page=2").text

    assert answer(html)[0] == "One guest may not get in"
    assert answer(html)[1].startswith("First: Bad Bo at Casa Mar.")
    assert "Nothing needs you" not in html
    shown = words(element(html, data_list="elsewhere").text)
    assert re.search(r"(AM|PM) (Today|Tomorrow) Bad Bo", shown), "with its day"
    assert rows(html)[0] == bad.id
    assert answer(second) == answer(html)
    assert rows(second) == [bad.id]
    assert tally(html) == tally(second) == {"ready": 50, "not_ready": 1}


def test_who_arrived_an_hour_ago_is_found_among_two_hundred_guests_inside(app: Flask) -> None:
    place = make_property()
    for number in range(205):
        a_stay(
            place=place,
            arrives_in=-timedelta(hours=30, minutes=number),
            verdict=Verdict.READY,
            nights=5,
        )
    bad = a_stay(
        Status.NEEDS_YOU, name="New Noor", arrives_in=-HOUR, verdict=Verdict.NOT_READY, nights=1
    )

    html = browser(app).get("/").text

    assert answer(html)[0] == "One guest may not get in"
    assert answer(html)[1].startswith("First: New Noor")
    assert rows(html)[0] == bad.id
    assert title(html).startswith("(1)")
    assert tally(html) == {"ready": 205, "not_ready": 1}
    assert "All 206 guests inside" in html


def test_among_very_many_inside_who_leaves_today_is_not_left_out(app: Flask) -> None:
    place = make_property()
    for number in range(201):
        a_stay(place=place, arrives_in=-timedelta(hours=90, minutes=number), nights=9)
    leaving = a_stay(place=place, arrives_in=-24 * HOUR + timedelta(minutes=1), nights=1)

    html = browser(app).get("/").text

    assert leaving.id in rows(html)


@pytest.mark.parametrize("stored", list(Verdict))
def test_the_numbers_agree_whatever_the_last_sweep_has_stored(app: Flask, stored: Verdict) -> None:
    due = {"verdict": stored, "verdict_due_at": clock.now() - timedelta(minutes=1)}
    a_stay(Status.NEEDS_YOU, arrives_in=-HOUR, **due)
    a_stay(Status.NEEDS_YOU, arrives_in=3 * HOUR, **due)
    a_stay(Status.SENT, arrives_in=3 * HOUR, **due)
    a_stay(Status.SENT, arrives_in=30 * HOUR, **due)
    a_stay(arrives_in=-2 * HOUR, **due)
    client = browser(app)

    html = client.get("/").text

    assert answer(html)[0] == "2 guests may not get in"
    assert title(html).startswith("(2)")
    assert tally(html) == {"not_ready": 2, "at_risk": 1, "on_track": 1, "ready": 1}
    for verdict, number in tally(html).items():
        filtered = client.get(f"/?verdict={verdict}").text
        assert len(rows(filtered)) == number, verdict
        assert tally(filtered) == tally(html), verdict
        assert title(filtered) == title(html), verdict


def test_guests_inside_are_counted_and_filtered_with_those_who_come(app: Flask) -> None:
    inside = a_stay(Status.NEEDS_YOU, arrives_in=-HOUR, verdict=Verdict.NOT_READY)
    coming = a_stay(Status.NEEDS_YOU, verdict=Verdict.NOT_READY)
    a_stay(Status.NEEDS_YOU, arrives_in=80 * HOUR, verdict=Verdict.NOT_READY)
    client = browser(app)

    html = client.get("/").text
    link = element(html, data_count="not_ready")["href"]
    filtered = client.get(str(link)).text

    assert parse_qs(urlsplit(str(link)).query) == {"verdict": ["not_ready"]}
    assert answer(html)[0] == "2 guests may not get in"
    assert tally(html) == {"not_ready": 2}
    assert rows(filtered) == [inside.id, coming.id]
    assert "2 bookings" in filtered


def test_the_title_counts_stays_at_risk_where_nobody_is_worse(app: Flask) -> None:
    a_stay(Status.SENT)
    a_stay(Status.SENT, arrives_in=4 * HOUR)

    html = browser(app).get("/").text

    assert answer(html)[0] == "2 stays are at risk"
    assert title(html) == "(2) Arrivals · Latchboard"


def test_all_is_calm_with_guests_inside(app: Flask) -> None:
    a_stay()
    a_stay(arrives_in=-30 * HOUR)

    html = browser(app).get("/").text

    assert answer(html)[0] == "One arrival and one guest inside: all ready"
    assert answer(html)[1].startswith("Nothing needs you. Next: Ana Guest")
    assert title(html) == "Arrivals · Latchboard"
    assert tally(html) == {"ready": 2}


def test_an_empty_calm_page_is_quiet(app: Flask) -> None:
    assert answer(browser(app).get("/").text) == ("All quiet", "Nothing needs you.")


def test_the_page_is_asked_for_again_when_a_stay_that_it_does_not_show_turns(app: Flask) -> None:
    place = make_property()
    with freeze_time("2026-03-02T15:00:00Z"):
        for number in range(50):
            a_stay(place=place, arrives_in=timedelta(hours=30, minutes=number))
        a_stay(Status.SENT, place=place, arrives_in=timedelta(hours=31, minutes=10))
        client = browser(app)
        url = poll_url(client.get("/").text)
    until = int(parse_qs(urlsplit(url).query)["until"][0])

    with freeze_time("2026-03-02T15:00:00Z"):
        assert until <= (clock.now() + HOUR).timestamp() + 1


def out_of_date_at(html: str) -> int:
    return int(parse_qs(urlsplit(poll_url(html)).query)["until"][0])


def test_the_page_is_asked_for_again_when_a_stay_comes_within_three_days(app: Flask) -> None:
    booking = a_stay(arrives_in=72 * HOUR + timedelta(minutes=20))

    html = browser(app).get("/").text

    assert answer(html)[0] == "All quiet"
    assert out_of_date_at(html) == (booking.starts_at - 72 * HOUR).timestamp() + 1


def test_the_page_is_asked_for_again_when_a_calendar_was_not_read_for_long(app: Flask) -> None:
    read_at = clock.now() - timedelta(minutes=100)
    make_feed(good_at=clock.now() - timedelta(minutes=5))
    make_feed(good_at=clock.now() - timedelta(minutes=110), is_paused=True)
    make_feed(good_at=read_at)

    html = browser(app).get("/").text

    assert not elements(html, data_banner="feed_sick")
    assert out_of_date_at(html) == int((read_at + 2 * HOUR).timestamp()) + 1


@freeze_time("2026-03-03T04:40:00Z")  # 11:40 PM in New York
def test_staff_who_see_no_stay_are_shown_those_of_the_new_day(app: Flask) -> None:
    account = make_account()
    place = make_property(account, time_zone="America/New_York")
    a_stay(place=place, arrives_in=40 * HOUR)
    client = browser(app, account, Role.STAFF)

    html = client.get("/").text

    assert not rows(html)
    until = out_of_date_at(html)
    assert until == (clock.now() + timedelta(minutes=20)).timestamp() + 1
    with freeze_time("2026-03-03T05:00:01Z"):
        assert len(rows(client.get("/").text)) == 1
