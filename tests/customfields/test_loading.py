"""Fields change between the requests of a process, never within one, and without a long wait."""

from __future__ import annotations

import threading
import time

import pytest
from flask import g

from app.customfields import loading
from tests.people import ALICIA


def test_whoever_changes_the_fields_waits_for_requests_and_they_for_it():
    requests = loading._Requests()
    seen: list[str] = []
    requests.begin()

    def change() -> None:
        with requests.alone():
            seen.append("changed")
            time.sleep(0.05)
            seen.append("changed all")

    def another_request() -> None:
        requests.begin()
        seen.append("served")
        requests.end()

    threads = [threading.Thread(target=change), threading.Thread(target=another_request)]
    threads[0].start()
    time.sleep(0.05)
    threads[1].start()
    time.sleep(0.05)
    assert seen == []
    requests.end()
    for thread in threads:
        thread.join(5)
    assert seen == ["changed", "changed all", "served"]


def test_requests_that_find_the_same_change_do_not_wait_for_each_other(app):
    """Each gives up its place while it waits for the lock."""
    finished: list[float] = []
    started = time.monotonic()

    def request() -> None:
        with app.test_request_context():
            loading._requests.begin()
            g.is_counted_request = True
            loading.refresh("1-1-other")
            finished.append(time.monotonic() - started)
            loading._requests.end()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "_register", lambda _session, _stamp: time.sleep(0.1))
        patch.setattr(loading, "_follow", lambda: None)
        threads = [threading.Thread(target=request) for _number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert len(finished) == 2
    assert max(finished) < loading.PATIENCE_SECONDS


def test_a_static_file_asks_the_database_nothing(client_as, session, counting):
    browser = client_as(ALICIA)
    with counting() as statements, browser.get("/static/css/padron.css") as reply:
        assert reply.status_code == 200
    assert not statements
