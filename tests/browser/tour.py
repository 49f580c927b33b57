"""Every page that a person can open, over two worlds: an ordinary one, and one of nasty data.

`STOPS` is the list; a test compares it with the URL map, so that no page is forgotten.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import time, timedelta

from flask import Flask

from portal import clock
from portal.domain.bulk import Kind as BulkKind
from portal.domain.bulk import RunState
from portal.domain.command import State as CommandState
from portal.domain.door_event import How, What, Whose
from portal.domain.entry import EntryState, Evidence
from portal.domain.guest_sending import State as SendState
from portal.domain.guest_sending import Way
from portal.domain.notices import Kind as NoticeKind
from portal.domain.outgoing import State as OutgoingState
from portal.domain.problems import ProblemKey
from portal.domain.rebuild import Stage
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.domain.week import Weekday, WeeklyWindow, to_rows
from portal.models import ConnectionState, ImportState, Lock, Rebuild, Role
from tests.support.builders import (
    make_alert,
    make_api_token,
    make_booking,
    make_bulk_run,
    make_channel,
    make_command,
    make_connection,
    make_csv_import,
    make_door_code,
    make_door_event,
    make_endpoint,
    make_endpoint_call,
    make_entry,
    make_feed,
    make_foreign_code,
    make_guest_link,
    make_guest_message,
    make_guest_send,
    make_guest_way,
    make_lock,
    make_manager,
    make_notice,
    make_property,
    make_reading,
    make_sign_in,
    make_spare,
    make_staff_code,
    make_timeline_entry,
    saved,
)

HOUR = timedelta(hours=1)

STOPS = {
    "alert_settings.address",
    "alert_settings.channel",
    "alert_settings.index",
    "alert_settings.log",
    "alert_settings.new",
    "alert_settings.remove",
    "alerts.index",
    "arrivals.index",
    "booking_exports.support",
    "bookings.cancel",
    "bookings.dates",
    "bookings.guest",
    "bookings.new_pin",
    "bookings.show",
    "bulk.choose",
    "bulk.runs",
    "bulk.show",
    "calendar.index",
    "csv_imports.show",
    "csv_imports.undo",
    "csv_imports.upload",
    "endpoints.new",
    "endpoints.remove",
    "endpoints.show",
    "entry_log.index",
    "guest.show",
    "guest_access.link",
    "guest_access.message",
    "guest_sending.show",
    "guest_texts.edit",
    "guest_texts.edit_of_property",
    "guest_texts.index",
    "guest_texts.of_property",
    "guest_ways.email",
    "guest_ways.sent",
    "guest_ways.sms",
    "imports.address",
    "imports.booking",
    "imports.file",
    "imports.index",
    "imports.link",
    "imports.remove",
    "locks.index",
    "locks.show",
    "locks.unlock",
    "properties.index",
    "properties.new",
    "properties.show",
    "rebuilds.show",
    "settings.disconnect",
    "settings.schlage",
    "sign_in.form",
    "staff_codes.edit",
    "staff_codes.index",
    "staff_codes.new",
    "staff_codes.revoke",
    "staff_codes.show",
    "team.index",
    "team.new",
    "team.new_token",
    "team.revoke",
    "team.show",
    "you.show",
}
# Pages that look different with a query.
QUERIES = {
    "arrivals.index": ("", "?when=all&q=a&verdict=not_ready", "?when=past", "?q=nobody-at-all"),
    "entry_log.index": ("", "?day=0001-01-01"),
    "guest_texts.edit": ("?language=de",),
    "locks.show": ("", "?days=90"),
}
# What else answers GET, and is no page.
NO_PAGE = {
    "booking_exports.timeline": "a file",
    "entry_log.table": "a file",
    "health.alive": "for a load balancer",
    "health.metrics": "for a program",
    "health.ready": "for a load balancer",
    "settings.callback": "where Schlage sends the browser back to",
    "settings.connect": "leads to Schlage",
    "static": "files",
}


@dataclass
class World:
    """Rows to look at: for each argument of an address one or more values."""

    of: dict[str, list[int | str]] = field(default_factory=dict)

    def add(self, argument: str, *values: int | str) -> None:
        self.of.setdefault(argument, []).extend(values)


def pages(app: Flask) -> set[str]:
    """The endpoints of all pages: what answers GET, but the API, fragments and NO_PAGE."""
    return {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or set())
        and not rule.endpoint.startswith("api_")
        and not rule.endpoint.endswith("live")
        and rule.endpoint not in NO_PAGE
    }


def paths(app: Flask, world: World) -> Iterator[str]:
    """The addresses of every page, each with every row of the world that it can show."""
    rules = {rule.endpoint: rule for rule in app.url_map.iter_rules()}
    for endpoint in sorted(STOPS):
        rule = rules[endpoint]
        argument = next(iter(rule.arguments), None)
        for value in world.of[argument] if argument else [None]:
            path = rule.rule
            if argument:
                converter = "" if isinstance(value, str) else "int:"
                path = path.replace(f"<{converter}{argument}>", str(value))
            yield from (path + query for query in QUERIES.get(endpoint, ("",)))
    yield "/guest/that-opens-nothing"
    yield "/nowhere"


def ordinary() -> World:
    """A few homes as they are on any day: most is well, something is not."""
    connection = make_connection(name="Harbor & Hill Homes")
    lock = make_lock(connection, name="Harbor Loft front door", wifi_signal=-61)
    other = make_lock(connection, name="Maple Cottage garden door", battery_level=14)
    place = make_property(
        locks=[lock],
        name="Harbor Loft",
        fallback_entry=Secret("Key box by the street door, 4471."),
        shares_fallback=True,
    )
    cottage = make_property(locks=[other], name="Maple Cottage", time_zone="America/Denver")
    inside = make_booking(place, arrives_in=-20 * HOUR, guest_name="Amara Reed")
    well = make_door_code(inside, lock, status=Status.CONFIRMED, confirmed_at=clock.now())
    make_entry(well, state=EntryState.HELD, evidence=Evidence.CONFIRMED)
    soon = make_booking(cottage, arrives_in=3 * HOUR, guest_name="Hanna Köhler")
    late = make_door_code(
        soon,
        other,
        status=Status.NEEDS_YOU,
        problem=ProblemKey.PIN_CLASH,
        problem_text="PIN already in use",
    )
    make_command(make_entry(late), state=CommandState.FAILED, closed_at=clock.now())
    make_booking(make_property(name="Garden Studio"), guest_name="Robin Reyes")
    mill = make_lock(connection, name="Old Mill front door")
    split = make_booking(make_property(name="Old Mill", locks=[mill]))
    make_door_code(split, mill, status=Status.NEEDS_YOU, problem=ProblemKey.SPLIT_BRAIN)
    world = World()
    world.add("booking_id", soon.id, inside.id)
    world.add("lock_id", lock.id, mill.id)
    world.add("property_id", place.id)
    world.add("token", make_guest_link(inside))
    for days in range(10):
        make_reading(lock, at=clock.now() - timedelta(days=days), battery_level=90 - days)
    make_door_event(lock, how=How.CODE, whose=Whose.GUEST, booking_id=inside.id)
    make_door_event(lock, what=What.WRONG_TRY, how=How.CODE)
    make_spare(lock)
    make_foreign_code(lock)
    make_timeline_entry(soon, "command_closed", data={"state": "failed", "text": "refused"})
    make_alert(booking_id=soon.id, lock_id=other.id)
    _rest(world, lock, name="Harbor", words="The calendar's server does not answer.")
    return world


def nasty() -> World:
    """The same pages with the longest and least breakable data that a row holds."""
    connection = make_connection(state=ConnectionState.SIGNED_OUT, name="A" * 200)
    lock = make_lock(
        connection, name="L" * 200, model="M" * 100, firmware="F" * 100, is_online=False
    )
    place = make_property(
        locks=[lock],
        name="P" * 200,
        fallback_entry=Secret("k" * 300),
        shares_fallback=True,
        address="D" * 300,
    )
    booking = make_booking(
        place,
        arrives_in=2 * HOUR,
        guest_name="G" * 200,
        guest_phone="5" * 60,
        note="n" * 900,
        guest_email="e" * 64 + "@" + "d" * 60 + ".example.com",
    )
    code = make_door_code(
        booking,
        lock,
        status=Status.NEEDS_YOU,
        problem=ProblemKey.USER_NOT_FOUND,
        problem_text="x" * 500,
    )
    make_command(
        make_entry(code, label="W" * 24),
        state=CommandState.FAILED,
        raw_state="R" * 100,
        outcome_text="o" * 500,
        closed_at=clock.now(),
    )
    here = make_booking(place, arrives_in=-HOUR, guest_name="<b>" * 60)
    held = make_door_code(here, lock, status=Status.CONFIRMED, confirmed_at=clock.now())
    make_entry(held, state=EntryState.HELD, evidence=Evidence.CONFIRMED)
    nobody = make_booking(make_property(name="Q" * 200), guest_name="Bartholomew" * 18)
    world = World()
    world.add("booking_id", booking.id, nobody.id)
    world.add("lock_id", lock.id)
    world.add("property_id", place.id)
    world.add("token", make_guest_link(here), make_guest_link(booking))
    make_reading(lock, is_online=False, battery_level=0, wifi_signal=-99)
    make_door_event(lock, how=How.APP, whose=Whose.OTHER, name="E" * 100)
    make_door_event(lock, what=What.ALARM, how=How.UNKNOWN)
    make_spare(lock, status=Status.NEEDS_YOU, problem=ProblemKey.LOCK_FULL, problem_text="y" * 500)
    make_foreign_code(lock, label="C" * 80)
    saved(
        Rebuild(
            account_id=lock.account_id,
            lock_id=lock.id,
            stage=Stage.WAITING,
            started_by="manager:1",
            started_at=clock.now(),
            until=clock.now() + HOUR,
            gate=clock.now(),
        )
    )
    make_timeline_entry(booking, "command_closed", data={"state": "failed", "text": "y" * 500})
    make_alert(booking_id=booking.id, lock_id=lock.id, words="z" * 300)
    make_alert(closed_at=clock.now(), booking_id=nobody.id, words="v" * 300)
    _rest(world, lock, name="N" * 100, words="w" * 300)
    return world


def _rest(world: World, lock: Lock, *, name: str, words: str) -> None:
    """What hangs on no door: calendars, tables, colleagues, channels, programs, runs."""
    now = clock.now()
    feed = make_feed(name=name, error_words=words, failures=3)
    held = make_feed(name=name, held_until=now + HOUR, held_reason=words)
    stays = [make_booking(held.property, feed_id=held.id) for _ in range(2)]
    make_alert(cause="feed_sick", feed_id=feed.id, seen_at=now)
    world.add("feed_id", feed.id)
    done = make_csv_import(
        name=f"{name}.csv",
        state=ImportState.DONE,
        finished_at=now,
        created=2,
        changed=1,
        remarks=Secret(json.dumps([[2, words]])),
    )
    world.add("import_id", make_csv_import(name=f"{name}.csv", date_order="day_first").id, done.id)
    world.add("bulk_id", make_bulk_run(*stays).id)
    running = make_bulk_run(*stays, kind=BulkKind.NEW_PIN, state=RunState.RUNNING, started_at=now)
    world.add("bulk_id", running.id)
    colleague = make_manager(role=Role.STAFF, name=name)
    make_sign_in(colleague)
    world.add("manager_id", colleague.id)
    world.add("token_id", make_api_token(name=name).id)
    window = WeeklyWindow(frozenset(Weekday), time(10), time(15))
    staff = make_staff_code(name=name, phone="+1 212 555 0118", weekly=to_rows([window]))
    world.add("staff_code_id", staff.id, make_staff_code(locks=[lock], name=name).id)
    channel = make_channel(name=name, hint=words[:255], quiet_from=time(22), quiet_until=time(7))
    for state in OutgoingState:
        make_notice(
            channel,
            kind=NoticeKind.OPENED,
            state=state,
            title=words,
            error_words=words,
            done_at=now,
        )
    world.add("channel_id", channel.id)
    endpoint = make_endpoint(name=name, host=f"{name.lower()}.example.com")
    for state in OutgoingState:
        make_endpoint_call(endpoint, state=state, error_words=words, attempts=3, done_at=now)
    world.add("endpoint_id", endpoint.id)
    make_guest_message(text=words + " {pin}")
    make_guest_way(hint=words[:255])
    make_guest_way(way=Way.SMS, hint=name)
    for send_state in SendState:
        for stay in stays:
            make_guest_send(stay, state=send_state, to=words[:255], error_words=words)
    sending = make_bulk_run(*stays, kind=BulkKind.SEND, state=RunState.RUNNING, started_at=now)
    world.add("bulk_id", make_bulk_run(*stays, kind=BulkKind.SEND).id, sending.id)
    world.add("connection_id", lock.connection_id)
