"""The importer of contacts, and the fields an export of contacts writes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

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
    stored_value_fields,
)
from app.importexport.importer import Importer, MatchRule
from app.importexport.lookups import ByName, EntityLookup, RepositoryLookup


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
            "title", "prefix", "honorific", "tratamiento", "titulo", "saludo",
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
            "e mail", "mail", "email 1", "correo 1", "email address", "e mail address", "mail address",
            "correo", "correo electronico", "direccion de correo", "direccion de e mail",
            "direccion de correo electronico", "e correo",
        ),
        ValueField(
            "phone", Contact.phone,
            "telephone", "phone number", "telephone number", "tel", "landline", "phone 1", "tlf",
            "telefono", "tfno", "telf", "telefono fijo", "fijo", "telefono 1",
            "numero de telefono",
        ),
        ValueField(
            "mobile", Contact.mobile,
            "mobile phone", "cell", "cell phone", "cellphone", "mobile number",
            "tel movil", "tlf movil", "mobile no", "movil", "telefono movil", "celular", "telefono celular",
        ),
        ValueField(
            "secondary_phone", Contact.secondary_phone,
            "other phone", "phone 2", "second phone", "alternative phone",
            "telefono secundario", "telefono 2", "otro telefono", "segundo telefono",
        ),
        ForeignKeyField(
            "account", Contact.account, ByName,
            "company", "organisation", "organization", "company name", "employer", "account name",
            "cuenta", "empresa", "organizacion", "razon social",
        ),
        ValueField(
            "position", Contact.position,
            "job title", "job", "role", "cargo", "puesto", "puesto de trabajo",
        ),
        ValueField("department", Contact.department, "departamento", "dept", "depto"),
        ValueField(
            "street", Contact.street,
            "address", "street address", "address 1", "address line 1", "postal address",
            "direccion", "direccion postal", "calle", "domicilio", "via",
        ),
        ValueField(
            "postcode", Contact.postcode,
            "zip", "zip code", "zipcode", "postal code", "post code", "postalcode",
            "codigo postal", "cp", "c p", "cod postal",
        ),
        ValueField(
            "city", Contact.city,
            "town", "locality", "ciudad", "localidad", "municipio", "poblacion",
        ),
        ValueField(
            "province", Contact.province,
            "state", "county", "region", "provincia", "estado o provincia", "comunidad",
        ),
        ValueField("country", Contact.country, "pais", "nation", "country code"),
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


@cache
def _import_only_fields() -> tuple[CsvField, ...]:
    return (
        AppendedField(
            "second_last_name", _l("Second last name"), Contact.last_name,
            "second surname", "last name 2", "surname 2", "mother s maiden name",
            "segundo apellido", "apellido 2", "2 apellido", "2o apellido", "apellido materno",
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
        return (*super().fields(), *_import_only_fields())

    def export_fields(self) -> tuple[CsvField, ...]:
        """Return the fields of an export, in that order."""
        return contact_fields()

    def match_key(self, match: MatchRule, values: dict[str, Any]) -> tuple | None:
        """Return (member number,), (e-mail,) or (sort key of the name, birth date)."""
        if match.name != "name":
            value = values.get(self.field(match.name).key)
            return (value,) if value else None
        if not values.get("last_name"):
            return None
        name = contact_sort_name(values["last_name"], values.get("first_name"))
        return (name, values.get("birth_date")) if name else None

    def match_attribute(self, match: MatchRule) -> Any:
        """Return number, e-mail or sort key of the name."""
        return {
            "member_number": Contact.number,
            "email": Contact.email,
            "name": Contact.sort_name,
        }[match.name]

    def filter_matches(
        self, match: MatchRule, key: Any, candidates: Sequence[Any]
    ) -> Sequence[Any]:
        """Return the candidates with the same birth date, else those without a birth date."""
        if match.name != "name" or key[1] is None:
            return candidates
        same = [row for row in candidates if row["birth_date"] == key[1]]
        return same or [row for row in candidates if row["birth_date"] is None]

    def derived_columns(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the sort key of the name."""
        return {"sort_name": contact_sort_name(values["last_name"], values.get("first_name"))}

    def search_text(self, values: dict[str, Any]) -> str:
        """Return the folded text that the search finds a contact by."""
        return contact_search_text(values)

    def title(self, values: dict[str, Any]) -> str:
        """Return the name of the contact."""
        parts = (values.get("first_name"), values.get("last_name"))
        return " ".join(part for part in parts if part)
