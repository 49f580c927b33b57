"""What the pages of bulk runs read: bookings to choose from, a run with its rows, the past runs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.domain.bulk import (
    MOST_BOOKINGS,
    OPEN,
    Forecast,
    ItemState,
    Kind,
    Options,
    RunState,
    Why,
)
from portal.models import Booking, BulkItem, BulkRun
from portal.services import board, bulk, guest_sending_page, outlook, stays
from portal.services.board import PAGE_SIZE, When, Wish
from portal.services.guest_sending_page import Sent
from portal.services.stays import Stay
from portal.services.timeline import names_of

RUNS_SHOWN: Final = 50


@dataclass(frozen=True)
class Choices:
    """One page of the bookings that the filters show, and how many there are in all."""

    wish: Wish
    stays: tuple[Stay, ...]
    total: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE_SIZE))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One booking of a run: as it stands now, and what became or would become of it."""

    place: int
    stay: Stay
    state: ItemState
    why: Why | None
    words: str
    forecast: Forecast | None  # while nothing is done to it yet
    sent: Sent | None = None  # the message, where the run sends some


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run's page."""

    id: int
    kind: Kind
    options: Options
    state: RunState
    made_by: str
    made_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    rows: tuple[Row, ...]
    counts: dict[ItemState, int]
    left_out: dict[Why, int]  # before the start: would be; afterwards: are
    page: int
    pages: int

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def settled(self) -> int:
        """How many have their result."""
        return self.total - sum(self.counts.get(state, 0) for state in OPEN)

    @property
    def would_do(self) -> int:
        """Before the start: how many bookings the deed would reach."""
        return self.total - sum(self.left_out.values())

    def count(self, state: ItemState) -> int:
        return self.counts.get(state, 0)


@dataclass(frozen=True, kw_only=True)
class PastRun:
    """One line of the list of runs."""

    id: int
    kind: Kind
    options: Options
    state: RunState
    made_by: str
    started_at: datetime
    counts: dict[ItemState, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def choices(session: Session, wish: Wish, now: datetime) -> Choices:
    """The bookings of these filters, a page of them."""
    conditions = _matching(session, wish, now)
    found = stays.load(
        session,
        conditions,
        now,
        limit=PAGE_SIZE,
        offset=(wish.page - 1) * PAGE_SIZE,
        newest=wish.when is When.PAST,
    )
    total = session.scalars(
        select(func.count(Booking.id)).join(Booking.property).where(*conditions)
    ).one()
    return Choices(wish, tuple(found), total)


def ids_of(session: Session, wish: Wish, now: datetime) -> list[int]:
    """The bookings that the filters show on all their pages; one more than a run may have at most,
    so that too many are noticed."""
    statement = select(Booking.id).join(Booking.property).where(*_matching(session, wish, now))
    return list(session.scalars(statement.limit(MOST_BOOKINGS + 1)))


def find(session: Session, run_id: int, page: int, now: datetime) -> Run | None:
    """The run's page, or None where the account has no such run."""
    run = session.get(BulkRun, run_id)
    if run is None:
        return None
    items = session.scalars(
        select(BulkItem).where(BulkItem.run_id == run_id).order_by(BulkItem.place)
    ).all()
    forecasts: dict[int, Forecast] = {}
    if run.state is RunState.PREVIEW:
        forecasts = bulk.forecasts(session, run, items, now)
        reasons = [forecast.why for forecast in forecasts.values()]
    else:
        reasons = [item.why for item in items]
    pages = max(1, -(-len(items) // PAGE_SIZE))
    page = min(max(1, page), pages)
    shown = items[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return Run(
        id=run.id,
        kind=run.kind,
        options=Options.read(run.options),
        state=run.state,
        made_by=names_of(session, [run.made_by]).get(run.made_by, ""),
        made_at=run.made_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        rows=_rows(session, shown, forecasts, now),
        counts=dict(Counter(item.state for item in items)),
        left_out=dict(Counter(why for why in reasons if why is not None).most_common()),
        page=page,
        pages=pages,
    )


def past(session: Session) -> tuple[PastRun, ...]:
    """The newest runs that were confirmed, the newest first."""
    runs = session.scalars(
        select(BulkRun)
        .where(BulkRun.started_at.is_not(None))
        .order_by(BulkRun.id.desc())
        .limit(RUNS_SHOWN)
    ).all()
    counts: dict[int, dict[ItemState, int]] = {}
    for run_id, state, number in session.execute(
        select(BulkItem.run_id, BulkItem.state, func.count())
        .where(BulkItem.run_id.in_([run.id for run in runs]))
        .group_by(BulkItem.run_id, BulkItem.state)
    ):
        counts.setdefault(run_id, {})[state] = number
    names = names_of(session, [run.made_by for run in runs])
    return tuple(
        PastRun(
            id=run.id,
            kind=run.kind,
            options=Options.read(run.options),
            state=run.state,
            made_by=names.get(run.made_by, ""),
            started_at=run.started_at,
            counts=counts.get(run.id, {}),
        )
        for run in runs
        if run.started_at is not None
    )


def _matching(session: Session, wish: Wish, now: datetime) -> board.Conditions:
    """What the list that led here filters by: its verdicts are those of now."""
    if wish.verdict is None:
        return board.matching(wish, now)
    return board.matching(wish, now, outlook.near(session, now, ()).verdict_now)


def _rows(
    session: Session, items: Sequence[BulkItem], forecasts: dict[int, Forecast], now: datetime
) -> tuple[Row, ...]:
    ids = [item.booking_id for item in items]
    messages = guest_sending_page.of_items(session, [item.id for item in items])
    found = {stay.id: stay for stay in stays.load(session, [Booking.id.in_(ids)], now)}
    return tuple(
        Row(
            place=item.place + 1,
            stay=found[item.booking_id],
            state=item.state,
            why=item.why,
            words=item.words,
            forecast=forecasts.get(item.id),
            sent=messages.get(item.id),
        )
        for item in items
        if item.booking_id in found
    )
