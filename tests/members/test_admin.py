"""The back office of members: what it shows, what it costs, what it refuses."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty_crm.kernel import stamps
from loyalty_crm.kernel.models import AuditEntry
from members.models import (
    Card,
    Category,
    Consent,
    ConsentText,
    Product,
    Receipt,
    ReceiptLine,
    Refund,
    RefundLine,
    Shift,
    Store,
    Tender,
    Terminal,
)
from tests.factories.members import (
    BrandFactory,
    CardFactory,
    CategoryFactory,
    ConsentFactory,
    ConsentTextFactory,
    MemberFactory,
    ProductFactory,
    StoreFactory,
    TerminalFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client):
    client.force_login(User.objects.create_superuser("boss"))
    return client


def receipt(noon, **given):
    sale = Receipt.objects.create(
        **{
            "store": given.pop("store", None) or StoreFactory(),
            "number": "R-1",
            "member": CardFactory().member,
            "currency": "EUR",
            "gross_minor": 1500,
            "total_minor": 1500,
            "content_digest": b"1",
            "occurred_at": noon,
            "business_date": noon.date(),
            **given,
        }
    )
    for line_no in (1, 2):
        ReceiptLine.objects.create(
            receipt=sale, line_no=line_no, sku=f"S{line_no}", quantity_milli=1250,
            unit_price_minor=600, gross_minor=750, net_minor=750,
        )  # fmt: skip
    Tender.objects.create(receipt=sale, kind="cash", amount_minor=1500)
    return sale


def refund(sale, noon):
    back = Refund.objects.create(
        receipt=sale, store=sale.store, number=f"B-{sale.pk}", net_minor=750, money_minor=750,
        content_digest=b"2", occurred_at=noon,
    )  # fmt: skip
    RefundLine.objects.create(
        refund=back, line=sale.lines.first(), quantity_milli=1250, net_minor=750
    )
    return back


def makers(noon):
    """For each list a way to put one more row with everything around it into it."""
    return {
        Store: TerminalFactory,
        Terminal: TerminalFactory,
        Product: lambda: ProductFactory(category=CategoryFactory(), brand=BrandFactory()),
        Category: lambda: CategoryFactory(parent=CategoryFactory()),
        Card: CardFactory,
        Consent: lambda: ConsentFactory(store=StoreFactory()),
        ConsentText: ConsentTextFactory,
        Receipt: lambda: receipt(noon),
        Refund: lambda: refund(receipt(noon), noon),
        Shift: lambda: Shift.objects.create(
            terminal=TerminalFactory(),
            user=User.objects.create(username=f"u{User.objects.count()}"),
        ),
    }


@pytest.mark.parametrize(
    "model",
    [Store, Terminal, Product, Category, Card, Consent, ConsentText, Receipt, Refund, Shift],
)
def test_a_list_costs_the_same_for_one_row_and_for_many_and_counts_nothing(boss, noon, model):
    url = reverse(f"admin:members_{model._meta.model_name}_changelist")
    more = makers(noon)[model]
    # Filters by store list the stores: they are few, and make one query.
    costs = []

    for _ in range(2):
        more()
        more()
        boss.get(url)
        with CaptureQueriesContext(connection) as queries:
            assert boss.get(url).status_code == 200
        costs.append(len(queries))
        said = " ".join(query["sql"] for query in queries)
        assert not re.search(rf'COUNT\(\*\)[^;]*FROM "{model._meta.db_table}"', said)

    assert costs[0] == costs[1]
    assert costs[0] <= 8


@pytest.mark.parametrize(
    ("model", "query"),
    [
        (Product, {}),
        (Card, {}),
        (Consent, {}),
        (Receipt, {}),
        (Receipt, {"store__id__exact": "1"}),
        (Refund, {}),
        (Shift, {}),
    ],
)
def test_the_order_of_a_long_list_is_that_of_an_index(rf, model, query):
    """No page of ten million rows may sort them: with sorting forbidden, no plan still sorts."""
    request = rf.get("/", query)
    request.user = User(is_superuser=True, is_staff=True, is_active=True)
    rows = admin.site.get_model_admin(model)
    page = rows.get_queryset(request).order_by(*rows.get_ordering(request))
    if query:
        page = page.filter(store=1)

    with connection.cursor() as cursor:
        for way in ("seqscan", "sort", "hashjoin", "mergejoin", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")

    assert "Sort" not in page[:51].explain()


def test_a_manager_of_tills_changes_a_till_and_not_its_code(boss):
    till = TerminalFactory()
    form = {"code": "other", "name": "Left", "is_active": "on", "store": StoreFactory().pk}

    boss.post(reverse("admin:members_terminal_change", args=[till.pk]), form)

    kept = Terminal.objects.get()
    assert (kept.code, kept.name, kept.store) == (till.code, "Left", till.store)
    assert AuditEntry.objects.get().action == "terminal.updated"


def test_a_receipt_shows_its_lines_tenders_and_refunds(boss, noon):
    sale = receipt(noon)
    refund(sale, noon)

    page = boss.get(reverse("admin:members_receipt_change", args=[sale.pk])).content.decode()

    for seen in ("S1", "S2", "1.25", "cash", f"B-{sale.pk}", "15.00"):
        assert seen in page


def test_a_receipt_costs_the_same_for_two_lines_and_for_ten(boss, noon):
    sale, long = receipt(noon), receipt(noon)
    for line_no in range(3, 11):
        ReceiptLine.objects.create(
            receipt=long, line_no=line_no, sku="S", quantity_milli=1, unit_price_minor=1,
            gross_minor=1, net_minor=1,
        )  # fmt: skip
    costs = []

    for one in (sale, sale, long):
        with CaptureQueriesContext(connection) as queries:
            boss.get(reverse("admin:members_receipt_change", args=[one.pk]))
        costs.append(len(queries))

    assert costs[1] == costs[2]


@pytest.mark.parametrize("model", [Card, Consent, Receipt, Refund, Shift])
def test_facts_can_not_be_edited(boss, noon, model):
    row = makers(noon)[model]()
    base = f"admin:members_{model._meta.model_name}"

    added = boss.post(reverse(f"{base}_add"), {})
    changed = boss.post(reverse(f"{base}_change", args=[row.pk]), {"reason": "x", "number": "y"})
    deleted = boss.post(reverse(f"{base}_delete", args=[row.pk]), {"post": "yes"})

    assert (added.status_code, changed.status_code, deleted.status_code) == (403, 403, 403)
    assert model.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("typed", ["R-77", "Анна Петр", "+79991234567"])
def test_receipts_are_found_by_number_and_by_member(boss, noon, typed):
    anna = MemberFactory(name="Анна Петрова", phone="+79991234567")
    receipt(noon, number="R-77", member=anna)
    receipt(noon, number="R-78")

    page = boss.get(reverse("admin:members_receipt_changelist"), {"q": typed}).content.decode()

    assert "R-77" in page
    assert "R-78" not in page


def test_cards_are_found_by_their_whole_number_and_shown_by_its_end(boss):
    card, other = CardFactory(), CardFactory()
    url = reverse("admin:members_card_changelist")

    whole = boss.get(url, {"q": card.number}).content.decode()
    part = boss.get(url, {"q": card.number[:8]}).content.decode()

    assert str(card) in whole
    assert str(other) not in whole
    assert str(card) not in part
    page = boss.get(reverse("admin:members_card_change", args=[card.pk])).content.decode()
    assert card.number not in page + boss.get(url).content.decode()


@pytest.mark.parametrize(("verb", "status"), [("block", "blocked"), ("replace", "replaced")])
def test_cards_are_blocked_and_replaced_through_the_service(boss, verb, status):
    card = CardFactory()
    asked = {"action": verb, "_selected_action": [card.pk]}

    for _ in range(2):
        boss.post(reverse("admin:members_card_changelist"), asked)

    card.refresh_from_db()
    assert card.status == status
    assert AuditEntry.objects.filter(action=f"card.{status}").count() == 1
    assert card.member.cards.count() == (2 if verb == "replace" else 1)


def test_who_may_only_look_sees_no_names_and_no_actions(noon):
    clerk = User.objects.create(username="clerk", is_staff=True)
    clerk.user_permissions.set(
        clerk.user_permissions.model.objects.filter(
            codename__in=["view_card", "view_receipt", "view_consent"]
        )
    )
    looker = Client()
    looker.force_login(clerk)
    card = CardFactory(member__name="Анна Петрова")
    receipt(noon, member=card.member)
    ConsentFactory(member=card.member)

    for noun in ("card", "receipt", "consent"):
        page = looker.get(reverse(f"admin:members_{noun}_changelist")).content.decode()
        assert "Анна" not in page
    asked = {"action": "block", "_selected_action": [card.pk]}
    looker.post(reverse("admin:members_card_changelist"), asked)
    card.refresh_from_db()
    assert card.status == "active"
    found = looker.get(reverse("admin:members_receipt_changelist"), {"q": "Анна"})
    assert "R-1" not in found.content.decode()


def test_a_store_is_made_with_its_terminals_and_leaves_a_trail(boss):
    form = {
        "code": "spb", "name": "One", "time_zone": "Europe/Moscow", "is_active": "on",
        "terminals-TOTAL_FORMS": 1, "terminals-INITIAL_FORMS": 0,
        "terminals-0-code": "1", "terminals-0-name": "Left", "terminals-0-is_active": "on",
    }  # fmt: skip

    response = boss.post(reverse("admin:members_store_add"), form)

    assert response.status_code == 302, response.context["errors"]
    store = Store.objects.get()
    assert (store.time_zone, store.terminals.get().name) == ("Europe/Moscow", "Left")
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["store.created", "terminal.created"]


def test_a_code_is_chosen_once(boss):
    till = TerminalFactory()
    form = {
        "code": "other", "name": "New", "time_zone": "UTC",
        "terminals-TOTAL_FORMS": 1, "terminals-INITIAL_FORMS": 1, "terminals-0-id": till.pk,
        "terminals-0-store": till.store_id, "terminals-0-code": "other", "terminals-0-name": "New",
    }  # fmt: skip

    boss.post(reverse("admin:members_store_change", args=[till.store_id]), form)

    kept = Store.objects.get()
    assert (kept.code, kept.name, kept.is_active) == (till.store.code, "New", False)
    assert kept.terminals.get().code == till.code
    assert kept.terminals.get().name == "New"


def test_a_wrong_time_zone_is_refused(boss):
    form = {"code": "spb", "name": "One", "time_zone": "Mars/Olympus",
            "terminals-TOTAL_FORMS": 0, "terminals-INITIAL_FORMS": 0}  # fmt: skip

    assert boss.post(reverse("admin:members_store_add"), form).status_code == 200
    assert not Store.objects.exists()


def test_categories_stand_as_a_tree_and_refuse_a_circle(boss):
    top = CategoryFactory(code="top", name="Zzz top")
    below = CategoryFactory(code="below", name="Aaa below", parent=top)
    page = boss.get(reverse("admin:members_category_changelist")).content.decode()
    form = {"name": "Top", "parent": below.pk}

    response = boss.post(reverse("admin:members_category_change", args=[top.pk]), form)

    assert page.index("Zzz top") < page.index("Aaa below")
    assert response.status_code == 200
    assert "descendant of itself" in response.content.decode()


def test_a_category_saved_here_bumps_the_rule_set(boss):
    before = stamps.current().get("rule_set", 0)

    boss.post(reverse("admin:members_category_add"), {"code": "dairy", "name": "Dairy"})

    assert Category.objects.get().code == "dairy"
    assert stamps.current()["rule_set"] > before


def test_a_product_is_edited_through_the_service(boss):
    product = ProductFactory(category=CategoryFactory())
    form = {"name": "New name", "barcode": "77", "category": product.category_id,
            "price_minor": 5, "is_active": "on"}  # fmt: skip

    response = boss.post(reverse("admin:members_product_change", args=[product.pk]), form)

    assert response.status_code == 302
    before, product = product.updated_at, Product.objects.get()
    assert (product.name, product.price_minor) == ("New name", 5)
    assert before is None or product.updated_at > before
    assert AuditEntry.objects.get().action == "product.upserted"


@pytest.mark.parametrize("typed", ["SKU-9", "4600000000017", "олок", "Ферма", "Молочн"])
def test_products_are_found_by_code_name_brand_and_category(boss, typed):
    ProductFactory(
        sku="SKU-9", name="Молоко", barcode="4600000000017",
        brand=BrandFactory(name="Ферма"), category=CategoryFactory(name="Молочные продукты"),
    )  # fmt: skip
    ProductFactory(name="Bread")

    page = boss.get(reverse("admin:members_product_changelist"), {"q": typed}).content.decode()

    assert "Молоко" in page
    assert "Bread" not in page


def imported(boss, text, name="p.csv"):
    """Upload a file as staff do: preview, then confirm if it can be confirmed."""
    url = reverse("admin:members_product_import")
    file = SimpleUploadedFile(name, text.encode(), content_type="text/csv")
    preview = boss.post(url, {"format": "0", "resource": "", "import_file": file})
    confirm = preview.context.get("confirm_form")
    if confirm is not None:
        boss.post(reverse("admin:members_product_process_import"), confirm.initial)
    return preview.content.decode()


def test_a_file_of_products_is_previewed_and_imported(boss):
    CategoryFactory(code="dairy")
    ProductFactory(sku="2", name="Old")

    imported(
        boss,
        "sku,name,category,brand,price_minor\n1,Молоко,dairy,farm,8990\n2,New,,,\n",
    )

    milk = Product.objects.get(sku="1")
    assert (milk.category.code, milk.brand.code, milk.price_minor) == ("dairy", "farm", 8990)
    assert Product.objects.get(sku="2").name == "New"
    assert AuditEntry.objects.get(action="product.imported").after == {
        "new": 1,
        "update": 1,
        "skip": 0,
    }


def test_bad_rows_of_a_file_are_named_and_nothing_is_written(boss):
    page = imported(
        boss, "sku,name,category,price_minor\n1,Good,,5\n2,Bad,nowhere,5\n3,Worse,,-5\n"
    )

    assert "There is no category with the code “nowhere”" in page
    assert "is violated" in page
    assert not Product.objects.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sku,name\n" + "".join(f"{n},x\n" for n in range(5001)), "at most 5000 rows"),
        ("name\nx\n", "“sku” is missing"),
        ("", "error"),
        ("\0\0\0", "error"),
    ],
    ids=["too-long", "no-sku", "empty", "binary"],
)
def test_a_file_that_is_none_is_refused(boss, text, said):
    assert said in imported(boss, text)

    assert not Product.objects.exists()


def test_a_published_text_is_never_edited(boss):
    form = {"purpose": "advertising", "version": "1", "language": "en", "body": "I agree."}

    first = boss.post(reverse("admin:members_consenttext_add"), form)
    bundled = boss.post(
        reverse("admin:members_consenttext_add"), {**form, "purpose": "partners", "version": "2"}
    )

    text = ConsentText.objects.get()
    assert (first.status_code, bundled.status_code) == (302, 200)
    edited = boss.post(reverse("admin:members_consenttext_change", args=[text.pk]), form)
    assert edited.status_code == 403
