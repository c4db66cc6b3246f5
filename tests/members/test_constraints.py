"""What the database refuses by itself: one violation for each named constraint of the app."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from members.models import (
    CardBatch,
    CardDesign,
    CardType,
    DataRequest,
    Household,
    HouseholdInvitation,
    HouseholdMember,
    LoginCode,
    MemberTag,
    PriceList,
    PriceListEntry,
    Receipt,
    ReceiptLine,
    Refund,
    RefundLine,
    Segment,
    SegmentMember,
    Shift,
    StockLevel,
    Tag,
    Tender,
)
from tests.factories.members import (
    LONG_AGO,
    CardFactory,
    CategoryFactory,
    ConsentTextFactory,
    IdentityFactory,
    MemberFactory,
    ProductFactory,
    StoreFactory,
    TerminalFactory,
)

pytestmark = pytest.mark.django_db


def receipt(**given):
    plain = {
        "number": "1", "currency": "EUR", "gross_minor": 1000, "total_minor": 1000,
        "content_digest": b"1", "occurred_at": LONG_AGO, "business_date": LONG_AGO.date(),
    }  # fmt: skip
    return Receipt.objects.create(
        **{"store": given.pop("store", None) or StoreFactory(), **plain, **given}
    )


def line(**given):
    plain = {
        "line_no": 1, "sku": "1", "quantity_milli": 1000, "unit_price_minor": 1000,
        "gross_minor": 1000, "net_minor": 1000,
    }  # fmt: skip
    sale = given.pop("receipt", None) or receipt()
    return ReceiptLine.objects.create(**{"receipt": sale, **plain, **given})


def refund(**given):
    sale = given.pop("receipt", None) or receipt()
    plain = {
        "receipt": sale, "store": sale.store, "number": "1", "net_minor": 1, "money_minor": 1,
        "content_digest": b"1", "occurred_at": LONG_AGO,
    }  # fmt: skip
    return Refund.objects.create(**{**plain, **given})


def refund_line(**given):
    sold = given.pop("line", None) or line()
    plain = {"line": sold, "quantity_milli": 1, "net_minor": 1}
    back = given.pop("refund", None) or refund(receipt=sold.receipt)
    return RefundLine.objects.create(**{"refund": back, **plain, **given})


def shift(**given):
    name = f"u{User.objects.count()}"
    plain = {"opened_at": LONG_AGO, "terminal": given.pop("terminal", None) or TerminalFactory()}
    user = given.pop("user", None) or User.objects.create(username=name)
    return Shift.objects.create(**{"user": user, **plain, **given})


def twice(make: Callable[..., object], **same: Callable[[], object]) -> Callable[[], None]:
    """The same row again, with what it must share with the first."""

    def call():
        shared = {name: one() for name, one in same.items()}
        make(**shared)
        make(**shared)

    return call


def own_parent():
    node = CategoryFactory()
    type(node).objects.filter(pk=node.pk).update(parent=node)


def tag(**given):
    member = given.pop("member", None) or MemberFactory()
    plain = {"tag": Tag.objects.get_or_create(code="vip", defaults={"name": "V"})[0]}
    return MemberTag.objects.create(**{"member": member, "since": LONG_AGO, **plain, **given})


def price(**given):
    plain = {"product": given.pop("product", None) or ProductFactory(), "price_minor": 1}
    listed = given.pop("price_list", None) or PriceList.objects.create(code="c", name="C")
    return PriceListEntry.objects.create(**{"price_list": listed, **plain, **given})


def stock(**given):
    plain = {"product": given.pop("product", None) or ProductFactory(), "quantity": 1}
    store = given.pop("store", None) or StoreFactory()
    return StockLevel.objects.create(**{"store": store, **plain, **given})


def card_type(**given):
    plain = {"code": f"t{CardType.objects.count()}", "name": "T", "number_prefix": "9"}
    return CardType.objects.create(**{**plain, **given})


def card_batch(**given):
    return CardBatch.objects.create(**{"type": card_type(), "name": "B", "wanted": 5, **given})


def login_code(**given):
    plain = {"purpose": "sign_in", "contact_digest": b"1", "code_digest": b"2"}
    return LoginCode.objects.create(expires_at=LONG_AGO, **{**plain, **given})


def data_request(**given):
    member = given.pop("member", None) or MemberFactory()
    return DataRequest.objects.create(**{"member": member, "kind": "export", **given})


def stay(**given):
    member = given.pop("member", None) or MemberFactory()
    plain = {"household": Household.objects.create(), "agreed_at": LONG_AGO}
    return HouseholdMember.objects.create(**{"member": member, **plain, **given})


def invitation(**given):
    plain = {"household": Household.objects.create(), "digest": b"1", "invited_by": MemberFactory()}
    return HouseholdInvitation.objects.create(expires_at=LONG_AGO, **{**plain, **given})


VIOLATIONS = {
    "one_household_at_a_time": twice(stay, member=MemberFactory),
    "household_share_is_a_percentage": partial(stay, share_percent=101),
    "household_left_after_it_was_joined": lambda: stay(left_at=LONG_AGO - timedelta(days=1)),
    "invitation_is_accepted_by_somebody": lambda: invitation(accepted_by=MemberFactory()),
    "stopped_card_says_why": partial(CardFactory, status="blocked", reason=""),
    "design_colours_are_colours": lambda: CardDesign.objects.create(
        name="D", title="T", accent="red"
    ),
    "one_default_card_type": lambda: [card_type(is_default=True) for _twice in range(2)],
    "card_numbers_stay_random": partial(card_type, number_prefix="9x"),
    "default_card_type_is_in_use": partial(card_type, is_default=True, is_active=False),
    "card_type_validity_bounded": partial(card_type, valid_months=0),
    "card_batch_made_as_wanted": partial(card_batch, made=6),
    "card_batch_bounded": partial(card_batch, wanted=1_000_001),
    "login_code_tries_bounded": partial(login_code, failures=6),
    "one_open_data_request": twice(data_request, member=MemberFactory),
    "closed_data_request_has_its_moment": partial(data_request, state="done"),
    "product_tax_is_a_share": partial(ProductFactory, tax_basis_points=10_001),
    "price_once_per_list": twice(
        price,
        product=ProductFactory,
        price_list=lambda: PriceList.objects.create(code="p", name="P"),
    ),
    "list_price_not_negative": partial(price, price_minor=-1),
    "stock_once_per_store": twice(stock, product=ProductFactory, store=StoreFactory),
    "stock_not_negative": partial(stock, quantity=-1),
    "tag_once_per_source": twice(tag, member=MemberFactory),
    "tag_ends_after_it_begins": lambda: tag(until=LONG_AGO),
    "member_once_per_segment": twice(
        SegmentMember.objects.create,
        member=MemberFactory,
        segment=lambda: Segment.objects.create(code="s", name="S"),
    ),
    "identity_names_one_member": twice(IdentityFactory, value=lambda: "+79991234567"),
    "identity_names_its_system": partial(IdentityFactory, system="shop"),
    "identity_is_normalised": partial(IdentityFactory, value="8 999"),
    "card_in_use_has_a_member": partial(CardFactory, member=None),
    "replaced_card_names_its_successor": partial(CardFactory, status="replaced"),
    "consent_text_version_once": twice(
        partial(ConsentTextFactory, body="x"), version=lambda: "1", purpose=lambda: "partners"
    ),
    "category_is_not_its_own_parent": own_parent,
    "product_prices_not_negative": partial(ProductFactory, cost_minor=-1),
    "terminal_code_once_per_store": twice(TerminalFactory, store=StoreFactory, code=lambda: "1"),
    "one_open_shift_per_terminal": twice(shift, terminal=TerminalFactory),
    "one_open_shift_per_user": twice(shift, user=lambda: User.objects.create(username="ann")),
    "shift_ends_after_it_starts": lambda: shift(closed_at=LONG_AGO.replace(year=2020)),
    "receipt_number_once_per_store": twice(receipt, store=StoreFactory),
    "receipt_total_adds_up": partial(receipt, total_minor=999),
    "line_number_once_per_receipt": twice(line, receipt=receipt),
    "line_adds_up": partial(line, net_minor=999),
    "refund_within_line": partial(line, refunded_quantity_milli=1001),
    "tender_not_negative": lambda: Tender.objects.create(
        receipt=receipt(), kind="cash", amount_minor=-1
    ),
    "refund_number_once_per_store": twice(refund, receipt=receipt),
    "one_void_per_receipt": lambda: [
        refund(receipt=sale, kind="void", number=str(n)) for sale in [receipt()] for n in (1, 2)
    ],
    "refund_not_negative": partial(refund, money_minor=-1),
    "line_once_per_refund": twice(refund_line, line=line, refund=refund),
    "refund_line_not_negative": partial(refund_line, net_minor=-1),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_the_database_refuses(name):
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        VIOLATIONS[name]()

    assert refusal.value.__cause__.diag.constraint_name == name


def test_every_named_constraint_has_its_violation():
    named = {
        constraint.name
        for model in apps.get_app_config("members").get_models()
        for constraint in model._meta.constraints
    }

    assert named == VIOLATIONS.keys()


@pytest.mark.parametrize("fact", ["receipt", "card"])
def test_what_a_receipt_names_can_not_be_deleted(fact):
    """DO_NOTHING in the models: the key in the database refuses, and at once, not at COMMIT."""
    card = CardFactory()
    receipt(member=card.member if fact == "receipt" else MemberFactory(), card=card)
    gone = card.member if fact == "receipt" else card
    if fact == "receipt":
        type(card).objects.update(member=MemberFactory())
        Receipt.objects.update(card=None)

    with pytest.raises(IntegrityError, match="foreign key"), transaction.atomic():
        type(gone).objects.filter(pk=gone.pk).delete()
