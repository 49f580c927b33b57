"""Every table, so that one import fills the metadata."""

from portal.models.account import (
    Account,
    ApiToken,
    LimitBucket,
    Manager,
    RestorePolicy,
    Role,
    SignIn,
)
from portal.models.alert import Alert
from portal.models.booking import Booking, BookingStatus, DoorCode, PinOrigin, Source
from portal.models.bulk import BulkItem, BulkRun
from portal.models.channel import Channel, ChannelThread, Notice
from portal.models.command import Command, LockEntry
from portal.models.connection import CheckFault, Connection, ConnectionState
from portal.models.csv_import import CsvChange, CsvColumn, CsvImport, ImportState
from portal.models.door_event import DoorEvent
from portal.models.endpoint import Endpoint, EndpointCall
from portal.models.event import TimelineEntry, WebhookEvent, WebhookState
from portal.models.feed import Feed
from portal.models.guest import GuestLink, GuestMessage
from portal.models.guest_sending import GuestSend, GuestWay
from portal.models.lock import ForeignCode, Lock
from portal.models.lock_reading import LockReading
from portal.models.property import Mapping, PinSource, Property
from portal.models.rebuild import Rebuild
from portal.models.staff_code import StaffCode, StaffGrant

__all__ = [
    "Account",
    "Alert",
    "ApiToken",
    "Booking",
    "BookingStatus",
    "BulkItem",
    "BulkRun",
    "Channel",
    "ChannelThread",
    "CheckFault",
    "Command",
    "Connection",
    "ConnectionState",
    "CsvChange",
    "CsvColumn",
    "CsvImport",
    "DoorCode",
    "DoorEvent",
    "Endpoint",
    "EndpointCall",
    "Feed",
    "ForeignCode",
    "GuestLink",
    "GuestMessage",
    "GuestSend",
    "GuestWay",
    "ImportState",
    "LimitBucket",
    "Lock",
    "LockEntry",
    "LockReading",
    "Manager",
    "Mapping",
    "Notice",
    "PinOrigin",
    "PinSource",
    "Property",
    "Rebuild",
    "RestorePolicy",
    "Role",
    "SignIn",
    "Source",
    "StaffCode",
    "StaffGrant",
    "TimelineEntry",
    "WebhookEvent",
    "WebhookState",
]
