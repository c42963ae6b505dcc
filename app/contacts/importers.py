"""The importer of contacts, and the fields an export of contacts writes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.added_fields import cached_until_fields_change
from app.contacts.models import Contact
from app.contacts.models.contact import contact_search_text, contact_sort_name
from app.importexport.fields import (
    AppendedField,
    CsvField,
    ForeignKeyField,
    ManyToManyField,
    ValueField,
    computed_value_fields,
    key_fields,
    stored_value_fields,
)
from app.importexport.importer import Importer
from app.importexport.key_lookup import ByKeys
from app.importexport.lookups import ByName, EntityLookup, RepositoryLookup
from app.importexport.matchrules import Agreement, MatchRule
from app.text import fold


class ContactLookup(ByKeys):
    """Find a contact by member number or e-mail."""

    own_columns = ("number", "email")

    def spellings(self, text: str) -> tuple[str, ...]:
        # Numbers are stored as they were typed.
        return (*number_spellings(text), text.upper())

    @property
    def label_columns(self) -> tuple[Any, ...]:
        return (Contact.first_name, Contact.last_name)

    def row_label(self, row: Any) -> str:
        return " ".join(part for part in (row.first_name, row.last_name) if part)

    def not_found_message(self, text: str) -> str:
        """Return the error message for a number or an address that nobody has."""
        return _("No contact has the member number or e-mail “%(value)s”.", value=text[:80])


@cached_until_fields_change
def contact_fields() -> tuple[CsvField, ...]:
    """Return the fields of a contact that an export writes, in that order."""
    return (
        ValueField(
            "member_number", Contact.number,
            "number", "membership number", "member no", "member id", "membership no",
            "numero de miembro", "no miembro", "num miembro", "n miembro",
            "numero de socio", "numero socio", "no socio", "n socio", "num socio", "nro socio",
            "nº socio", "nº de socio", "n de socio", "socio n", "numero", "nro", "num",
            "numero de afiliado", "n afiliado", "matricula",
        ),
        ValueField(
            "salutation", Contact.salutation,
            "title", "name prefix", "prefix", "honorific", "tratamiento", "titulo", "saludo",
        ),
        ValueField(
            "first_name", Contact.first_name,
            "firstname", "given name", "givenname", "forename", "christian name", "first", "name",
            "nombre", "nombres", "nombre de pila", "primer nombre",
        ),
        ValueField(
            "last_name", Contact.last_name,
            "lastname", "surname", "surnames", "family name", "familyname", "last", "last names",
            "first surname", "last name 1", "primer apellido", "apellido 1", "1 apellido",
            "apellido paterno", "apellidos", "apellido", "apellido s", "apellidos del contacto",
        ),
        ForeignKeyField(
            "type", Contact.type, RepositoryLookup,
            "contact type", "tipo", "tipo de contacto", "clase", needs_known_value=True,
        ),
        ForeignKeyField(
            "category", Contact.category, RepositoryLookup, "categoria", "group", "grupo", needs_known_value=True
        ),
        ForeignKeyField(
            "status", Contact.status, RepositoryLookup,
            "state of membership", "estatus", "estado", "situacion", needs_known_value=True,
        ),
        ManyToManyField("tags", Contact.tags, RepositoryLookup, "tag", "labels", "etiquetas", "etiqueta"),
        ForeignKeyField(
            "entity", Contact.entity, EntityLookup,
            "branch", "section", "entidad", "delegacion", "sede", "seccion",
        ),
        ValueField(
            "email", Contact.email,
            "e mail", "mail", "email 1", "e mail 1 value", "email 1 value", "e mail 1", "correo 1", "email address", "e mail address", "mail address",
            "correo", "correo electronico", "direccion de correo", "direccion de e mail",
            "direccion de correo electronico", "e correo",
        ),
        ValueField(
            "phone", Contact.phone,
            "telephone", "phone 1 value", "home phone", "phone number", "telephone number", "tel", "landline", "phone 1", "tlf",
            "telefono", "tfno", "telf", "telefono fijo", "fijo", "telefono 1",
            "numero de telefono",
        ),
        ValueField(
            "mobile", Contact.mobile,
            "mobile phone", "phone 2 value", "cell", "cell phone", "cellphone", "mobile number",
            "tel movil", "tlf movil", "mobile no", "movil", "telefono movil", "celular", "telefono celular",
        ),
        ValueField(
            "secondary_phone", Contact.secondary_phone,
            "other phone", "business phone", "phone 3 value", "phone 2", "second phone", "alternative phone",
            "telefono secundario", "telefono 2", "otro telefono", "segundo telefono",
        ),
        ForeignKeyField(
            "account", Contact.account, ByName,
            "company", "organisation", "organization", "organization name", "organization 1 name", "company name", "employer", "account name",
            "cuenta", "empresa", "organizacion", "razon social",
        ),
        ValueField(
            "position", Contact.position,
            "job title", "organization title", "organization 1 title", "job", "role", "cargo", "puesto", "puesto de trabajo",
        ),
        ValueField("department", Contact.department, "organization department", "departamento", "dept", "depto"),
        ValueField(
            "street", Contact.street,
            "address", "address 1 street", "business street", "street address", "address 1", "address line 1", "postal address",
            "direccion", "direccion postal", "calle", "domicilio", "via",
        ),
        ValueField(
            "postcode", Contact.postcode,
            "zip", "address 1 postal code", "business postal code", "zip code", "zipcode", "postal code", "post code", "postalcode",
            "codigo postal", "cp", "c p", "cod postal",
        ),
        ValueField(
            "city", Contact.city,
            "town", "address 1 city", "business city", "locality", "ciudad", "localidad", "municipio", "poblacion",
        ),
        ValueField(
            "province", Contact.province,
            "state", "address 1 region", "business state", "county", "region", "provincia", "estado o provincia", "comunidad",
        ),
        ValueField(
            "country", Contact.country,
            "pais", "address 1 country", "country region", "business country region", "nation", "country code",
        ),
        ValueField(
            "birth_date", Contact.birth_date,
            "birthday", "birthdate", "date of birth", "dob", "born", "born on",
            "fecha de nacimiento", "fecha nacimiento", "nacimiento", "f nacimiento", "f nac",
            "fecha nac", "fecha de nac", "cumpleanos", "nacido el",
        ),
        ValueField(
            "language", Contact.language,
            "preferred language", "lang", "idioma", "lengua", "idioma preferido",
        ),
        ValueField(
            "notes", Contact.notes,
            "note", "comments", "comment", "remarks", "notas", "nota", "observaciones",
            "comentarios",
        ),
        *stored_value_fields(Contact),
        *computed_value_fields(Contact),
    )  # fmt: skip


@lru_cache(maxsize=4)
def _imported_fields(exported: tuple[CsvField, ...]) -> tuple[CsvField, ...]:
    return (
        *(field for field in exported if field.is_imported),
        AppendedField(
            "second_last_name", _l("Second last name"), Contact.last_name,
            "second surname", "last name 2", "surname 2", "mother s maiden name",
            "segundo apellido", "apellido 2", "2 apellido", "2o apellido", "apellido materno",
        ),
        ForeignKeyField(
            "manager", Contact.manager, ContactLookup,
            "manager number", "manager e mail", "manager email", "reports to", "supervisor",
            "responsable", "jefe", "superior", "jefe directo",
        ),
    )  # fmt: skip


class ContactImporter(Importer):
    """Import contacts, matched by member number, by e-mail or by name and birth date."""

    name = "contacts"
    model = Contact
    label = _l("Contacts")
    import_label = _l("Import contacts")
    export_label = _l("Export contacts")
    match_rules: ClassVar[tuple[MatchRule, ...]] = (
        MatchRule("member_number", _l("Member number"), ("member_number",)),
        MatchRule("email", _l("E-mail"), ("email",)),
        MatchRule("name", _l("Name, plus birth date if available"), ("last_name",)),
    )

    def fields(self) -> tuple[CsvField, ...]:
        """Return the fields of an export, and those that only files of other programs have."""
        return (*_imported_fields(self.export_fields()), *key_fields(Contact))

    def export_fields(self) -> tuple[CsvField, ...]:
        """Return the fields of an export, in that order."""
        return contact_fields()

    def match_key(self, match: MatchRule, values: dict[str, Any]) -> tuple | None:
        """Return (sort key of the name, birth date), or (value,) of another field."""
        if match.name != "name":
            return super().match_key(match, values)
        last_name = values.get("last_name")
        name = last_name and _sort_name(last_name, values.get("first_name"))
        return (name, values.get("birth_date")) if name else None

    def key_values(self, match: MatchRule, key: Any) -> tuple[Any, ...]:
        """Return the value, and of a number what it is with any number of zeros before it."""
        return number_spellings(key[0]) if match.name == "member_number" else key[:1]

    def match_attribute(self, match: MatchRule) -> Any:
        """Return number, e-mail or sort key of the name."""
        own = {"member_number": Contact.number, "email": Contact.email, "name": Contact.sort_name}
        return own[match.name] if match.name in own else super().match_attribute(match)

    def identifying_columns(self) -> set[str]:
        """Return the columns of the rules, and the rest of the name."""
        return {*super().identifying_columns(), "first_name", "birth_date"}

    def agreement(
        self,
        match: MatchRule,
        values: dict[str, Any],
        stored: dict[str, Any],
        rules: frozenset[str],
    ) -> Agreement:
        """Return how far a row and a contact are the same person.

        Families share addresses, and lists that count their rows share numbers: a name that
        contradicts makes both doubtful.
        """
        if match.name not in ("email", "name"):
            if not (_is_same_first_name(values, stored) or _shares_surname(values, stored)):
                return Agreement.DOUBTFUL
            if match.name != "member_number":
                return Agreement.LIKELY
            is_same = values["number"] == stored["number"]
            return Agreement.EXACT if is_same else Agreement.LIKELY
        born, known_born = values.get("birth_date"), stored["birth_date"]
        email, known_email = values.get("email"), stored["email"]
        is_same_day = born is not None and born == known_born
        has_other_number = "member_number" in rules and bool(
            values.get("number") and stored["number"] not in number_spellings(values["number"])
        )
        if born and known_born and not is_same_day:
            return Agreement.DOUBTFUL if match.name == "email" else Agreement.OTHER
        if match.name == "email":
            if has_other_number or not _is_same_name(values, stored):
                return Agreement.DOUBTFUL
            name = _sort_name(values.get("last_name"), values.get("first_name"))
            is_exact = name == stored["sort_name"] and born == known_born
            return Agreement.EXACT if is_exact else Agreement.LIKELY
        if has_other_number:
            return Agreement.DOUBTFUL if is_same_day else Agreement.OTHER
        if "email" in rules and email and known_email and email != known_email and not is_same_day:
            return Agreement.OTHER
        is_exact = born == known_born and email == known_email
        return Agreement.EXACT if is_exact else Agreement.LIKELY

    def is_same(self, key: str, stored: Any, value: Any) -> bool:
        """Return True for a member number that lacks or has more zeros at its beginning."""
        return key == "number" and stored in number_spellings(value)

    def doubt(self, match: MatchRule) -> str:
        """Return which contradiction makes a row doubtful."""
        if match.name == "member_number":
            return _("This member number belongs to somebody with another name.")
        if match.name == "email":
            return _(
                "This e-mail address belongs to somebody with another name, birth date or number."
            )
        if match.name != "name":
            return super().doubt(match)
        return _("Somebody with this name and birth date has another member number.")

    def file_keys(self, match: MatchRule, values: dict[str, Any]) -> tuple[list, list]:
        """Return the keys a row takes and those no earlier row may have; see ``agreement``."""
        key = self.match_key(match, values)
        if key is None:
            return [], []
        if match.name == "member_number":
            bare = key[0].lstrip("0") if key[0].isdigit() else key[0]
            return [bare], [bare]
        if match.name == "email":
            name = _sort_name(values.get("last_name"), values.get("first_name"))
            born = values.get("birth_date")
            whole = (key[0], name, born and born.isoformat())
            # A birth date contradicts only another one.
            other = (key[0], name, None) if born else (key[0], name, "any")
            return [whole, (key[0], name, "any")], [whole, other]
        if match.name != "name":
            return [key], [key]
        name, born = key
        return [(name, born and born.isoformat())], [(name, born and born.isoformat())]

    def wide_key(self, match: MatchRule, values: dict[str, Any]) -> tuple[Any, bool]:
        """Return the address alone or the name alone: parts of a name, and no birth date, fit many."""
        if match.name == "email":
            return values["email"], not (values.get("first_name") and values.get("last_name"))
        if match.name == "name":
            name, born = self.match_key(match, values) or ("", None)
            return name, born is None
        return None, False

    def derived_columns(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the sort key of the name."""
        return {"sort_name": _sort_name(values["last_name"], values.get("first_name"))}

    def search_text(self, values: dict[str, Any]) -> str:
        """Return the folded text that the search finds a contact by."""
        return contact_search_text(values)

    def title(self, values: dict[str, Any]) -> str:
        """Return the name of the contact."""
        parts = (values.get("first_name"), values.get("last_name"))
        return " ".join(part for part in parts if part)


# A row is asked for its name several times.
_sort_name = lru_cache(maxsize=8192)(contact_sort_name)


def number_spellings(number: str) -> tuple[str, ...]:
    """Return a member number, and if it has digits alone what it is with fewer or more zeros.

    Spreadsheets drop the zeros that a number begins with.
    """
    if not (number.isascii() and number.isdigit()):
        return (number,)
    bare = number.lstrip("0") or "0"
    return tuple({number: None, bare: None} | {bare.zfill(n): None for n in range(2, 9)})


def _surnames(row: dict[str, Any]) -> set[str]:
    return set(fold(row.get("last_name") or "").split())


def _shares_surname(values: dict[str, Any], stored: dict[str, Any]) -> bool:
    """Return True unless no part of the last names is the same."""
    mine, theirs = _surnames(values), _surnames(stored)
    return not mine or not theirs or bool(mine & theirs)


def _is_same_first_name(values: dict[str, Any], stored: dict[str, Any]) -> bool:
    """Return True unless the first names differ; an initial is the same as what begins with it."""
    mine, theirs = (fold(row.get("first_name") or "") for row in (values, stored))
    if not mine or not theirs or mine == theirs:
        return True
    short, long = sorted((mine.rstrip("."), theirs.rstrip(".")), key=len)
    return len(short) == 1 and long.startswith(short)


def _is_same_name(values: dict[str, Any], stored: dict[str, Any]) -> bool:
    """Return True unless the names are those of two people: what is missing does not contradict."""
    mine, theirs = _surnames(values), _surnames(stored)
    is_same = not mine or not theirs or mine <= theirs or theirs <= mine
    return is_same and _is_same_first_name(values, stored)
