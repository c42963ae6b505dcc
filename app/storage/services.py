"""Store pictures re-encoded and without metadata."""

from __future__ import annotations

import io
import secrets
import warnings
from pathlib import Path
from typing import IO

from flask_babel import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from app.errors import DomainError

MAX_SIDE_PIXELS = 512
MAX_PIXELS = 50_000_000


def photo_folder(data_dir: str) -> Path:
    """Return the folder of the photos."""
    return Path(data_dir) / "photos"


def store_photo(stream: IO[bytes], data_dir: str, field: str) -> str:
    """Store a picture as JPEG, scaled to at most MAX_SIDE_PIXELS a side; return its file name.

    Raise DomainError for ``field`` if the file is not a picture or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(stream, formats=("JPEG", "PNG", "WEBP", "GIF"))
            if image.width * image.height > MAX_PIXELS:
                raise DomainError(_("This image is too large."), field=field)
            image = ImageOps.exif_transpose(image).convert("RGB")
    except (
        UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombWarning,
        Image.DecompressionBombError,
    ):
        raise DomainError(
            _("This file is not a supported image. Use JPEG, PNG, WebP or GIF."), field=field
        ) from None
    image.thumbnail((MAX_SIDE_PIXELS, MAX_SIDE_PIXELS))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    name = f"{secrets.token_hex(16)}.jpg"
    folder = photo_folder(data_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / name).write_bytes(buffer.getvalue())
    return name
