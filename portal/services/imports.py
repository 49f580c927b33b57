"""Uploaded tables of bookings: staged, looked at, taken over, and taken back.

An import saves its rows in small blocks through `services.bookings`, like any other source. When it
breaks off it is still pending: what is done is then "the same", and the rest follows. Undoing puts
each booking back as it was, but never one that anybody has changed since or whose stay has begun.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from portal import clock, tenancy
from portal.domain.secret import Secret
from portal.domain.sentences import Sentence
from portal.feeds import csv_reader
from portal.feeds.csv_reader import (
    AmbiguousDates,
    Columns,
    CsvReading,
    DateOrder,
    Field,
    Table,
    TableUnreadable,
)
from portal.feeds.csv_table import Row
from portal.models import (
    Booking,
    BookingStatus,
    CsvChange,
    CsvColumn,
    CsvImport,
    ImportState,
    Property,
)
from portal.services import bookings, timeline
from portal.services.bookings import BadBooking, BookingWish, changing
from portal.services.import_plan import Deed, Plan, Planner
from portal.unit_of_work import writing

UNDO_WITHIN: Final = timedelta(days=30)
FORGOTTEN_AFTER: Final = timedelta(days=1)  # what was uploaded and never taken over
_ROWS_PER_BLOCK: Final = 25
# As many as one request may take over: browsers and proxies give up on one that takes a minute.
ROWS_PER_PRESS: Final = 1000
_DETAILS: Final = ("guest_name", "guest_phone", "guest_email", "note")

_BUT_THE_PIN: Final = Sentence("{fault} The booking is there, with another PIN.", ours={"fault"})


class NotReady(Exception):
    """The import cannot be taken over yet (or any more): `words` say what is missing."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True)
class Preview:
    """A staged table as its page shows it, with what each row would do."""

    header: tuple[str, ...]
    encoding: str
    separator: str
    columns: Columns
    order: DateOrder | None
    question: AmbiguousDates | None  # the dates fit both orders: a person says
    fault: str  # why no row can be read at all, and what to do
    plans: tuple[Plan, ...]

    def count(self, deed: Deed) -> int:
        return sum(plan.deed is deed for plan in self.plans)

    @property
    def is_ready(self) -> bool:
        """Whether there is anything to take over."""
        return any(plan.deed in {Deed.CREATE, Deed.CHANGE} for plan in self.plans)

    @property
    def lost_zeros(self) -> bool:
        """Whether a PIN looks as if a spreadsheet had dropped its leading zeros."""
        return any("leading zeros" in plan.warning for plan in self.plans)


def stage(name: str, body: bytes, actor: str) -> int:
    """Keeps an uploaded table for its preview; its id. Raises TableUnreadable."""
    table = csv_reader.read_table(body)
    if not table.rows:
        raise TableUnreadable("empty", "The file has a header and no rows.")
    with writing() as session:
        _forget_old(session)
        known = {row.header: row.field for row in session.scalars(select(CsvColumn))}
        row = CsvImport(
            account_id=tenancy.current_account_id(),
            name=" ".join(name.split())[:200] or "bookings.csv",
            uploaded_by=actor,
            uploaded_at=clock.now(),
            state=ImportState.PENDING,
            table=_packed(table),
            columns=_stored(csv_reader.suggest_columns(table.header, known)),
        )
        session.add(row)
        session.flush()
        return row.id


def choose(
    session: Session,
    row: CsvImport,
    *,
    columns: Mapping[Field, int],
    order: DateOrder | None,
    property_id: int | None,
    pads_pins: bool,
) -> None:
    """What the person says of the table is kept for its preview."""
    if row.state is not ImportState.PENDING:
        return
    place = session.get(Property, property_id) if property_id is not None else None
    row.columns = _stored(columns)
    row.date_order = str(order) if order else None
    row.property_id = place.id if place else None
    row.pads_pins = pads_pins


def preview(session: Session, row: CsvImport) -> Preview:
    """What taking over the staged table would do; nothing is written."""
    table, columns = _unpacked(row), _columns(row)
    order = DateOrder(row.date_order) if row.date_order else None
    question, fault = None, ""
    plans: tuple[Plan, ...] = ()
    try:
        reading = csv_reader.read_stays(table, columns, order)
    except AmbiguousDates as ambiguous:
        question = ambiguous
    except TableUnreadable as unreadable:
        fault = unreadable.words
    else:
        plans, order = tuple(_planner(session, row).all(reading)), reading.order
    return Preview(
        table.header, table.encoding, table.separator, columns, order, question, fault, plans
    )


def confirm(import_id: int, actor: str) -> int:
    """Takes over the good rows, the first thousand of them; how many are left for another press.

    Raises NotReady. A press after the last finds everything done.
    """
    with writing() as session:
        row = session.get_one(CsvImport, import_id)
        if row.state is not ImportState.PENDING:
            raise NotReady("This table has been taken over already.")
        reading = _reading(row)
        # Judged once as a whole: which rows are about the same booking shows only then.
        plans = _planner(session, row).all(reading)
        # What an earlier press refused, or took over but for its PIN, is not tried again.
        told = {line for line, _ in remarks_of(row)}
    stays = {stay.line: stay for stay in reading.stays}
    lines = [
        plan.line
        for plan in plans
        if plan.deed in {Deed.CREATE, Deed.CHANGE} and plan.line not in told
    ]
    now, left = lines[:ROWS_PER_PRESS], max(0, len(lines) - ROWS_PER_PRESS)
    for start in range(0, len(now), _ROWS_PER_BLOCK):
        with changing() as session:
            row = session.get_one(CsvImport, import_id)
            if row.state is not ImportState.PENDING:
                return 0
            remarks: list[tuple[int, str]] = []
            part = [stays[line] for line in now[start : start + _ROWS_PER_BLOCK]]
            for plan in _planner(session, row).of(part):
                remarks += _carry_out(session, row, plan, actor)
            _note(row, remarks)
    if left:
        return left
    with writing() as session:
        row = session.get_one(CsvImport, import_id)
        if row.state is not ImportState.PENDING:
            return 0
        mine = select(CsvChange.booking_id).where(CsvChange.import_id == row.id)
        earlier = set(session.scalars(mine))
        same = [plan for plan in plans if plan.deed is Deed.SAME]
        row.same = sum(plan.booking_id not in earlier for plan in same)
        row.left_out = sum(plan.deed is Deed.LEFT_OUT for plan in plans)
        row.refused += sum(plan.deed is Deed.ERROR for plan in plans)
        _note(row, [(p.line, p.words) for p in plans if p.deed in {Deed.ERROR, Deed.LEFT_OUT}])
        _remember(session, row)
        row.table, row.state, row.finished_at = None, ImportState.DONE, clock.now()
        return 0


def _note(row: CsvImport, remarks: list[tuple[int, str]]) -> None:
    """Adds what has to be told about rows."""
    row.remarks = Secret(json.dumps(sorted({*remarks_of(row), *remarks})))


def remarks_of(row: CsvImport) -> list[tuple[int, str]]:
    """Line and words of every row that was left out, refused, or not taken over as written."""
    stored = json.loads(row.remarks.reveal()) if row.remarks else []
    return [(int(line), str(words)) for line, words in stored]


def can_undo(row: CsvImport) -> bool:
    """Whether the import changed anything and its before-values are still kept."""
    return (
        row.state is ImportState.DONE
        and row.finished_at is not None
        and row.finished_at > clock.now() - UNDO_WITHIN
        and row.created + row.changed > 0
    )


def undo(import_id: int, actor: str) -> None:
    """Bookings the import made are cancelled, those it changed are as before; raises NotReady.

    What anybody changed since, and what has begun (a guest may be inside), stays as it is.
    """
    with writing() as session:
        if not can_undo(session.get_one(CsvImport, import_id)):
            raise NotReady("This import cannot be undone any more.")
        ids = list(
            session.scalars(
                select(CsvChange.id)
                .where(CsvChange.import_id == import_id, CsvChange.undone_at.is_(None))
                .order_by(CsvChange.id)
            )
        )
    for start in range(0, len(ids), _ROWS_PER_BLOCK):
        with changing() as session:
            row = session.get_one(CsvImport, import_id)
            for change_id in ids[start : start + _ROWS_PER_BLOCK]:
                change = session.get_one(CsvChange, change_id)
                if change.undone_at is None and row.state is ImportState.DONE:
                    row.undone += _put_back(session, change, actor)
    with writing() as session:
        row = session.get_one(CsvImport, import_id)
        row.state, row.kept = ImportState.UNDONE, row.created + row.changed - row.undone


def discard(session: Session, row: CsvImport) -> None:
    """A staged table is forgotten; one that was taken over stays in the list."""
    if row.state is ImportState.PENDING:
        session.execute(delete(CsvChange).where(CsvChange.import_id == row.id))
        session.delete(row)


def past(session: Session, limit: int = 50) -> Sequence[CsvImport]:
    """The account's tables, newest first, without what is in them."""
    return session.scalars(
        select(CsvImport).order_by(CsvImport.uploaded_at.desc(), CsvImport.id.desc()).limit(limit)
    ).all()


def _reading(row: CsvImport) -> CsvReading:
    order = DateOrder(row.date_order) if row.date_order else None
    try:
        return csv_reader.read_stays(_unpacked(row), _columns(row), order)
    except AmbiguousDates as ambiguous:
        raise NotReady("Say first whether the dates begin with the day or the month.") from (
            ambiguous
        )
    except TableUnreadable as unreadable:
        raise NotReady(unreadable.words) from unreadable


def _planner(session: Session, row: CsvImport) -> Planner:
    return Planner(session, property_id=row.property_id, pads_pins=row.pads_pins)


def _carry_out(session: Session, row: CsvImport, plan: Plan, actor: str) -> list[tuple[int, str]]:
    """Does what a plan says; what has to be told about it."""
    if plan.wish is None or plan.deed not in {Deed.CREATE, Deed.CHANGE}:
        return []
    before = session.get_one(Booking, plan.booking_id) if plan.booking_id else None
    was = _picture(before, with_pin=plan.wish.pin is not None) if before else None
    remarks = [(plan.line, plan.warning)] if plan.warning else []
    try:
        saved = _saved(session, plan, plan.wish, actor)
    except BadBooking as bad:
        if bad.field != "pin":
            row.refused += 1
            return [(plan.line, bad.words)]
        # A PIN that a door refuses never costs the stay.
        remarks.append((plan.line, _BUT_THE_PIN(fault=bad.words)))
        plan = replace(plan, wish=replace(plan.wish, pin=None))
        was = was | {"pin": None} if was else None
        try:
            saved = _saved(session, plan, plan.wish, actor)
        except BadBooking as worse:
            row.refused += 1
            return [(plan.line, worse.words)]
    if saved.changed:
        row.created, row.changed = row.created + saved.created, row.changed + (not saved.created)
        _keep(session, row, saved, was, with_pin=plan.wish is not None and bool(plan.wish.pin))
    return remarks


def _saved(session: Session, plan: Plan, wish: BookingWish | None, actor: str) -> bookings.Saved:
    """The booking saved, or nothing of it: a row that fails leaves no half of itself."""
    assert wish is not None
    with session.begin_nested():
        return bookings.save(session, plan.source, plan.external_id, wish, actor)


def _keep(
    session: Session,
    row: CsvImport,
    saved: bookings.Saved,
    was: dict[str, Any] | None,
    *,
    with_pin: bool,
) -> None:
    """Remembers what to put back."""
    if saved.created:
        saved.booking.import_id = row.id
    change = session.scalars(
        select(CsvChange).where(
            CsvChange.import_id == row.id, CsvChange.booking_id == saved.booking.id
        )
    ).one_or_none()
    after = Secret(json.dumps(_picture(saved.booking, with_pin=with_pin)))
    if change is not None:
        change.after = after
        return
    session.add(
        CsvChange(
            account_id=row.account_id,
            import_id=row.id,
            booking_id=saved.booking.id,
            before=Secret(json.dumps(was)) if was else None,
            after=after,
        )
    )


def _picture(booking: Booking, *, with_pin: bool) -> dict[str, Any]:
    """The booking as far as an import can change it; without the PIN where it gave none."""
    return {
        "property_id": booking.property_id,
        "arrives_on": booking.arrives_on.isoformat(),
        "arrives_time": booking.arrives_time.isoformat() if booking.arrives_time else None,
        "departs_on": booking.departs_on.isoformat(),
        "departs_time": booking.departs_time.isoformat() if booking.departs_time else None,
        "status": str(booking.status),
        "pin": booking.pin.reveal() if with_pin and booking.pin else None,
        **{name: getattr(booking, name) for name in _DETAILS},
    }


def _put_back(session: Session, change: CsvChange, actor: str) -> bool:
    """The booking is as before the import; False where it has to stay as it is."""
    booking = change.booking
    after = json.loads(change.after.reveal())
    now_so = _picture(booking, with_pin=after["pin"] is not None)
    # An import of an earlier program knew fewer details.
    is_touched = any(now_so[name] != value for name, value in after.items())
    if is_touched or booking.starts_at <= clock.now():
        return False
    if change.before is None:
        bookings.cancel(session, booking, actor)
        # The same table may bring it again: nobody said that this stay is off.
        booking.is_dismissed = False
    else:
        before = json.loads(change.before.reveal())
        try:
            with session.begin_nested():
                bookings.save(session, booking.source, booking.external_id, _wish_of(before), actor)
        except BadBooking:
            return False
        known = [name for name in _DETAILS if name in before]
        if any(getattr(booking, name) != before[name] for name in known):
            # `save` keeps details that a source leaves out; these were empty on purpose.
            for name in known:
                setattr(booking, name, before[name])
            timeline.record(
                session,
                timeline.Kind.BOOKING_CHANGED,
                actor,
                account_id=booking.account_id,
                booking_id=booking.id,
                what=["details"],
            )
    change.undone_at = clock.now()
    return True


def _wish_of(picture: Mapping[str, Any]) -> BookingWish:
    return BookingWish(
        property_id=picture["property_id"],
        arrives_on=date.fromisoformat(picture["arrives_on"]),
        arrives_time=_time_of(picture["arrives_time"]),
        departs_on=date.fromisoformat(picture["departs_on"]),
        departs_time=_time_of(picture["departs_time"]),
        status=BookingStatus(picture["status"]),
        pin=Secret(picture["pin"]) if picture["pin"] else None,
        **{name: picture.get(name, "") for name in _DETAILS},
    )


def _time_of(text: str | None) -> time | None:
    return time.fromisoformat(text) if text else None


def _packed(table: Table) -> Secret:
    rows = [[row.line, list(row.cells)] for row in table.rows]
    return Secret(json.dumps([table.header, rows, table.encoding, table.separator]))


def _unpacked(row: CsvImport) -> Table:
    if row.table is None:
        raise NotReady("This table has been taken over already.")
    header, rows, encoding, separator = json.loads(row.table.reveal())
    return Table(
        tuple(header), tuple(Row(line, tuple(cells)) for line, cells in rows), encoding, separator
    )


def _stored(columns: Columns) -> dict[str, int]:
    return {str(wanted): index for wanted, index in columns.items()}


def _columns(row: CsvImport) -> Columns:
    return {Field(name): index for name, index in row.columns.items() if name in set(Field)}


def _remember(session: Session, row: CsvImport) -> None:
    """The next table with such headers is matched the same way."""
    chosen = csv_reader.remember(_unpacked(row).header, _columns(row))
    known = {c.header: c for c in session.scalars(select(CsvColumn))}
    for header, meaning in chosen.items():
        if header in known:
            known[header].field = meaning
        elif header:
            session.add(CsvColumn(account_id=row.account_id, header=header, field=meaning))


def _forget_old(session: Session) -> None:
    """Rows with PINs and phones are kept no longer than they serve."""
    now = clock.now()
    stale = select(CsvImport).where(
        CsvImport.state == ImportState.PENDING, CsvImport.uploaded_at < now - FORGOTTEN_AFTER
    )
    for row in session.scalars(stale).all():
        discard(session, row)
    old = select(CsvImport.id).where(CsvImport.finished_at < _oldest(now))
    ids = list(session.scalars(old))
    session.execute(delete(CsvChange).where(CsvChange.import_id.in_(ids)))


def _oldest(now: datetime) -> datetime:
    return now - UNDO_WITHIN
