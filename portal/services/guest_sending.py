"""Messages sent to guests: intended by a person, sent by a job, and never twice by themselves.

The steps of a sending:

1. It is intended: a row with the guest's address, while the booking's row is locked, so that a
   second press finds it.
2. A job judges it again and commits it as `sending`, with all that the guest will know from now on.
3. The call, with no transaction open. The text with the PIN is written for it and kept nowhere.
4. What came of it. A crash between 2 and 4 leaves the row as `sending`; the sweep then says that it
   may have been sent, and a person decides. Nothing goes back from `sending` to `intended`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from babel import Locale
from babel.dates import format_date
from flask import current_app
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from portal import clock, crypto, tenancy
from portal.domain import guest_view
from portal.domain.bulk import ItemState, Why
from portal.domain.guest_sending import (
    CLAIM,
    OPEN,
    Hindrance,
    MessageFacts,
    Sending,
    State,
    Way,
    address_of,
    masked,
    plan,
)
from portal.domain.secret import Secret
from portal.extensions import db
from portal.messages import child
from portal.messages.child import Text
from portal.models import Booking, BookingStatus, BulkItem, GuestLink, GuestSend
from portal.models.base import one_of
from portal.network.errors import CallFailed, CallProblem
from portal.services import (
    channels,
    guest_links,
    guest_messages,
    guest_ways,
    ringing,
    timeline,
    verdicts,
)
from portal.unit_of_work import touch, writing
from portal.zones import zone_or_utc

log = structlog.get_logger(__name__)

# So long after the stay its messages stand in the log; tests as long after they were sent.
KEPT_FOR: Final = timedelta(days=30)
_MARK: Final = "guest_send.mark"
_BROKE_OFF: Final = CallFailed("broke_off", "Our own side broke off while it was handed over.")
_UNEXPECTED: Final = "Something went wrong here that should not, and nothing was sent. Try again."
_TIMELINE: Final = {
    State.SENT: timeline.Kind.MESSAGE_SENT,
    State.FAILED: timeline.Kind.MESSAGE_NOT_SENT,
    State.UNSURE: timeline.Kind.MESSAGE_UNSURE,
}
_ITEM: Final = {
    State.SENT: ItemState.DONE,
    State.FAILED: ItemState.FAILED,
    State.UNSURE: ItemState.UNSURE,
    State.DROPPED: ItemState.LEFT_OUT,
}
# Built once, because it runs every 30 s and mostly finds nothing.
DUE: Final = select(GuestSend).where(GuestSend.due_at <= bindparam("now"))


class NotSent(Exception):
    """The guest is not sent their message, for this reason."""

    def __init__(self, why: Hindrance) -> None:
        super().__init__(str(why))
        self.why = why


@dataclass(frozen=True, slots=True)
class _Order:
    """What goes out, and where."""

    address: Secret
    text: Text = field(repr=False)


def facts_of(
    session: Session,
    bookings: Sequence[Booking],
    now: datetime,
    *,
    language: str | None = None,
    but_send: int | None = None,
) -> dict[int, MessageFacts]:
    """The bookings as the rules of sending see them, by their id.

    Without a language each guest's own. Runs within one account.
    """
    texts = guest_messages.read(session)
    ways = frozenset(guest_ways.ways(session))
    doors = verdicts.facts_of_all(session, bookings)
    ids = [booking.id for booking in bookings]
    links = _links(session, ids)
    sends = _sends(session, ids, but_send)
    found: dict[int, MessageFacts] = {}
    for booking in bookings:
        wished = language or booking.guest_language or guest_messages.OUR_LANGUAGE
        text = texts.find(wished, booking.property_id)
        bare = MessageFacts(
            is_cancelled=booking.status is BookingStatus.CANCELLED,
            is_over=booking.ends_at <= now,
            has_pin=booking.pin is not None,
            is_confirmed=guest_view.opens_every_door(doors[booking.id]),
            ways=ways,
            email=booking.guest_email,
            phone=booking.guest_phone,
            language=text.language,
        )
        before: dict[Way, State] = {}
        if booking.id in sends:
            body = guest_messages.render(text, booking, _link_in(links.get(booking.id)))
            for send in sends[booking.id]:
                content = _content(send.way, address_of(bare, send.way), body)
                if crypto.ring().is_mark_of(send.mark, content, _MARK):
                    before[send.way] = send.state
        found[booking.id] = replace(bare, before=before)
    return found


def wish(
    session: Session,
    booking: Booking,
    actor: str,
    *,
    way: Way | None = None,
    language: str | None = None,
    is_forced: bool = False,
    is_again: bool = False,
) -> int:
    """The id of a message that is to be sent; ring SEND_TO_GUEST after the commit. Raises NotSent.

    Runs within the booking's account.
    """
    facts = facts_of(session, [booking], clock.now(), language=language)[booking.id]
    sending = plan(facts, way=way, is_forced=is_forced, is_again=is_again)
    if sending.hindrance is not None:
        raise NotSent(sending.hindrance)
    return intend(session, booking, sending, facts, actor, is_forced=is_forced)


def intend(
    session: Session,
    booking: Booking,
    sending: Sending,
    facts: MessageFacts,
    actor: str,
    *,
    is_forced: bool,
    bulk_item_id: int | None = None,
) -> int:
    """The id of the row that says so; nothing has left yet."""
    assert sending.way is not None
    now = clock.now()
    link = guest_links.ensure(session, booking, actor, now)
    text = guest_messages.text_in(session, facts.language, booking.property_id)
    body = guest_messages.render(text, booking, guest_links.address_of(link))
    row = GuestSend(
        account_id=booking.account_id,
        booking_id=booking.id,
        bulk_item_id=bulk_item_id,
        way=sending.way,
        address=Secret(sending.address),
        to=sending.to,
        language=text.language,
        mark=crypto.ring().mark(_content(sending.way, sending.address, body), _MARK),
        is_forced=is_forced and not facts.is_confirmed,
        made_by=actor,
        made_at=now,
        due_at=now + ringing.REPEAT_AFTER,
    )
    session.add(row)
    session.flush()
    return row.id


def test(
    session: Session, account_id: int, way: Way, address: str, language: str, actor: str
) -> int:
    """The id of a test that is to be sent; ring SEND_TO_GUEST after the commit. Raises NotSent."""
    if guest_ways.way_of(session, account_id, way) is None:
        raise NotSent(Hindrance.NO_WAY)
    now = clock.now()
    row = GuestSend(
        account_id=account_id,
        way=way,
        address=Secret(address),
        to=masked(way, address),
        language=language,
        made_by=actor,
        made_at=now,
        due_at=now + ringing.REPEAT_AFTER,
    )
    session.add(row)
    session.flush()
    return row.id


def send(send_id: int) -> None:
    """The message is sent, if it is still to be; what came of it is written. Safe to run twice."""
    session = db.session()
    session.rollback()
    account_id = session.scalar(select(GuestSend.account_id).where(GuestSend.id == send_id))
    session.rollback()
    if account_id is None:
        return
    with tenancy.as_account(account_id):
        order = _claimed(send_id)
        if order is None:
            return
        problem: CallProblem | None = None
        try:
            current_app.extensions["messenger"](
                order.address, order.text, allow_private=channels.allows_private()
            )
        except CallProblem as error:
            problem = error
        except Exception:
            # Whether it left before that, nobody knows.
            log.exception("guest_message_broke_off", send=send_id)
            problem = _BROKE_OFF
        _conclude(send_id, problem)


def claim_due(session: Session, now: datetime) -> list[int]:
    """Messages whose ring nobody answered, moved on so that no other sweep rings for them.

    Those whose worker did not come back from the call may have been sent, and are told so.
    """
    waiting = []
    for row in session.scalars(DUE, {"now": now}).all():
        if row.state is State.SENDING:
            _settle(session, row, State.UNSURE, _BROKE_OFF)
        else:
            row.due_at = now + ringing.REPEAT_AFTER
            waiting.append(row.id)
    return waiting


def say_arrived(session: Session, booking: Booking, actor: str) -> bool:
    """What may have been sent has arrived, a person says; False where nothing was in doubt."""
    rows = session.scalars(
        select(GuestSend).where(GuestSend.booking_id == booking.id, GuestSend.state == State.UNSURE)
    ).all()
    for row in rows:
        row.state = State.SENT
        _tell_item(session, row)
    if rows:
        timeline.record(
            session,
            timeline.Kind.MESSAGE_ARRIVED,
            actor,
            account_id=booking.account_id,
            booking_id=booking.id,
        )
    return bool(rows)


def forget_old(session: Session, now: datetime) -> None:
    """What was settled long ago, about a stay that is long over, is forgotten."""
    before = now - KEPT_FOR
    goes_on = select(Booking.id).where(
        Booking.id == GuestSend.booking_id, Booking.ends_at >= before
    )
    session.execute(
        delete(GuestSend)
        .where(GuestSend.made_at < before, GuestSend.due_at.is_(None), ~goes_on.exists())
        .execution_options(synchronize_session=False)
    )


def _claimed(send_id: int) -> _Order | None:
    """What goes out now, committed as `sending`; None where nothing does (any more)."""
    try:
        with writing() as session:
            return _claim(session, send_id)
    except OperationalError:
        # The database is at fault and not the message: the sweep rings again.
        raise
    except Exception:
        log.exception("guest_message_failed", send=send_id)
        with writing() as session:
            row = session.get(GuestSend, send_id)
            if row is not None and row.state is State.INTENDED:
                _settle(session, row, State.FAILED, CallFailed("unexpected", _UNEXPECTED))
        return None


def _claim(session: Session, send_id: int) -> _Order | None:
    now = clock.now()
    taken: Any = session.execute(
        update(GuestSend)
        .where(GuestSend.id == send_id, GuestSend.state == State.INTENDED)
        .values(state=State.SENDING, due_at=now + CLAIM)
        .execution_options(synchronize_session=False)
    )
    if not taken.rowcount:
        return None
    row = session.get_one(GuestSend, send_id, populate_existing=True)
    touch(session, row.account_id)
    address = row.address
    assert address is not None
    text: Text | Hindrance = (
        _test_text(row) if row.booking_id is None else _text(session, row, address, now)
    )
    way = guest_ways.way_of(session, row.account_id, row.way)
    if isinstance(text, Hindrance) or way is None:
        row.why = text if isinstance(text, Hindrance) else Hindrance.NO_WAY
        _settle(session, row, State.DROPPED, None)
        return None
    return _Order(guest_ways.apprise_address(way, address.reveal()), text)


def _text(session: Session, row: GuestSend, address: Secret, now: datetime) -> Text | Hindrance:
    """What this guest is told now, and known to know from now on; or what speaks against it."""
    booking = session.get_one(Booking, row.booking_id)
    facts = facts_of(session, [booking], now, language=row.language, but_send=row.id)[booking.id]
    sending = plan(facts, way=row.way, is_forced=row.is_forced, is_again=True)
    if sending.hindrance is not None:
        return sending.hindrance
    link = guest_links.ensure(session, booking, row.made_by, now)
    found = guest_messages.text_in(session, row.language, booking.property_id)
    body = guest_messages.render(found, booking, guest_links.address_of(link))
    row.mark = crypto.ring().mark(_content(row.way, address.reveal(), body), _MARK)
    booking.pin_shown_at = booking.pin_shown_at or now
    booking.guest_language = row.language
    return Text(_subject(booking, row.language) if row.way is Way.EMAIL else "", body)


def _subject(booking: Booking, language: str) -> str:
    """The place and the day, which is the same in every language. No PIN stands in a subject."""
    place = booking.property
    arrives = booking.starts_at.astimezone(zone_or_utc(place.time_zone)).date()
    return f"{place.name} · {format_date(arrives, 'long', locale=Locale.parse(language, sep='-'))}"


def _test_text(row: GuestSend) -> Text:
    text: Text = current_app.extensions["guest_test_words"](row.language)
    return text if row.way is Way.EMAIL else Text("", text.body)


def _conclude(send_id: int, problem: CallProblem | None) -> None:
    with writing() as session:
        row = session.get(GuestSend, send_id)
        # Unsure where the sweep took this worker for dead: it knows better, unless a person does.
        if row is None or row.state not in {State.SENDING, State.UNSURE}:
            return
        if problem is None:
            state = State.SENT
        else:
            state = State.UNSURE if child.may_be_taken(problem) else State.FAILED
        if state is not row.state:
            _settle(session, row, state, problem)
        log.info(
            "guest_message_tried",
            send=send_id,
            booking=row.booking_id,
            way=str(row.way),
            outcome=str(row.state),
            problem=row.error_key,
        )


def _settle(session: Session, row: GuestSend, state: State, problem: CallProblem | None) -> None:
    """The row is done with, its address forgotten, and whoever waits for it told."""
    row.state, row.done_at, row.due_at, row.address = state, clock.now(), None, None
    row.error_key = problem.key[:60] if problem else ""
    row.error_words = problem.words[:300] if problem else ""
    _tell_item(session, row)
    kind = _TIMELINE.get(state)
    if kind is not None and row.booking_id is not None:
        timeline.record(
            session,
            kind,
            row.made_by,
            account_id=row.account_id,
            booking_id=row.booking_id,
            way=str(row.way),
            to=row.to,
            language=row.language,
            forced=row.is_forced,
            words=row.error_words,
        )


def _tell_item(session: Session, row: GuestSend) -> None:
    """The bulk run that the message belongs to has its result."""
    item = session.get(BulkItem, row.bulk_item_id) if row.bulk_item_id is not None else None
    if item is not None:
        item.state, item.at = _ITEM[row.state], clock.now()
        item.why = Why(str(row.why)) if row.why is not None else None
        item.words = row.error_words


def _links(session: Session, booking_ids: Sequence[int]) -> dict[int, GuestLink]:
    rows = session.scalars(select(GuestLink).where(GuestLink.booking_id.in_(booking_ids)))
    return {row.booking_id: row for row in rows}


def _link_in(link: GuestLink | None) -> str:
    """The address that a message names; none where it would have to be made first."""
    return "" if link is None or link.revoked_at else guest_links.address_of(link.token)


def _sends(
    session: Session, booking_ids: Sequence[int], but: int | None
) -> dict[int, list[GuestSend]]:
    """What these guests were sent, are being sent, or may have been sent; the oldest first."""
    rows = session.scalars(
        select(GuestSend)
        .where(
            GuestSend.booking_id.in_(booking_ids),
            one_of(GuestSend.state, (*OPEN, State.SENT, State.UNSURE)),
        )
        .order_by(GuestSend.id)
    )
    found: dict[int, list[GuestSend]] = {}
    for row in rows:
        if row.id != but and row.booking_id is not None:
            found.setdefault(row.booking_id, []).append(row)
    return found


def _content(way: Way, address: str, body: str) -> str:
    return "\x1f".join((str(way), address, body))
