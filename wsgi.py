"""The WSGI entry point: any server on `wsgi:app`, and the `flask --app wsgi` commands."""

from portal import create_app

app = create_app()
