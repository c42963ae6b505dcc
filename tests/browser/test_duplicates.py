"""Possible duplicates by keyboard."""

from __future__ import annotations

import re

from app.duplicates.models import SAME_EMAIL, SAME_NAME, DuplicatePair
from app.extensions import db
from tests.browser.playwright import expect
from tests.factories import a_contact


def add_pairs(server) -> list[list[int]]:
    """Store three pairs that a search has found; return their ids, the likeliest first."""
    with server.app.app_context():
        pairs = []
        for number in range(3):
            last = f"Zubiri {number}"
            ids = [a_contact(first_name=n, last_name=last).id for n in ("Ane", "Ane Miren")]
            pair = DuplicatePair(low_id=ids[0], high_id=ids[1], score=999 - number)
            pair.reasons = SAME_EMAIL | SAME_NAME
            db.session.add(pair)
            pairs.append(ids)
        db.session.commit()
    return pairs


def test_pairs_are_visited_told_apart_and_merged_by_keyboard(page, live_server):
    pairs = add_pairs(live_server)
    page.goto("/duplicates/")
    shown = page.locator("[data-pair]")
    expect(shown.nth(0)).to_be_focused()
    for key, place in (("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        expect(shown.nth(place)).to_be_focused()
    page.keyboard.press("n")
    expect(page.get_by_text("Remembered: they are not duplicates.")).to_be_visible()
    expect(shown.filter(has_text="Zubiri 1")).to_have_count(0)
    with live_server.app.app_context():
        assert db.session.get(DuplicatePair, tuple(pairs[1])).state == "not_duplicate"
    page.keyboard.press("j")
    page.keyboard.press("m")
    expect(page).to_have_url(re.compile(f"/contacts/merge/{pairs[2][0]}/{pairs[2][1]}"))
