"""Countries and provinces, in the reader's language."""

from __future__ import annotations

import gettext
import re
from difflib import get_close_matches
from functools import lru_cache

import pycountry
from babel import Locale

from app.i18n.spain import PROVINCES_OF_SPAIN, TITLES_OF_PROVINCES
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
    if country == "ES":
        named = [
            (p.code, p.name_es if language == "es" else p.name_en) for p in PROVINCES_OF_SPAIN
        ]
    else:
        named = [(s.code, _names(s.name, language)[0]) for s in _subdivisions(country)]
    return tuple(sorted(named, key=lambda pair: sort_key(pair[1])))


def _subdivisions(country: str) -> list:
    subdivisions = pycountry.subdivisions.get(country_code=country) or ()
    # In countries with regions and provinces (Italy, France…) addresses name the province.
    parents = {s.parent_code for s in subdivisions if s.parent_code}
    return [s for s in subdivisions if s.code not in parents]


def _names(raw: str, language: str) -> list[str]:
    """Return the names in a name of ISO 3166-2: “Girona [Gerona]”, “Sofia (stolitsa)”, “Araba*”."""
    name, *others = re.split(r"[\[\]()]", _translator(language)(raw))
    names = (part.strip(" *†") for part in (name, *others))
    # Welsh counties have a second code after their second name.
    return [re.sub(r"\s?\b[A-Z]{2}-\w{2,3}$", "", part) or part for part in names if part]


@lru_cache(maxsize=4)
def _translator(language: str):
    catalogue = gettext.translation(
        "iso3166-2", pycountry.LOCALES_DIR, languages=[language], fallback=True
    )
    return catalogue.gettext


def is_blank(text: str) -> bool:
    """Return True for what people write into a cell that has no value: “N/A”, “s/d”, “-”."""
    return not any(c.isalnum() for c in text) or _key(text) in _BLANKS


_BLANKS = {"n a", "na", "n d", "nd", "s n", "sn", "s d", "sd", "n c", "nc", "no consta", "sin datos", "none",
           "sin dato", "ninguna", "ninguno", "desconocida", "desconocido", "unknown", "null", "nan",
           "not applicable", "not available", "no aplica", "no procede"}  # fmt: skip
# Names that ISO 3166-2 lacks.
_ALSO_KNOWN = {
    "AR-C": ("CABA", "Capital Federal", "Buenos Aires City"),
    "MX-CMX": ("CDMX", "DF", "Distrito Federal", "Mexico City"),
    "MX-MEX": ("Estado de México", "Edomex", "Edo. Méx."),
    "MX-COA": ("Coahuila",),
    "MX-MIC": ("Michoacán",),
    "MX-VER": ("Veracruz",),
}


def _key(text: str) -> str:
    """Return the letters and digits of a text, folded: brackets and bars are spaces."""
    return " ".join(re.findall(r"[^\W_]+", fold(text)))


_ARTICLES = {"a", "la", "las", "el", "los", "illes", "islas"}


def _spellings(name: str) -> set[str]:
    """Return the keys of a name, also with its article behind it: “Rioja (La)”."""
    key = _key(name)
    article, _space, rest = key.partition(" ")
    return {key, f"{rest} {article}"} if rest and article in _ARTICLES else {key}


@lru_cache(maxsize=512)
def _province_codes(country: str) -> dict[str, str]:
    """Return key of a spelling → code of the province, for every spelling of a whole name."""
    codes: dict[str, str] = {}
    if country == "ES":
        for province in PROVINCES_OF_SPAIN:
            names = (province.name_es, province.name_en, *province.also)
            # Bilingual: “Vizcaya/Bizkaia”, “Gerona (Girona)”.
            pairs = (f"{one} {other}" for one in names[:4] for other in names[:4])
            keys = {key for name in (*names, *pairs) for key in _spellings(name)}
            keys |= {f"{title} {key}" for key in keys for title in TITLES_OF_PROVINCES}
            codes |= dict.fromkeys(keys, province.code)
        return codes
    for subdivision in _subdivisions(country):
        for language in ("en", "es"):
            shown = _names(subdivision.name, language)
            whole = _translator(language)(subdivision.name)
            # Both spellings of “Bolzano/Bozen”; what is typed is never taken apart.
            parts = (part for name in shown for part in name.split("/"))
            for name in (*shown, whole, *parts, *_ALSO_KNOWN.get(subdivision.code, ())):
                for key in _spellings(name):
                    codes.setdefault(key, subdivision.code)
    return codes


@lru_cache(maxsize=512)
def _abbreviations(country: str) -> dict[str, str]:
    """Return folded code → code: “ES-CC”, “CC”, and “10” in Spain."""
    codes = {code: code for code, _name in provinces(country, "en")}
    codes |= {code.partition("-")[2]: code for code in codes}
    if country == "ES":
        codes |= {p.number: p.code for p in PROVINCES_OF_SPAIN}
    return {fold(short): code for short, code in codes.items()}


@lru_cache(maxsize=4096)
def find_province(text: str, country: str) -> str | None:
    """Return the ISO 3166-2 code of the province that the whole text names, or None."""
    code = _abbreviations(country).get(fold(text).rstrip("."))
    return code or _province_codes(country).get(_key(text))


def is_closed(country: str) -> bool:
    """Return True if every province of the country is known, so that no other name is one."""
    return country == "ES"


def nearest_province(text: str, country: str, language: str) -> str | None:
    """Return the name of the province whose name resembles ``text``, or None."""
    typed, codes = _key(text), _province_codes(country)
    by_key = {_key(name): name for _code, name in provinces(country, language)}
    beginning = [name for key, name in by_key.items() if len(typed) >= 2 and key.startswith(typed)]
    if len(beginning) == 1:
        return beginning[0]
    close = get_close_matches(typed, codes, n=1, cutoff=0.75)
    return province_name(codes[close[0]], language) if close else None


def province_of_postcode(postcode: str, country: str) -> str | None:
    """Return the code of the province that a Spanish postcode belongs to, or None."""
    if country != "ES" or not re.fullmatch(r"[0-9]{5}", postcode):
        return None
    return next((p.code for p in PROVINCES_OF_SPAIN if p.number == postcode[:2]), None)


def postcode_prefixes(country: str, language: str) -> dict[str, str]:
    """Return first two digits of a postcode → name of the province; empty if unknown."""
    if country != "ES":
        return {}
    return {p.number: p.name_es if language == "es" else p.name_en for p in PROVINCES_OF_SPAIN}


@lru_cache(maxsize=4096)
def province_name(code: str | None, language: str) -> str:
    """Return the name of a province, or ``code`` itself if it is free text."""
    if not code:
        return ""
    if len(code) > 3 and code[2:3] == "-":
        return dict(provinces(code[:2], language)).get(code, code)
    return code


@lru_cache(maxsize=1)
def _keys_of_provinces() -> tuple[tuple[str, str], ...]:
    countries_with_provinces = dict.fromkeys(s.country_code for s in pycountry.subdivisions)
    return tuple(
        (key, code)
        for country in countries_with_provinces
        for key, code in _province_codes(country).items()
    )


def find_provinces(text: str) -> list[str]:
    """Return the codes of all provinces one of whose names contains ``text``."""
    wanted = _key(text)
    found = dict.fromkeys(code for key, code in _keys_of_provinces() if wanted and wanted in key)
    return list(found)
