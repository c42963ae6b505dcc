"""Measure pages: the program's and the raw one in turn, with all contacts and with a tenth of them."""

from __future__ import annotations

import os
import re
import statistics
import sys
from dataclasses import dataclass
from urllib.parse import quote

from app.crud.paging import Cursor
from bench.client import Browser, Hammer, changed, form_with, throughput
from bench.report import Reach, Report, at_least, at_most, raw_plus

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "60"))
SIZE = "size=25"
# Columns that have no index in the order of what is shown, and the column a raw page sorts by.
SORTS = {
    "type": "t.label_en", "status": "s.label_en", "account": "a.name", "entity": "e.name",
    "city": "c.city", "postcode": "c.postcode", "country": "c.country",
}  # fmt: skip
LIST, SEARCH, FILTER = at_most(3), at_most(1.2) | raw_plus(15), at_most(0.5)


@dataclass(frozen=True)
class PageCase:
    """A page: its addresses in the program and among the raw pages, and what it has to reach."""

    name: str
    ours: list[str]
    raw: list[str]
    reach: Reach


@dataclass(frozen=True)
class Site:
    """The servers over one database, with browsers on them."""

    ours: Browser
    raw: Browser


def cases(*, is_small: bool) -> list[PageCase]:
    """Return everything that is only read."""
    scope = "small=1&" if is_small else ""
    # In the middle of the alphabet.
    after = Cursor("m", 0, None)

    def ours(*queries: str) -> list[str]:
        return [f"/contacts/list/?{SIZE}&{query}" for query in queries]

    def raw(*queries: str) -> list[str]:
        return [f"/list?{scope}{query}" for query in queries]

    def search(title: str, *words: str) -> PageCase:
        queries = [f"q={quote(text)}" for text in words]
        return PageCase(f"search, {title}", ours(*queries), raw(*queries), SEARCH)

    filters = ((1, 5), (2, 7), (1, 9), (3, 2))
    return [
        PageCase("list, first page", ours(""), raw(""), LIST),
        PageCase("list, middle page", ours(f"after={after}"), raw("value=m&id=0"), LIST),
        PageCase("list, last page", ours("page=last"), raw("last=1"), LIST),
        PageCase("sort by e-mail", ours("sort=email"), raw("order=c.email"), LIST),
        *(
            PageCase(f"sort by {name}", ours(f"sort={name}"), raw(f"order={column}"), LIST)
            for name, column in SORTS.items()
        ),
        search("mid", "garcia", "murphy", "nunez", "ximena"),
        search("rare", "zubizarreta", "00777"),
        search("two words", "garcia lucia", "jones noah"),
        PageCase(
            "filter type + status + tag",
            ours(*(f"type__is={t}&status__is=1&tags__is={g}" for t, g in filters)),
            raw(*(f"filter={t},1,{g}" for t, g in filters)),
            FILTER,
        ),
    ]  # fmt: skip


def timed(browser: Browser, paths: list[str], rounds: int) -> list[float]:
    """Return the milliseconds of ``rounds`` requests, after two that do not count."""
    times = []
    for number in range(rounds + 2):
        path = paths[number % len(paths)]
        status, text, seconds = browser.ask("GET", path)
        if status != 200:
            sys.exit(f"{path} answered {status}: {text[:300]}")
        if number >= 2:
            times.append(seconds * 1000)
    return times


def measure_pages(report: Report, big: Site, small: Site, *, is_small: bool) -> None:
    """Measure every page; load on the machine affects all measurements alike."""
    for case in cases(is_small=is_small):
        ours: list[float] = []
        raw: list[float] = []
        fewer: list[float] = []
        for _round in range(4):
            ours += timed(big.ours, case.ours, ROUNDS // 4)
            raw += timed(big.raw, case.raw, ROUNDS // 4)
            fewer += timed(small.ours, case.ours, ROUNDS // 4)
        report.add(case.name, "ms", ours, raw, case.reach, smaller=fewer)


def measure_forms(report: Report, big: Site, small: Site) -> None:
    """Measure the edit form, and saving it with another street."""
    ids = {site: _ids(site.ours) for site in (big, small)}
    reach = at_most(3)
    opened: dict[str, list[float]] = {"ours": [], "raw": [], "fewer": []}
    saved: dict[str, list[float]] = {"ours": [], "raw": [], "fewer": []}
    for number in range(ROUNDS):
        for name, site in (("ours", big), ("fewer", small)):
            row_id = ids[site][number % len(ids[site])]
            path = f"/contacts/edit/{row_id}"
            _status, page, seconds = site.ours.ask("GET", path)
            opened[name].append(seconds * 1000)
            form = changed(form_with(page, "version"), street=f"C/ Mayor, {os.getpid()}-{number}")
            status, text, seconds = site.ours.ask("POST", path, form)
            if status != 302:
                sys.exit(f"saving answered {status}: {text[:500]}")
            saved[name].append(seconds * 1000)
        row_id = ids[big][number % len(ids[big])]
        opened["raw"].append(big.raw.ask("GET", f"/form/{row_id}")[2] * 1000)
        street = [("street", f"C/ Mayor, {number}")]
        saved["raw"].append(big.raw.ask("POST", f"/save/{row_id}", street)[2] * 1000)
    report.add("edit form", "ms", opened["ours"], opened["raw"], reach, smaller=opened["fewer"])
    report.add("save", "ms", saved["ours"], saved["raw"], reach, smaller=saved["fewer"])


def _ids(browser: Browser) -> list[int]:
    page = browser.page("/contacts/list/?size=100")
    return [int(found) for found in dict.fromkeys(re.findall(r"/contacts/show/(\d+)", page))][:40]


def measure_throughput(report: Report, big: Site, user: str, seconds: float = 8.0) -> None:
    """Measure how many lists a second eight clients are given, and pages without keep-alive."""
    lists = [f"/contacts/list/?{SIZE}{more}" for more in ("", "&page=last", "&sort=email")]
    hammers = []
    for _number in range(8):
        browser = Browser(big.ours.port)
        browser.sign_in(user)
        hammers.append(Hammer(big.ours.port, browser.cookie, lists))
    ours = [throughput(hammers, seconds) for _round in range(3)]
    scope = "small=1&" if user == "small" else ""
    paths = [f"/list?{scope}", f"/list?{scope}last=1", f"/list?{scope}order=c.email"]
    bare = [Hammer(big.raw.port, "", paths) for _number in range(8)]
    raw = [throughput(bare, seconds) for _round in range(3)]
    report.add("lists, 8 clients", "a sec", ours, raw, at_least(0.3))
    closing = Browser(big.ours.port, keeps_alive=False)
    closing.cookie = big.ours.cookie
    bare_closing = Browser(big.raw.port, keeps_alive=False)
    ours, raw = timed(closing, lists[:1], ROUNDS), timed(bare_closing, paths[:1], ROUNDS)
    kept = statistics.median(timed(big.ours, lists[:1], ROUNDS))
    more = statistics.median(ours) - kept
    report.add(
        "list without keep-alive", "ms", ours, raw, LIST, notes=f"{more:+.1f} ms by connecting"
    )
