"""The application factory: everything is bound here, nothing at import."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import requests
from flask import Flask
from flask_sqlalchemy.session import Session
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from portal import cli, crypto, logging, tenancy, unit_of_work, views
from portal.config import Settings, from_environment
from portal.extensions import babel, csrf, db, login, migrate
from portal.messages import child
from portal.network import post
from portal.queue import Bell, RedisBell, connect
from portal.views import _guard, _language, notice_words

ROOT = Path(__file__).parent.parent
MIGRATIONS = ROOT / "migrations"
# An iCal file may have 2 MB; the rest is the form around it. API and webhooks allow far less.
MAX_REQUEST_BYTES = 3 * 1024 * 1024


def create_app(settings: Settings | None = None, bell: Bell | None = None) -> Flask:
    """The whole portal as a WSGI application.

    `settings` default to the environment (BadSettings names what is missing or wrong there);
    `bell` defaults to Redis, and tests and benchmarks bring their own.
    """
    settings = settings or from_environment()
    logging.configure()
    app = Flask(
        __name__,
        template_folder=str(ROOT / "templates"),
        static_folder=str(ROOT / "static"),
        static_url_path="/static",
    )
    app.config.from_mapping(_flask_config(settings))
    app.url_map.converters["int"] = _Id
    crypto.use(crypto.KeyRing(settings.encryption_keys))
    connection = connect(settings.redis_url)
    app.extensions["settings"] = settings
    app.extensions["redis"] = connection
    app.extensions["bell"] = bell or RedisBell(connection)
    app.extensions["schlage_http"] = requests.Session
    app.extensions["messenger"] = child.send
    app.extensions["endpoint_post"] = post.post
    app.extensions["notice_words"] = notice_words.write
    app.extensions["guest_test_words"] = notice_words.guest_test

    db.init_app(app)
    migrate.init_app(app, db, directory=str(MIGRATIONS), render_as_batch=True)
    login.init_app(app)
    babel.init_app(app, locale_selector=_language.of_browser)
    logging.init_app(app)
    # Before the CSRF check: who is not signed in is asked to sign in, not told of a stale form.
    _guard.init_app(app)
    csrf.init_app(app)
    views.init_app(app, settings, MIGRATIONS)
    cli.init_app(app)
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=0, x_port=0, x_prefix=0
        )
    with app.app_context():
        unit_of_work.prepare(db.engine)
    return app


class _Id(IntegerConverter):
    """A row's id in an address. What no database could hold is not found rather than refused."""

    def __init__(self, map, fixed_digits=0, min=None, max=2**31 - 1, signed=False):  # type: ignore[no-untyped-def]  # noqa: A002
        super().__init__(map, fixed_digits, min, max, signed)


def _flask_config(settings: Settings) -> dict[str, object]:
    return {
        "SECRET_KEY": settings.secret_key,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            # Values of a failed statement would stand in its error's text, and so in the log.
            "hide_parameters": True,
            # A server that was restarted is met with a new connection, not with an error.
            "pool_pre_ping": not settings.database_url.startswith("sqlite"),
        },
        "MAX_CONTENT_LENGTH": MAX_REQUEST_BYTES,
        "TRUSTED_HOSTS": _trusted_hosts(settings.public_url),
        # The cookie: __Host- makes browsers insist on Secure, this host alone, and every path.
        "SESSION_COOKIE_NAME": "__Host-latchboard" if settings.is_https else "latchboard",
        "SESSION_COOKIE_SECURE": settings.is_https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_REFRESH_EACH_REQUEST": False,
        # As long as a sign-in can last at most; the server ends it earlier (services.sign_ins).
        "PERMANENT_SESSION_LIFETIME": timedelta(days=7),
        # The token lives as long as the session that it belongs to.
        "WTF_CSRF_TIME_LIMIT": None,
        # Some browsers send no Referer; the token and Sec-Fetch-Site are what we go by.
        "WTF_CSRF_SSL_STRICT": False,
    }


def _trusted_hosts(public_url: str) -> list[str]:
    """The names this portal is called by: its public one, and this machine's own."""
    return [urlsplit(public_url).hostname or "", "localhost", "127.0.0.1"]


tenancy.install(Session)
unit_of_work.install(Session)
