"""The edge to booking feeds: hostile bytes and a hostile network become stays, or a clear error.

Nothing here imports Flask or the database: the parser runs in a small process of its own.
"""
