"""Decode uploaded pictures in bounded memory, one at a time, and encode them again as JPEG."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from flask_babel import gettext as _
from PIL import Image

from app.errors import DomainError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
# Longest side of a stored picture.
MAX_SIDE_PIXELS = 512
MAX_PIXELS = 50_000_000
# Memory that decoding a picture may take.
MAX_DECODED_BYTES = 100_000_000
# Decoding waits this long for its turn; so many more requests may wait with it.
MAX_WAIT_SECONDS = 10.0
MAX_WAITING = 3

# The tag of the orientation in EXIF, and what turns each orientation upright.
_ORIENTATION = 0x0112
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_turn = threading.Lock()
_places = threading.BoundedSemaphore(MAX_WAITING + 1)


def to_jpeg(stream: IO[bytes], field: str) -> bytes:
    """Return a picture as JPEG of at most MAX_SIDE_PIXELS a side, upright, without metadata.

    Raise DomainError for ``field`` if the file is not a picture, too large, or if too many
    others are being decoded.
    """
    with _own_turn(field):
        try:
            image = _decode(stream, field)
            # A new image: the comment and everything else the file says are left behind.
            upright = Image.new("RGB", image.size, "white")
            upright.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
            buffer = io.BytesIO()
            upright.save(buffer, "JPEG", quality=85)
        except DomainError:
            raise
        except Exception:
            # Decoders raise whatever a damaged file leads them to: struct.error, TypeError…
            raise DomainError(
                _("This file is not a supported image. Use JPEG, PNG, WebP or GIF."), field=field
            ) from None
    return buffer.getvalue()


@contextmanager
def _own_turn(field: str) -> Iterator[None]:
    """Let one thread of the process in at a time; DomainError after MAX_WAIT_SECONDS."""
    has_place = _places.acquire(blocking=False)
    has_turn = has_place and _turn.acquire(timeout=MAX_WAIT_SECONDS)
    try:
        if not has_turn:
            raise DomainError(
                _("Too many photos are being uploaded right now. Try again in a moment."),
                field=field,
            )
        yield
    finally:
        if has_turn:
            _turn.release()
        if has_place:
            _places.release()


def _decode(stream: IO[bytes], field: str) -> Image.Image:
    """Return a small picture, upright, in the mode RGB or RGBA."""
    with warnings.catch_warnings():
        # Sizes are checked here, before a pixel is decoded; frames of an animation by Pillow.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image: Image.Image = Image.open(stream, formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise DomainError(_("This image is too large."), field=field)
        memory = _coefficient_bytes(image)
        # JPEG can be decoded at a half, a quarter or an eighth of its size.
        image.draft("RGB", (MAX_SIDE_PIXELS, MAX_SIDE_PIXELS))
        if memory + image.width * image.height * _bytes_per_pixel(image) > MAX_DECODED_BYTES:
            raise DomainError(_("This image is too large."), field=field)
        # For PNG this decodes the whole file.
        orientation = _orientation(image)
        image.load()
        has_alpha = image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or (
            "transparency" in image.info
        )
        image = image.convert("RGBA" if has_alpha else "RGB")
        image.thumbnail((MAX_SIDE_PIXELS, MAX_SIDE_PIXELS), reducing_gap=2.0)
    transposition = _TRANSPOSITIONS.get(orientation)
    return image if transposition is None else image.transpose(transposition)


def _orientation(image: Image.Image) -> int:
    """Return the orientation that EXIF gives; 1, upright, if it cannot be read."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:
        # EXIF is as free of rules as the rest of the file, and not needed to show it.
        return 1


def _bytes_per_pixel(image: Image.Image) -> int:
    """Return the memory for each pixel while a picture is decoded and converted.

    Pillow stores all colours in four bytes. Its decoder of WebP keeps two more canvases.
    """
    if image.format == "WEBP":
        return 12
    if image.mode in ("RGB", "RGBA", "RGBX", "CMYK", "YCbCr"):
        return 4
    return 8


def _coefficient_bytes(image: Image.Image) -> int:
    """Return the memory for the coefficients of a progressive JPEG, kept until its end."""
    if image.format != "JPEG" or not image.info.get("progressive"):
        return 0
    return image.width * image.height * 3
