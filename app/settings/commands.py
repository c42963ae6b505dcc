"""``settings list`` and ``settings set``."""

from __future__ import annotations

import click
from flask.cli import AppGroup
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from app.cli import command
from app.database import reading
from app.errors import DomainError
from app.extensions import db
from app.settings.forms import value_of
from app.settings.kinds import all_settings, find_setting
from app.settings.queries import stored_rows
from app.settings.services import reset_setting, type_setting

settings = command(AppGroup("settings", help="Settings of the organisation."))


@settings.command("list")
def list_settings() -> None:
    """Print every setting; an asterisk marks those that are not the default."""
    with reading():
        rows = stored_rows(db.session())
        for setting in all_settings():
            row = rows.get(setting.key)
            mark = " " if row is None or row.value is None else "*"
            value = setting.field_type().write(value_of(setting, rows))
            click.echo(f"{mark} {setting.key} = {value}")


@settings.command("set")
@click.argument("key")
@click.argument("value", required=False)
@click.option("--default", "is_default", is_flag=True, help="Set the default again.")
def set_one(key: str, value: str | None, is_default: bool) -> None:
    """Set the setting KEY to VALUE."""
    setting = find_setting(key)
    if setting is None:
        known = ", ".join(setting.key for setting in all_settings())
        raise click.UsageError(f"There is no setting “{key}”. Settings: {known}.")
    if is_default == (value is not None):
        raise click.UsageError("Give either a value or --default.")
    session = db.session()
    try:
        if is_default:
            reset_setting(session, setting)
        else:
            type_setting(session, setting, value or "")
        session.commit()
    except DomainError as error:
        raise click.ClickException(str(error)) from None
    except (StaleDataError, IntegrityError):
        raise click.ClickException("Somebody else has just changed it. Try again.") from None
