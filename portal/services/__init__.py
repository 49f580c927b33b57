"""The only writers. A function that takes a session changes rows and leaves the commit to its
caller; one that takes ids begins and ends its own units of work."""
