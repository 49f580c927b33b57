"""What goes wrong in the vendor's words: texts, numbers, and the body of an immediate refusal.

Numbers other than 1 and 34 are not public; those here only have to be stable.
"""

from dataclasses import dataclass
from typing import Any

TYPE_ROOT = "https://api.allegion.com/errors/producers/SchlageHomeAPI/errorcodes/"


@dataclass(frozen=True, slots=True)
class Problem:
    """One way to be refused: by a status and body at once, or by an error in a failed command."""

    status: int
    symbol: str
    number: int
    text: str

    def body(self) -> dict[str, Any]:
        """The problem-details body of an immediate refusal."""
        return {
            "type": TYPE_ROOT + self.symbol,
            "title": TITLES.get(self.status, "The request was not accepted."),
            "errors": {f"Error Code: {self.number}": [self.text]},
        }

    def error(self) -> dict[str, Any]:
        """The `error` object of a failed command."""
        return {"statusCode": self.status, "errorCode": self.number, "errorMessage": self.text}


TITLES = {
    400: "One or more validation errors occurred.",
    401: "Unauthorized.",
    404: "The resource was not found.",
    429: "Too many requests.",
    502: "The resource provider returned an invalid response.",
    504: "The resource provider did not answer in time.",
}

ALREADY_IN_USE = Problem(
    400, "ResourceAlreadyExists", 21, "Access code/code name are already in use"
)
ID_NOT_FOUND = Problem(404, "ResourceNotFound", 22, "Access code ID not found on device")
USER_NOT_FOUND = Problem(404, "ResourceNotFound", 23, "User not found in the device")
WRONG_DIGITS = Problem(400, "ValidationFailed", 30, "Access code must be 4 to 8 digits.")
WRONG_LENGTH = Problem(400, "ValidationFailed", 31, "Access code length does not match the device.")
WRONG_NAME = Problem(
    400, "ValidationFailed", 32, "Access code name must be 1 to 24 ASCII characters."
)
LOCK_FULL = Problem(400, "ValidationFailed", 33, "Maximum number of access codes reached.")
SCHEDULE_NOT_VALID = Problem(400, "ValidationFailed", 35, "Schedule parameters are not valid")
READ_ONLY = Problem(400, "ValidationFailed", 36, "Access code is read only.")
BAD_BODY = Problem(400, "ValidationFailed", 37, "The request body is not valid JSON.")
SPURIOUS_SCHEDULE = Problem(
    502, "ResourceProviderBadGateway", 34, "Invalid access code schedule parameters."
)
BAD_GATEWAY = Problem(502, "ResourceProviderBadGateway", 1, "Bad Gateway")
GATEWAY_TIMEOUT = Problem(504, "ResourceProviderGatewayTimeout", 1, "Gateway Timeout")
TIMED_OUT = Problem(504, "CommandTimedOut", 40, "The command timed out.")
THROTTLED = Problem(429, "TooManyRequests", 41, "Rate limit is exceeded.")
UNAUTHORIZED = Problem(401, "Unauthorized", 42, "Unauthorized")
NO_SUBSCRIPTION_KEY = Problem(401, "Unauthorized", 43, "Access denied due to a missing key.")
NOT_FOUND = Problem(404, "ResourceNotFound", 44, "Not found.")
CALLBACK_NOT_VALIDATED = Problem(
    400, "CallbackValidationFailed", 45, "The callback did not answer the validation request."
)

_KNOWN = {
    problem.text: problem
    for problem in (ALREADY_IN_USE, ID_NOT_FOUND, USER_NOT_FOUND, SCHEDULE_NOT_VALID)
} | {SPURIOUS_SCHEDULE.text: SPURIOUS_SCHEDULE}


def problem_of(text: str) -> Problem:
    """The problem with this text; any text at all makes one, under the general failure number."""
    return _KNOWN.get(text) or Problem(400, "GeneralFailure", 1, text)
