"""What tables call their columns and their bookings' states, in the languages of our hosts."""

import re
import unicodedata
from enum import StrEnum
from typing import Final


class Field(StrEnum):
    """What a column of the table can mean."""

    ARRIVES = "arrives"
    DEPARTS = "departs"
    GUEST = "guest"
    PHONE = "phone"
    EMAIL = "email"
    PROPERTY = "property"
    ID = "id"
    STATUS = "status"
    PIN = "pin"
    NOTE = "note"


def plain_header(name: str) -> str:
    """A column's name without case, accents, spaces and signs."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return re.sub(r"[^a-z0-9]", "", decomposed)[:100]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Of two columns that fit one field, the word that stands further ahead here wins.
COLUMN_NAMES: Final[dict[Field, tuple[str, ...]]] = {
    Field.ARRIVES: _words(
        "arrives arrival arrivaldate arrive checkin checkindate checkintime start startdate from"
        " begin datein anreise ankunft von arrivee debut du llegada entrada fechadeentrada desde"
        " arrivo inizio dal aankomst van inicio"
    ),
    Field.DEPARTS: _words(
        "departs departure departuredate depart checkout checkoutdate checkouttime end enddate to"
        " until dateout abreise bis depart fin au salida fechadesalida hasta partenza fine al"
        " vertrek tot saida"
    ),
    Field.GUEST: _words(
        "guest guestname guestnames name fullname customer client bookedby bookername gast gastname"
        " nom nomduvoyageur voyageur invite nombre huesped ospite nome naam hospede"
    ),
    Field.PHONE: _words(
        "phone phonenumber guestphone tel telephone mobile cell cellphone contact telefon handy"
        " telefono portable telefoon telefonnummer mobil telefone"
    ),
    Field.EMAIL: _words(
        "email guestemail emailaddress guestemailaddress mail correo correoelectronico courriel"
        " adresseemail emailadres indirizzoemail posta enderecodeemail"
    ),
    Field.PROPERTY: _words(
        "property propertyname listing listingname listingnickname listingsnickname unit unitname"
        " rental room roomname home house apartment accommodation unterkunft objekt wohnung"
        " logement hebergement alojamiento propiedad alloggio appartamento accommodatie propriedade"
    ),
    Field.ID: _words(
        "id bookingid bookingnumber booknumber reservation reservationid reservationcode"
        " reservationnumber confirmationcode confirmation reference ref code buchungsnummer"
        " buchungsid numerodereservation codigo codigodereserva codicedellaprenotazione"
        " reserveringsnummer externalid"
    ),
    Field.STATUS: _words("status bookingstatus state stato statut estado zustand"),
    Field.PIN: _words("pin doorcode accesscode lockcode entrycode keycode turcode codeacces"),
    Field.NOTE: _words("note notes comment comments remark remarks bemerkung notiz nota"),
}
CONFIRMED: Final = frozenset(
    _words(
        "confirmed booked ok accepted active reserved upcoming checkedin paid new bestatigt gebucht"
        " confirme confirmee confirmada confirmado confermata confermato bevestigd currentlyhosting"
        " arrivingtoday pastguest"
    )
)
CANCELLED: Final = frozenset(
    _words(
        "cancelled canceled cancelledbyguest canceledbyguest cancelledbyhost canceledbyhost"
        " cancelledbyowner cancelledbypartner noshow declined deleted storniert annule annulee"
        " cancelada cancelado annullata annullato cancellata geannuleerd"
    )
)
