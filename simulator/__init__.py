"""A stand-in for the Schlage Home API: two lists per lock, slow commands, faults on order.

`cloud.Cloud` is the whole of it, free of threads and sockets, so that a benchmark can run a year
of it in virtual time; `app.create_app` puts HTTP in front.
"""
