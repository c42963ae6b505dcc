"""Countries and provinces, in the reader's language."""

from __future__ import annotations

import gettext
from functools import lru_cache

import pycountry
from babel import Locale

from app.text import fold, sort_key


@lru_cache(maxsize=8)
def countries(language: str) -> tuple[tuple[str, str], ...]:
    """Return (code, name) of every country, sorted by name."""
    names = Locale(language).territories
    named = ((c.alpha_2, names.get(c.alpha_2, c.name)) for c in pycountry.countries)
    return tuple(sorted(named, key=lambda pair: sort_key(pair[1])))


def country_name(code: str | None, language: str) -> str:
    """Return the name of a country, or the code itself if it is unknown."""
    return dict(countries(language)).get(code or "", code or "")


@lru_cache(maxsize=8)
def _country_codes() -> dict[str, str]:
    codes: dict[str, str] = {}
    for country in pycountry.countries:
        for known in (
            country.alpha_2,
            country.alpha_3,
            country.name,
            getattr(country, "official_name", ""),
            getattr(country, "common_name", ""),
        ):
            codes.setdefault(fold(known), country.alpha_2)
    for language in ("en", "es"):
        for code, name in countries(language):
            codes.setdefault(fold(name), code)
    codes |= {"usa": "US", "ee. uu.": "US", "eeuu": "US", "ee.uu.": "US", "uk": "GB"}
    codes.pop("", None)
    return codes


def find_country(text: str) -> str | None:
    """Return the code of the country with this name in either language, or None."""
    return _country_codes().get(fold(text))


@lru_cache(maxsize=512)
def provinces(country: str, language: str) -> tuple[tuple[str, str], ...]:
    """Return (code, name) of the provinces of a country, sorted by name."""
    subdivisions = pycountry.subdivisions.get(country_code=country) or ()
    # In countries with regions and provinces (Spain, Italy, France…) addresses name the province.
    parents = {s.parent_code for s in subdivisions if s.parent_code}
    translate = _translator(language)
    named = ((s.code, translate(s.name)) for s in subdivisions if s.code not in parents)
    return tuple(sorted(named, key=lambda pair: sort_key(pair[1])))


@lru_cache(maxsize=4)
def _translator(language: str):
    catalogue = gettext.translation(
        "iso3166-2", pycountry.LOCALES_DIR, languages=[language], fallback=True
    )
    return catalogue.gettext


@lru_cache(maxsize=4096)
def find_province(text: str, country: str) -> str:
    """Return the ISO 3166-2 code of the province with this name, or ``text`` if there is none."""
    wanted = fold(text)
    for language in ("en", "es"):
        for code, name in provinces(country, language):
            parts = {fold(code), fold(code.partition("-")[2]), fold(name)}
            # Match each spelling in names such as “Alicante/Alacant” and “Araba*”.
            parts |= {fold(part.strip(" *")) for part in name.split("/")}
            if wanted in parts or {fold(part) for part in text.split("/")} & (parts - {""}):
                return code
    return text


@lru_cache(maxsize=4096)
def province_name(code: str | None, language: str) -> str:
    """Return the name of a province, or ``code`` itself if it is free text."""
    if not code:
        return ""
    if len(code) > 3 and code[2:3] == "-":
        for known, name in provinces(code[:2], language):
            if known == code:
                return name
    return code


@lru_cache(maxsize=4)
def _folded_provinces(language: str) -> tuple[tuple[str, str], ...]:
    translate = _translator(language)
    return tuple((s.code, fold(translate(s.name))) for s in pycountry.subdivisions)


def find_provinces(text: str, language: str) -> list[str]:
    """Return the codes of all provinces whose name contains ``text``."""
    wanted = fold(text)
    return [code for code, name in _folded_provinces(language) if wanted in name]
