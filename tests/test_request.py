"""Oversized forms are refused before they are parsed."""

from __future__ import annotations

import pytest

from app.request import MAX_FIELDS

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "sent",
    [b"a&" * (MAX_FIELDS + 1), b"a=" + b"x" * (3 * 1024 * 1024)],
    ids=["too many fields", "too long"],
)
@pytest.mark.parametrize("url", ["/login/", "/login/forgotten", "/language"])
def test_a_form_with_too_many_fields_or_bytes_is_refused(client_as, url, sent):
    reply = client_as(None).post(url, data=sent, content_type=FORM)
    assert reply.status_code == 413
    assert "Too large" in reply.text


def test_a_form_with_a_thousand_fields_is_accepted(client_as):
    sent = b"language=es&" + b"a&" * 1000
    reply = client_as(None).post("/language", data=sent, content_type=FORM)
    assert reply.status_code == 302
