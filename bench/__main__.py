"""Measure pages on many contacts: ``python -m bench [N] [postgres|sqlite]``.

Prints p50 and p95 of each page, beside a raw-SQL view of the same page requested alternately
in the same run, and requests a second with 8 clients; for an administrator and for a user whose
entity holds 1 % of the contacts. Nothing here is a test: the figures depend on the machine, so
compare the ratios.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote, urlencode

from bench.prepare import PASSWORD, database

FOLDER = os.environ.get("BENCH_DIR", "instance/bench")
SERVER = os.environ.get(
    "PADRON_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres"
)
PORT = int(os.environ.get("BENCH_PORT", "8077"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "60"))
# Columns that have no index in the order of what is shown, and the column a raw page sorts by.
SORTS = {
    "type": "t.label_en", "status": "s.label_en", "account": "a.name", "entity": "e.name",
    "city": "c.city", "postcode": "c.postcode", "country": "c.country",
}  # fmt: skip
CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Browser:
    """A client that keeps its connection and its cookie."""

    def __init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
        self.cookie = ""

    def ask(self, method: str, path: str, form: list[tuple[str, str]] | None = None):
        """Send a request; return (status, body, seconds)."""
        headers = {"Cookie": self.cookie, "Accept-Language": "en"}
        body = None
        if form is not None:
            body = urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        start = time.perf_counter()
        self.connection.request(method, path, body, headers)
        reply = self.connection.getresponse()
        text = reply.read()
        seconds = time.perf_counter() - start
        for name, value in reply.getheaders():
            if name.lower() == "set-cookie":
                self.cookie = value.partition(";")[0]
        return reply.status, text.decode(), seconds

    def sign_in(self, name: str) -> None:
        """Sign in, or stop the run."""
        _status, page, _s = self.ask("GET", "/login/")
        token = CSRF.search(page)
        if token is None:
            sys.exit("no sign-in form")
        form = [("csrf_token", token[1]), ("username", name), ("password", PASSWORD)]
        status, _page, _s = self.ask("POST", "/login/", form)
        if status != 302:
            sys.exit(f"{name} cannot sign in: {status}")


def pages(browser: Browser, count: int, small: bool) -> list[tuple[str, list[str], list[str]]]:
    """Return (name, paths, raw paths) of everything that is only read."""
    scope = "small=1&" if small else ""
    first = browser.ask("GET", "/contacts/list/")[1]
    # From the first page on, a hundred pages further: a place in the middle that is known.
    middle, value, row_id = _middle(browser, first)
    return [
        ("list, first page", ["/contacts/list/"], [f"/raw?{scope}"]),
        ("list, middle page", [middle], [f"/raw?{scope}middle=1&value={quote(value)}&id={row_id}"]),
        ("list, last page", ["/contacts/list/?page=last"], [f"/raw?{scope}last=1"]),
        ("sort by e-mail", ["/contacts/list/?sort=email"], [f"/raw?{scope}order=c.email"]),
        ("sort by created", ["/contacts/list/?sort=-created_at"], [f"/raw?{scope}order=c.created_at&last=1"]),
        *(
            (f"sort by {name}", [f"/contacts/list/?sort={name}"], [f"/raw?{scope}order={column}"])
            for name, column in SORTS.items()
        ),
        ("search, mid", _q("garcia", "murphy", "nunez", "ximena"), _raw_q(scope, "garcia", "murphy", "nunez", "ximena")),
        ("search, rare", _q("zubizarreta", "00777"), _raw_q(scope, "zubizarreta", "00777")),
        ("search, two words", _q("garcia lucia", "jones noah"), _raw_q(scope, "garcia lucia", "jones noah")),
        (
            "filter type+status+tag",
            [f"/contacts/list/?type__is={t}&status__is=1&tags__is={g}" for t, g in ((1, 5), (2, 7), (1, 9))],
            [f"/raw?{scope}filter={t},1,{g}" for t, g in ((1, 5), (2, 7), (1, 9))],
        ),
    ]  # fmt: skip


def _q(*searches: str) -> list[str]:
    return [f"/contacts/list/?q={quote(words)}" for words in searches]


def _raw_q(scope: str, *searches: str) -> list[str]:
    return [f"/raw?{scope}q={quote(words)}" for words in searches]


def _middle(browser: Browser, _first: str) -> tuple[str, str, int]:
    from app.crud.paging import Cursor

    _status, page, _s = browser.ask("GET", "/contacts/list/?last_name__starts=m&sort=name")
    row_id = int(re.findall(r"/contacts/show/(\d+)", page)[-1])
    value = "m"
    return f"/contacts/list/?after={Cursor(value, row_id, None)}", value, row_id


def timed(browser: Browser, paths: list[str], rounds: int) -> list[float]:
    """Return the milliseconds of ``rounds`` requests, after two that do not count."""
    times = []
    for number in range(rounds + 2):
        status, text, seconds = browser.ask("GET", paths[number % len(paths)])
        if status != 200:
            sys.exit(f"{paths[number % len(paths)]} answered {status}: {text[:300]}")
        if number >= 2:
            times.append(seconds * 1000)
    return times


def time_alternately(
    browser: Browser, ours: list[str], raw: list[str]
) -> tuple[list[float], list[float]]:
    """Time our page and the raw page in turn, so that load on the machine affects both."""
    one: list[float] = []
    two: list[float] = []
    for _round in range(4):
        one += timed(browser, ours, ROUNDS // 4)
        two += timed(browser, raw, ROUNDS // 4)
    return one, two


def show(name: str, ours: list[float], raw: list[float]) -> None:
    """Print a row: p50 and p95 of our page and of the raw one, and the ratio."""
    p50, p95 = statistics.median(ours), statistics.quantiles(ours, n=20)[-1]
    raw50, raw95 = statistics.median(raw), statistics.quantiles(raw, n=20)[-1]
    print(
        f"  {name:<24}{p50:8.1f}{p95:8.1f}   raw{raw50:8.1f}{raw95:8.1f}   x{p50 / raw50:5.1f}",
        flush=True,
    )


def computed_field(browser: Browser) -> None:
    """Time a list with a field that another room computes; “raw” is the list without it."""
    path = "/accounts/list/?cols=name,type,city,email"
    show("accounts: contacts", *time_alternately(browser, [f"{path},contact_count"], [path]))


def forms(browser: Browser, ids: list[int]) -> None:
    """Time the edit form and saving it."""
    ours, raw = time_alternately(
        browser, [f"/contacts/edit/{i}" for i in ids], [f"/raw/{i}" for i in ids]
    )
    show("edit form", ours, raw)
    ours, raw = [], []
    for number in range(ROUNDS):
        row_id = ids[number % len(ids)]
        _status, page, _s = browser.ask("GET", f"/contacts/edit/{row_id}")
        form = _fields(page)
        form = [(n, f"C/ Mayor, {number}" if n == "street" else v) for n, v in form]
        status, text, seconds = browser.ask("POST", f"/contacts/edit/{row_id}", form)
        if status != 302:
            sys.exit(f"saving answered {status}: {text[:500]}")
        ours.append(seconds * 1000)
        raw.append(browser.ask("POST", f"/raw/save/{row_id}", [("street", str(number))])[2] * 1000)
    show("save", ours, raw)


def _fields(page: str) -> list[tuple[str, str]]:
    """Return what a browser would send of the form that has a version."""
    from html import unescape
    from html.parser import HTMLParser

    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.forms: list[list[tuple[str, str]]] = []
            self.select = self.area = ""
            self.text = ""

        def handle_starttag(self, tag, attrs):
            a = dict(attrs)
            if tag == "form":
                self.forms.append([])
            if not self.forms:
                return
            fields = self.forms[-1]
            if (
                tag == "input"
                and a.get("name")
                and a.get("type") not in ("file", "submit", "button")
            ):
                if a.get("type") not in ("checkbox", "radio") or "checked" in a:
                    fields.append((a["name"], a.get("value") or ""))
            elif tag == "select":
                self.select = a.get("name") or ""
            elif tag == "option" and self.select and "selected" in a:
                fields.append((self.select, a.get("value") or ""))
            elif tag == "textarea":
                self.area, self.text = a.get("name") or "", ""

        def handle_endtag(self, tag):
            if tag == "select":
                self.select = ""
            elif tag == "textarea" and self.area:
                self.forms[-1].append((self.area, unescape(self.text).lstrip("\n")))
                self.area = ""

        def handle_data(self, data):
            if self.area:
                self.text += data

    reader = Reader()
    reader.feed(page)
    return next(f for f in reader.forms if any(name == "version" for name, _value in f))


class Hammer:
    """A client that costs as little as it can: it shares the cores with what is measured."""

    def __init__(self, cookie: str, paths: list[str]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", PORT), timeout=120)
        self.requests = [
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode()
            for path in paths
        ]

    def ask(self, number: int) -> None:
        """Send one of the requests and read the answer; anything but a 200 stops the run."""
        self.socket.sendall(self.requests[number % len(self.requests)])
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.socket.recv(65536)
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"answered {head[:60]!r}")
        start = head.index(b"\r\n\r\n") + 4
        length = int(head[:start].lower().partition(b"content-length:")[2].split(b"\r")[0])
        missing = length - (len(head) - start)
        while missing > 0:
            missing -= len(self.socket.recv(262144))


def throughput(user: str, paths: list[str], seconds: float = 8.0, clients: int = 8) -> float:
    """Return requests a second that ``clients`` browsers get answered."""
    hammers = []
    for _number in range(clients):
        browser = Browser()
        browser.sign_in(user)
        hammers.append(Hammer(browser.cookie, paths))
    end = time.monotonic() + seconds
    done = [0] * clients

    def work(place: int) -> None:
        while time.monotonic() < end:
            hammers[place].ask(done[place] + place)
            done[place] += 1

    threads = [threading.Thread(target=work, args=(place,)) for place in range(clients)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.monotonic() - start)


def main() -> None:
    """Make the database if need be, start the server, measure, stop it."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    kind = sys.argv[2] if len(sys.argv) > 2 else "postgres"
    folder = str(Path(FOLDER).resolve())
    Path(folder).mkdir(parents=True, exist_ok=True)
    url = database(kind, count, folder, SERVER)
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.server", url, folder, str(count), str(PORT)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for line in server.stdout or ():
            if line.strip() == "ready":
                break
            print(line, end="")
        print(f"\n{count:,} contacts on {kind}; milliseconds, {ROUNDS} requests each")
        print(f"  {'':<24}{'p50':>8}{'p95':>8}   raw{'p50':>8}{'p95':>8}   ratio")
        for user in ("admin", "small"):
            print(
                f"as {user}" + (" (1 % of the contacts)" if user == "small" else " (everything)")
            )
            browser = Browser()
            browser.sign_in(user)
            for name, ours, raw in pages(browser, count, user == "small"):
                show(name, *time_alternately(browser, ours, raw))
            listed = browser.ask("GET", "/contacts/list/?size=100")[1]
            ids = [int(i) for i in dict.fromkeys(re.findall(r"/contacts/show/(\d+)", listed))][:40]
            forms(browser, ids)
            computed_field(browser)
            lists = [
                "/contacts/list/",
                "/contacts/list/?page=last",
                "/contacts/list/?sort=email",
            ]
            rate = throughput(user, lists)
            bare = throughput(user, [f"/raw?{'small=1' if user == 'small' else ''}"])
            print(f"  lists, 8 clients: {rate:.0f} requests/s   raw {bare:.0f}", flush=True)
    finally:
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    main()
