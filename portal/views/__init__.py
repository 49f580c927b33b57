"""The pages and addresses of the portal: one blueprint per page family."""

from pathlib import Path

from flask import Flask

from portal.config import Settings
from portal.views import (
    _guard,
    _htmx,
    api,
    errors,
    guest,
    headers,
    health,
    pages,
    sign_in,
    static_files,
    webhooks,
)


def init_app(app: Flask, settings: Settings, migrations: Path) -> None:
    """Every page of the portal is in `app`, behind the guard."""
    _htmx.init_app(app)
    headers.init_app(app, is_https=settings.is_https)
    errors.init_app(app)
    health.init_app(app, migrations)
    webhooks.init_app(app, settings.schlage_webhook_keys)
    api.init_app(app)
    app.register_blueprint(sign_in.blueprint)
    pages.init_app(app)
    guest.init_app(app)
    static_files.init_app(app, headers=headers.for_answers(is_https=settings.is_https))
    _guard.require_declarations(app)
