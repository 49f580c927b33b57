"""To whom a guest's message goes, by which way, and when it does not go."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.domain import bulk
from portal.domain.bulk import Dates, Facts, Options, forecast_send
from portal.domain.guest_sending import (
    Hindrance,
    MessageFacts,
    State,
    Way,
    is_email,
    masked,
    plan,
    sms_number,
)

BOTH = frozenset(Way)
FACTS = MessageFacts(ways=BOTH, email="ana@example.com", phone="+1 212 555 0142")
NOW = datetime(2026, 3, 5, 17, tzinfo=UTC)


def test_e_mail_goes_before_a_text_message() -> None:
    sending = plan(FACTS)

    assert (sending.hindrance, sending.way, sending.address) == (
        None,
        Way.EMAIL,
        "ana@example.com",
    )


@pytest.mark.parametrize(
    "facts",
    [replace(FACTS, email=""), replace(FACTS, ways=frozenset({Way.SMS}))],
)
def test_where_e_mail_cannot_reach_the_guest_a_text_message_does(facts: MessageFacts) -> None:
    sending = plan(facts)

    assert (sending.hindrance, sending.way, sending.address) == (None, Way.SMS, "12125550142")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"is_cancelled": True}, Hindrance.CANCELLED),
        ({"is_over": True}, Hindrance.OVER),
        ({"has_pin": False}, Hindrance.NO_PIN),
        ({"is_confirmed": False}, Hindrance.UNCONFIRMED),
        ({"ways": frozenset()}, Hindrance.NO_WAY),
        ({"email": "", "phone": ""}, Hindrance.NO_ADDRESS),
        ({"email": "", "phone": "0142"}, Hindrance.NO_ADDRESS),
        ({"email": "", "phone": "212 555 0142"}, Hindrance.NO_COUNTRY_CODE),
        ({"ways": frozenset({Way.EMAIL}), "email": ""}, Hindrance.NO_ADDRESS),
        ({"before": {Way.EMAIL: State.SENT}}, Hindrance.ALREADY_SENT),
        ({"before": {Way.EMAIL: State.UNSURE}}, Hindrance.MAY_BE_SENT),
        ({"before": {Way.EMAIL: State.INTENDED}}, Hindrance.BEING_SENT),
        ({"before": {Way.EMAIL: State.SENDING}}, Hindrance.BEING_SENT),
    ],
)
def test_each_reason_against_it_is_named(change: dict[str, object], why: Hindrance) -> None:
    assert plan(replace(FACTS, **change)).hindrance is why  # type: ignore[arg-type]


def test_who_has_it_by_e_mail_is_not_sent_it_by_text_message_instead() -> None:
    assert plan(replace(FACTS, before={Way.EMAIL: State.SENT})).hindrance is not None


def test_a_person_may_choose_the_other_way() -> None:
    facts = replace(FACTS, before={Way.EMAIL: State.SENT})

    assert plan(facts, way=Way.SMS).hindrance is None


def test_a_way_that_is_chosen_and_not_set_up_is_said() -> None:
    facts = replace(FACTS, ways=frozenset({Way.EMAIL}))

    assert plan(facts, way=Way.SMS).hindrance is Hindrance.NO_WAY


def test_insisting_reaches_past_an_unconfirmed_door_and_past_nothing_else() -> None:
    assert plan(replace(FACTS, is_confirmed=False), is_forced=True).hindrance is None
    assert plan(replace(FACTS, has_pin=False), is_forced=True).hindrance is Hindrance.NO_PIN
    assert plan(replace(FACTS, is_over=True), is_forced=True).hindrance is Hindrance.OVER


@pytest.mark.parametrize("before", [State.SENT, State.UNSURE])
def test_a_person_may_send_the_same_again(before: State) -> None:
    assert plan(replace(FACTS, before={Way.EMAIL: before}), is_again=True).hindrance is None


def test_nobody_may_send_again_what_is_on_its_way() -> None:
    facts = replace(FACTS, before={Way.EMAIL: State.SENDING})

    assert plan(facts, is_again=True).hindrance is Hindrance.BEING_SENT


@pytest.mark.parametrize(
    "text", ["ana@example.com", "a.b+c@sub.example.co", "jörg@exämple.de", "o'neil@example.com"]
)
def test_addresses_are_taken(text: str) -> None:
    assert is_email(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ana",
        "ana@",
        "@example.com",
        "ana@example",
        "ana@example..com",
        "ana@-example.com",
        "a b@example.com",
        "a@b@example.com",
        "a@example.com,b@example.com",
        "a@example.com?bcc=b@example.com",
        "Ana <ana@example.com>",
        "ana@example.com\n",
        "a" * 250 + "@example.com",
    ],
)
def test_what_is_no_single_address_is_not(text: str) -> None:
    assert not is_email(text)


@pytest.mark.parametrize(
    ("phone", "number"),
    [
        ("+1 212 555 0142", "12125550142"),
        ("0049 (0)151 2345678", "491512345678"),
        ("+49 (0) 151-2345678", "491512345678"),
        ("212 555 0142", ""),
        ("0142", ""),
        ("", ""),
        ("+1", ""),
        ("+1234567890123456", ""),
    ],
)
def test_a_number_needs_its_country_code(phone: str, number: str) -> None:
    assert sms_number(phone) == number


def test_lists_show_an_address_without_telling_it() -> None:
    assert masked(Way.EMAIL, "ana.guest@example.com") == "a•••@example.com"


@pytest.mark.parametrize("number", ["12125550142", "12345678", "491512345678"])
def test_of_a_number_nothing_is_shown_that_a_pin_can_be_made_of(number: str) -> None:
    assert masked(Way.SMS, number) == f"+{number[:-8]}•••"


def test_neither_facts_nor_plans_print_an_address() -> None:
    assert "ana@" not in repr(FACTS)
    assert "ana@" not in repr(plan(FACTS))
    assert "0142" not in repr(FACTS)


# In bulk


def facts(message: MessageFacts = FACTS) -> Facts:
    day = NOW.date()
    return Facts(
        starts_at=NOW + timedelta(days=1),
        ends_at=NOW + timedelta(days=4),
        dates=Dates(
            arrives_on=day,
            arrives_time=None,
            departs_on=day + timedelta(days=3),
            departs_time=None,
        ),
        check_in=time(16),
        check_out=time(11),
        zone=ZoneInfo("America/New_York"),
        message=message,
    )


def test_a_forecast_says_to_whom_by_which_way_and_in_which_language() -> None:
    found = forecast_send(facts(replace(FACTS, language="de")), Options(), NOW)

    assert found.why is None
    assert found.sending is not None
    assert (found.sending.way, found.sending.to) == (Way.EMAIL, "a•••@example.com")
    assert found.language == "de"


@pytest.mark.parametrize("why", list(Hindrance))
def test_every_reason_against_a_message_is_one_of_the_runs(why: Hindrance) -> None:
    assert bulk.Why(str(why))


def test_unconfirmed_codes_are_left_out_unless_that_was_ticked() -> None:
    unconfirmed = facts(replace(FACTS, is_confirmed=False))

    assert forecast_send(unconfirmed, Options(), NOW).why is bulk.Why.UNCONFIRMED
    assert forecast_send(unconfirmed, Options(also_unconfirmed=True), NOW).why is None


def test_a_stay_that_is_over_is_left_out() -> None:
    assert forecast_send(facts(), Options(), NOW + timedelta(days=5)).why is bulk.Why.OVER


def test_options_of_messages_come_back_from_storage() -> None:
    assert Options.read({"way": "sms", "also_unconfirmed": True}) == Options(
        way=Way.SMS, also_unconfirmed=True
    )
    assert Options.read({}) == Options()
