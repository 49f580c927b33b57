"""The ways FakeSchlage can be told to misbehave, which other tests build on."""

from datetime import UTC, datetime

import pytest

from portal.schlage.errors import SchlageNotFound, SchlageUnavailable, SchlageUncertain
from portal.schlage.payloads import CommandState
from portal.schlage.schedules import temporary_schedule
from tests.fakes.schlage import ALREADY_IN_USE, FakeSchlage

STAY = temporary_schedule(
    datetime(2026, 11, 25, 21, 0, tzinfo=UTC), datetime(2026, 11, 28, 16, 0, tzinfo=UTC), UTC
)


def make_fake(**traits):
    fake = FakeSchlage()
    fake.add_device("lock-1")
    for name, value in traits.items():
        setattr(fake, name, value)
    return fake


def labels(fake):
    return [code.label for code in fake.list_codes("lock-1").entries]


def test_a_failure_meets_the_method_it_is_meant_for_and_no_other():
    fake = make_fake()
    fake.fail_next(SchlageUnavailable("away"), on="add_code")

    assert labels(fake) == []
    with pytest.raises(SchlageUnavailable):
        fake.add_code("lock-1", "Guest A", "4829", STAY)
    fake.add_code("lock-1", "Guest A", "4829", STAY)

    assert labels(fake) == ["Guest A"]


def test_an_accepted_failure_leaves_the_code_behind():
    fake = make_fake()
    fake.fail_next(SchlageUncertain("lost"), accepted=True)

    with pytest.raises(SchlageUncertain):
        fake.add_code("lock-1", "Guest A", "4829", STAY)

    assert labels(fake) == ["Guest A"]


def test_lists_can_lag_behind_for_some_reads():
    fake = make_fake()
    fake.lag_lists(2)

    fake.add_code("lock-1", "Guest A", "4829", STAY)

    assert [labels(fake) for _ in range(3)] == [[], [], ["Guest A"]]


def test_an_entry_can_be_hidden_and_digits_masked_and_a_list_cut():
    fake = make_fake(lists_are_complete=False, pins_are_masked=True)
    fake.add_code("lock-1", "Guest A", "4829", STAY)
    fake.add_code("lock-1", "Guest B", "7777", STAY)

    fake.hide(fake.list_codes("lock-1").entries[0].access_code_id)

    codes = fake.list_codes("lock-1")
    assert [(code.label, code.pin) for code in codes.entries] == [("Guest B", None)]
    assert not codes.is_complete


def test_two_adds_under_way_with_one_label_end_in_one_code_and_one_failure():
    fake = make_fake(is_prompt=False)
    first = fake.add_code("lock-1", "Guest A", "4829", STAY)
    second = fake.add_code("lock-1", "Guest A", "4829", STAY)

    fake.settle(first)
    fake.settle(second)

    assert labels(fake) == ["Guest A"]
    assert fake.get_command("lock-1", second).state is CommandState.FAILED
    assert fake.get_command("lock-1", second).error_text == ALREADY_IN_USE


def test_a_time_out_may_have_been_carried_out():
    fake = make_fake(is_prompt=False)
    command_id = fake.add_code("lock-1", "Guest A", "4829", STAY)

    fake.settle(command_id, CommandState.TIMED_OUT, is_applied=True)

    assert fake.get_command("lock-1", command_id).state is CommandState.TIMED_OUT
    assert fake.get_command("lock-1", command_id).access_code_id is None
    assert labels(fake) == ["Guest A"]


def test_a_command_can_be_forgotten():
    fake = make_fake()
    command_id = fake.unlock("lock-1")

    fake.forget_command(command_id)

    with pytest.raises(SchlageNotFound):
        fake.get_command("lock-1", command_id)


def test_the_calls_are_kept_in_order_and_show_no_pin():
    fake = make_fake()

    fake.add_code("lock-1", "Guest A", "4829", STAY)
    fake.list_codes("lock-1")

    assert [call.name for call in fake.calls] == ["add_code", "list_codes"]
    assert fake.calls[0].values["pin"] == "4829"
    assert "4829" not in repr(fake.calls)
