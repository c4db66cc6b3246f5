"""The list of members and the page of one: who sees what, what it costs, what the buttons do."""

from __future__ import annotations

import uuid

import pytest
from django.urls import reverse

from loyalty_crm.kernel.models import AuditEntry
from members.models import Card, Member
from tests.factories.members import CardFactory, ConsentFactory, IdentityFactory, MemberFactory
from tests.staff import at_desk, cost_of

pytestmark = pytest.mark.django_db

LIST = "/admin/members/member/"


def page_of(member: Member) -> str:
    return reverse("admin:members_member_change", args=[member.pk])


def known(name="Anna Petrova"):
    member = MemberFactory(name=name, phone="+79165550001", email="anna@example.org")
    CardFactory(member=member)
    ConsentFactory(member=member)
    return member


@pytest.mark.parametrize(
    ("role", "seen", "hidden"),
    [
        ("admin", ["Anna Petrova", "+79165550001"], []),
        ("marketer", ["Anna P.", "0001"], ["Petrova", "+79165550001", "anna@"]),
        ("store_manager", ["Anna P."], ["Petrova", "+79165550001", "anna@"]),
        ("analyst", ["№ "], ["Anna", "0001", "anna@"]),
    ],
)
def test_each_role_sees_as_much_of_a_person_as_it_may(role, seen, hidden):
    member, desk = known(), at_desk(role)

    for address in (LIST, page_of(member)):
        page = desk.get(address).content.decode()
        assert all(word in page for word in seen)
        assert not any(word in page for word in hidden)


@pytest.mark.parametrize("typed", ["Petr", "+7 916 555-00-01", "anna@example.org"])
def test_who_may_not_see_names_can_not_ask_for_them(typed):
    member = known()

    found = at_desk("marketer").get(LIST, {"q": typed}).content.decode()
    guessed = at_desk("analyst").get(LIST, {"q": typed}).content.decode()

    assert page_of(member) in found
    assert page_of(member) not in guessed


def test_a_card_number_finds_its_member_for_every_role():
    member = known()

    for role in ("marketer", "analyst"):
        found = at_desk(role).get(LIST, {"q": member.cards.get().number}).content.decode()
        assert page_of(member) in found


@pytest.mark.parametrize("query", ["", "?q=Member", "?status__exact=active"])
def test_the_list_costs_the_same_for_five_members_and_for_fifty_and_counts_nothing(query):
    desk = at_desk("admin")
    costs = []
    for more in (5, 45):
        for _ in range(more):
            IdentityFactory(member=CardFactory().member)
        costs.append(cost_of(desk, LIST + query))

    assert len(costs[0]) == len(costs[1])
    assert not any("COUNT(" in sql for sql in costs[1])


def test_the_page_costs_the_same_for_many_cards_and_consents():
    member, desk = known(), at_desk("admin")
    few = cost_of(desk, page_of(member))
    for _ in range(20):
        CardFactory(member=member)
        ConsentFactory(member=member)

    assert len(cost_of(desk, page_of(member))) == len(few)


def press(desk, member, verb, card=None, key=None, reason="Lost on a bus"):
    asked = {"verb": verb, "reason": reason, "key": key or uuid.uuid4()}
    asked |= {"card": card.pk} if card else {}
    return desk.post(reverse("admin:members_member_cards", args=[member.pk]), asked)


def test_a_double_click_replaces_a_card_once():
    member, desk, key = known(), at_desk("store_manager"), uuid.uuid4()
    card = member.cards.get()

    answers = [press(desk, member, "replace", card, key) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert sorted(member.cards.values_list("status", flat=True)) == ["active", "replaced"]
    assert AuditEntry.objects.filter(action="card.replaced", reason="Lost on a bus").count() == 1


def test_a_new_form_issues_another_card():
    member, desk = known(), at_desk("store_manager")

    press(desk, member, "issue")
    press(desk, member, "issue")

    assert member.cards.count() == 3


@pytest.mark.parametrize(
    ("verb", "reason", "complaint"),
    [("block", "", "Say why"), ("unblock", "Found", "does not allow"), ("fly", "x", "fly")],
)
def test_what_can_not_be_done_to_a_card_is_said_in_the_panel(verb, reason, complaint):
    member = known()
    card = member.cards.get()

    answer = press(at_desk("store_manager"), member, verb, card, reason=reason)

    assert answer.status_code == 422
    assert complaint in answer.content.decode()
    assert Card.objects.get(pk=card.pk).status == "active"


def test_the_card_of_somebody_else_can_not_be_named():
    member, other = known(), CardFactory()

    answer = press(at_desk("store_manager"), member, "block", other)

    assert answer.status_code == 422
    assert Card.objects.get(pk=other.pk).status == "active"


@pytest.mark.parametrize(
    ("role", "status"), [("marketer", 403), ("analyst", 403), ("store_manager", 200)]
)
def test_cards_are_managed_by_those_who_may(role, status):
    member = known()
    card = member.cards.get()

    assert press(at_desk(role), member, "block", card).status_code == status
    assert (Card.objects.get(pk=card.pk).status == "blocked") == (status == 200)


def send(desk, panel, member, **asked):
    address = reverse(f"admin:members_member_{panel}", args=[member.pk])
    return desk.post(address, {"key": uuid.uuid4(), **asked})


def test_contacts_are_added_and_removed_through_the_service():
    member, desk = known(), at_desk("admin")

    added = send(desk, "contacts", member, kind="phone", value="8 (916) 555-00-02")
    phone = member.identities.get(value="+79165550002")
    removed = send(desk, "contacts", member, remove=phone.pk)

    assert (added.status_code, removed.status_code) == (200, 200)
    assert "+79165550002" in added.content.decode()
    assert not member.identities.filter(value="+79165550002").exists()
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["member.identity_added", "member.identity_removed"]


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"kind": "phone", "value": "+79165550009"}, "belongs to another member"),
        ({"kind": "email", "value": "nobody"}, "not a phone number or e-mail"),
        ({"kind": "phone", "value": ""}, "Write a phone"),
        ({"kind": "owl", "value": "x"}, "valid choice"),
        ({"remove": "0"}, "valid choice"),
    ],
)
def test_a_contact_that_can_not_be_is_refused_in_the_panel(asked, complaint):
    member, desk = known(), at_desk("admin")
    MemberFactory(phone="+79165550009")

    answer = send(desk, "contacts", member, **asked)

    assert answer.status_code == 422
    assert complaint in answer.content.decode()
    assert member.identities.count() == 2


def test_a_contact_of_somebody_else_can_not_be_removed():
    member, other = known(), MemberFactory(phone="+79165550009")

    answer = send(at_desk("admin"), "contacts", member, remove=other.identities.get().pk)

    assert answer.status_code == 422
    assert other.identities.exists()


def test_a_consent_is_withdrawn_with_its_proof_and_the_giving_stays():
    member, desk = known(), at_desk("admin")
    given = member.consents.get()

    without = send(desk, "consents", member, consent=given.pk, evidence="")
    answer = send(desk, "consents", member, consent=given.pk, evidence="Letter of 3 May")

    assert (without.status_code, answer.status_code) == (422, 200)
    withdrawn = member.consents.get(granted=False)
    assert (withdrawn.purpose, withdrawn.evidence) == (given.purpose, "Letter of 3 May")
    assert withdrawn.actor.startswith("user:")
    assert member.consents.filter(granted=True).exists()


@pytest.mark.parametrize("role", ["marketer", "store_manager", "analyst"])
@pytest.mark.parametrize("panel", ["contacts", "consents"])
def test_contacts_and_consents_are_changed_by_administrators_alone(role, panel):
    member, desk = known(), at_desk(role)
    given = member.consents.get()

    answer = send(
        desk, panel, member, kind="phone", value="+79165550002", consent=given.pk, evidence="x"
    )

    assert answer.status_code == 403
    assert member.identities.count() == 2
    assert member.consents.count() == 1


def profile(member, **changes):
    asked = {"name": member.name, "language": "en", "status": "active", "version": member.version}
    return asked | changes


def test_the_profile_is_changed_through_the_service_with_a_trail():
    member = known()
    address = reverse("admin:members_member_edit", args=[member.pk])

    answer = at_desk("admin").post(address, profile(member, name="Anna Smirnova"))

    assert answer.status_code == 302
    assert Member.objects.get(pk=member.pk).name == "Anna Smirnova"
    assert AuditEntry.objects.get(action="member.updated").actor.startswith("user:")


def test_two_editors_of_one_profile_do_not_overwrite_each_other():
    member, desk = known(), at_desk("admin")
    address = reverse("admin:members_member_edit", args=[member.pk])
    desk.post(address, profile(member, name="First"))

    answer = desk.post(address, profile(member, name="Second"))

    assert answer.status_code == 422
    assert Member.objects.get(pk=member.pk).name == "First"


@pytest.mark.parametrize("role", ["marketer", "store_manager", "analyst"])
def test_the_profile_is_closed_to_other_roles(role):
    member, desk = known(), at_desk(role)
    address = reverse("admin:members_member_edit", args=[member.pk])

    assert desk.get(address).status_code == 403
    assert desk.post(address, profile(member, name="X")).status_code == 403
    assert Member.objects.get(pk=member.pk).name == "Anna Petrova"


def test_the_trail_is_turned_page_by_page():
    member, desk = known(), at_desk("admin")
    for _ in range(10):
        press(desk, member, "block", member.cards.get())
        press(desk, member, "unblock", member.cards.get())
    address = reverse("admin:members_member_trail", args=[member.pk])
    trail = list(AuditEntry.objects.order_by("-id"))

    first = desk.get(address).content.decode()
    second = desk.get(address, {"before": trail[14].pk}).content.decode()

    assert first.count("<time") == 15
    assert second.count("<time") == 5
    assert "before=" not in second


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "{{ 7|add:7 }}"])
def test_a_hostile_name_stays_text(hostile):
    member = known(name=hostile)
    page = at_desk("admin").get(page_of(member)).content.decode()

    assert "<script>alert" not in page
    assert ">14<" not in page


@pytest.mark.parametrize("address", ["999999/change/", "x/change/", "999999/cards/"])
def test_nobody_there_is_not_found(address):
    assert at_desk("admin").get(LIST + address).status_code == 404
