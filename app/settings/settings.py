"""The settings that describe the organisation itself."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar
from zoneinfo import available_timezones

import pycountry
from babel.numbers import get_currency_name
from flask import current_app
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString
from sqlalchemy import String
from sqlalchemy.types import TypeEngine

from app.i18n.languages import current_language
from app.settings.kinds import Setting

ORGANISATION = _l("Organisation")
LANGUAGE_AND_REGION = _l("Language and region")
LANGUAGES = {"en": _l("English"), "es": _l("Spanish")}


class FromEnvironment(Setting, abstract=True):
    """A setting whose default is an environment variable, read by ``config.py``."""

    config_name: ClassVar[str]

    @classmethod
    def get_default(cls) -> Any:
        return current_app.config[cls.config_name]


class OrganisationName(FromEnvironment):
    """The name of the organisation."""

    key = "organisation"
    config_name = "ORGANISATION"
    label = _l("Name of the organisation")
    help = _l("It appears in e-mails and in authenticator apps.")
    group = ORGANISATION
    order = 10
    type = String(120)


class Language(FromEnvironment):
    """The language of visitors and of new contacts."""

    key = "language"
    config_name = "BABEL_DEFAULT_LOCALE"
    label = _l("Language")
    help = _l("Used when neither the user nor their browser has chosen one.")
    group = LANGUAGE_AND_REGION
    order = 20
    type = String(2)
    info: ClassVar[dict[str, Any]] = {"kind": "choice", "choices": LANGUAGES}


class Country(FromEnvironment):
    """The country of telephone numbers and addresses that name none."""

    key = "country"
    config_name = "COUNTRY"
    label = _l("Country")
    help = _l("Used for phone numbers without a prefix and for new addresses.")
    group = LANGUAGE_AND_REGION
    order = 21
    type = String(2)
    info: ClassVar[dict[str, Any]] = {"kind": "country"}


@lru_cache(maxsize=1)
def _time_zones() -> dict[str, str]:
    names = sorted(name for name in available_timezones() if "/" in name and "Etc/" not in name)
    return {name: name.replace("_", " ") for name in ("UTC", *names)}


@lru_cache(maxsize=1)
def _currencies() -> dict[str, Any]:
    codes = sorted(currency.alpha_3 for currency in pycountry.currencies)
    return {code: LazyString(_currency_label, code) for code in codes}


def _currency_label(code: str) -> str:
    name = get_currency_name(code, locale=current_language())
    return code if name == code else f"{code} · {name}"


class TimeZone(FromEnvironment):
    """The time zone in which times are shown and typed."""

    key = "timezone"
    config_name = "TIMEZONE"
    label = _l("Time zone")
    help = _l("Times are shown in this zone. Stored times stay as they are.")
    group = LANGUAGE_AND_REGION
    order = 22
    type: ClassVar[TypeEngine] = String(60)
    info: ClassVar[dict[str, Any]] = {"kind": "choice", "choices": _time_zones()}


class Currency(Setting):
    """The currency of amounts of money."""

    key = "currency"
    default = "EUR"
    label = _l("Currency")
    help = _l("Used for every amount of money.")
    group = LANGUAGE_AND_REGION
    order = 23
    type = String(3)
    info: ClassVar[dict[str, Any]] = {"kind": "choice", "choices": _currencies()}
