"""The Flask extensions, unbound; create_app() binds them."""

from typing import Any

from flask_babel import Babel
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from flask_wtf import CSRFProtect
from sqlalchemy import Connection, Engine

from portal.models.base import Base


class OneDatabase(Session):
    """A session of an app with one database: no statement has to be asked where it belongs."""

    def __init__(self, db: SQLAlchemy, **options: Any) -> None:
        super().__init__(db, **options)
        self._engine = db.engine

    def get_bind(
        self,
        mapper: Any = None,
        clause: Any = None,
        bind: Engine | Connection | None = None,
        **_others: Any,
    ) -> Engine | Connection:
        return bind or self._engine


# Models stand on our own typed Base; Flask-SQLAlchemy brings engine, session and their life cycle.
db = SQLAlchemy(metadata=Base.metadata, session_options={"class_": OneDatabase})
migrate = Migrate()
login = LoginManager()
csrf = CSRFProtect()
babel = Babel()
