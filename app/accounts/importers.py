"""The importer of accounts."""

from __future__ import annotations

from typing import ClassVar

from flask_babel import lazy_gettext as _l

from app.accounts.models import Account
from app.importexport.importer import Importer
from app.importexport.matchrules import MatchRule


class AccountImporter(Importer):
    """Import accounts, matched by tax number, else by name within their entity."""

    name = "accounts"
    model = Account
    label = _l("Accounts")
    import_label = _l("Import accounts")
    export_label = _l("Export accounts")
    match_rules: ClassVar[tuple[MatchRule, ...]] = (
        MatchRule("tax_number", _l("Tax number"), ("tax_number",)),
        MatchRule("name", _l("Name, within the entity"), ("name",), within_entity=True),
    )
