"""A tiny recording of a booking feed, with what real feeds do to those who believe them."""

Stay = tuple[str, str, str]

A: Stay = ("a", "20260302", "20260306")
A_AFTER_MIDNIGHT: Stay = ("a2", "20260303", "20260306")
B: Stay = ("b", "20260310", "20260312")
B_LONGER: Stay = ("b", "20260310", "20260313")
B_AFTER_MIDNIGHT: Stay = ("b2", "20260311", "20260313")
C: Stay = ("c", "20260314", "20260317")
D: Stay = ("d", "20260320", "20260322")

#: A recording in Rome: Booking.com's new ids at midnight, a date change, an empty calendar, a page
#: that is none, and a stay that is gone for good.
POLLS: dict[str, bytes | tuple[Stay, ...]] = {
    "20260302T100000Z": (A, B, C, D),
    "20260302T150000Z": (A, B, C, D),
    "20260302T233000Z": (A_AFTER_MIDNIGHT, B, C, D),
    "20260303T100000Z": (A_AFTER_MIDNIGHT, B_LONGER, C, D),
    "20260303T110000Z": (),
    "20260303T123800Z": (A_AFTER_MIDNIGHT, B_LONGER, C, D),
    "20260303T140000Z": b"<html>Please sign in</html>",
    "20260307T100000Z": (B_LONGER, C, D),
    "20260311T090000Z": (B_AFTER_MIDNIGHT, C, D),
}


def calendar(stays: tuple[Stay, ...]) -> bytes:
    events = [
        f"BEGIN:VEVENT\r\nUID:{uid}@booking.com\r\nDTSTART;VALUE=DATE:{first}\r\n"
        f"DTEND;VALUE=DATE:{last}\r\nSUMMARY:CLOSED - Not available\r\nEND:VEVENT\r\n"
        for uid, first, last in stays
    ]
    head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//admin.booking.com//EN\r\n"
    return (head + "".join(events) + "END:VCALENDAR\r\n").encode()


def bodies() -> dict[str, bytes]:
    """What was served at each poll, by the file's name in an archive."""
    return {
        f"{stamp}.ics": body if isinstance(body, bytes) else calendar(body)
        for stamp, body in POLLS.items()
    }
