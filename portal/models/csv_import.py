"""Uploaded tables of bookings, what each changed, and which column meant what."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.domain.secret import Secret
from portal.models.base import AccountOwned, Base, EncryptedText, EnumText, UTCDateTime
from portal.models.booking import Booking


class ImportState(StrEnum):
    """Where an uploaded table stands."""

    PENDING = "pending"  # uploaded, and looked at in the preview
    DONE = "done"  # taken over
    UNDONE = "undone"  # taken over, and taken back


class CsvImport(AccountOwned, Base):
    """An uploaded table of bookings. Its rows hold PINs and phones: encrypted, gone once done."""

    __tablename__ = "csv_import"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    uploaded_by: Mapped[str] = mapped_column(String(60))
    uploaded_at: Mapped[datetime] = mapped_column(UTCDateTime())
    state: Mapped[ImportState] = mapped_column(EnumText(ImportState), default=ImportState.PENDING)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime())

    table: Mapped[Secret | None] = mapped_column(EncryptedText("csv_import.table"))
    # What the person chose: a field's name to a column's place, and what the dates begin with.
    columns: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    date_order: Mapped[str | None] = mapped_column(String(20))
    # One property for all rows; None: each row names its own.
    property_id: Mapped[int | None] = mapped_column(ForeignKey("property.id"))
    pads_pins: Mapped[bool] = mapped_column(default=False)  # puts leading zeros back

    created: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    same: Mapped[int] = mapped_column(default=0)
    left_out: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    undone: Mapped[int] = mapped_column(default=0)
    kept: Mapped[int] = mapped_column(default=0)  # by the undoing: changed since, or begun
    # A JSON list of [line, words]; the words may quote a cell.
    remarks: Mapped[Secret | None] = mapped_column(EncryptedText("csv_import.remarks"))


class CsvChange(AccountOwned, Base):
    """What one import did to one booking, kept so that it can be undone."""

    __tablename__ = "csv_change"
    __table_args__ = (UniqueConstraint("import_id", "booking_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("csv_import.id"))
    booking_id: Mapped[int] = mapped_column(ForeignKey("booking.id"), index=True)
    # The booking before (None: the import made it) and right after, as JSON.
    before: Mapped[Secret | None] = mapped_column(EncryptedText("csv_change.before"))
    after: Mapped[Secret] = mapped_column(EncryptedText("csv_change.after"))
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    booking: Mapped[Booking] = relationship()


class CsvColumn(AccountOwned, Base):
    """What a column of this name meant at the last import."""

    __tablename__ = "csv_column"
    __table_args__ = (UniqueConstraint("account_id", "header"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    header: Mapped[str] = mapped_column(String(100))
    field: Mapped[str] = mapped_column(String(20))
