"""The application factory: everything is bound here, nothing at import."""

from pathlib import Path

from flask import Flask
from flask_sqlalchemy.session import Session

from portal import crypto, tenancy, unit_of_work
from portal.config import Settings, from_environment
from portal.extensions import babel, csrf, db, login, migrate
from portal.queue import Bell, RedisBell, connect

ROOT = Path(__file__).parent.parent


def create_app(settings: Settings | None = None, bell: Bell | None = None) -> Flask:
    """The whole portal as a WSGI application.

    `settings` default to the environment (BadSettings names what is missing or wrong there);
    `bell` defaults to Redis, and tests and benchmarks bring their own.
    """
    settings = settings or from_environment()
    app = Flask(
        __name__,
        template_folder=str(ROOT / "templates"),
        static_folder=str(ROOT / "static"),
        static_url_path="/static",
    )
    app.config.from_mapping(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        MAX_CONTENT_LENGTH=3 * 1024 * 1024,
    )
    app.extensions["settings"] = settings
    app.extensions["bell"] = bell or RedisBell(connect(settings.redis_url))
    crypto.use(crypto.KeyRing(settings.encryption_keys))

    db.init_app(app)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"), render_as_batch=True)
    login.init_app(app)
    csrf.init_app(app)
    babel.init_app(app)
    with app.app_context():
        unit_of_work.prepare(db.engine)
    return app


tenancy.install(Session)
unit_of_work.install(Session)
