"""What notices and calls to endpoints share: where they stand, and when they are due."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from portal.domain.outgoing import State
from portal.models.base import AccountOwned, EnumText, UTCDateTime


class Outgoing(AccountOwned):
    """Written first, sent later: `services.outgoing` moves it by compare-and-swap."""

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[State] = mapped_column(EnumText(State), default=State.INTENDED)
    attempts: Mapped[int] = mapped_column(default=0)
    # Not sent before this; while a worker has it, when another may take it over. None: settled.
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    # When the sweep rings for it (again).
    ring_at: Mapped[datetime | None] = mapped_column(UTCDateTime(), index=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime(), index=True)
    done_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    error_key: Mapped[str] = mapped_column(String(60), default="")
    error_words: Mapped[str] = mapped_column(
        String(300), default=""
    )  # ours, never the other side's
