"""Decoding uploaded pictures: bounded memory, odd files, metadata, one at a time."""

from __future__ import annotations

import io
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from PIL import Image, ImageDraw

from app.errors import DomainError
from app.storage import pictures
from app.storage.pictures import MAX_WAITING, to_jpeg
from tests.sampling import IS_FULL, chance

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
MUTATIONS = 20_000 if IS_FULL else 300


def encoded(kind: str = "PNG", mode: str = "RGB", size=(60, 40), **options) -> bytes:
    """Return a picture, its left upper quarter red and the rest blue."""
    image = Image.new("RGB", size, "blue")
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 2, size[1] // 2), fill="red")
    stream = io.BytesIO()
    image.convert(mode).save(stream, kind, **options)
    return stream.getvalue()


def decoded(contents: bytes) -> Image.Image:
    return Image.open(io.BytesIO(to_jpeg(io.BytesIO(contents), "photo")))


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    found[0x010F] = "Canon"
    return found


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB"), ("JPEG", "CMYK"), ("JPEG", "L"), ("PNG", "RGBA"), ("PNG", "P"),
     ("PNG", "1"), ("PNG", "LA"), ("WEBP", "RGB"), ("GIF", "P")],
)  # fmt: skip
def test_a_picture_of_each_kind_becomes_a_small_jpeg(kind, mode):
    image = decoded(encoded(kind, mode, (1200, 600)))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (512, 256))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright(orientation):
    image = decoded(encoded("JPEG", size=(80, 40), exif=exif(orientation)))
    assert image.size == ((40, 80) if orientation > 4 else (80, 40))
    # Where the red quarter of the stored picture is shown: the corners clockwise from top left.
    corners = [(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9)]
    red = [
        image.getpixel((int(x * image.width), int(y * image.height)))[0] > 128 for x, y in corners
    ]
    assert red.index(True) == [0, 1, 2, 3, 0, 1, 2, 3][orientation - 1]


def test_transparent_parts_become_white():
    stream = io.BytesIO()
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(stream, "PNG")
    assert decoded(stream.getvalue()).getpixel((20, 20)) == (255, 255, 255)


def test_comment_and_metadata_are_not_stored():
    contents = encoded("JPEG", exif=exif(1), comment=b"From the sender", dpi=(72, 72))
    image = decoded(contents)
    assert b"From the sender" in contents
    assert "comment" not in image.info
    assert not image.getexif()


def test_a_picture_that_needs_too_much_memory_is_refused_before_it_is_decoded(monkeypatch):
    """A small file of 7000 × 7100 pixels would take half a gigabyte."""
    contents = encoded("PNG", "RGBA", (5100, 5100))

    def refuse(_self):
        pytest.fail("decoded")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", refuse)
    with pytest.raises(DomainError, match="too large"):
        to_jpeg(io.BytesIO(contents), "photo")


def test_a_large_photo_of_a_camera_is_decoded_at_a_fraction_of_its_size(monkeypatch):
    contents = encoded("JPEG", size=(7000, 5000))
    sizes = []
    load = Image.Image.convert

    def convert(self, *args, **kwargs):
        sizes.append(self.size)
        return load(self, *args, **kwargs)

    monkeypatch.setattr(Image.Image, "convert", convert)
    assert decoded(contents).size == (512, 366)
    assert max(sizes) <= (1024, 1024)


def test_a_progressive_photo_counts_with_its_coefficients():
    with pytest.raises(DomainError, match="too large"):
        decoded(encoded("JPEG", size=(6500, 6500), progressive=True))


def _mutated(contents: bytes, source: random.Random) -> bytes:
    """Return a file with some bytes changed, cut out or doubled."""
    mutated = bytearray(contents)
    for _n in range(source.randint(1, 6)):
        place = source.randrange(len(mutated))
        match source.randrange(4):
            case 0:
                mutated[place] = source.randrange(256)
            case 1:
                mutated[place : place + 4] = source.choice([b"\0" * 4, b"\xff" * 4, b"\x7f\xff"])
            case 2:
                del mutated[place : place + source.randint(1, 20)]
            case _:
                mutated[place:place] = mutated[place : place + source.randint(1, 20)]
        if not mutated:
            break
    return bytes(mutated)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_damaged_picture_is_a_picture_or_a_sentence(kind):
    source = chance(f"damaged {kind}")
    options = {} if kind == "GIF" else {"exif": exif(6)}
    contents = encoded(kind, "P" if kind == "GIF" else "RGB", (24, 16), **options)
    for _n in range(MUTATIONS):
        mutated = _mutated(contents, source)
        with suppress(DomainError):
            assert max(decoded(mutated).size) <= 512


@pytest.mark.parametrize("error", [TypeError, MemoryError, IndexError, RecursionError])
def test_whatever_a_decoder_raises_is_a_sentence(monkeypatch, error):
    contents = encoded()

    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(Image.Image, "load", fail)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(DomainError, match="not a supported image"):
        to_jpeg(io.BytesIO(contents), "photo")


def test_exif_that_cannot_be_read_does_not_matter(monkeypatch):
    def fail(_self):
        raise TypeError

    monkeypatch.setattr(Image.Image, "getexif", fail)
    assert decoded(encoded("JPEG")).size == (60, 40)


def test_pictures_are_decoded_one_at_a_time(monkeypatch):
    """With a picture in work and others waiting, one more is asked to come back."""
    begun, go_on = threading.Event(), threading.Event()
    inside, most = 0, 0
    decode = pictures._decode

    def slow(stream, field):
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        begun.set()
        assert go_on.wait(30)
        inside -= 1
        return decode(stream, field)

    waits = threading.Semaphore(0)
    acquire = pictures._places.acquire

    def count(**kwargs):
        has_place = acquire(**kwargs)
        waits.release()
        return has_place

    monkeypatch.setattr(pictures, "_decode", slow)
    monkeypatch.setattr(pictures._places, "acquire", count)
    with ThreadPoolExecutor() as threads:
        results = [threads.submit(decoded, encoded()) for _n in range(MAX_WAITING + 1)]
        for _n in range(MAX_WAITING + 1):
            assert waits.acquire(timeout=30)
        assert begun.wait(30)
        with pytest.raises(DomainError, match="Too many photos"):
            to_jpeg(io.BytesIO(encoded()), "photo")
        go_on.set()
        assert [future.result().size for future in results] == [(60, 40)] * (MAX_WAITING + 1)
    assert most == 1


def test_nobody_waits_for_ever(monkeypatch):
    monkeypatch.setattr(pictures, "MAX_WAIT_SECONDS", 0.0)
    with pictures._turn, pytest.raises(DomainError, match="Too many photos"):
        to_jpeg(io.BytesIO(encoded()), "photo")
