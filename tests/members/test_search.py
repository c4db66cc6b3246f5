"""Finding members: what is found, in which order, and by which index."""

from __future__ import annotations

import json

import pytest
from django.db import connection

from members.models import Member
from members.rules.identities import spellings
from members.services.people import find_members, lookup_member
from members.services.search import find_products
from tests.factories.members import CardFactory, IdentityFactory, MemberFactory

pytestmark = pytest.mark.django_db
PHONE = "+79991234567"


def names(text):
    return [member.name for member in find_members(text)]


@pytest.mark.parametrize("typed", ["8 (999) 123-45-67", "+7 999 1234567", "9991234567", PHONE])
def test_a_phone_in_any_writing(typed):
    member = MemberFactory(phone=PHONE)
    MemberFactory(phone="+79991234568")

    assert list(find_members(typed)) == [member]


def test_a_card_with_or_without_spaces_and_an_address_in_any_case():
    card = CardFactory(member__email="anna@example.org")
    spaced = f"{card.number[:4]} {card.number[4:8]}-{card.number[8:]}"

    assert list(find_members(spaced)) == list(find_members("ANNA@example.org")) == [card.member]


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Анна Петрова", "петр"),
        ("Анна Петрова", "ПЕТРОВА анна"),
        ("Семён Артёмов", "семен артем"),
        ("Семен", "Семён"),
        ("İbrahim Işık", "ibrahim"),
        ("Zoë Lee", "zoe\u0308"),
        ("Йосиф", "И\u0306осиф"),
        ("Ann 🍯 Lee", "ann lee"),
        ("Я", "я"),
        ("Ли Бо", "бо"),
        ("O'Brien-Smith", "brien"),
        ("100% Real_Name", "real_n"),
        ("ж" * 200, "ж" * 50),
    ],
)
def test_a_part_of_a_name_in_any_script(name, typed):
    MemberFactory(name=name)
    MemberFactory(name="Somebody Else")

    assert names(typed) == [name]


@pytest.mark.parametrize("typed", ["", " ", "\u200b", "%%%", "___", "петровин", "+", "12345"])
def test_what_nobody_is_called_finds_nobody(typed):
    MemberFactory(name="Анна Петрова")

    assert names(typed) == []


def test_the_surest_come_first():
    for name in ("Marianna", "Joanna", "Anna Lee", "Anna", "Lee Anna"):
        MemberFactory(name=name)

    assert names("anna") == ["Anna", "Anna Lee", "Lee Anna", "Joanna", "Marianna"]
    assert [member.name for member in find_members("anna", limit=2)] == ["Anna", "Anna Lee"]


def test_letters_that_people_write_for_one_another():
    assert set(spellings("Ёжев")) == {"ЕЖЕВ", "ЁЖЕВ", "ЕЖЁВ"}
    assert spellings("Anna") == ["ANNA"]


def test_lookup_knows_the_four_ways_to_name_a_member():
    card = CardFactory(member__phone=PHONE, member__email="a@example.org")
    IdentityFactory(member=card.member, kind="external", system="shop", value="A-1")

    for kind, value, system in (
        ("card", card.number, ""),
        ("phone", "8 999 123 45 67", ""),
        ("email", "A@Example.org", ""),
        ("external", "A-1", "shop"),
    ):
        assert lookup_member(kind=kind, value=value, system=system) == card.member
    assert lookup_member(kind="external", value="A-1", system="other") is None
    assert lookup_member(kind="phone", value="nonsense") is None


@pytest.mark.parametrize(
    ("typed", "index"),
    [
        ("Анна Петрова", "member_name_part"),
        ("Семён", "member_name_part"),
        ("ли", "member_name_part"),
        ("8 (999) 123-45-67", "identity_names_one_member"),
        ("anna@example.org", "identity_names_one_member"),
        ("9000000000000017", "members_card_number"),
    ],
)
def test_every_kind_of_search_reads_an_index(typed, index):
    """Few rows are cheaper read whole, so that is forbidden; bench/ lets the planner choose."""
    for number in range(40):
        CardFactory(member__phone=f"+79990000{number:03}", member__email=f"m{number}@example.org")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE members_member, members_identity, members_card")
        cursor.execute("SET LOCAL enable_seqscan = off")

    plan = json.loads(find_members(typed).explain(format="json"))

    nodes = list(every_node(plan[0]["Plan"]))
    assert any(index in node.get("Index Name", "") for node in nodes)
    assert not [node for node in nodes if node["Node Type"] == "Seq Scan"]


@pytest.mark.parametrize("index", ["members_product_sku", "product_barcode", "product_name_part"])
def test_a_search_for_products_reads_an_index_for_each_way(index):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")

    assert index in find_products("4600000000017").explain()


def every_node(node):
    yield node
    for child in node.get("Plans", []):
        yield from every_node(child)


def test_a_search_is_one_query(django_assert_num_queries):
    MemberFactory.create_batch(3)

    with django_assert_num_queries(1):
        list(find_members("member"))


def test_the_database_knows_the_letters_of_our_members():
    """A wrong locale makes trigram search blind for Cyrillic, and says nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT show_trgm('Ёлка'), upper('ёлка')")
        trigrams, upper = cursor.fetchone()

    assert len(trigrams) == 5
    assert upper == "ЁЛКА"
    assert Member.objects.filter(name__icontains="ёлка").count() == 0
