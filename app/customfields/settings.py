"""Which files custom fields take."""

from __future__ import annotations

from typing import Any, ClassVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Integer, Text
from sqlalchemy.types import TypeEngine

from app.errors import DomainError
from app.i18n.formats import show_number
from app.settings.cache import get_setting
from app.settings.kinds import Setting
from app.storage.kinds import DOCUMENTS, FileRules

GROUP = _l("Files of custom fields")
_MB = 1_000_000
_TYPES = {kind.suffixes[0][1:]: kind for kind in DOCUMENTS.types}
MAX_MB = DOCUMENTS.max_bytes // _MB


class FileTypes(Setting):
    """The types of files that are taken."""

    key = "custom_file_types"
    label = _l("Types of files")
    help = _l(
        "Files of other types are refused, and so are those whose contents are another type."
    )
    group = GROUP
    order = 80
    type: ClassVar[TypeEngine] = Text()
    info: ClassVar[dict[str, Any]] = {
        "kind": "choices", "choices": {code: kind.label for code, kind in _TYPES.items()},
    }  # fmt: skip
    default = "|" + "|".join(_TYPES) + "|"


class LargestFile(Setting):
    """The size of a file at most."""

    key = "custom_file_mb"
    label = _l("Largest file (MB)")
    group = GROUP
    order = 81
    type: ClassVar[TypeEngine] = Integer()
    default = 10

    @classmethod
    def check(cls, value: Any) -> None:
        if not 1 <= value <= MAX_MB:
            raise DomainError(
                _("Enter a number from %(least)s to %(most)s.",
                  least=show_number(1), most=show_number(MAX_MB))
            )  # fmt: skip


def file_rules() -> FileRules:
    """Return which files are taken now."""
    chosen = get_setting(FileTypes.key).strip("|").split("|")
    types = tuple(kind for code, kind in _TYPES.items() if code in chosen)
    return FileRules(types or DOCUMENTS.types, get_setting(LargestFile.key) * _MB)
