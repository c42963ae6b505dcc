"""Texts are compressed for who accepts gzip."""

from __future__ import annotations

import gzip

import pytest

from tests.people import ALICIA

PAGE, FILE = "/contacts/list/", "/static/css/padron.css"
GZIP = {"Accept-Encoding": "gzip, deflate, br"}


def test_a_page_is_compressed_for_who_accepts_gzip(client_as):
    browser = client_as(ALICIA)
    reply, plain = browser.get(PAGE, headers=GZIP), browser.get(PAGE)

    assert reply.headers["Content-Encoding"] == "gzip"
    assert b"</html>" in gzip.decompress(reply.data)
    assert int(reply.headers["Content-Length"]) == len(reply.data) < len(plain.data) / 2
    assert "Content-Encoding" not in plain.headers
    assert all("accept-encoding" in it.headers["Vary"].lower() for it in (reply, plain))


@pytest.mark.parametrize("headers", [{"Accept-Encoding": "gzip;q=0"}, {"Accept-Encoding": "br"}])
def test_nothing_is_compressed_for_who_does_not_accept_gzip(headers, client_as):
    assert "Content-Encoding" not in client_as(ALICIA).get(PAGE, headers=headers).headers


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_that_another_site_leads_to_is_not_compressed(site, client_as):
    reply = client_as(ALICIA).get(PAGE, headers={**GZIP, "Sec-Fetch-Site": site})

    assert reply.status_code == 200
    assert "Content-Encoding" not in reply.headers


def test_a_static_file_is_compressed_with_a_tag_that_is_known_again(client_as):
    browser = client_as(None)
    plain = browser.get(FILE, buffered=True)
    first, second = (browser.get(FILE, headers=GZIP, buffered=True) for _time in range(2))

    assert gzip.decompress(first.data) == gzip.decompress(second.data) == plain.data
    assert first.headers["Content-Length"] == str(len(first.data))
    tagged = {**GZIP, "If-None-Match": first.headers["ETag"]}
    assert first.headers["ETag"].startswith("W/")
    assert browser.get(FILE, headers=tagged, buffered=True).status_code == 304


def test_what_is_short_is_left_alone(client_as):
    assert "Content-Encoding" not in client_as(ALICIA).get("/healthz", headers=GZIP).headers
