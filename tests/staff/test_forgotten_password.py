"""Forgotten passwords: a link by mail, without revealing which accounts exist."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask_babel import get_locale
from sqlalchemy import select, update
from werkzeug.security import check_password_hash

from app.extensions import db
from app.log.models import LogEntry
from app.outbox.delivery import deliver_due
from app.outbox.models import Message
from app.security.models import AttemptCounter, OneTimeLink, SignInSession
from app.staff import emails
from app.staff.models import StaffUser
from app.types import now
from tests.contracts.pagereader import find_post_form
from tests.people import ALICIA, BRUNO, CLARA
from tests.staff.logging_in import PASSWORD, log_in, set_password

NEW = "tren verde caracol martillo"


def request_link(browser, name="bruno", **headers):
    return browser.post("/login/forgotten", data={"name": name}, headers=headers)


def deliver_mails(app) -> Message:
    """Deliver the queued mails; return the last one."""
    deliver_due(app)
    return db.session.scalars(select(Message).order_by(Message.id.desc()).limit(1)).one()


def link_path(mail: Message) -> str:
    return re.search(r"/login/choose/[\w-]{43}", mail.content.replace("=\r\n", ""))[0]


@pytest.fixture
def link(app, client_as):
    """Return the path of the link sent to Bruno."""
    request_link(client_as(None))
    return link_path(deliver_mails(app))


def choose_password(browser, link, password=NEW, again=None):
    form = {"password": password, "again": password if again is None else again}
    return browser.post(link, data=form)


KINDS = {
    "there": {},
    "missing": {"username": "somebody", "email": "somebody@example.org"},
    "inactive": {"active": False},
    "trashed": {"trashed_at": now()},
    "left": {"employed_until": now().date() - timedelta(days=2)},
    "never chose one": {"password": "!"},
}


def test_every_account_gets_the_same_response_for_the_same_work(app, client_as, counting):
    answers, work = {}, {}
    for kind, change in KINDS.items():
        user = BRUNO.user if "username" not in change else None
        before = {name: getattr(user, name) for name in change} if user else {}
        for name in before:
            setattr(user, name, change[name])
        db.session.commit()
        browser = client_as(None)
        with counting() as statements:
            reply = request_link(browser, "bruno" if user else "nobody")
        cookies = re.sub(r"[\w.-]{40,}", "", str(reply.headers.getlist("Set-Cookie")))
        body = re.sub(r'value="[\w.-]{40,}"|nonce="[^"]*"', "", reply.text)
        headers = sorted(name for name, _value in reply.headers)
        answers[kind] = (reply.status_code, body, headers, cookies)
        work[kind] = [re.sub(r"sa_savepoint_\d+", "", it) for it in statements]
        for name, value in before.items():
            setattr(user, name, value)
        db.session.query(AttemptCounter).delete()
        db.session.commit()
    assert len({str(answer) for answer in answers.values()}) == 1
    assert len({str(statements) for statements in work.values()}) == 1
    assert not any("ab_user" in it for it in work["there"]), "nobody is looked up meanwhile"


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind not in ("there", "never chose one")]
)
def test_only_active_users_get_a_mail_and_the_typed_text_is_deleted(app, client_as, kind):
    change = KINDS[kind]
    if "username" not in change:
        for name, value in change.items():
            setattr(BRUNO.user, name, value)
    request_link(client_as(None), "nobody, but my password" if "username" in change else "bruno")
    mail = deliver_mails(app)
    assert (mail.state, mail.data, mail.content) == ("dropped", None, None)
    assert db.session.scalars(select(OneTimeLink)).all() == []


@pytest.mark.parametrize("typed", ["bruno", "BRUNO", " bruno ", "Bruno@Example.org"])
def test_the_mail_goes_to_the_address_on_the_account(app, client_as, typed):
    request_link(client_as(None), typed)
    mail = deliver_mails(app)
    assert (mail.state, mail.recipient, mail.data) == ("kept", "bruno@example.org", None)
    assert "/login/choose/" in mail.content


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("has_chosen", [True, False])
def test_the_mail_is_in_the_language_of_its_recipient(
    app, client_as, monkeypatch, language, has_chosen
):
    monkeypatch.setattr(emails, "_", lambda text, **_values: f"{get_locale()}: {text}")
    BRUNO.user.language = language if has_chosen else None
    other = "en" if language == "es" else "es"
    request_link(client_as(None), **{"Accept-Language": other if has_chosen else language})
    assert deliver_mails(app).subject == f"{language}: Choose a new password"


def test_choosing_a_password_with_the_link_signs_in(client_as, link):
    browser = client_as(None)
    assert browser.get(link).status_code == 200
    assert browser.get("/contacts/list/").status_code == 302, "opening the link signs nobody in"
    assert choose_password(browser, link, "short").status_code == 422
    assert browser.get("/contacts/list/").status_code == 302, "a refused password signs nobody in"
    assert choose_password(browser, link).location == "/"
    assert check_password_hash(BRUNO.user.password, NEW)
    page = browser.get("/contacts/list/")
    assert (page.status_code, "Password changed." in page.text) == (200, True)
    assert log_in(client_as(None), password=NEW).location == "/"


def test_opening_the_page_changes_nothing(client_as, link):
    for _look in range(4):
        assert client_as(None).get(link).status_code == 200
    assert choose_password(client_as(None), link).status_code == 302


def test_the_page_does_not_leak_its_url(client_as, link):
    for reply in (
        client_as(None).get(link),
        choose_password(client_as(None), link, "short"),
        choose_password(client_as(None), link),
        client_as(None).get(link),
    ):
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert reply.headers["Cache-Control"] == "no-store"


def test_a_link_works_once_and_all_invalid_ones_look_the_same(client_as, link):
    choose_password(client_as(None), link)
    dead = [
        client_as(None).get(link),
        choose_password(client_as(None), link),
        client_as(None).get("/login/choose/nobodys"),
        choose_password(client_as(None), "/login/choose/" + "x" * 3000),
    ]
    assert {reply.status_code for reply in dead} == {410}
    page = r'(value|nonce)="[^"]*"'
    assert len({re.sub(page, "", reply.text) for reply in dead}) == 1
    assert 'href="/login/forgotten"' in dead[0].text


@pytest.mark.parametrize(
    ("password", "again", "field"),
    [
        ("short", None, "password"),
        ("", None, "password"),
        ("contraseña1234", None, "password"),
        ("bruno@example.org", None, "password"),
        ("x" * 201, None, "password"),
        (NEW, "tren verde caracol martilla", "again"),
    ],
)
def test_a_weak_password_is_refused_and_the_link_stays_valid(
    client_as, link, password, again, field
):
    reply = choose_password(client_as(None), link, password, again)
    assert reply.status_code == 422
    assert f'id="{field}-error"' in reply.text
    assert choose_password(client_as(None), link).status_code == 302


def test_all_sessions_of_the_user_end_and_others_continue(client_as, link):
    bruno, other, clara = client_as(BRUNO), client_as(BRUNO), client_as(CLARA)
    choose_password(client_as(None), link)
    assert bruno.get("/contacts/list/").status_code == 302
    assert other.get("/contacts/list/").status_code == 302
    assert clara.get("/contacts/list/").status_code == 200
    ended = db.session.scalars(
        select(SignInSession.ended_because)
        .where(SignInSession.user_id == BRUNO.user.id)
        .order_by(SignInSession.id)
    )
    # The last one was opened by choosing the password.
    assert list(ended) == ["password", "password", None]


def test_the_owner_is_notified_and_the_change_is_logged(app, client_as, link):
    choose_password(client_as(None), link)
    notice = deliver_mails(app)
    assert (notice.kind, notice.recipient) == ("notice", "bruno@example.org")
    assert "/login/choose/" not in notice.content
    query = select(LogEntry).where(LogEntry.subject_type == "security").order_by(LogEntry.id)
    entries = list(db.session.scalars(query))
    events = [entry.event for entry in entries]
    assert events == ["password_link_asked", "password_link_sent", "password_changed", "signed_in"]
    assert not any(link.rpartition("/")[2] in str(vars(entry)) for entry in entries)


def test_the_last_administrator_can_choose_a_new_password_too(app, client_as):
    request_link(client_as(None), "alicia")
    assert choose_password(client_as(None), link_path(deliver_mails(app))).status_code == 302
    assert check_password_hash(ALICIA.user.password, NEW)


def test_three_links_an_hour_for_an_account_and_ten_from_an_address(app, client_as):
    replies = [request_link(client_as(None)) for _again in range(5)]
    assert len({re.sub(r'(value|nonce)="[^"]*"', "", reply.text) for reply in replies}) == 1
    assert {reply.status_code for reply in replies} == {200}
    assert len(db.session.scalars(select(Message)).all()) == 3
    for number in range(20):
        request_link(client_as(None), f"somebody{number}")
    assert len(db.session.scalars(select(Message)).all()) == 8


def test_the_name_is_asked_for_when_it_is_missing(client_as):
    reply = request_link(client_as(None), "  ")
    assert reply.status_code == 422
    assert 'id="name-error"' in reply.text
    assert db.session.scalars(select(Message)).all() == []


def test_the_account_named_by_its_user_name_comes_first(app, client_as):
    # As an older version allowed it.
    db.session.execute(
        update(StaffUser).where(StaffUser.id == CLARA.user.id).values(username="bruno@example.org")
    )
    db.session.commit()
    request_link(client_as(None), "bruno@example.org")
    assert deliver_mails(app).recipient == "clara@example.org"


FORGED = [
    {"Host": "evil.example"}, {"Host": "127.0.0.1:8080.evil.example"}, {"Host": "evil.example:80"},
    {"Host": "127.0.0.1@evil.example"}, {"Host": "evil.example#127.0.0.1"}, {"Host": "[::1]"},
    {"Host": "localhost:1@evil.example"}, {"Host": "LOCALHOST"}, {"Host": "localhost:9"},
    {"X-Forwarded-Host": "evil.example"}, {"X-Forwarded-Host": "evil.example, localhost"},
    {"X-Forwarded-Server": "evil.example"}, {"X-Host": "evil.example"},
    {"X-Original-Host": "evil.example"}, {"X-Forwarded-Proto": "ftp"},
    {"X-Forwarded-Port": "666"}, {"X-Forwarded-Prefix": "//evil.example"},
    {"Forwarded": "host=evil.example;proto=http"}, {"X-Original-URL": "http://evil.example/"},
    {"X-Rewrite-URL": "http://evil.example/"}, {"Origin": "http://evil.example"},
    {"Referer": "http://evil.example/"},
]  # fmt: skip


@pytest.mark.parametrize("headers", FORGED, ids=str)
def test_links_in_mails_ignore_the_host_header(app, client_as, headers):
    request_link(client_as(None), **headers)
    client_as(ALICIA).post(f"/users/link/{BRUNO.user.id}", headers=headers)
    deliver_due(app)
    for mail in db.session.scalars(select(Message)):
        text = (mail.content or "").replace("=\r\n", "")
        assert "evil" not in text
        addresses = set(re.findall(r"https?://[^/\s<\"]+", text))
        assert addresses <= {app.config["PUBLIC_URL"]}


def test_earlier_wrong_passwords_no_longer_count(client_as, link):
    for _again in range(7):
        client_as(None).post("/login/", data={"username": "bruno", "password": "wrong"})
    choose_password(client_as(None), link)
    reply = client_as(None).post("/login/", data={"username": "bruno", "password": NEW})
    assert reply.status_code == 302


def test_a_link_works_while_account_and_address_are_throttled(app, client_as):
    """Figure T29."""
    for _again in range(25):
        reply = client_as(None).post("/login/", data={"username": "bruno", "password": "wrong"})
    assert reply.status_code == 429
    request_link(client_as(None))
    choose_password(client_as(None), link_path(deliver_mails(app)))
    reply = client_as(None).post("/login/", data={"username": "bruno", "password": NEW})
    assert (reply.status_code, reply.location) == (302, "/")


def own_password(app, client_as):
    set_password(BRUNO.user)
    form = {"present": PASSWORD, "password": NEW, "again": NEW}
    assert client_as(BRUNO).post("/account/password/", data=form).status_code == 302


def own_email(app, client_as):
    set_password(BRUNO.user)
    form = {"first_name": "Bruno", "last_name": "García", "language": "", "present": PASSWORD}
    form["email"] = "new@example.org"
    assert client_as(BRUNO).post("/account/", data=form).status_code == 302


def edited(client_as, **more):
    browser, path = client_as(ALICIA), f"/users/edit/{BRUNO.user.id}"
    form = find_post_form(browser.get(path).text).submitted() | more
    assert browser.post(path, data=form).status_code == 302


def email_by_an_administrator(app, client_as):
    edited(client_as, email="new@example.org")


def new_request(app, client_as):
    request_link(client_as(None))
    deliver_mails(app)


def deactivation(app, client_as):
    edited(client_as, active="0")
    assert not BRUNO.user.active
    edited(client_as, active="1")


def trash(app, client_as):
    number = BRUNO.user.id
    client_as(ALICIA).post(f"/users/delete/{number}")
    reply = client_as(ALICIA).post(f"/users/trash/restore/{number}")
    assert (reply.status_code, BRUNO.user.is_active) == (302, True)


def purged(app, client_as):
    db.session.delete(BRUNO.user)
    db.session.commit()


KILLERS = (
    new_request, own_password, own_email, email_by_an_administrator, deactivation, trash, purged,
)  # fmt: skip


@pytest.mark.parametrize("killer", KILLERS, ids=lambda killer: killer.__name__)
def test_a_change_of_the_account_invalidates_the_link_for_good(killer, app, client_as, link):
    """Figure T32; after a reactivation a new link is needed."""
    killer(app, client_as)
    before = db.session.scalars(select(StaffUser.password)).all()
    assert client_as(None).get(link).status_code == 410
    assert choose_password(client_as(None), link).status_code == 410
    assert db.session.scalars(select(StaffUser.password)).all() == before


def test_only_one_of_two_tabs_can_use_the_link(client_as, link, monkeypatch):
    from app.staff.views import password_links

    first, second = "tren verde caracol uno", "tren verde caracol dos"
    judged = password_links.hash_password

    def meanwhile(text):
        monkeypatch.setattr(password_links, "hash_password", judged)
        choose_password(client_as(None), link, first)
        return judged(text)

    monkeypatch.setattr(password_links, "hash_password", meanwhile)
    assert choose_password(client_as(None), link, second).status_code == 410
    assert check_password_hash(BRUNO.user.password, first)


def test_a_user_without_an_address_gets_none(app, client_as):
    db.session.execute(StaffUser.__table__.update().values(email=StaffUser.username))
    request_link(client_as(None))
    mail = deliver_mails(app)
    assert (mail.state, mail.error) == ("failed", "address")


def test_the_typed_text_of_an_expired_mail_is_deleted(app, client_as):
    """The typed text may be a password."""
    request_link(client_as(None), "My secret, typed by mistake")
    mail = db.session.scalars(select(Message)).one()
    mail.created_at -= emails.PasswordResetEmail.max_age + timedelta(minutes=1)
    db.session.commit()

    deliver_due(app)

    db.session.refresh(mail)
    assert (mail.state, mail.error, mail.data) == ("failed", "late", None)
