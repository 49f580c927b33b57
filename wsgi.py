"""The WSGI entry point: any server on `wsgi:app`, and the `flask --app wsgi` commands."""

import gc

from portal import create_app

app = create_app()
# What is loaded now stays for good. Left out of every collection, it costs requests no pauses, and
# a command ends at once instead of taking all modules apart first (a second and more).
gc.freeze()
