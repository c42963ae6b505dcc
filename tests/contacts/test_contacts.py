"""Creating, showing, editing and duplicating a contact in the browser."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image
from sqlalchemy import func, select

from app.contacts.models import Contact, Tag
from app.extensions import db
from app.numbers.services import free_numbers
from tests.factories import a_contact, a_value, an_account, the_entity, the_value
from tests.people import ALICIA, BRUNO, CLARA


def the_contact(last_name: str) -> Contact:
    return db.session.scalars(select(Contact).where(Contact.last_name == last_name)).one()


def form_data(**more) -> dict:
    return {"last_name": "Peña", "entity": the_entity("Norte").id} | more


def input_value(page: str, name: str) -> str:
    """Return the value of an input of a page."""
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', page).group()
    return re.search(r'value="([^"]*)"', tag).group(1)


def test_typed_values_are_normalized(client_as):
    typed = form_data(
        first_name="  Ana   Belén ", email="ANA@Example.org", phone="927 21 45 67",
        birth_date="1978-03-14", province="caceres", country="ES", notes="uno\r\ndos",
        tags=["", the_value(Tag, "To be completed").id], salutation="ms",
    )  # fmt: skip
    reply = client_as(BRUNO).post("/contacts/add", data=typed)

    contact = the_contact("Peña")
    assert reply.location == f"/contacts/show/{contact.id}"
    assert (contact.first_name, contact.email) == ("Ana Belén", "ana@example.org")
    assert (contact.phone, contact.province) == ("+34927214567", "ES-CC")
    assert contact.notes == "uno\ndos"
    assert [str(tag) for tag in contact.tags] == ["To be completed"]


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("last_name", "   "),
        ("last_name", "x" * 121),
        ("email", "nobody"),
        ("phone", "call me"),
        ("birth_date", "yesterday"),
        ("country", "Atlantis"),
        ("salutation", "king"),
        ("type", "999999"),
        ("account", "abc"),
        ("tags", "999999"),
        ("entity", ""),
        ("manager", "99999999999999999999"),
    ],
)
def test_an_error_is_shown_beside_its_field_and_the_input_is_kept(client_as, field, typed):
    form = form_data(first_name="María Única", city="Cáceres", notes="much text")
    reply = client_as(BRUNO).post("/contacts/add", data=form | {field: typed})

    assert reply.status_code == 422
    assert "María Única" in reply.text
    assert "much text" in reply.text
    assert db.session.scalar(select(func.count(Contact.id))) == 0


@pytest.mark.parametrize(
    "typed", ["<script>alert(1)</script>", "a\x00b", "🙂", "\ud83d", "Ñ" * 120]
)
def test_unusual_characters_break_neither_the_form_nor_the_page(client_as, typed):
    browser = client_as(BRUNO)
    form = form_data(last_name=typed.encode("utf-8", "replace").decode())
    reply = browser.post("/contacts/add", data=form)
    assert reply.status_code == 302
    for url in (reply.location, "/contacts/list/", f"{reply.location}?tab=log"):
        assert "<script>alert(1)" not in browser.get(url).text


def test_a_new_contact_gets_the_next_free_member_number(client_as):
    browser = client_as(BRUNO)
    browser.post("/contacts/add", data=form_data(last_name="Una"))
    browser.post("/contacts/add", data=form_data(last_name="Dos"))
    first, second = (int(the_contact(name).number) for name in ("Una", "Dos"))
    assert second == first + 1
    assert len(the_contact("Una").number) == 6


def test_a_member_number_already_in_use_is_skipped(session):
    (number,) = free_numbers(db.session(), Contact, 1)
    taken = f"{int(number) + 1:06d}"
    a_contact(number=taken)
    assert free_numbers(db.session(), Contact, 2) == [f"{int(number) + n:06d}" for n in (2, 3)]


def test_a_number_in_use_is_refused(client_as):
    a_contact(number="000777")
    reply = client_as(BRUNO).post("/contacts/add", data=form_data(number="000777"))
    assert reply.status_code == 422
    assert "000777" in reply.text


def test_a_duplicate_copies_everything_except_number_and_photo(client_as):
    tag, account = the_value(Tag, "To be completed"), an_account(name="Imprenta Luz")
    contact = a_contact(
        last_name="Peña", first_name="Ana", tags=[tag], account=account, city="Cáceres"
    )
    page = client_as(BRUNO).get(f"/contacts/duplicate/{contact.id}").text

    assert input_value(page, "last_name") == "Peña"
    assert input_value(page, "city") == "Cáceres"
    assert input_value(page, "number") == ""
    assert "Imprenta Luz" in page
    assert 'action="/contacts/add"' in page
    assert db.session.scalar(select(func.count(Contact.id))) == 1


def test_a_new_contact_of_an_account_has_the_account_filled_in(client_as):
    account = an_account(name="Imprenta Luz")
    assert "Imprenta Luz" in client_as(BRUNO).get(f"/contacts/add?account={account.id}").text


def test_an_account_out_of_scope_is_not_filled_in(client_as):
    account = an_account(entity="Sur", name="Secreta")
    assert "Secreta" not in client_as(BRUNO).get(f"/contacts/add?account={account.id}").text


def test_a_field_missing_from_the_form_data_keeps_its_value(client_as):
    contact = a_contact(last_name="Peña", city="Cáceres", tags=[the_value(Tag, "To be completed")])
    form = {"version": contact.version, "last_name": "Ruiz"}
    client_as(BRUNO).post(f"/contacts/edit/{contact.id}", data=form)
    assert (contact.last_name, contact.city, len(contact.tags)) == ("Ruiz", "Cáceres", 1)


def test_an_empty_field_clears_the_value(client_as):
    contact = a_contact(city="Cáceres", tags=[the_value(Tag, "To be completed")])
    form = {"version": contact.version, "city": "", "tags": ""}
    client_as(BRUNO).post(f"/contacts/edit/{contact.id}", data=form)
    assert contact.city is None
    assert contact.tags == []


def test_a_contact_cannot_be_their_own_line_manager(client_as):
    contact = a_contact()
    form = {"version": contact.version, "manager": contact.id}
    assert client_as(BRUNO).post(f"/contacts/edit/{contact.id}", data=form).status_code == 422


def test_a_user_who_may_only_read_cannot_edit(client_as):
    contact = a_contact(last_name="Peña")
    browser = client_as(CLARA)
    assert browser.get(f"/contacts/show/{contact.id}").status_code == 200
    form = {"version": contact.version, "last_name": "Ruiz"}
    assert browser.post(f"/contacts/edit/{contact.id}", data=form).status_code == 403
    assert browser.post(f"/contacts/delete/{contact.id}").status_code == 403
    page = browser.get(f"/contacts/show/{contact.id}").text
    assert f"/contacts/edit/{contact.id}" not in page


def test_an_inactive_value_stays_on_the_contacts_that_have_it(client_as):
    old = a_value(Tag, label_en="Old", label_es="Antigua", is_active=False)
    contact = a_contact(tags=[old])
    browser = client_as(BRUNO)
    assert "Old</option>" in browser.get(f"/contacts/edit/{contact.id}").text
    assert "Old</option>" not in browser.get("/contacts/add").text


def test_save_and_add_another_shows_an_empty_form(client_as):
    reply = client_as(BRUNO).post("/contacts/add", data=form_data(_next="add"))
    assert reply.location == "/contacts/add"


def make_picture(kind: str = "PNG", size=(900, 600)) -> io.BytesIO:
    stream = io.BytesIO()
    Image.new("RGB", size, "teal").save(stream, kind)
    stream.seek(0)
    return stream


def test_a_photo_is_scaled_and_stored_outside_the_static_folder(client_as):
    browser = client_as(BRUNO)
    browser.post("/contacts/add", data=form_data(photo=(make_picture(), "../../evil.svg")))
    contact = the_contact("Peña")

    reply = browser.get(f"/contacts/photo/{contact.id}/{contact.photo}")

    assert re.fullmatch(r"[0-9a-f]{32}\.jpg", contact.photo)
    assert reply.mimetype == "image/jpeg"
    assert max(Image.open(io.BytesIO(reply.data)).size) == 512
    reply.close()


def test_the_photo_of_a_contact_out_of_scope_is_not_found(client_as):
    alicia = client_as(ALICIA)
    alicia.post("/contacts/add", data=form_data(photo=(make_picture(), "a.png")))
    contact = the_contact("Peña")
    contact.entity = the_entity("Sur")
    db.session.commit()
    reply = client_as(BRUNO).get(f"/contacts/photo/{contact.id}/{contact.photo}")
    assert reply.status_code == 404


@pytest.mark.parametrize(
    "contents", [b"", b"<svg/>", b"\xff\xd8\xff\xe0 broken", b"GIF89a", b"%PDF"]
)
def test_a_file_that_is_not_a_picture_is_refused_beside_the_field(client_as, contents):
    form = form_data(photo=(io.BytesIO(contents), "a.jpg"), first_name="María Única")
    reply = client_as(BRUNO).post("/contacts/add", data=form)
    assert reply.status_code == 422
    assert "María Única" in reply.text


def test_a_photo_can_be_removed(client_as):
    browser = client_as(BRUNO)
    browser.post("/contacts/add", data=form_data(photo=(make_picture("JPEG"), "a.jpg")))
    contact = the_contact("Peña")
    form = {"version": contact.version, "photo_remove": "1"}
    browser.post(f"/contacts/edit/{contact.id}", data=form)
    assert contact.photo is None
