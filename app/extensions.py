"""Flask extensions, created once and bound to the application by the factory."""

from __future__ import annotations

from flask_appbuilder import Model
from flask_mail import Mail
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect

from app.database import RoutingSession

csrf = CSRFProtect()
# ``create_savepoint`` lets the tests run everything, commits included, in one transaction that
# is rolled back at the end.
db = SQLAlchemy(
    model_class=Model,
    session_options={"join_transaction_mode": "create_savepoint", "class_": RoutingSession},
)
migrate = Migrate()
mail = Mail()
