"""Commands: ``sync``, ``setup``, ``serve`` and ``users link``."""

from __future__ import annotations

import gc
import signal
import socket
import sys

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext
from flask_migrate import upgrade

from app.cli import command
from app.closing import close_database
from app.entities.services import ensure_root
from app.errors import DomainError
from app.extensions import db
from app.jobs.queue import worker_pool
from app.jobs.worker import run_worker
from app.log.services import record_security_event
from app.logs import configure_logging
from app.periodic import PeriodicTaskRunner
from app.security.actor import SYSTEM
from app.security.roles import sync_roles
from app.staff.password_links import REQUESTED_LINK_MINUTES, create_link_path, find_user
from app.staff.schema_version import is_current
from app.staff.seeding import Seeder
from app.staff.services import ensure_administrator
from app.supervisor import Child, Supervisor
from app.webserver import make_server


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
    """Migrate, synchronise roles, seed empty tables, make the first administrator."""
    if not is_current(db.session()):
        click.echo("Bringing the database up to date…")
        db.session.rollback()
        upgrade()
    _sync()
    for seeder in Seeder.all():
        seeder().seed(demo)
    try:
        password = ensure_administrator(
            db.session(), current_app.config["ORGANISATION"], current_app.config["ADMIN_PASSWORD"]
        )
    except DomainError as error:
        raise click.ClickException(f"PADRON_ADMIN_PASSWORD: {error}") from None
    db.session.commit()
    if password:
        click.secho(
            f"\n  Sign in as  admin  with the password  {password}\n"
            "  It is shown this once; change it under your name, top right.\n",
            bold=True,
        )


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
    db.session.remove()
    db.engine.dispose()
    configure_logging()
    listener = _listen(config["HOST"], config["PORT"])
    click.echo(f"Padrón {config['VERSION']} is at http://{config['HOST']}:{config['PORT']}")
    sys.stdout.flush()
    # With a Redis server, jobs are done by those who run “worker”.
    jobs = 0 if config["REDIS_URL"] else config["WORKERS"]
    # Objects made at start-up stay: exempt them from garbage collection. Forked processes then
    # share their memory, which a collection would copy.
    gc.collect()
    gc.freeze()
    # A page makes thousands, of which hardly any form rings: look for those more rarely.
    gc.set_threshold(10_000, 20, 20)
    if processes == 1:
        serve_requests(app, listener, jobs)
        return
    children = [Child("server", lambda: serve_requests(app, listener))] * processes
    if jobs:
        # In a process of their own jobs do not share the interpreter of the pages.
        children.append(Child("worker", lambda: work_beside(app, listener, jobs)))
    Supervisor(children).run()


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; ClickException if that is not possible."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise click.ClickException(
            f"Port {port} of {host} cannot be used ({error.strerror}); "
            "choose another with PADRON_PORT."
        ) from None
    listener.listen(256)
    return listener


def work_beside(app, listener: socket.socket, jobs: int) -> None:
    """Run jobs in a process beside those that serve, until SIGTERM or SIGINT."""
    listener.close()
    run_worker(app, jobs)


def serve_requests(app, listener: socket.socket, jobs: int = 0) -> None:
    """Serve from this process, run jobs and periodic tasks, until SIGTERM or SIGINT."""
    server = make_server(app, listener)
    periodic_tasks = PeriodicTaskRunner(app)
    with worker_pool(app, jobs) as workers:

        def stop(_signal, _frame):
            # Requests, jobs and periodic tasks all finish what they are in the middle of.
            if workers is not None:
                workers.request_stop()
            periodic_tasks.request_stop()
            server.request_stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        periodic_tasks.start()
        try:
            server.run()
        finally:
            periodic_tasks.stop()
    close_database(app)


users = command(AppGroup("users", help="The people who sign in."))


@users.command("link")
@click.argument("name")
def link(name: str) -> None:
    """Print a link with which the user called NAME chooses a new password.

    For who has lost everything and gets no mail. It works once, for half an hour; the log tells
    of it. Two-factor sign-in is still asked for.
    """
    session = db.session()
    user = find_user(session, name)
    if user is None:
        raise click.ClickException(f"No active user is called “{name}”.")
    url = current_app.config["PUBLIC_URL"] + create_link_path(
        session, user, REQUESTED_LINK_MINUTES
    )
    record_security_event(
        session, "password_link_sent", SYSTEM, about=user.id, name=str(user), to="shell"
    )
    session.commit()
    click.echo(url)
