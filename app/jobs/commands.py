"""``worker``: do jobs apart from the server; ``jobs``: see them, run them, call them off."""

from __future__ import annotations

import json
import signal
import sys
import threading
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import select

from app.periodic import ChoreThread
from app.cli import command
from app.errors import DomainError
from app.extensions import db, reading
from app.jobs.queue import working
from app.jobs.periodic import ForgetJobs, SweepJobs
from app.jobs.kinds import title_of
from app.jobs.models import STATES, Job
from app.jobs.runner import run_now
from app.jobs.services import cancel, try_again
from app.security.actor import SYSTEM

# Threads of a worker where the server has been told to have none.
USUAL = 2


@command
@click.command("worker")
@click.option("--threads", type=click.IntRange(1, 64), help="Jobs done at the same time.")
@with_appcontext
def worker(threads: int | None) -> None:
    """Do jobs, and nothing else, until told to end."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    threads = threads or app.config["WORKERS"] or USUAL
    db.session.remove()
    ending = threading.Event()
    # Other chores are left to the server: mails would leave by the settings of this host.
    chores = ChoreThread(app, (SweepJobs, ForgetJobs))
    with working(app, threads) as workers:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _signal, _frame: ending.set())
        chores.start()
        where = "Redis" if app.config["REDIS_URL"] else app.config["DATA_DIR"]
        click.echo(f"Padrón {app.config['VERSION']} does {threads} jobs at a time, from {where}")
        sys.stdout.flush()
        ending.wait()
        if workers is not None:
            workers.ask_to_stop()
        chores.stop()


jobs = command(AppGroup("jobs", help="What is done in the background."))


@jobs.command("list")
@click.option("--state", type=click.Choice(list(STATES)), help="Only those in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
def list_jobs(state: str | None, limit: int) -> None:
    """Print the newest jobs, one JSON object a line."""
    with reading():
        wanted = select(Job).order_by(Job.id.desc()).limit(limit)
        for job in db.session.scalars(wanted.where(Job.state == state) if state else wanted):
            click.echo(json.dumps(_told(job), ensure_ascii=False))


@jobs.command("run")
@click.argument("job_id", metavar="ID", type=int)
def run(job_id: int) -> None:
    """Do a job here and now, or wait for whoever is at it; status 1 unless it is done."""
    _demand(job_id)
    state = run_now(job_id, patience=None)
    click.echo(json.dumps(_told(_demand(job_id)), ensure_ascii=False))
    sys.exit(0 if state == "done" else 1)


@jobs.command("cancel")
@click.argument("job_id", metavar="ID", type=int)
def call_off(job_id: int) -> None:
    """Call a job off; it ends after the chunk it is at."""
    _demand(job_id)
    if not cancel(db.session(), job_id):
        raise click.ClickException(f"The job {job_id} has ended already.")
    db.session.commit()
    click.echo(json.dumps(_told(_demand(job_id)), ensure_ascii=False))


@jobs.command("resume")
@click.argument("job_id", metavar="ID", type=int)
def resume(job_id: int) -> None:
    """Let a job that failed go on where it stopped, in the name of whoever asked for it."""
    job = _demand(job_id)
    try:
        try_again(db.session(), job, SYSTEM)
    except DomainError as error:
        raise click.ClickException(str(error)) from None
    db.session.commit()
    click.echo(json.dumps(_told(_demand(job_id)), ensure_ascii=False))


def _demand(job_id: int) -> Job:
    with reading():
        job = db.session.get(Job, job_id, populate_existing=True)
    if job is None:
        raise click.ClickException(f"There is no job {job_id}.")
    return job


def _told(job: Job) -> dict[str, Any]:
    """Return what the command line says of a job; nothing of what it was asked with."""
    return {
        "id": job.id,
        "kind": job.kind,
        "title": title_of(job),
        "state": job.state,
        "is_cancelled": job.is_cancelled,
        "done": job.done,
        "total": job.total,
        "attempts": job.attempts,
        "error": job.error,
        "by": job.actor_name,
        "created_at": job.created_at.isoformat(),
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
    }
