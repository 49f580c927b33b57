"""One command at a time: however its answer comes, or does not, the code ends right."""

from typing import Any

import pytest
from requests import PreparedRequest, Response

from portal.domain.command import State
from portal.domain.problems import ProblemKey
from portal.domain.status import Status, Verdict
from portal.models import Booking
from simulator.adapter import CloudAdapter
from simulator.cloud import Cloud
from tests.engine.promises import Watch
from tests.support.house import House


def kinds(house: House) -> list[str]:
    return [str(command.kind) for command in house.commands()]


def test_a_code_turns_green_by_its_webhook_within_seconds(house: House) -> None:
    booking = house.book()
    assert house.status(booking) is Status.SENT

    house.stage.run_for(seconds=15)

    assert house.status(booking) is Status.CONFIRMED
    assert house.commands()[0].closed_by == "webhook"


def test_without_webhooks_a_code_turns_green_by_looking_it_up(house: House, watch: Watch) -> None:
    house.stage.webhooks_arrive = False

    booking = house.book()
    house.stage.run_for(minutes=2)

    assert house.status(booking) is Status.CONFIRMED
    assert house.commands()[0].closed_by == "look_up"
    watch.assert_settled()


def test_a_look_that_nobody_answers_is_had_again_within_the_minute(house: House) -> None:
    house.stage.webhooks_arrive = False
    booking = house.book()
    house.stage.run_for(seconds=55)
    house.stage.cloud.weather.set_api(False)
    house.stage.run_for(seconds=10)
    house.stage.cloud.weather.set_api(True)

    house.stage.run_for(seconds=35)

    assert house.status(booking) is Status.CONFIRMED


def test_accepted_is_not_green(house: House) -> None:
    house.door.script.push("state:Pending")

    booking = house.book()
    house.stage.run_for(minutes=9)

    assert house.status(booking) is Status.SENT
    assert house.code(booking).due_at is not None


def test_an_unknown_state_word_is_pending_for_ten_minutes_and_then_unsure(
    house: House, watch: Watch
) -> None:
    house.door.script.push("state:Dreaming")

    booking = house.book()
    house.stage.run_for(minutes=9)
    assert house.commands()[0].raw_state == "Dreaming"
    house.stage.run_for(seconds=75)

    assert house.status(booking) is Status.UNSURE
    assert house.code(booking).problem is ProblemKey.OUTCOME_UNKNOWN
    house.stage.run_for(minutes=10)
    watch.assert_settled()
    assert kinds(house) == ["add", "add"]


def test_a_timed_out_add_that_was_not_applied_is_read_before_it_is_sent_again(
    house: House, watch: Watch
) -> None:
    house.door.script.push("timeout_not_applied")

    booking = house.book()
    house.stage.run_for(seconds=90)
    assert house.status(booking) is Status.UNSURE
    assert house.code(booking).problem is ProblemKey.COMMAND_TIMEOUT
    house.stage.run_for(minutes=6)

    watch.assert_settled()
    first, second = house.commands()
    assert (first.kind, second.kind) == ("add", "add")
    assert first.lock_entry_id == second.lock_entry_id
    assert house.code(booking).problem is None


def test_a_timed_out_add_that_was_applied_is_adopted_by_one_update(
    house: House, watch: Watch
) -> None:
    house.door.script.push("timeout_applied")

    house.book()
    house.stage.run_for(minutes=5)

    watch.assert_settled()
    assert kinds(house) == ["add", "update"]


def test_an_add_applied_late_ends_as_one_code(house: House, watch: Watch) -> None:
    house.door.script.push("timeout_applied_late:500")

    house.book()
    house.stage.run_for(minutes=20)

    watch.assert_settled()
    assert len(house.held()) == 1


def test_a_late_success_makes_the_entry_held(house: House, watch: Watch) -> None:
    house.door.script.push("timeout_then_success:75")

    booking = house.book()
    house.stage.run_for(minutes=2)

    assert house.status(booking) is Status.CONFIRMED
    house.stage.run_for(minutes=20)
    watch.assert_settled()
    assert len(kinds(house)) <= 2


def test_what_only_the_server_lists_is_never_green(house: House, watch: Watch) -> None:
    house.door.script.push("timeout_listed_only")

    booking = house.book()
    house.stage.run_for(minutes=30)

    watch.assert_settled()
    assert house.status(booking) is Status.CONFIRMED
    assert house.opens(house.pin(booking), house.booking(booking.id).starts_at)


@pytest.mark.parametrize("fault", ["bad_gateway_done", "gateway_timeout_done", "error_34_done"])
def test_an_error_although_the_code_was_created_ends_as_one_code_with_two_writes(
    house: House, watch: Watch, fault: str
) -> None:
    house.door.script.push(fault)

    booking = house.book()
    assert house.status(booking) is Status.UNSURE
    house.stage.run_for(minutes=5)

    watch.assert_settled()
    assert len(watch.writes) <= 2
    assert len(house.held()) == 1


def test_a_gateway_error_and_nothing_done_is_sent_again(house: House, watch: Watch) -> None:
    house.door.script.push("bad_gateway_not_done")

    house.book()
    house.stage.run_for(minutes=5)

    watch.assert_settled()
    assert kinds(house) == ["add", "add"]


def test_a_throttled_write_waits_as_long_as_schlage_asks(house: House, watch: Watch) -> None:
    house.door.script.push("throttled:240")

    booking = house.book()
    assert house.code(booking).problem is ProblemKey.RATE_LIMITED
    assert house.status(booking) is Status.RETRYING
    house.stage.run_for(seconds=230)
    assert len(watch.writes) == 1
    house.stage.run_for(minutes=1)

    watch.assert_settled()


class Throttled(CloudAdapter):
    """A Schlage that asks for half an hour of peace wherever it is asked for one kind of thing."""

    def __init__(self, cloud: Cloud, part: str) -> None:
        super().__init__(cloud)
        self.part = part
        self.asked = 0

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        answer = super().send(request, *args, **options)
        if request.method == "GET" and f"/{self.part}" in (request.url or ""):
            self.asked += 1
            answer.status_code = 429
            answer.headers["Retry-After"] = "1800"
        return answer


@pytest.mark.parametrize(
    ("part", "most", "ended"),
    [
        ("accesscodes", 2, State.TIMED_OUT),
        ("commands", 6, State.UNKNOWN),
        ("history", 1, State.SUCCEEDED),
    ],
)
def test_a_throttled_question_waits_as_long_as_schlage_asks(
    house: House, part: str, most: int, ended: State
) -> None:
    """A command's deadline asks once more: it cannot wait, as others wait for the command."""
    adapter = Throttled(house.stage.cloud, part)
    house.stage.adapter, house.stage._http = adapter, None
    house.stage.webhooks_arrive = False
    if ended is not State.SUCCEEDED:
        house.door.script.push("timeout_applied", only="add")

    house.book(arrives="2026-03-02T16:00")
    house.stage.run_for(minutes=29)

    assert adapter.asked <= most
    assert house.commands()[0].state is ended


def test_a_command_schlage_forgot_is_verified(house: House, watch: Watch) -> None:
    house.stage.webhooks_arrive = False
    house.door.script.push("command_forgotten")

    booking = house.book()
    house.stage.run_for(seconds=70)
    assert house.status(booking) is Status.UNSURE
    house.stage.run_for(minutes=5)

    watch.assert_settled()
    assert len(house.held()) == 1


def test_a_forgotten_command_still_counts_by_its_webhook(house: House, watch: Watch) -> None:
    house.door.script.push("command_forgotten")

    booking = house.book()
    house.stage.run_for(seconds=20)

    assert house.status(booking) is Status.CONFIRMED
    watch.assert_settled()


@pytest.mark.parametrize("omission", [1, 2])
def test_a_list_that_leaves_out_a_code_makes_no_second_one(
    house: House, watch: Watch, omission: int
) -> None:
    house.door.script.push("timeout_applied")
    for _ in range(omission):
        house.door.script.push("list_omits", only="list")

    house.book()
    house.stage.run_for(minutes=30)

    watch.assert_settled()
    assert len(house.held()) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Access code/code name are already in use", ProblemKey.ALREADY_IN_USE),
        ("Schedule parameters are not valid", ProblemKey.SCHEDULE_NOT_VALID),
        ("General failure during the operation", ProblemKey.UNKNOWN),
    ],
)
def test_a_failed_add_names_its_problem_and_heals_when_it_was_a_passing_one(
    house: House, watch: Watch, text: str, problem: ProblemKey
) -> None:
    house.door.script.push(f"failed:{text}")

    booking = house.book()
    house.stage.run_for(seconds=15)
    assert house.code(booking).problem is problem
    assert house.code(booking).problem_text
    house.stage.run_for(minutes=10)

    watch.assert_settled()
    assert house.code(booking).problem is None


def test_a_nack_is_named_and_tried_again(house: House, watch: Watch) -> None:
    house.door.script.push("nack")

    booking = house.book()
    house.stage.run_for(seconds=15)
    assert house.code(booking).problem is ProblemKey.NACK
    assert house.booking(booking.id).problem is ProblemKey.NACK
    house.stage.run_for(minutes=10)

    watch.assert_settled()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Access code ID not found on device", ProblemKey.CODE_ID_NOT_FOUND),
        ("User not found in the device", ProblemKey.USER_NOT_FOUND),
    ],
)
def test_an_update_the_lock_denies_by_mistake_is_healed_under_the_same_pin(
    house: House, watch: Watch, text: str, problem: ProblemKey
) -> None:
    booking = house.book()
    house.stage.run_for(minutes=2)
    house.show_pin(booking)
    pin = house.pin(booking)
    watch.excuse(*house.held())
    house.door.script.push(f"failed:{text}", only="update")

    house.book(departs="2026-03-09")
    house.stage.run_for(seconds=20)
    assert house.code(booking).problem is problem
    house.stage.run_for(minutes=60)

    assert house.code(booking).problem is None or house.status(booking) is Status.NEEDS_YOU
    assert house.pin(booking) == pin
    assert house.opens(pin, house.booking(booking.id).starts_at)


def test_a_schedule_refused_again_and_again_asks_a_person(house: House) -> None:
    for _ in range(4):
        house.door.script.push("failed:Schedule parameters are not valid")

    booking = house.book()
    house.stage.run_for(minutes=30)

    assert house.status(booking) is Status.NEEDS_YOU
    assert house.code(booking).problem is ProblemKey.SCHEDULE_NOT_VALID
    assert house.booking(booking.id).verdict is Verdict.NOT_READY
    assert len(house.commands()) <= 3


def test_a_problem_stays_through_later_attempts_until_a_success(house: House) -> None:
    house.door.script.push("timeout_not_applied")
    house.door.script.push("state:Pending")

    booking = house.book()
    house.stage.run_for(minutes=4)
    assert house.status(booking) is Status.SENT
    assert house.code(booking).problem is ProblemKey.COMMAND_TIMEOUT


def test_time_outs_that_do_not_end_slow_down_and_never_stop(house: House, watch: Watch) -> None:
    for _ in range(8):
        house.door.script.push("timeout_not_applied")

    booking = house.book()
    house.stage.run_for(hours=2)
    assert house.status(booking) in {Status.RETRYING, Status.UNSURE, Status.SENT}
    sent = len(watch.writes)
    assert 4 <= sent <= 8
    house.stage.run_for(hours=8)

    watch.assert_settled()


def test_every_delete_fault_ends_with_the_code_off_the_lock(house: House, watch: Watch) -> None:
    faults = [
        "timeout_not_applied", "timeout_applied", "split_brain_b", "bad_gateway_done",
        "bad_gateway_not_done", "nack", "webhook_lost", "state:Odd",
        "failed:User not found in the device",
    ]  # fmt: skip
    for number, fault in enumerate(faults):
        booking = house.book(f"b{number}")
        house.stage.run_for(minutes=2)
        assert house.status(booking) is Status.CONFIRMED, fault
        house.door.script.push(fault, only="delete")

        house.cancel(booking)
        assert house.status(booking) is Status.REMOVING, fault
        house.stage.run_for(minutes=30)

        if "failed:User" not in fault:
            assert house.held() == [], fault
        assert house.status(booking) is Status.REMOVED, fault


def test_an_add_that_comes_late_after_its_code_was_replaced_is_off_within_minutes(
    house: House, watch: Watch
) -> None:
    house.door.script.push("timeout_applied_late:535", only="add")
    booking = house.book()
    house.stage.run_for(minutes=5)
    house.new_pin(booking)
    house.stage.run_for(minutes=10)

    assert len(house.held()) == 1
    watch.assert_settled()


def test_an_error_that_hides_two_successes_asks_nobody(house: House, watch: Watch) -> None:
    house.door.script.push("timeout_applied", only="add")
    for _ in range(2):
        house.door.script.push("error_34_done", only="update")

    booking = house.book()
    house.stage.run_for(minutes=30)

    assert house.status(booking) is Status.CONFIRMED
    watch.assert_settled()


def an_older_add_makes_itself_felt(house: House, after_seconds: int) -> Booking:
    """Schlage lists a code that the lock does not hold, beside the one of an add it gave up."""
    house.book("first", arrives="2026-03-03", departs="2026-03-04")
    house.stage.run_for(minutes=5)
    house.door.script.push(f"timeout_applied_late:{after_seconds}", only="add")
    house.door.script.push("false_success", only="add")
    house.door.script.push("bad_gateway_not_done", only="update")
    return house.book("b1")


def test_a_code_that_an_older_add_brought_is_known_by_the_locks_own_log(
    house: House, watch: Watch
) -> None:
    booking = an_older_add_makes_itself_felt(house, 215)
    house.stage.run_for(hours=1)

    assert house.status(booking) is Status.CONFIRMED
    assert house.opens(house.pin(booking), booking.starts_at)
    assert kinds(house).count("update") <= 3
    watch.assert_settled()


@pytest.mark.parametrize("after_seconds", [215, 240, 400, 560, 900])
def test_of_a_name_that_is_listed_twice_one_code_works_and_in_the_end_none(
    house: House, watch: Watch, after_seconds: int
) -> None:
    booking = an_older_add_makes_itself_felt(house, after_seconds)
    house.stage.run_for(hours=2)
    watch.assert_settled()
    house.stage.run_for(hours=1)

    house.cancel(booking)
    house.stage.run_for(hours=1)

    assert house.status(booking) is Status.REMOVED
    assert len(house.held()) == 1  # the first guest's
    watch.assert_settled()
