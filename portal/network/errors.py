"""What goes wrong with a call to a stranger's address, as a key for code and words for a page.

The words never hold the address nor anything that was answered: an address carries a token, and an
answer is written by a stranger.
"""


class CallProblem(Exception):
    """Something is wrong with a call: `key` for code, `words` for a person."""

    def __init__(self, key: str, words: str) -> None:
        super().__init__(key)
        self.key = key
        self.words = words


class CallRefused(CallProblem):
    """The address is one that we never call; trying again cannot help."""


class CallFailed(CallProblem):
    """Nothing usable came this time; a later call may go better."""
