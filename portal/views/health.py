"""For those who watch the process: is it alive, is it ready, and its figures."""

import secrets
from pathlib import Path

import redis
import structlog
from alembic.script import ScriptDirectory
from flask import Blueprint, Flask, Response, abort, current_app, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import inspect, text
from sqlalchemy.exc import SQLAlchemyError

from portal.config import Settings
from portal.extensions import db
from portal.metrics import Metrics
from portal.views._guard import public
from portal.views._remote import is_this_machine

log = structlog.get_logger(__name__)

blueprint = Blueprint("health", __name__)


def init_app(app: Flask, migrations: Path) -> None:
    """The health addresses of this app exist; `migrations` is where its revisions are."""
    app.extensions["metrics"] = Metrics()
    app.extensions["migration_heads"] = frozenset(ScriptDirectory(str(migrations)).get_heads())
    app.register_blueprint(blueprint)


@blueprint.get("/healthz")
@public("says only that the process runs")
def alive() -> Response:
    return Response("alive\n", mimetype="text/plain")


@blueprint.get("/readyz")
@public("says only whether the parts are there")
def ready() -> tuple[Response, int]:
    """200 when database and migrations are right, else 503. Redis is reported and not required."""
    database, migrations = _database()
    is_ready = database == "ok" and migrations == "ok"
    body = {"ready": is_ready, "database": database, "migrations": migrations, "redis": _redis()}
    return jsonify(body), 200 if is_ready else 503


@blueprint.get("/metrics")
@public("checks METRICS_TOKEN, or that it is asked on this machine")
def metrics() -> Response:
    settings: Settings = current_app.extensions["settings"]
    if settings.metrics_token:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(
            token.strip().encode(), settings.metrics_token.encode()
        ):
            return Response("Send METRICS_TOKEN as bearer.\n", 401, {"WWW-Authenticate": "Bearer"})
    elif not is_this_machine():
        abort(403, "Without METRICS_TOKEN the figures are given on the machine itself only.")
    figures: Metrics = current_app.extensions["metrics"]
    return Response(figures.text(), content_type=CONTENT_TYPE_LATEST)


def _database() -> tuple[str, str]:
    heads: frozenset[str] = current_app.extensions["migration_heads"]
    try:
        with db.engine.connect() as connection:
            current = set()
            if inspect(connection).has_table("alembic_version"):
                current = set(
                    connection.execute(text("SELECT version_num FROM alembic_version")).scalars()
                )
    except SQLAlchemyError:
        log.exception("database_not_ready")
        return "away", "unknown"
    if current != heads:
        return "ok", "run: flask --app wsgi db upgrade"
    return "ok", "ok"


def _redis() -> str:
    connection: redis.Redis = current_app.extensions["redis"]
    try:
        connection.ping()
    except redis.RedisError:
        return "away"
    return "ok"
