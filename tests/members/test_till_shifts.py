"""Who gets in at the till, and shifts."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from members.models import Shift
from tests.factories.members import TerminalFactory
from tests.factories.promotions import make_programme
from tests.till import HTMX, PASSWORD, Till, make_staff, text_of

pytestmark = pytest.mark.django_db
UUID = "00000000-0000-7000-8000-000000000000"
PAGES = {
    "sale": [], "sale-add": [], "sale-free": [], "sale-change": [1], "sale-remove": [1],
    "sale-member": [], "sale-points": [], "pay": [], "sold": [UUID], "refund": [],
    "refund-receipt": [UUID], "refund-preview": [UUID], "refund-do": [UUID], "refunded": [UUID],
    "shift": [], "shift-close": [], "shift-closed": [1], "shift-report": [1],
    "find": [], "enrol": [], "enrolled": [UUID],
}  # fmt: skip
READ_ONLY = {
    "sale",
    "sold",
    "refund-receipt",
    "refunded",
    "shift-closed",
    "shift-report",
    "enrolled",
}


def asked(client, page, **headers):
    address = reverse(f"till:{page}", args=PAGES[page])
    return client.get(address, **headers) if page in READ_ONLY else client.post(address, **headers)


def test_the_address_alone_leads_to_the_doors():
    page = Client().get("/").content.decode()

    assert all(reverse(door) in page for door in ("till:sale", "admin:index", "api-docs"))


@pytest.mark.parametrize("page", PAGES)
def test_nobody_gets_in_without_logging_in(page):
    answer = asked(Client(), page)

    assert answer.status_code == 302
    assert answer.url.startswith(reverse("till:login"))


def test_a_panel_sends_the_whole_page_to_the_log_in():
    answer = asked(Client(), "find", headers=HTMX)

    assert answer.headers["HX-Redirect"] == reverse("till:login")


@pytest.mark.parametrize("role", ["admin", "marketer", "analyst", None])
@pytest.mark.parametrize("page", PAGES)
def test_other_roles_do_not_open_the_till(page, role):
    user = make_staff(role=role) if role else User.objects.create_superuser("root")
    client = Client()
    client.force_login(user)

    assert asked(client, page).status_code == 403


def test_a_role_that_was_taken_away_closes_an_open_till():
    till = Till()
    till.user.groups.clear()

    assert till.get("sale").status_code == 403


@pytest.mark.parametrize("page", ["sale", "find", "enrol", "refund", "pay"])
def test_work_begins_with_a_shift(page):
    client = Client()
    client.force_login(make_staff())

    assert asked(client, page).url == reverse("till:shift")


def test_log_in_leads_to_the_shift_and_the_shift_to_the_sale():
    make_programme()
    make_staff()
    terminal, client = TerminalFactory(), Client()

    known = {"username": "cashier", "password": PASSWORD}
    page = client.post(reverse("till:login"), known, follow=True)
    opened = client.post(reverse("till:shift"), {"terminal": terminal.pk}, follow=True)

    assert "Open a shift" in text_of(page)
    assert terminal.store.name in text_of(opened)
    assert Shift.objects.get().terminal == terminal


def test_a_wrong_password_is_said_and_ten_of_them_close_the_door(settings):
    make_staff()
    client, wrong = Client(), {"username": "cashier", "password": "wrong"}

    answers = [
        client.post(reverse("till:login"), wrong) for _ in range(settings.AXES_FAILURE_LIMIT)
    ]

    assert answers[0].status_code == 200
    assert "correct username and password" in text_of(answers[0])
    assert answers[-1].status_code == 429
    right = client.post(reverse("till:login"), {"username": "cashier", "password": PASSWORD})
    assert right.status_code == 429


def test_a_till_with_an_open_shift_is_refused():
    till = Till()
    client = Client()
    client.force_login(make_staff("second"))

    answer = client.post(reverse("till:shift"), {"terminal": till.terminal.pk})

    assert answer.status_code == 422
    assert "Somebody else has an open shift" in text_of(answer)
    assert Shift.objects.count() == 1


@pytest.mark.parametrize("flaw", ["terminal", "store", "number", "nothing"])
def test_a_till_that_cannot_be_used_is_refused(flaw):
    terminal = TerminalFactory(is_active=flaw != "terminal", store__is_active=flaw != "store")
    client = Client()
    client.force_login(make_staff())
    said = {"number": "999999", "nothing": ""}.get(flaw, terminal.pk)

    answer = client.post(reverse("till:shift"), {"terminal": said})

    assert answer.status_code == 422
    assert not Shift.objects.exists()


def test_a_shift_is_closed_once_and_its_report_stays():
    till = Till()
    shift = Shift.objects.get()

    closed = till.post("shift-close")
    again = till.post("shift-close")

    assert closed.url == reverse("till:shift-closed", args=[shift.pk])
    assert again.url == reverse("till:shift")
    assert "Shift closed" in text_of(till.client.get(closed.url))
    assert not Shift.objects.open().exists()


def test_a_shift_of_somebody_else_is_not_found():
    mine, theirs = Till(), Till(make_staff("second"))
    theirs.post("shift-close")

    assert mine.get("shift-closed", theirs.user.shifts.get().pk).status_code == 404
