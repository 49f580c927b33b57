"""What each sample feed says, written by hand from its text.

The samples are our own, in the shapes that real feeds have: line ends, folds, byte order mark,
order of fields, words in several languages.
"""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from portal.domain.intake_types import FeedSource, SkipReason
from portal.feeds.errors import FeedUnreadable
from portal.feeds.reader import Reading, read

SAMPLES = Path(__file__).parent.parent / "data" / "feeds"
TODAY = date(2026, 11, 24)


def sample(name: str, source: FeedSource | None = None) -> Reading:
    return read((SAMPLES / name).read_bytes(), source, today=TODAY)


def day(text: str) -> date:
    return date.fromisoformat(text)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


BLOCKED = SkipReason.BLOCKED
TENTATIVE = SkipReason.TENTATIVE
CANCELLED = SkipReason.CANCELLED
CLOSED_SEASON = SkipReason.CLOSED_SEASON
FREE = SkipReason.FREE
DOUBLE = SkipReason.DOUBLE

# file: (source, stays as (uid, starts, ends, name, last four, code), skipped, flags)
EXPECTED = {
    "airbnb-1.0.ics": (
        FeedSource.AIRBNB,
        [
            (
                "…a24b3c@airbnb.com",
                day("2026-11-22"),
                day("2026-11-26"),
                None,
                "4417",
                "HMQA3T7XWB",
            ),
            (
                "…2c7e08@airbnb.com",
                day("2026-11-26"),
                day("2026-11-29"),
                None,
                "0063",
                "HM8RKE25NP",
            ),
            # 101 nights, but with a reservation's code: a guest
            (
                "…5e6a70@airbnb.com",
                day("2026-12-03"),
                day("2027-03-14"),
                None,
                "2290",
                "HMLONG5TAY",
            ),
        ],
        [
            (BLOCKED, day("2026-11-29"), day("2026-12-03")),
            (BLOCKED, day("2027-04-01"), day("2027-10-01")),
        ],
        [],
    ),
    "airbnb-1.0-localized.ics": (
        FeedSource.AIRBNB,
        [
            (
                "aa01-es@airbnb.com",
                day("2026-12-01"),
                day("2026-12-04"),
                None,
                "1234",
                "HMESPAN001",
            ),
            (
                "aa02-de@airbnb.com",
                day("2026-12-05"),
                day("2026-12-07"),
                None,
                "0009",
                "HMDEUTS002",
            ),
            (
                "aa03-zh@airbnb.com",
                day("2026-12-08"),
                day("2026-12-09"),
                None,
                "8642",
                "HMZHONG003",
            ),
        ],
        [(BLOCKED, day("2026-12-10"), day("2026-12-12"))],
        [],
    ),
    "airbnb-1.0-empty.ics": (FeedSource.AIRBNB, [], [], []),
    "airbnb-0.8.8-reserved.ics": (
        FeedSource.AIRBNB,
        [
            (
                "…d7e8f9@airbnb.com",
                day("2023-01-05"),
                day("2023-01-11"),
                None,
                "5150",
                "HMTESTAAA1",
            ),
            (
                "…77aaaa@airbnb.com",
                day("2023-01-12"),
                day("2023-01-20"),
                None,
                "0808",
                "HMTESTBBB2",
            ),
        ],
        [(BLOCKED, day("2023-01-11"), day("2023-01-12"))],
        [],
    ),
    "airbnb-0.8.8-guest-details-it.ics": (
        FeedSource.AIRBNB,
        [
            (
                "…v6w7x8y9z0@airbnb.com",
                day("2015-06-10"),
                day("2015-06-14"),
                "Chiara Ospite",
                "7734",
                "QWE4RT",
            ),
            (
                "…g7h8i9j0k1@airbnb.com",
                day("2015-06-18"),
                day("2015-06-20"),
                "Bjørn Gæst",
                None,
                "ZX8CVB",
            ),
        ],
        [],
        [],
    ),
    "booking-closed-season.ics": (
        FeedSource.BOOKING_COM,
        [
            ("…d2e1f0@booking.com", day("2026-11-24"), day("2026-11-28"), None, None, None),
            # sixty nights are still a stay
            ("…ddeeff@booking.com", day("2027-01-05"), day("2027-03-06"), None, None, None),
        ],
        [(CLOSED_SEASON, day("2027-04-01"), day("2027-09-30"))],
        [],
    ),
    "vrbo-en-lf.ics": (
        FeedSource.VRBO,
        [
            ("…000a01", day("2026-12-01"), day("2026-12-05"), "Dana", None, None),
            ("…000a03", day("2026-12-10"), day("2026-12-17"), None, None, None),
        ],
        [
            (BLOCKED, day("2026-12-05"), day("2026-12-06")),
            (TENTATIVE, day("2026-12-20"), day("2026-12-22")),
        ],
        [],
    ),
    "vrbo-localized.ics": (
        FeedSource.VRBO,
        [
            ("…000001", day("2021-04-10"), day("2021-04-17"), "Élodie & Théo", None, None),
            ("…000002", day("2021-04-20"), day("2021-04-25"), None, None, None),
            ("…000005", day("2021-06-01"), day("2021-06-08"), "Jürgen", None, None),
            ("…000006", day("2021-06-10"), day("2021-06-12"), "María José", None, None),
            ("…000007", day("2021-06-13"), day("2021-06-15"), "Nicolò", None, None),
        ],
        [
            (BLOCKED, day("2021-05-01"), day("2021-05-03")),
            (TENTATIVE, day("2021-05-05"), day("2021-05-09")),
            (BLOCKED, day("2021-06-16"), day("2021-06-18")),
        ],
        [],
    ),
    "ownerrez-tzid.ics": (
        FeedSource.OWNERREZ,
        [
            (
                "0a0b0c0d0e0f40418283848586878889",
                utc("2026-12-10T15:00"),
                utc("2026-12-14T10:00"),
                None,
                None,
                None,
            )
        ],
        [
            (CLOSED_SEASON, utc("2026-03-01T15:00"), utc("2026-11-30T10:00")),
            (CANCELLED, utc("2027-01-05T15:00"), utc("2027-01-08T10:00")),
        ],
        [],
    ),
    "edge-timezones-bom.ics": (
        FeedSource.ICAL,
        [
            ("plain-zone", utc("2027-11-05T06:00"), utc("2027-11-07T01:00"), None, None, None),
            ("quoted-zone", utc("2027-11-10T21:00"), utc("2027-11-12T15:00"), None, None, None),
            ("windows-zone", utc("2027-11-15T15:00"), utc("2027-11-18T09:00"), None, None, None),
            (
                "unknown-zone",
                local("2027-11-20T16:00"),
                local("2027-11-21T10:00"),
                None,
                None,
                None,
            ),
            ("floating", local("2027-12-01T15:00"), local("2027-12-03T11:00"), None, None, None),
            ("universal", utc("2027-12-10T14:00"), utc("2027-12-13T10:00"), None, None, None),
            ("no-end", day("2027-12-20"), day("2027-12-21"), None, None, None),
        ],
        [],
        ["unknown_zone"],
    ),
    "edge-duplicate-uids.ics": (
        FeedSource.ICAL,
        [
            ("twice-apart@pms.example", day("2026-12-01"), day("2026-12-05"), None, None, None),
            ("twice-apart@pms.example", day("2026-12-05"), day("2026-12-08"), None, None, None),
            ("twice-over@pms.example", day("2026-12-12"), day("2026-12-19"), None, None, None),
            ("revised@pms.example", day("2026-12-22"), day("2026-12-26"), None, None, None),
        ],
        [
            (DOUBLE, day("2026-12-12"), day("2026-12-14")),
            (DOUBLE, day("2026-12-22"), day("2026-12-31")),
        ],
        [],
    ),
    "google-by-hand.ics": (
        FeedSource.GOOGLE,
        [
            (
                "busy1@google.com",
                day("2026-12-01"),
                day("2026-12-04"),
                "Anna Meyer",
                "0147",
                "AB-1207",
            ),
            (
                "timed1@google.com",
                utc("2026-12-13T22:00"),
                utc("2026-12-15T17:00"),
                "Dee O'Hara",
                None,
                None,
            ),
            # weekly, three times, the second one taken out
            (
                "weekly1@google.com#20261218",
                day("2026-12-18"),
                day("2026-12-20"),
                "Grandparents",
                None,
                None,
            ),
            (
                "weekly1@google.com#20270101",
                day("2027-01-01"),
                day("2027-01-03"),
                "Grandparents",
                None,
                None,
            ),
        ],
        [
            (FREE, day("2026-12-05"), day("2026-12-06")),
            (CANCELLED, day("2026-12-07"), day("2026-12-09")),
            (TENTATIVE, day("2026-12-10"), day("2026-12-12")),
        ],
        [],
    ),
    "latin-1.ics": (
        FeedSource.VRBO,
        [("latin-1", day("2026-12-01"), day("2026-12-05"), "Zoé", None, None)],
        [],
        ["wrong_charset"],
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_is_read_as_a_person_reads_it(name: str) -> None:
    source, stays, skipped, flags = EXPECTED[name]

    reading = sample(name)

    assert reading.source == source
    assert [_fields(stay) for stay in reading.stays] == [
        (_whole(uid, reading), *rest) for uid, *rest in stays
    ]
    assert [(event.reason, event.starts, event.ends) for event in reading.skipped] == skipped
    assert reading.flags == flags
    assert not reading.has_rejects


def _fields(stay: object) -> tuple[object, ...]:
    names = ("uid", "starts", "ends", "guest_name", "phone_last4", "reservation_code")
    return tuple(getattr(stay, name) for name in names)


def _whole(uid: str, reading: Reading) -> str:
    """The only UID of the reading that ends as the table says after its dots."""
    if not uid.startswith("…"):
        return uid
    [found] = {stay.uid for stay in reading.stays if stay.uid.endswith(uid[1:])}
    return found


def test_every_sample_has_an_expected_reading() -> None:
    names = {path.name for path in SAMPLES.glob("[!.]*")}

    assert names == set(EXPECTED) | set(UNREADABLE) | {"rejects.ics"}


def test_an_unusable_event_is_kept_out_and_told_of() -> None:
    reading = sample("rejects.ics")

    assert [stay.uid for stay in reading.stays] == ["good-1"]
    assert reading.rejected_uids == [
        "backwards",
        "bad-date",
        "far-away",
        "hourly",
        "no-night",
        "no-start",
    ]
    assert reading.has_unreadable
    assert reading.flags == [
        "bad_date",
        "end_before_start",
        "long_uid",
        "no_uid",
        "too_frequent",
    ]
    assert {event.reason for event in reading.skipped} == {SkipReason.REJECTED}
    assert len(reading.skipped) == reading.event_count - 1


UNREADABLE = {
    "bad-empty.ics": "empty_body",
    "bad-error.json": "error_message",
    "bad-hole.ics": "damaged",
    "bad-login-page.html": "web_page",
    "bad-truncated.ics": "truncated",
}


@pytest.mark.parametrize(("name", "key"), UNREADABLE.items())
def test_what_is_no_complete_calendar_is_not_read(name: str, key: str) -> None:
    with pytest.raises(FeedUnreadable) as unreadable:
        sample(name)

    assert unreadable.value.key == key


def calendar(*events: str, head: str = "PRODID:-//Sample//EN") -> bytes:
    """A calendar of events given as lines separated by semicolons and a space."""
    blocks = ["BEGIN:VCALENDAR", "VERSION:2.0", head]
    for event in events:
        blocks += ["BEGIN:VEVENT", *event.split("; "), "END:VEVENT"]
    return ("\r\n".join([*blocks, "END:VCALENDAR"]) + "\r\n").encode()


NIGHT = "DTSTART;VALUE=DATE:20261201; DTEND;VALUE=DATE:20261202"


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b" \r\n\t", "empty_body"),
        (b"\x00" * 100, "empty_body"),
        (b"\xef\xbb\xbf", "empty_body"),
        (b"hello", "not_a_calendar"),
        (b"\xff\xfe" + "hello".encode("utf-16-le"), "not_a_calendar"),
        (calendar(f"UID:a; {NIGHT}").decode().encode("utf-16-be"), "not_a_calendar"),
        (b"BEGIN:VCALENDAR", "truncated"),
        (b"BEGIN:VCALENDAR\r\nEND:VEVENT\r\nEND:VCALENDAR", "damaged"),
        (calendar() + b"<html>", "damaged"),
        (calendar() + b"BEGIN:VEVENT\r\nEND:VEVENT", "damaged"),
        (b"BEGIN:VCALENDAR\r\n" + b"BEGIN:X\r\n" * 50_000, "damaged"),
        (b"x" * (2 * 1024 * 1024 + 1), "too_big"),
        (calendar(*[f"UID:{n}; {NIGHT}" for n in range(5001)]), "too_many_events"),
    ],
)
def test_an_incomplete_or_oversized_body_is_not_read(body: bytes, key: str) -> None:
    with pytest.raises(FeedUnreadable) as unreadable:
        read(body, today=TODAY)

    assert unreadable.value.key == key


def test_two_calendars_in_one_body_are_both_read() -> None:
    body = calendar(f"UID:a; {NIGHT}") + calendar(f"UID:b; {NIGHT}")

    assert [stay.uid for stay in read(body, today=TODAY).stays] == ["a", "b"]


def test_utf_16_with_a_mark_is_read_and_flagged() -> None:
    body = b"\xff\xfe" + calendar(f"UID:a; {NIGHT}").decode().encode("utf-16-le")

    reading = read(body, today=TODAY)

    assert ([stay.uid for stay in reading.stays], reading.flags) == (["a"], ["wrong_charset"])


def test_an_extreme_time_zone_costs_its_event_and_no_other() -> None:
    extreme = f"UID:b; DTSTART;TZID={'x' * 100_000}:20261201T100000; DTEND:20261203T100000"

    reading = read(calendar(f"UID:a; {NIGHT}", extreme, f"UID:c; {NIGHT}"), today=TODAY)

    assert [stay.uid for stay in reading.stays] == ["a", "c"]
    assert reading.rejected_uids == ["b"]
    assert not reading.has_unreadable


@pytest.mark.parametrize(
    "summary",
    [
        "Airbnb (Not available)",
        "Airbnb (No disponible)",
        "Not available",
        "NOT AVAILABLE - owner",
        "Blocked",
        "Indisponible",
        "Bloqué",
        "Nicht verfügbar",
        "Não disponível",
        "予約不可",
    ],
)
def test_words_for_a_block_are_known_in_many_languages(summary: str) -> None:
    reading = read(calendar(f"UID:a; {NIGHT}; SUMMARY:{summary}"), today=TODAY)

    assert [event.reason for event in reading.skipped] == [SkipReason.BLOCKED]


@pytest.mark.parametrize(
    ("summary", "name"),
    [
        ("Reserved", None),
        ("CLOSED - Not available", None),
        ("Busy", None),
        ("Réservée - Zoé & Max", "Zoé & Max"),
        ("Booking: Anna-Lena Groß", "Anna-Lena Groß"),
        ("Reserved (Kim)", "Kim"),
        ("Blockhaus Family", "Blockhaus Family"),
        ("Tentativesson", "Tentativesson"),
        ("\u202egnol\u202c  and\u0007  wide", "gnol and wide"),
        ("x" * 500, "x" * 120),
    ],
)
def test_a_guest_is_no_block_and_is_called_by_name(summary: str, name: str | None) -> None:
    reading = read(calendar(f"UID:a; {NIGHT}; SUMMARY:{summary}"), today=TODAY)

    assert [stay.guest_name for stay in reading.stays] == [name]


def test_bookings_coms_words_are_a_stay_whoever_passes_them_on() -> None:
    body = calendar(f"UID:a; {NIGHT}; SUMMARY:CLOSED - Not available")

    assert len(read(body, FeedSource.BOOKING_COM, today=TODAY).stays) == 1
    assert len(read(body, FeedSource.AIRBNB, today=TODAY).stays) == 1


@pytest.mark.parametrize(
    ("head", "source"),
    [
        ("PRODID:-//Airbnb Inc//Hosting Calendar 1.0//EN", FeedSource.AIRBNB),
        ("PRODID:-//HomeAway.com, Inc.//EN", FeedSource.VRBO),
        ("PRODID:-//admin.booking.com\\\\\\, b.v.//NONSGML v1.0//EN", FeedSource.BOOKING_COM),
        ("PRODID:-//Google Inc//Google Calendar 70.9054//EN", FeedSource.GOOGLE),
        ("X-WR-CALNAME:OwnerRez - Cabin", FeedSource.OWNERREZ),
        ("PRODID:-//Sample//EN", FeedSource.VRBO),
    ],
)
def test_a_calendars_signature_goes_before_the_owners_word(head: str, source: FeedSource) -> None:
    reading = read(calendar(f"UID:a; {NIGHT}", head=head), FeedSource.VRBO, today=TODAY)

    assert reading.source == source


def test_a_closed_season_is_remembered_as_one() -> None:
    [closure] = sample("booking-closed-season.ics").closures

    assert (closure.starts, closure.ends) == (day("2027-04-01"), day("2027-09-30"))


def test_the_order_of_the_events_does_not_matter() -> None:
    events = [f"UID:{name}; {NIGHT}; SUMMARY:Guest {name}" for name in "abcab"]

    forwards, backwards = (read(calendar(*order), today=TODAY) for order in (events, events[::-1]))

    assert forwards == backwards


def test_what_strangers_wrote_stays_out_of_the_repr() -> None:
    reading = sample("google-by-hand.ics")

    assert "Anna" not in repr(reading)
    assert "0147" not in repr(reading)
