"""Compress texts that are sent to who accepts gzip."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from threading import Lock

from flask import Flask, Response, request

# Below this, the header of gzip and the time cost more than is saved.
MIN_BYTES = 1_000
# 1 is the fastest; 6, zlib's default, takes three times as long for an eighth less.
LEVEL = 1
# Static files are the same for everybody, are compressed once and kept.
STATIC_LEVEL = 9
MAX_STATIC_FILES = 200
MAX_STATIC_BYTES = 2 * 2**20
TYPES = (
    "text/html", "text/css", "text/javascript", "text/plain", "application/javascript",
    "application/json", "application/problem+json", "image/svg+xml",
)  # fmt: skip


def init_app(app: Flask) -> None:
    """Compress every whole reply of text, static files included."""
    kept = _StaticFiles()

    def compress(response: Response) -> Response:
        if response.mimetype not in TYPES:
            return response
        response.vary.add("Accept-Encoding")
        if not _may_compress(response):
            return response
        is_static = bool(request.endpoint and request.endpoint.endswith("static"))
        if is_static:
            _send_static(response, kept)
        elif not response.is_streamed and not _may_be_another_site():
            # What is streamed is left alone: its first bytes would wait for the next.
            data = response.get_data()
            if len(data) >= MIN_BYTES:
                response.set_data(_gzip(data, LEVEL))
                response.headers["Content-Encoding"] = "gzip"
        return response

    app.after_request(compress)


def _may_compress(response: Response) -> bool:
    return (
        response.status_code not in (204, 206, 304)
        and "Content-Encoding" not in response.headers
        and "Content-Range" not in response.headers
        and request.method != "HEAD"
        and request.accept_encodings.quality("gzip") > 0
    )


def _may_be_another_site() -> bool:
    """Return True if a page of another site may have sent the request.

    Who can have a page repeat a guess beside a secret, and sees how long the reply is, learns
    from it whether the guess was right (BREACH). Our cookie is not sent with requests of other
    sites but for links that are followed (SameSite=Lax), and these are not compressed. The CSRF
    token, besides, is signed anew each second.
    """
    return request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")


def _gzip(data: bytes, level: int) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


class _StaticFiles:
    """The compressed static files, by path and tag: a changed file has another tag."""

    def __init__(self) -> None:
        self._files: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[str, str], response: Response) -> bytes:
        """Return a file compressed; read it from the response the first time."""
        found = self._files.get(key)
        if found is None:
            response.direct_passthrough = False
            found = _gzip(response.get_data(), STATIC_LEVEL)
            with self._lock:
                self._files[key] = found
                while len(self._files) > MAX_STATIC_FILES:
                    self._files.popitem(last=False)
        return found


def _send_static(response: Response, kept: _StaticFiles) -> None:
    tag, _is_weak = response.get_etag()
    size = response.content_length or 0
    if tag is None or not MIN_BYTES <= size <= MAX_STATIC_BYTES:
        return
    opened = response.response
    data = kept.get((request.path, tag), response)
    # The file that was opened is not sent.
    close = getattr(opened, "close", None)
    if close is not None:
        close()
    response.direct_passthrough = False
    response.set_data(data)
    response.headers["Content-Encoding"] = "gzip"
    # The same contents in other bytes; a weak tag still answers If-None-Match.
    response.set_etag(tag, weak=True)
