"""Throttling: attempts are counted in the database, parallel ones included."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.extensions import db
from app.security import throttle
from app.security.models import AttemptCounter
from app.security.throttle import (
    count_attempt,
    count_within_limit,
    delete_old_counts,
    key_for_address,
    key_for_text,
    reset_count,
    uncount_attempt,
)
from tests.databases import migrated_app

pytestmark = pytest.mark.both_databases

NOON = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch):
    """Replace the module's clock with one that is set by the test."""

    class Clock:
        moment = NOON

        def advance(self, **by) -> None:
            self.moment += timedelta(**by)

    it = Clock()
    monkeypatch.setattr(throttle, "now", lambda: it.moment)
    return it


def test_five_attempts_are_within_the_limit_and_no_more(session, clock):
    assert [count_within_limit(session, "a", 5, 15) for _n in range(8)] == [True] * 5 + [False] * 3
    assert count_within_limit(session, "another", 5, 15)


def test_a_count_restarts_after_its_window(session, clock):
    for _n in range(8):
        count_within_limit(session, "a", 5, 15)
    clock.advance(minutes=14, seconds=59)
    assert not count_within_limit(session, "a", 5, 15)
    clock.advance(seconds=1)
    assert [count_within_limit(session, "a", 5, 15) for _n in range(6)] == [True] * 5 + [False]


def test_a_clock_that_was_wrong_blocks_nobody(session, clock):
    clock.advance(days=1)
    for _n in range(8):
        count_within_limit(session, "a", 5, 15)
    clock.advance(days=-1)
    assert count_within_limit(session, "a", 5, 15)


def test_an_attempt_can_be_uncounted_and_a_count_reset(session, clock):
    for _n in range(5):
        count_within_limit(session, "a", 5, 15)
    uncount_attempt(session, "a")
    assert count_within_limit(session, "a", 5, 15)
    assert not count_within_limit(session, "a", 5, 15)
    reset_count(session, "a")
    assert count_attempt(session, "a", 15) == 1
    for _n in range(3):
        uncount_attempt(session, "a")
    assert count_attempt(session, "a", 15) == 1


def test_the_key_does_not_reveal_the_typed_text(session):
    assert "bruno" not in key_for_text("sign-in", "bruno")
    assert key_for_text("sign-in", "bruno") == key_for_text("sign-in", "bruno")
    assert key_for_text("sign-in", "bruno") != key_for_text("code", "bruno")


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        (None, "", True),
        ("not an address", "neither is this", False),
    ],
)
def test_ipv6_addresses_of_one_network_count_together(session, one, other, are_same):
    assert (key_for_address("x", one) == key_for_address("x", other)) is are_same


def test_old_counts_are_deleted(session, clock):
    count_within_limit(session, "old", 5, 15)
    clock.advance(hours=30)
    count_within_limit(session, "new", 5, 15)
    delete_old_counts(session)
    assert session.scalars(select(AttemptCounter.key)).all() == ["new"]


def test_forty_parallel_attempts_are_all_counted(database, tmp_path):
    with migrated_app(database, tmp_path) as app:

        def attempt(_number: int) -> bool:
            with app.app_context():
                return count_within_limit(db.engine, "a", 5, 15)

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(attempt, range(40)))
    assert answers.count(True) == 5
