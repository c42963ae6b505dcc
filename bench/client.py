"""Clients of the benchmark: a browser that keeps its connection, and one that costs very little."""

from __future__ import annotations

import http.client
import re
import secrets
import socket
import sys
import threading
import time
from html.parser import HTMLParser
from urllib.parse import urlencode

from bench.prepare import PASSWORD

CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
Form = list[tuple[str, str]]


class Browser:
    """A client with a cookie; ``keeps_alive`` says whether it keeps its connection, too."""

    def __init__(self, port: int, *, keeps_alive: bool = True) -> None:
        self.port, self.keeps_alive = port, keeps_alive
        self.connection = self._connect()
        self.cookie = ""

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=1_800)

    def ask(self, method: str, path: str, form: Form | None = None) -> tuple[int, str, float]:
        """Send a request; return (status, body, seconds)."""
        body = None if form is None else urlencode(form).encode()
        status, _location, text, seconds = self.send(method, path, body)
        return status, text, seconds

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        kind: str = "application/x-www-form-urlencoded",
    ) -> tuple[int, str, str, float]:
        """Send a request with any body; return (status, location, body, seconds)."""
        headers = {"Cookie": self.cookie, "Accept-Language": "en"}
        if body is not None:
            headers["Content-Type"] = kind
        start = time.perf_counter()
        if not self.keeps_alive:
            self.connection.close()
            self.connection = self._connect()
        self.connection.request(method, path, body, headers)
        reply = self.connection.getresponse()
        text = reply.read()
        seconds = time.perf_counter() - start
        self._keep_cookie(reply)
        return reply.status, reply.getheader("Location") or "", text.decode(), seconds

    def _keep_cookie(self, reply: http.client.HTTPResponse) -> None:
        for name, value in reply.getheaders():
            if name.lower() == "set-cookie":
                self.cookie = value.partition(";")[0]

    def page(self, path: str) -> str:
        """Return a page, or stop the run."""
        status, text, _seconds = self.ask("GET", path)
        if status != 200:
            sys.exit(f"{path} answered {status}: {text[:300]}")
        return text

    def leads_to(self, path: str) -> str:
        """Return where a page leads to; "" if it is shown itself."""
        status, location, _text, _seconds = self.send("GET", path)
        return location if status in (302, 303) else ""

    def submit(self, path: str, form: Form) -> str:
        """Send a form; return where it leads to, or stop the run."""
        status, location, text, _seconds = self.send("POST", path, urlencode(form).encode())
        if status not in (302, 303):
            sys.exit(f"{path} answered {status}: {text[:500]}")
        return location

    def upload(self, path: str, token: str, name: str, content: bytes) -> str:
        """Upload a file as a form does; return where it leads to."""
        mark = secrets.token_hex(16)
        head = (
            f'--{mark}\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token}\r\n'
            f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: text/csv\r\n\r\n"
        )
        body = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
        kind = f"multipart/form-data; boundary={mark}"
        status, location, text, _seconds = self.send("POST", path, body, kind)
        if status != 302:
            sys.exit(f"{path} answered {status}: {text[:500]}")
        return location

    def download(self, path: str, form: Form | None = None) -> tuple[float, float, int]:
        """Read a file block by block; return (seconds to the first byte, to the last, bytes)."""
        headers = {
            "Cookie": self.cookie, "Content-Type": "application/x-www-form-urlencoded"
        }  # fmt: skip
        body = None if form is None else urlencode(form).encode()
        start = time.perf_counter()
        self.connection.request("GET" if form is None else "POST", path, body, headers)
        reply = self.connection.getresponse()
        if reply.status != 200:
            sys.exit(f"{path} answered {reply.status}")
        size = len(reply.read(1))
        first = time.perf_counter() - start
        while block := reply.read(1 << 18):
            size += len(block)
        return first, time.perf_counter() - start, size

    def token(self, path: str) -> str:
        """Return the token against forged requests of a page, or stop the run."""
        found = CSRF.search(self.page(path))
        if found is None:
            sys.exit(f"{path} has no form")
        return found[1]

    def sign_in(self, name: str) -> None:
        """Sign in, or stop the run."""
        token = self.token("/login/")
        self.submit("/login/", [("csrf_token", token), ("username", name), ("password", PASSWORD)])


class Hammer:
    """A client that costs as little as it can: it shares the cores with what is measured."""

    def __init__(self, port: int, cookie: str, paths: list[str]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.requests = [
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n"
            f"Cookie: {cookie}\r\n\r\n".encode()
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


def throughput(hammers: list[Hammer], seconds: float) -> float:
    """Return the requests a second that clients get answered together."""
    end = time.monotonic() + seconds
    done = [0] * len(hammers)

    def work(place: int) -> None:
        while time.monotonic() < end:
            hammers[place].ask(done[place] + place)
            done[place] += 1

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(hammers))]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.monotonic() - start)


class _FormReader(HTMLParser):
    """Collects what a browser would send of each form of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._select = self._area = self._text = ""
        # The first option of a select of one value: a browser sends it if none is selected.
        self._first: str | None = None
        self._is_open = False

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if tag == "form":
            self.forms.append([])
        elif not self.forms:
            return
        elif tag == "input" and a.get("name"):
            kind = a.get("type")
            is_sent = kind not in ("file", "submit", "button")
            if is_sent and (kind not in ("checkbox", "radio") or "checked" in a):
                self.forms[-1].append((a["name"], a.get("value") or ""))
        elif tag == "select":
            self._select, self._first = a.get("name") or "", None
            self._is_open = "multiple" not in a
        elif tag == "option" and self._select:
            if "selected" in a:
                self.forms[-1].append((self._select, a.get("value") or ""))
                self._is_open = False
            elif self._first is None:
                self._first = a.get("value") or ""
        elif tag == "textarea":
            self._area, self._text = a.get("name") or "", ""

    def handle_endtag(self, tag):
        if tag == "select":
            if self._select and self._is_open and self._first is not None:
                self.forms[-1].append((self._select, self._first))
            self._select = ""
        elif tag == "textarea" and self._area:
            self.forms[-1].append((self._area, self._text.removeprefix("\n")))
            self._area = ""

    def handle_data(self, data):
        if self._area:
            self._text += data


def form_with(page: str, name: str) -> Form:
    """Return what a browser would send of the first form of a page that has a field."""
    reader = _FormReader()
    reader.feed(page)
    return next(form for form in reader.forms if any(field == name for field, _value in form))


def changed(form: Form, **values: str) -> Form:
    """Return a form with other values in some of its fields, which are added if they are new."""
    known = {name for name, _value in form}
    new = [(name, values.get(name, value)) for name, value in form]
    return new + [(name, value) for name, value in values.items() if name not in known]
