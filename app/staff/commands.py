"""``sync``, ``setup`` and ``serve``: from a fresh checkout to a running program."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys

import click
from flask import current_app
from flask.cli import with_appcontext
from flask_migrate import upgrade
from sqlalchemy import inspect, text

from app.cli import command
from app.entities.services import ensure_root
from app.extensions import db
from app.security.roles import sync_roles
from app.staff.services import ensure_administrator
from app.staff.starting import STARTING


@command
@click.command("sync")
@with_appcontext
def sync() -> None:
    """Write roles and rights as the code declares them; twice changes nothing."""
    result = _sync()
    click.echo(", ".join(f"{name} {count}" for name, count in result.items()))


def _sync() -> dict[str, int]:
    result = sync_roles(current_app.appbuilder.grants())
    ensure_root(db.session(), current_app.config["ORGANISATION"])
    db.session.commit()
    return result


@command
@click.command("setup")
@click.option("--demo/--no-demo", default=True, help="Fill an empty database with demo data.")
@with_appcontext
def setup(demo: bool) -> None:
    """Bring the database up to date and make it ready; a second time changes nothing."""
    prepare(demo)


def prepare(demo: bool) -> None:
    """Migrate, synchronise rights, make the administrator and, once, the first contents."""
    if not _is_current():
        click.echo("Bringing the database up to date…")
        upgrade()
    _sync()
    for start in STARTING:
        start(demo)
    password = ensure_administrator(
        db.session(), current_app.config["ORGANISATION"], current_app.config["ADMIN_PASSWORD"]
    )
    db.session.commit()
    if password:
        click.secho(
            f"\n  Sign in as  admin  with the password  {password}\n"
            "  It is shown this once; change it under your name, top right.\n",
            bold=True,
        )


def _is_current() -> bool:
    """Say whether the newest migration has run, without Alembic's second of start-up."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    with db.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        current = connection.scalar(text("SELECT version_num FROM alembic_version"))
    folder = os.path.join(os.path.dirname(current_app.root_path), "migrations")
    config = Config()
    config.set_main_option("script_location", folder)
    return current == ScriptDirectory.from_config(config).get_current_head()


@command
@click.command("serve")
@click.option("--prepare", "prepares", is_flag=True, help="Run “setup” first.")
@click.option("--demo/--no-demo", default=True, help="Fill an empty database with demo data.")
@with_appcontext
def serve(prepares: bool, demo: bool) -> None:
    """Serve the program over HTTP, with waitress."""
    if prepares:
        prepare(demo)
    config = current_app.config
    processes = config["PROCESSES"]
    if processes > 1 and db.engine.dialect.name == "sqlite":
        raise click.ClickException("PADRON_PROCESSES needs PostgreSQL; SQLite takes one process.")
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    db.engine.dispose()
    family = socket.AF_INET6 if ":" in config["HOST"] else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config["HOST"], config["PORT"]))
    except OSError as error:
        raise click.ClickException(
            f"Port {config['PORT']} of {config['HOST']} cannot be used ({error.strerror}); "
            "choose another with PADRON_PORT."
        ) from None
    listener.listen(256)
    click.echo(f"Padrón {config['VERSION']} is at http://{config['HOST']}:{config['PORT']}")
    sys.stdout.flush()
    if processes == 1:
        _serve(app, listener)
    else:
        _fork(app, listener, processes)


def _serve(app, listener: socket.socket) -> None:
    from waitress import serve as waitress_serve

    # What start-up made stays: the garbage collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    # A request that waits its turn for a moment is nothing to write home about.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    waitress_serve(
        app,
        sockets=[listener],
        threads=app.config["THREADS"],
        ident=None,
        max_request_body_size=app.config["MAX_CONTENT_LENGTH"],
    )


def _fork(app, listener: socket.socket, processes: int) -> None:
    """Serve from several processes that share one socket; end together."""
    children = []
    for _number in range(processes):
        child = os.fork()
        if child == 0:
            _serve(app, listener)
            os._exit(0)
        children.append(child)

    def stop(_signal, _frame):
        for child in children:
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    for child in children:
        os.waitpid(child, 0)
