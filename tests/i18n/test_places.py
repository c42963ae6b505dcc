"""Provinces are found by every name people write for them, and by nothing less."""

from __future__ import annotations

import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.i18n.places import (
    find_province,
    find_provinces,
    is_blank,
    nearest_province,
    province_name,
    province_of_postcode,
    provinces,
)
from app.i18n.spain import PROVINCES_OF_SPAIN
from app.text import fold

# Code → spellings, as files of clubs and the INE have them.
SPELLINGS = {
    "ES-VI": "Álava, Araba, Araba/Álava, Álava/Araba, Vitoria-Gasteiz",
    "ES-A": "Alicante, Alacant, Alicante/Alacant, ALACANT / ALICANTE",
    "ES-PM": "Illes Balears, Islas Baleares, Baleares, Balears (Illes), Baleares (Islas), Balearic Islands",
    "ES-B": "Barcelona, Barcelona [Barcelona], Provincia de Barcelona",
    "ES-BI": "Vizcaya, Bizkaia, Vizcaya/Bizkaia, Bizkaia (Vizcaya), Bilbao",
    "ES-CC": "Cáceres, caceres, CACERES, CC, ES-CC, 10, Prov. de Cáceres",
    "ES-CS": "Castellón, Castelló, Castellón/Castelló, Castellón de la Plana",
    "ES-C": "A Coruña, La Coruña, Coruña (A), Coruña (La), Coruña, A Coruña [La Coruña]",
    "ES-GI": "Girona, Gerona, Girona [Gerona], Gerona/Girona",
    "ES-SS": "Guipúzcoa, Gipuzkoa, Guipúzcoa/Gipuzkoa, Gipuzkoa-Guipúzcoa, San Sebastián, Donostia",
    "ES-GC": "Las Palmas, Palmas (Las), Las Palmas de Gran Canaria",
    "ES-L": "Lleida, Lérida",
    "ES-LO": "La Rioja, Rioja (La), Rioja, Logroño",
    "ES-LU": "Lugo",
    "ES-M": "Madrid, Comunidad de Madrid, M",
    "ES-MU": "Murcia, Región de Murcia",
    "ES-NA": "Navarra, Navarre, Comunidad Foral de Navarra, Nafarroa, NA",
    "ES-O": "Asturias, Principado de Asturias, Oviedo",
    "ES-OR": "Ourense, Orense",
    "ES-PO": "Pontevedra",
    "ES-S": "Cantabria, Santander, S",
    "ES-T": "Tarragona",
    "ES-TF": "Santa Cruz de Tenerife, S/C Tenerife, S/C de Tenerife, S.C. Tenerife, Sta. Cruz de Tenerife, Tenerife",
    "ES-V": "Valencia, València, Valencia/València",
    "ES-Z": "Zaragoza, Saragossa",
}
BLANKS = [
    "N/A",
    "n/a",
    "N.A.",
    "S/N",
    "s/n",
    "s/d",
    "S.D.",
    "-",
    "--",
    "—",
    ".",
    "?",
    "sin datos",
    "No consta",
]


def test_there_are_52_provinces_with_the_codes_of_iso_and_the_ine():
    by_iso = {s.code for s in pycountry.subdivisions.get(country_code="ES")}
    assert len({p.code for p in PROVINCES_OF_SPAIN} & by_iso) == 52
    assert [p.number for p in PROVINCES_OF_SPAIN] == [f"{n:02d}" for n in range(1, 53)]


@pytest.mark.parametrize("code", SPELLINGS)
def test_a_province_of_spain_is_found_by_all_its_spellings(code):
    names = SPELLINGS[code].split(", ")
    assert {name: find_province(name, "ES") for name in names} == dict.fromkeys(names, code)


def test_inverted_names_with_a_comma_are_found():
    assert find_province("Coruña, A", "ES") == "ES-C"
    assert find_province("Balears, Illes", "ES") == "ES-PM"


@pytest.mark.parametrize("text", BLANKS)
def test_what_stands_for_no_value_is_no_province(text):
    assert find_province(text, "ES") is None
    assert is_blank(text)


@given(st.data())
def test_a_fragment_of_a_name_is_no_province(data):
    """No part of a name that is not a name itself is taken for one, nor with other parts."""
    province = data.draw(st.sampled_from(PROVINCES_OF_SPAIN))
    name = data.draw(st.sampled_from((province.name_es, province.name_en, *province.also)))
    start = data.draw(st.integers(0, len(name) - 1))
    end = data.draw(st.integers(start + 1, len(name)))
    other = data.draw(st.sampled_from(["x", "S", "A", "N", "12", "calle", "Nowhere"]))
    sign = data.draw(st.sampled_from(["/", " / ", "-", " ", ", "]))
    assert find_province(f"{name[start:end]}{sign}{other}zz", "ES") is None
    found = find_province(name[start:end], "ES")
    if found is not None:
        whole = {n for p in PROVINCES_OF_SPAIN if p.code == found for n in (p.code, p.code[3:], p.number, p.name_es, p.name_en, *p.also)}  # fmt: skip
        parts = "".join(c if c.isalnum() else " " for c in fold(name[start:end])).split()
        names = [
            sorted("".join(c if c.isalnum() else " " for c in fold(n)).split()) for n in whole
        ]
        assert sorted(parts) in names


@pytest.mark.parametrize("language", ["en", "es"])
def test_no_country_shows_raw_iso_data_and_every_shown_name_is_found(language):
    countries = {s.country_code for s in pycountry.subdivisions}
    for country in countries:
        for code, name in provinces(country, language):
            assert name
            assert not set("[]()*†") & set(name), (code, name)
            assert find_province(name, country) is not None, (code, name)
            assert province_name(code, language) == name


def test_provinces_of_spain_are_shown_by_their_official_names():
    english, spanish = dict(provinces("ES", "en")), dict(provinces("ES", "es"))
    assert {english["ES-C"], spanish["ES-C"]} == {"A Coruña"}
    assert (english["ES-BI"], spanish["ES-BI"]) == ("Bizkaia", "Vizcaya")
    assert (english["ES-PM"], spanish["ES-GI"]) == ("Illes Balears", "Girona")


@pytest.mark.parametrize(
    ("typed", "country", "code"),
    [("CDMX", "MX", "MX-CMX"), ("Distrito Federal", "MX", "MX-CMX"), ("CABA", "AR", "AR-C"),
     ("Caerdydd", "GB", "GB-CRF"), ("Jalisco", "MX", "MX-JAL"), ("S/N", "MX", None)],
)  # fmt: skip
def test_provinces_of_other_countries_are_found_by_usual_names(typed, country, code):
    assert find_province(typed, country) == code


def test_a_part_of_any_spelling_finds_provinces_in_a_filter():
    assert find_provinces("gerona") == find_provinces("girona") == ["ES-GI"]
    assert "ES-BI" in find_provinces("vizca")
    assert find_provinces("%") == []


@pytest.mark.parametrize(
    ("typed", "name"),
    [("cac", "Cáceres"), ("Barselona", "Barcelona"), ("Guipuscua", "Guipúzcoa"), ("xyz", None)],
)
def test_the_nearest_province_is_proposed(typed, name):
    assert nearest_province(typed, "ES", "es") == name


@pytest.mark.parametrize(
    ("postcode", "country", "code"),
    [("10003", "ES", "ES-CC"), ("08001", "ES", "ES-B"), ("52001", "ES", "ES-ML"),
     ("53000", "ES", None), ("00100", "ES", None), ("1000", "ES", None), ("10003", "US", None)],
)  # fmt: skip
def test_the_first_two_digits_of_a_spanish_postcode_are_the_province(postcode, country, code):
    assert province_of_postcode(postcode, country) == code
