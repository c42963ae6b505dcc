"""Redirect targets from requests never lead off the site."""

from __future__ import annotations

from urllib.parse import quote, urljoin, urlsplit

import pytest

from app.security.redirects import safe_redirect_target
from tests.people import ALICIA

HOSTILE = (
    "http://evil.test", "https://evil.test/", "HTTPS://EVIL.TEST", "//evil.test", "///evil.test",
    "////evil.test/%2f..", "/\\evil.test", "\\\\evil.test", "\\/evil.test", "/\\/evil.test",
    "\\evil.test", "/%5cevil.test", "/%5Cevil.test", "/%2fevil.test", "/%2Fevil.test",
    "/%252fevil.test", "/%255cevil.test", "%2f%2fevil.test", "http:evil.test", "http:/evil.test",
    "http:///evil.test", "https:evil.test", "javascript:alert(1)", "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)", "javascript://%0aalert(1)", "data:text/html,<script>1</script>",
    "vbscript:msgbox(1)", "ftp://evil.test", "file:///etc/passwd", "mailto:a@evil.test",
    "/\t/evil.test", "/\n/evil.test", "/\r\n/evil.test", "\t//evil.test", " //evil.test",
    "\x00//evil.test", "/\x00/evil.test", "/a\r\nSet-Cookie: x=1", "/a%0d%0aSet-Cookie:x=1",
    "/%09/evil.test", "/%0a/evil.test", "//user:pass@evil.test", "http://localhost@evil.test/",
    "//localhost:80@evil.test", "@evil.test", ".evil.test", "evil.test", "//evil.test#/",
    "／／evil.test", "/／evil.test", "/＼evil.test", "/%ef%bc%8fevil.test", "/⁄⁄evil.test/..//",
    "//[::1]", "//[evil.test", "http://[evil", "/.//evil.test", "/..//evil.test",
    "/a/../..//evil.test", "/%2e%2e//evil.test", "//evil。test", "//evil%00.test",
    "/\u2028/evil.test", "/\u00a0/evil.test", "/" + "a" * 3000, "\ud800//evil.test", "/\udfff/x",
    "?next=//evil.test", "#//evil.test", "", " ", "/\x7f/evil.test", "///", "//",
)  # fmt: skip

SAFE = (
    "/", "/contacts/list/", "/contacts/list/?q=garc%C3%ADa&sort=-name", "/contacts/show/3?tab=log",
    "/users/userinfo/", "/search?q=//example.org", "/contacts/list/?q=a%5Cb", "/a#part",
)  # fmt: skip


@pytest.mark.parametrize("asked", [*HOSTILE, None], ids=ascii)
def test_an_unsafe_target_redirects_to_the_start_page(asked):
    assert safe_redirect_target(asked) == "/"


@pytest.mark.parametrize("asked", SAFE)
def test_a_path_of_this_site_is_a_safe_target(asked):
    assert safe_redirect_target(asked) == asked


def test_non_ascii_targets_are_percent_encoded():
    assert safe_redirect_target("/contacts/list/?q=peña") == "/contacts/list/?q=pe%C3%B1a"


def test_no_view_redirects_off_the_site(client_as):
    visitor, alicia = client_as(None), client_as(ALICIA)
    for asked in HOSTILE:
        sent = asked.encode("utf-8", "surrogatepass")
        for reply in (
            visitor.post("/language", data={"language": "en", "next": sent}),
            visitor.post("/theme", data={"theme": "dark", "next": sent}),
            alicia.get(f"/login/?next={quote(sent)}"),
        ):
            led = urlsplit(urljoin("http://localhost/here", reply.location))
            assert (reply.status_code, led.netloc) == (302, "localhost"), asked
            assert not {*reply.location} & {*"\r\n\t\\"}, asked


def test_after_login_a_visitor_gets_the_page_they_requested(client_as):
    at_the_door = client_as(None).get("/contacts/list/?q=pe%C3%B1a")
    reply = client_as(ALICIA).get(at_the_door.location)
    assert reply.location == "/contacts/list/?q=pe%C3%B1a"
