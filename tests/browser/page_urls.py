"""The pages a tour of the server visits, found from its routes, its tabs and its parts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from flask import Flask
from werkzeug.routing import Rule

from app.crud.modelview import ModelView
from app.crud.repositoryview import RepositoryView
from app.crud.tabs import Tab
from app.crud.trashview import TrashView
from app.extensions import db
from app.staff.models import StaffUser
from tests.browser.live_server import LiveServer
from tests.contracts.routes import build_path, get_view, is_api_rule, methods, rules
from tests.contracts.url_values import RowPool, url_cases
from tests.sampling import IS_FULL, chance, some

# The pages that every screen draws with its own columns and fields.
PAGES_OF_A_SCREEN = {"list", "show", "add", "edit"}
# Lists with a filter and a search, and without a result.
QUERIES = (
    "/contacts/list/?country__is=ES&q=a&size=25",
    "/contacts/list/?q=zzzzzz",
    "/search?q=garcia",
)
_PARTS = re.compile(r'href="[^"?]*(\?part=[^"&#]*)"')


class Candidate(NamedTuple):
    """A rule, and perhaps a tab of its page."""

    view: Any
    rule: Rule
    tab: str = ""


class PageUrls(NamedTuple):
    """The URLs of pages for an administrator, and of pages for visitors who are not logged in."""

    administrator: list[str]
    visitor: list[str]


def find_pages(server: LiveServer, administrator: str) -> PageUrls:
    """Return the URLs of all pages; of pages that screens share unchanged, one sample each.

    ``PADRON_TEST_FULL=1`` returns all of those, too.
    """
    finder, found, sampler = _Finder(server, administrator), PageUrls([], []), chance("pages")
    for candidates in _group_by_code(server.app):
        sampler.shuffle(candidates)
        # Many routes have no HTML page: when three of a kind have none, the others have none.
        for candidate in candidates if IS_FULL else candidates[:3]:
            url, is_for_visitors = finder.find(candidate)
            if url:
                urls = found.visitor if is_for_visitors else found.administrator
                urls += [url, *finder.find_parts(url)]
                if not IS_FULL:
                    break
    found.administrator.extend(QUERIES)
    return found


def _group_by_code(app: Flask) -> list[list[Candidate]]:
    """Return the GET rules and the tabs, grouped by the code that draws their pages."""
    groups: dict[tuple, list[Candidate]] = defaultdict(list)
    for rule in rules(app):
        if "GET" not in methods(rule) or is_api_rule(rule):
            continue
        view, name = get_view(app, rule), rule.endpoint.rpartition(".")[2]
        groups[_shared_code(view, name) or (rule.endpoint, rule.rule)].append(
            Candidate(view, rule)
        )
        if name == "show" and isinstance(view, ModelView) and not isinstance(view, TrashView):
            model = view.datamodel.obj
            for tab in (tab for tab in Tab.all() if tab.applies_to(model)):
                groups[tab,].append(Candidate(view, rule, f"?tab={tab.name}"))
    return list(groups.values())


def _shared_code(view: Any, name: str) -> tuple | None:
    """Return what identifies the code of a page that screens share, or None for a page's own."""
    owner = next((base for base in type(view).__mro__ if name in vars(base)), None)
    if not isinstance(view, ModelView) or owner is type(view):
        return None
    if name not in PAGES_OF_A_SCREEN:
        return owner, name
    kind = next((one for one in (TrashView, RepositoryView) if isinstance(view, one)), None)
    return (kind, name) if kind else None


class _Finder:
    """Requests URLs with a test client to find out which are HTML pages."""

    def __init__(self, server: LiveServer, administrator: str) -> None:
        self.server, self.administrator, self.rows = server, administrator, RowPool()
        with server.app.app_context():
            self.visitor, self.client = (server.app.test_client() for _each in range(2))
            cookie = server.session_cookie(administrator)
            self.client.set_cookie(cookie["name"], cookie["value"])

    def find(self, candidate: Candidate) -> tuple[str, bool]:
        """Return the URL of a page and whether it is for visitors; an empty URL if none is."""
        with self.server.app.app_context():
            for url in self._urls(candidate):
                for client in (self.client, self.visitor):
                    if _read_page(client, url + candidate.tab):
                        return url + candidate.tab, client is self.visitor
        return "", False

    def _urls(self, candidate: Candidate) -> Iterator[str]:
        """Return URLs of a rule: for the first row of the demo data, then for a new row."""
        yield build_path(candidate.rule, 1)
        if candidate.rule.arguments:
            user = db.session.get(StaffUser, self.server.user_id(self.administrator))
            for which, arguments in url_cases(self.rows, candidate.view, candidate.rule, user):
                if which == "own":
                    with self.server.app.test_request_context():
                        yield self.server.app.url_for(candidate.rule.endpoint, **arguments)

    def find_parts(self, url: str) -> list[str]:
        """Return URLs of other parts of a page that shows one part at a time, two in a run."""
        if "?" in url:
            return []
        with self.server.app.app_context():
            parts = dict.fromkeys(_PARTS.findall(_read_page(self.client, url)))
        return [url + part for part in some(list(parts), 2, f"parts of {url}")]


def _read_page(client: Any, url: str) -> str:
    """Return the HTML of a page, or an empty string."""
    reply = client.get(url, buffered=True)
    is_page = reply.status_code == 200 and reply.mimetype == "text/html"
    # The HTML of a mail is a sandboxed document, in which axe cannot run; its mail frames it.
    is_sandboxed = "sandbox" in reply.headers.get("Content-Security-Policy", "")
    return reply.text if is_page and not is_sandboxed and "<html" in reply.text else ""
