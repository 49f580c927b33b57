"""What goes wrong with a feed, as a key for code and words for the feeds page.

The words never hold the feed's address nor anything the feed answered: an address carries a
token, and an answer is written by a stranger.
"""


class FeedProblem(Exception):
    """Something is wrong with a feed: `key` for code, `words` for a person."""

    def __init__(self, key: str, words: str) -> None:
        super().__init__(key)
        self.key = key
        self.words = words


class FeedUnreadable(FeedProblem):
    """What came is not a complete calendar: it changes nothing, and the feed is flagged."""


class FetchRefused(FeedProblem):
    """The address is one that we never call; trying again cannot help."""


class FetchFailed(FeedProblem):
    """Nothing usable came this time. `retry_after_seconds` is set where the server named a time."""

    def __init__(self, key: str, words: str, retry_after_seconds: int | None = None) -> None:
        super().__init__(key, words)
        self.retry_after_seconds = retry_after_seconds
