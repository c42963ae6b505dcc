"""The provinces of Spain: names, spellings and postcodes."""

from __future__ import annotations

from typing import NamedTuple


class SpanishProvince(NamedTuple):
    """A province; ``number`` is its code of the INE and begins its postcodes."""

    number: str
    code: str
    name_en: str
    name_es: str
    # Other names, the capital where its name is used for the province included.
    also: tuple[str, ...] = ()


def _p(number: str, code: str, name: str, *also: str, es: str = "") -> SpanishProvince:
    return SpanishProvince(number, f"ES-{code}", name, es or name, also)


PROVINCES_OF_SPAIN = (
    _p("01", "VI", "Álava", "Araba", "Araba/Álava", "Vitoria", "Vitoria-Gasteiz", "Gasteiz"),
    _p("02", "AB", "Albacete"),
    _p("03", "A", "Alicante", "Alacant", "Alicante/Alacant"),
    _p("04", "AL", "Almería"),
    _p("05", "AV", "Ávila"),
    _p("06", "BA", "Badajoz"),
    _p("07", "PM", "Illes Balears", "Islas Baleares", "Baleares", "Balears", "Balearic Islands",
       "Baleares (Islas)", "Balearics", "Palma", "Palma de Mallorca", "Mallorca", "Comunidad Autónoma de las Islas Baleares"),
    _p("08", "B", "Barcelona", "BCN"),
    _p("09", "BU", "Burgos"),
    _p("10", "CC", "Cáceres"),
    _p("11", "CA", "Cádiz"),
    _p("12", "CS", "Castellón", "Castelló", "Castellón/Castelló", "Castellón de la Plana", "Castelló de la Plana"),
    _p("13", "CR", "Ciudad Real"),
    _p("14", "CO", "Córdoba"),
    _p("15", "C", "A Coruña", "La Coruña", "Coruña", "Corunna"),
    _p("16", "CU", "Cuenca"),
    _p("17", "GI", "Girona", "Gerona"),
    _p("18", "GR", "Granada"),
    _p("19", "GU", "Guadalajara"),
    _p("20", "SS", "Gipuzkoa", "Guipúscoa", "Gipuzkoa/Guipúzcoa", "San Sebastián", "Donostia", "Donostia-San Sebastián", es="Guipúzcoa"),
    _p("21", "H", "Huelva"),
    _p("22", "HU", "Huesca"),
    _p("23", "J", "Jaén"),
    _p("24", "LE", "León"),
    _p("25", "L", "Lleida", "Lérida"),
    _p("26", "LO", "La Rioja", "Rioja", "Logroño"),
    _p("27", "LU", "Lugo"),
    _p("28", "M", "Madrid", "Comunidad Autónoma de Madrid"),
    _p("29", "MA", "Málaga"),
    _p("30", "MU", "Murcia"),
    _p("31", "NA", "Navarra", "Navarre", "Nafarroa", "Navarra/Nafarroa", "Pamplona", "Iruña"),
    _p("32", "OR", "Ourense", "Orense"),
    _p("33", "O", "Asturias", "Asturies", "Oviedo"),
    _p("34", "P", "Palencia"),
    _p("35", "GC", "Las Palmas", "Palmas", "Las Palmas de Gran Canaria", "Gran Canaria"),
    _p("36", "PO", "Pontevedra"),
    _p("37", "SA", "Salamanca"),
    _p("38", "TF", "Santa Cruz de Tenerife", "Tenerife", "S/C Tenerife", "S/C de Tenerife", "SC Tenerife",
       "S.C. Tenerife", "S.C. de Tenerife", "Sta Cruz de Tenerife", "Sta. Cruz Tenerife", "Santa Cruz Tenerife"),
    _p("39", "S", "Cantabria", "Santander"),
    _p("40", "SG", "Segovia"),
    _p("41", "SE", "Sevilla", "Seville"),
    _p("42", "SO", "Soria"),
    _p("43", "T", "Tarragona"),
    _p("44", "TE", "Teruel"),
    _p("45", "TO", "Toledo"),
    _p("46", "V", "Valencia", "València", "Valencia/València"),
    _p("47", "VA", "Valladolid"),
    _p("48", "BI", "Bizkaia", "Biscay", "Vizcaia", "Bizkaia/Vizcaya", "Bilbao", "Bilbo", es="Vizcaya"),
    _p("49", "ZA", "Zamora"),
    _p("50", "Z", "Zaragoza", "Saragossa"),
    _p("51", "CE", "Ceuta"),
    _p("52", "ML", "Melilla"),
)  # fmt: skip

# What stands before the name of a province or of a region of one province, folded.
TITLES_OF_PROVINCES = (
    "provincia de", "prov de", "province of", "prov", "provincia", "comunidad de",
    "comunidad autonoma de", "comunidad foral de", "principado de", "region de",
    "ciudad autonoma de", "ciudad de", "comarca de", "community of", "principality of",
    "region of",
)  # fmt: skip
