"""``worker`` runs jobs in a process of its own; ``jobs`` lists, runs, cancels and resumes them."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import select

from app.cli import command
from app.database import reading
from app.errors import DomainError
from app.extensions import db
from app.jobs.kinds import job_title
from app.jobs.models import STATES, Job
from app.jobs.runner import run_now
from app.jobs.services import cancel, retry
from app.jobs.worker import run_worker
from app.logs import configure_logging
from app.security.actor import SYSTEM

# Threads of a worker where PADRON_WORKERS is 0.
DEFAULT_THREADS = 2


@command
@click.command("worker")
@click.option("--threads", type=click.IntRange(1, 64), help="Jobs done at the same time.")
@with_appcontext
def worker(threads: int | None) -> None:
    """Run jobs, and nothing else, until SIGTERM or SIGINT."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    threads = threads or app.config["WORKERS"] or DEFAULT_THREADS
    db.session.remove()
    configure_logging()

    def started() -> None:
        where = "Redis" if app.config["REDIS_URL"] else app.config["DATA_DIR"]
        click.echo(f"Padrón {app.config['VERSION']} does {threads} jobs at a time, from {where}")
        sys.stdout.flush()

    run_worker(app, threads, started)


jobs = command(AppGroup("jobs", help="Background jobs."))


@jobs.command("list")
@click.option("--state", type=click.Choice(list(STATES)), help="Only those in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
def list_jobs(state: str | None, limit: int) -> None:
    """Print the newest jobs, one JSON object a line."""
    with reading():
        query = select(Job).order_by(Job.id.desc()).limit(limit)
        for job in db.session.scalars(query.where(Job.state == state) if state else query):
            click.echo(json.dumps(_job_as_dict(job), ensure_ascii=False))


@jobs.command("run")
@click.argument("job_id", metavar="ID", type=int)
def run(job_id: int) -> None:
    """Run a job in this process, or wait for the worker that has it; status 1 unless it is done."""
    _load_job(job_id)
    state = run_now(job_id, wait_seconds=None)
    click.echo(json.dumps(_job_as_dict(_load_job(job_id)), ensure_ascii=False))
    sys.exit(0 if state == "done" else 1)


@jobs.command("cancel")
@click.argument("job_id", metavar="ID", type=int)
def cancel_job(job_id: int) -> None:
    """Cancel a job; it ends after its current chunk."""
    _load_job(job_id)
    if not cancel(db.session(), job_id):
        raise click.ClickException(f"The job {job_id} has ended already.")
    db.session.commit()
    click.echo(json.dumps(_job_as_dict(_load_job(job_id)), ensure_ascii=False))


@jobs.command("resume")
@click.argument("job_id", metavar="ID", type=int)
def resume(job_id: int) -> None:
    """Resume a failed job where it stopped, as the user who asked for it."""
    job = _load_job(job_id)
    try:
        retry(db.session(), job, SYSTEM)
    except DomainError as error:
        raise click.ClickException(str(error)) from None
    db.session.commit()
    click.echo(json.dumps(_job_as_dict(_load_job(job_id)), ensure_ascii=False))


def _load_job(job_id: int) -> Job:
    with reading():
        job = db.session.get(Job, job_id, populate_existing=True)
    if job is None:
        raise click.ClickException(f"There is no job {job_id}.")
    return job


def _job_as_dict(job: Job) -> dict[str, Any]:
    """Return the fields of a job that the commands print; never its payload."""
    return {
        "id": job.id,
        "kind": job.kind,
        "title": job_title(job),
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
