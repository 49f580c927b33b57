"""The problem catalogue: why a code is not on the lock, and what then.

One entry per problem; every surface (row, booking page, alert, API) renders from it, and the engine
takes from it whether software may try again. Texts are matched where Schlage's own words are known;
a text nobody has seen becomes `unknown`, shown raw and counted.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final


class ProblemKey(StrEnum):
    COMMAND_TIMEOUT = "command_timeout"
    NACK = "nack"
    ALREADY_IN_USE = "already_in_use"
    CODE_ID_NOT_FOUND = "code_id_not_found"
    USER_NOT_FOUND = "user_not_found"
    SCHEDULE_NOT_VALID = "schedule_not_valid"
    UNRECOGNIZED_JOB_STATE = "unrecognized_job_state"
    SPLIT_BRAIN = "split_brain"
    OUTCOME_UNKNOWN = "outcome_unknown"
    LOCK_OFFLINE = "lock_offline"
    LOW_BATTERY = "low_battery"
    WRONG_LENGTH = "wrong_length"
    LOCK_FULL = "lock_full"
    PIN_CLASH = "pin_clash"
    SIGNED_OUT = "signed_out"
    NO_PERMISSION = "no_permission"
    LOCK_MISSING = "lock_missing"
    CHANGED_OUTSIDE = "changed_outside"
    SCHLAGE_OUTAGE = "schlage_outage"
    RATE_LIMITED = "rate_limited"
    WEBHOOKS_OFF = "webhooks_off"
    REMOVAL_UNCONFIRMED = "removal_unconfirmed"
    CLOCK_CHANGE = "clock_change"
    UNKNOWN = "unknown"


class Scope(StrEnum):
    """How far the trouble reaches."""

    CODE = "code"
    LOCK = "lock"
    CONNECTION = "connection"


class Policy(StrEnum):
    """What software may do about it."""

    RETRY = "retry"  # again, spaced by the time to arrival, until it works
    VERIFY = "verify"  # read the lock's list first, then as RETRY
    ONCE_MORE = "once_more"  # verify, try once more, then a person
    LADDER = "ladder"  # verify, then the split-brain ladder, then a person
    WAIT = "wait"  # nothing is sent until the cause is gone; heals by itself
    PERSON = "person"  # trying again cannot help
    NOTICE = "notice"  # worth knowing, stops nothing


class Page(StrEnum):
    """A page of ours that a step leads to; views turn it into an address for the case at hand."""

    SCHLAGE_SETTINGS = "schlage_settings"
    CONNECTION = "connection"
    MAPPING = "mapping"
    BOOKING = "booking"
    LOCK = "lock"
    REBUILD = "rebuild"
    PROPERTY = "property"


@dataclass(frozen=True)
class Link:
    """A link beside the steps: an address of Schlage's, or a page of ours."""

    words: str
    to: Page | str


@dataclass(frozen=True)
class Problem:
    """One catalogue entry, in words for a person who is not technical."""

    key: ProblemKey
    title: str
    cause: str
    automatic: str
    steps: tuple[str, ...]
    scope: Scope
    policy: Policy
    texts: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()

    @property
    def is_retried(self) -> bool:
        return self.policy in {Policy.RETRY, Policy.VERIFY, Policy.ONCE_MORE, Policy.LADDER}

    @property
    def needs_person(self) -> bool:
        return self.policy is Policy.PERSON


SCHLAGE_CONTACT: Final = Link(
    "Ask Schlage support", "https://www.schlage.com/en/home/contact-us.html"
)
SCHEDULE_REQUEST: Final = Link(
    "Schlage's open request about this message",
    "https://developersupport.allegion.com/hc/en-us/requests/25566",
)
USER_REQUEST: Final = Link(
    "Schlage's open request about this message",
    "https://developersupport.allegion.com/hc/en-us/requests/52258",
)
_BOOKING: Final = Link("This booking", Page.BOOKING)
_PROPERTY: Final = Link("This property", Page.PROPERTY)
_LOCK_PAGE: Final = Link("This lock's health", Page.LOCK)
REBUILD: Final = Link("Set all codes of this lock again", Page.REBUILD)
_SETTINGS: Final = Link("Settings > Door Locks > Schlage", Page.SCHLAGE_SETTINGS)

# What helps when a lock is hard to reach, in the order of effort.
CLOSER_WIFI: Final = "Move the Wi-Fi access point closer to the door, or add a repeater."
RESTART_ROUTER: Final = "Restart the internet router at the property."
NEW_BATTERIES: Final = "Replace the lock's batteries with new ones of a good make."
ASK_SCHLAGE: Final = "If it keeps happening, open a support ticket with Schlage."
_REACH: Final = (CLOSER_WIFI, RESTART_ROUTER, NEW_BATTERIES, ASK_SCHLAGE)
_SET_AGAIN: Final = (
    (
        "Press “Set all codes of this lock again”: we delete every code on the lock, put ours "
        "back, the guest inside first, and count them with you."
    ),
    (
        "If the lock does not let us delete them, press Delete All in the Schlage Home app: "
        "the same page then goes on by itself."
    ),
)

_ENTRIES: Final = (
    Problem(
        key=ProblemKey.COMMAND_TIMEOUT,
        title="The lock did not answer in time",
        cause="Schlage passed the code on, but the lock did not report back. That happens now and "
        "then: weak Wi-Fi, an internet line that drops, low or poor batteries, or trouble at "
        "Schlage that it has not announced. "
        "The code may be on the lock all the same.",
        automatic="We read the lock's list first, so that the guest never ends up with two codes, "
        "then try again, more often the closer the arrival.",
        steps=_REACH,
        scope=Scope.CODE,
        policy=Policy.VERIFY,
        texts=("timed out", "timeout"),
        links=(SCHLAGE_CONTACT, _LOCK_PAGE),
    ),
    Problem(
        key=ProblemKey.NACK,
        title="The lock gave no acknowledgement (Nack)",
        cause="Schlage reports “Nack”: the lock did not acknowledge the code. "
        "The usual reasons are the same as for a lock that answers too late.",
        automatic="We read the lock's list, then try again with growing pauses.",
        steps=_REACH,
        scope=Scope.CODE,
        policy=Policy.VERIFY,
        texts=("nack",),
        links=(SCHLAGE_CONTACT, _LOCK_PAGE),
    ),
    Problem(
        key=ProblemKey.ALREADY_IN_USE,
        title="The lock says this code or its name is already in use",
        cause="The digits or the name already stand on the lock, or the lock only believes so: its "
        "memory and Schlage's list can drift apart, and then neither can be asked which is right.",
        automatic="We compare the lock's list with what we sent. If it is our own code we adopt "
        "it. If the list shows no rival we try once under a fresh name, and with fresh digits if "
        "nobody has been shown the old ones.",
        steps=_SET_AGAIN,
        scope=Scope.CODE,
        policy=Policy.LADDER,
        texts=("already in use", "already exists"),
        links=(REBUILD,),
    ),
    Problem(
        key=ProblemKey.CODE_ID_NOT_FOUND,
        title="The lock does not know this code (“Access code ID not found”)",
        cause="Schlage's list names a code that the lock itself does not have: "
        "their two lists have drifted apart.",
        automatic="We look the code up by its name, and put it on the lock again if it is gone.",
        steps=_SET_AGAIN,
        scope=Scope.CODE,
        policy=Policy.LADDER,
        texts=("access code id not found",),
        links=(REBUILD,),
    ),
    Problem(
        key=ProblemKey.USER_NOT_FOUND,
        title="The lock does not know this code (“User not found in the device”)",
        cause="The lock and Schlage disagree about which codes exist. "
        "Schlage calls this a desync and is working on a fix.",
        automatic="We look the code up by its name, and put it on the lock again if it is gone.",
        steps=(
            *_SET_AGAIN,
            (
                "Only if that does not help: reset the lock to factory settings, set it up in the "
                "Schlage Home app again, then press “Set all codes of this lock again”."
            ),
        ),
        scope=Scope.CODE,
        policy=Policy.LADDER,
        texts=("user not found",),
        links=(REBUILD, USER_REQUEST),
    ),
    Problem(
        key=ProblemKey.SCHEDULE_NOT_VALID,
        title="The lock refused the code's dates",
        cause="Schlage answered “Schedule parameters are not valid”. Sometimes the dates are at "
        "fault, often the message is wrong and the code is there. Schlage has an open request "
        "about it and gives no more information yet.",
        automatic="We check whether the code is there all the same, "
        "and send the dates once more if it is not.",
        steps=(
            "Compare the booking's dates and times with the reservation.",
            "Check that the property's time zone is the lock's: it stands on the property's page.",
            "Then press Resync.",
        ),
        scope=Scope.CODE,
        policy=Policy.ONCE_MORE,
        texts=("schedule parameters are not valid", "invalid access code schedule"),
        links=(
            _BOOKING,
            _PROPERTY,
            SCHEDULE_REQUEST,
        ),
    ),
    Problem(
        key=ProblemKey.UNRECOGNIZED_JOB_STATE,
        title="This booking is not associated to a lock (“Unrecognized job state”)",
        cause="No door can be opened for this booking: either the connection to Schlage is not "
        "active, or no lock is mapped to this property.",
        automatic="As soon as the property has a lock on an active connection, "
        "the code is sent by itself. Nothing has to be pressed.",
        steps=(
            "Check under Settings > Door Locks > Schlage that the connection is active.",
            "Choose there which locks open this property.",
        ),
        scope=Scope.CODE,
        policy=Policy.WAIT,
        texts=("unrecognized job state",),
        links=(
            _SETTINGS,
            Link("Check the connection", Page.CONNECTION),
            Link("Map this property's locks", Page.MAPPING),
        ),
    ),
    Problem(
        key=ProblemKey.SPLIT_BRAIN,
        title="The lock's memory and Schlage's list disagree",
        cause="The lock refuses this code as taken although Schlage's list shows nothing in its "
        "way. The lock cannot tell Schlage which codes it holds, so no software can repair it.",
        automatic="Fresh names and fresh digits were tried. "
        "This lock's other codes go on working and being sent.",
        steps=_SET_AGAIN,
        scope=Scope.CODE,
        policy=Policy.PERSON,
        links=(REBUILD, SCHLAGE_CONTACT),
    ),
    Problem(
        key=ProblemKey.OUTCOME_UNKNOWN,
        title="We do not know yet whether it worked",
        cause="The connection broke, or nobody reported back: the code may or may not be on "
        "the lock.",
        automatic="We read the lock's list twice before anything is sent again. "
        "This takes a few minutes.",
        steps=("Nothing to do for the moment: this resolves by itself.",),
        scope=Scope.CODE,
        policy=Policy.VERIFY,
        texts=("bad gateway", "resourceproviderbadgateway", "gateway timeout"),
    ),
    Problem(
        key=ProblemKey.LOCK_OFFLINE,
        title="The lock is offline",
        cause="The lock is not connected to Schlage. Codes that are already on it go on working.",
        automatic="The moment it is back we send what waits, the nearest arrival first. "
        "Until then we try now and then.",
        steps=(
            RESTART_ROUTER,
            NEW_BATTERIES,
            CLOSER_WIFI,
            "Until it is back, use the property's other way in.",
        ),
        scope=Scope.LOCK,
        policy=Policy.RETRY,
        texts=("offline", "not connected", "unreachable"),
        links=(_LOCK_PAGE, SCHLAGE_CONTACT),
    ),
    Problem(
        key=ProblemKey.LOW_BATTERY,
        title="The lock's batteries are weak",
        cause="Weak batteries make programming fail, and in the end the keypad too.",
        automatic="We go on sending codes while the lock answers.",
        steps=(
            "Replace the batteries before the next arrival: the cleaner can do it in five minutes.",
        ),
        scope=Scope.LOCK,
        policy=Policy.NOTICE,
        links=(_LOCK_PAGE,),
    ),
    Problem(
        key=ProblemKey.WRONG_LENGTH,
        title="The PIN has the wrong number of digits for this lock",
        cause="All codes on this lock have the same number of digits, fixed by its first code.",
        automatic="Nothing is sent until the PIN fits.",
        steps=(
            "For a booking press New PIN: we choose one that fits every door of it.",
            "For a person of your staff choose other digits, or a code for each lock.",
            "Or press “Set all codes of this lock again”: an empty lock takes any length.",
        ),
        scope=Scope.CODE,
        policy=Policy.PERSON,
        texts=("code length", "invalid length"),
        links=(_BOOKING, _LOCK_PAGE, REBUILD),
    ),
    Problem(
        key=ProblemKey.LOCK_FULL,
        title="The lock's memory is full",
        cause="The lock holds 100 codes, which is all it can.",
        automatic="Codes of past stays are removed first; the next free place goes to the soonest "
        "arrival.",
        steps=(
            "Delete codes you no longer need in the Schlage Home app: the lock's page lists them.",
        ),
        scope=Scope.LOCK,
        policy=Policy.WAIT,
        texts=("maximum number", "no free slot", "memory is full", "code limit"),
        links=(_LOCK_PAGE,),
    ),
    Problem(
        key=ProblemKey.PIN_CLASH,
        title="Another code on this lock starts with the same four digits",
        cause="Codes on one lock must differ within their first four digits, "
        "or the lock cannot tell them apart.",
        automatic="If the other code is about to leave, we wait for that and then send this one.",
        steps=(
            "Press New PIN: we choose one that is free on every door of this booking.",
            "If the guest already has this PIN, tell them the new one.",
        ),
        scope=Scope.CODE,
        policy=Policy.PERSON,
        links=(_BOOKING, _LOCK_PAGE),
    ),
    Problem(
        key=ProblemKey.SIGNED_OUT,
        title="Schlage asks you to sign in again",
        cause="Our access has ended: by a password change, by “Sign out everywhere”, by an e-mail "
        "address that was never verified, or because somebody pressed Disconnect here.",
        automatic="Nothing is lost: every code waits and is sent, soonest arrival first, "
        "once you are signed in.",
        steps=(
            "Press Reconnect under Settings > Door Locks > Schlage and sign in at Schlage.",
            "If Schlage refuses, check that the account's e-mail address is verified.",
        ),
        scope=Scope.CONNECTION,
        policy=Policy.WAIT,
        texts=("unauthorized", "invalid_grant"),
        links=(Link("Reconnect", Page.CONNECTION), _SETTINGS),
    ),
    Problem(
        key=ProblemKey.NO_PERMISSION,
        title="This Schlage login may not manage codes here",
        cause="The login that is connected is not the lock's owner, "
        "or the code on the lock is one that only its maker may change.",
        automatic="Nothing is sent until that changes.",
        steps=("Connect the Schlage login that owns this lock.", "Then press Resync."),
        scope=Scope.LOCK,
        policy=Policy.PERSON,
        texts=("forbidden", "not permitted", "read-only", "read only", "readonly", "permission"),
        links=(Link("The connection", Page.CONNECTION), _SETTINGS),
    ),
    Problem(
        key=ProblemKey.LOCK_MISSING,
        title="Schlage does not show us this lock at the moment",
        cause="The lock is not in the account's list: it was removed, set up again, "
        "or Schlage's list is incomplete for the moment.",
        automatic="We keep the mapping and all codes, look for the lock every half hour, and go on "
        "the moment it is back.",
        steps=(
            "Check in the Schlage Home app that the lock is there and online.",
            "If it was replaced or set up again, map the new lock to the property.",
        ),
        scope=Scope.LOCK,
        policy=Policy.RETRY,
        texts=("device not found",),
        links=(_SETTINGS, Link("Map this property's locks", Page.MAPPING)),
    ),
    Problem(
        key=ProblemKey.CHANGED_OUTSIDE,
        title="Somebody changed or removed this code in another app",
        cause="The lock's list no longer shows what we put there: a change in the Schlage Home "
        "app, or another program that manages the same lock.",
        automatic="We put it back, at most twice a day, unless your account is set to ask you "
        "first.",
        steps=(
            "Press Resync to put the code back.",
            "Disconnect other programs that manage codes on this lock.",
        ),
        scope=Scope.CODE,
        policy=Policy.PERSON,
        links=(_BOOKING, _LOCK_PAGE, _SETTINGS),
    ),
    Problem(
        key=ProblemKey.SCHLAGE_OUTAGE,
        title="Schlage has trouble, not your lock",
        cause="Several locks fail at once: Schlage's servers do not answer as they should. "
        "Codes already on the locks go on working.",
        automatic="We ask every few minutes and send everything, nearest arrival first, "
        "as soon as Schlage answers.",
        steps=("Use codes that are already confirmed, or the property's other way in.",),
        scope=Scope.CONNECTION,
        policy=Policy.RETRY,
        texts=("service unavailable",),
        links=(SCHLAGE_CONTACT,),
    ),
    Problem(
        key=ProblemKey.RATE_LIMITED,
        title="Schlage asks us to slow down",
        cause="We asked Schlage more often than it allows at the moment.",
        automatic="We wait as long as Schlage asks, then go on.",
        steps=("Nothing to do: this resolves by itself.",),
        scope=Scope.CONNECTION,
        policy=Policy.RETRY,
        texts=("too many requests", "rate limit"),
    ),
    Problem(
        key=ProblemKey.WEBHOOKS_OFF,
        title="Schlage's messages do not reach us",
        cause="Most answers had to be fetched because Schlage's own messages did not arrive. "
        "Codes still end right, only some minutes later.",
        automatic="We ask Schlage for every answer ourselves, and once a day ask it anew to send "
        "its messages.",
        steps=(
            (
                "Press Test the connection under Settings > Door Locks > Schlage: "
                "it asks Schlage anew to send its messages."
            ),
            (
                "If it stays, ask whoever runs this portal whether its address can be reached "
                "from the internet."
            ),
        ),
        scope=Scope.CONNECTION,
        policy=Policy.NOTICE,
        links=(_SETTINGS,),
    ),
    Problem(
        key=ProblemKey.REMOVAL_UNCONFIRMED,
        title="Not proven yet that the old code is off the lock",
        cause="The removal was sent and not confirmed. A guest's code carries the end of the stay, "
        "so the lock itself stops honouring it then. A staff code without a last day goes on "
        "opening the door.",
        automatic="We go on removing it and reading the lock's list until it is proven gone.",
        steps=(
            "If it matters now, delete the code in the Schlage Home app: the lock's page names it.",
            (
                "If the app does not show it, press “Set all codes of this lock again”: "
                "an emptied lock holds no old code."
            ),
        ),
        scope=Scope.CODE,
        policy=Policy.RETRY,
        links=(_LOCK_PAGE, REBUILD),
    ),
    Problem(
        key=ProblemKey.CLOCK_CHANGE,
        title="The clocks change during this stay",
        cause="Locks can be off by an hour around a clock change.",
        automatic="The code's times are an hour wider at both ends, so that the guest gets in.",
        steps=("Nothing to do. Check that the property's time zone is right.",),
        scope=Scope.CODE,
        policy=Policy.NOTICE,
        links=(_PROPERTY,),
    ),
    Problem(
        key=ProblemKey.UNKNOWN,
        title="Schlage gave an answer we have not seen before",
        cause="Its own words stand beside this.",
        automatic="We check the lock's list and try again with growing pauses.",
        steps=(
            "Press Resync.",
            (
                "If it comes back, use “Copy diagnostics for Schlage support” on the booking's "
                "page and send them to Schlage."
            ),
        ),
        scope=Scope.CODE,
        policy=Policy.VERIFY,
        texts=("general failure",),
        links=(_BOOKING, SCHLAGE_CONTACT, _LOCK_PAGE),
    ),
)

CATALOGUE: Final[Mapping[ProblemKey, Problem]] = {entry.key: entry for entry in _ENTRIES}

# Seen beside HTTP 502 in July 2024: the vendor's number for a refused schedule.
_CODES: Final = {34: ProblemKey.SCHEDULE_NOT_VALID}


def as_it_came(key: ProblemKey, led: Collection[ProblemKey] = ()) -> Problem:
    """The entry; a split brain's also with the steps and links of the problems that led to it."""
    problem = CATALOGUE[key]
    if key is not ProblemKey.SPLIT_BRAIN:
        return problem
    before = [each for each in _ENTRIES if each.key in led and each.policy is Policy.LADDER]
    return replace(
        problem,
        steps=tuple(dict.fromkeys(step for each in (problem, *before) for step in each.steps)),
        links=tuple(dict.fromkeys(link for each in (problem, *before) for link in each.links)),
    )


def beyond_rebuild(problem: Problem) -> tuple[str, ...]:
    """The steps that are left where setting all codes of the lock again does not help."""
    if problem.policy is not Policy.LADDER and problem.key is not ProblemKey.SPLIT_BRAIN:
        return ()
    return tuple(step for step in problem.steps if step not in _SET_AGAIN)


def recognise(*texts: str, error_code: int | None = None) -> ProblemKey:
    """The catalogue key that Schlage's words (or, failing them, its number) mean.

    Words win over the number because only few numbers are public. `unknown` where neither is known.
    """
    for text in texts:
        folded = text.casefold()
        for entry in _ENTRIES:
            if any(known in folded for known in entry.texts):
                return entry.key
    if error_code is not None and error_code in _CODES:
        return _CODES[error_code]
    return ProblemKey.UNKNOWN
