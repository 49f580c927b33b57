"""How long what goes out waits between its tries, and when it is given up."""

from datetime import timedelta

from portal.domain.outgoing import CALL_PAUSES, ENDPOINT_GIVES_UP, NOTICE_PAUSES, pause_after


def test_calls_to_endpoints_are_spaced_as_standard_webhooks_recommends() -> None:
    seconds = [int(pause.total_seconds()) for pause in CALL_PAUSES]

    assert seconds == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]


def test_the_pauses_grow_and_come_to_an_end() -> None:
    for pauses in (NOTICE_PAUSES, CALL_PAUSES):
        found = [pause_after(attempt, pauses) for attempt in range(1, len(pauses) + 1)]

        assert found == sorted(pauses)
        assert pause_after(len(pauses) + 1, pauses) is None


def test_a_try_that_was_never_made_has_no_pause() -> None:
    assert pause_after(0, CALL_PAUSES) is None


def test_an_endpoint_is_given_up_before_its_first_event_would_be() -> None:
    assert timedelta(days=1) < ENDPOINT_GIVES_UP < sum(CALL_PAUSES, timedelta())
