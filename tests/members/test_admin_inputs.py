"""What marketers keep for rules in the back office: tags, lists, prices, stock, attributes."""

from __future__ import annotations

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from loyalty_crm.kernel.models import AuditEntry
from members.models import (
    MemberTag,
    PriceList,
    PriceListEntry,
    Product,
    ProductList,
    StockLevel,
    StoreGroup,
    Tag,
)
from tests.factories.members import MemberFactory, ProductFactory, StoreFactory
from tests.staff import at_desk, cost_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer():
    return at_desk("marketer")


def add(desk, model, **fields):
    return desk.post(reverse(f"admin:members_{model}_add"), fields)


def imported(desk, model, text):
    """Preview and confirm; the preview, when it offers nothing to confirm."""
    file = SimpleUploadedFile("p.csv", text.encode(), "text/csv")
    preview = desk.post(
        reverse(f"admin:members_{model}_import"),
        {"format": "0", "resource": "", "import_file": file},
    )
    confirm = preview.context.get("confirm_form")
    if confirm:
        desk.post(reverse(f"admin:members_{model}_process_import"), confirm.initial)
    return preview.content.decode()


def test_a_list_is_written_as_lines_of_skus(marketer):
    for sku in ("a", "b", "c"):
        ProductFactory(sku=sku)
    assert (
        add(marketer, "productlist", code="summer", name="Summer", skus="a\nb").status_code == 302
    )
    made = ProductList.objects.get()
    page = reverse("admin:members_productlist_change", args=[made.pk])

    unknown = marketer.post(page, {"name": "Summer", "skus": "a x"})
    marketer.post(page, {"name": "Sale", "skus": "b\nc"})

    assert "No such products: x" in unknown.content.decode()
    made.refresh_from_db()
    assert (made.name, sorted(made.products.values_list("sku", flat=True))) == ("Sale", ["b", "c"])


def test_a_long_list_is_left_alone_by_the_form(marketer):
    made = ProductList.objects.create(code="long", name="Long")
    made.products.set(
        Product.objects.bulk_create(Product(sku=f"p{n}", name="x") for n in range(1001))
    )

    page = reverse("admin:members_productlist_change", args=[made.pk])
    marketer.post(page, {"name": "Longer", "skus": "p1"})

    made.refresh_from_db()
    assert (made.name, made.products.count()) == ("Longer", 1001)


def test_groups_prices_and_stock_are_written_by_their_services(marketer):
    store, mug = StoreFactory(), ProductFactory(sku="mug")
    add(marketer, "storegroup", code="north", name="North", stores=[store.pk])
    add(marketer, "pricelist", code="club", name="Club")
    club = PriceList.objects.get()
    add(marketer, "pricelistentry", price_list=club.pk, product=mug.pk, price_minor=99)
    add(marketer, "stocklevel", store=store.pk, product=mug.pk, quantity=7)

    assert StoreGroup.objects.get().stores.get() == store
    assert PriceListEntry.objects.get().price_minor == 99
    assert StockLevel.objects.get().quantity == 7
    told = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"store_group.created", "price_list.changed", "stock.changed"} <= told


def test_a_file_of_prices_is_previewed_and_imported(marketer):
    PriceList.objects.create(code="club", name="Club")
    ProductFactory(sku="mug")

    wrong = imported(marketer, "pricelistentry", "price_list,sku,price_minor\nclub,nothing,5\n")
    assert ("There is no “nothing”" in wrong, PriceListEntry.objects.count()) == (True, 0)
    imported(marketer, "pricelistentry", "price_list,sku,price_minor\nclub,mug,99\n")
    imported(marketer, "pricelistentry", "price_list,sku,price_minor\nclub,mug,95\n")

    assert PriceListEntry.objects.get().price_minor == 95
    assert "is missing" in imported(marketer, "pricelistentry", "price_list,sku\nclub,mug\n")
    assert AuditEntry.objects.filter(action="price_list.imported").count() == 2


def test_a_file_of_products_brings_attributes_tax_and_lists(marketer):
    ProductList.objects.create(code="summer", name="Summer")

    text = "sku,name,attributes,tax_basis_points,lists\ncap,Cap,colour=red; size=L,1000,summer\n"
    imported(marketer, "product", text)
    page = imported(marketer, "product", "sku,name,lists\ncap,Cap,winter\n")

    cap = Product.objects.get()
    assert cap.attributes == {"colour": "red", "size": "L"}
    assert (cap.tax_basis_points, cap.lists.get().code) == (1000, "summer")
    assert "There is no “winter”" in page


def test_a_marketer_tags_a_member_and_an_analyst_only_looks(marketer):
    member = MemberFactory()
    Tag.objects.create(code="vip", name="Very important")
    panel = reverse("admin:members_member_tags", args=[member.pk])

    def ask(desk, **fields):
        return desk.post(panel, {"key": uuid.uuid4(), **fields})

    assert "Very important" in ask(marketer, add="vip", until="2099-01-31").content.decode()
    worn = MemberTag.objects.get()
    assert (worn.source, worn.until.date().isoformat()) == ("manual", "2099-02-01")
    assert ask(at_desk("analyst"), remove="vip").status_code == 403
    assert "Take off" not in at_desk("analyst").get(panel).content.decode()
    assert ask(marketer, add="vip", until="2001-01-01").status_code == 422
    assert ask(marketer).status_code == 422
    assert ask(marketer, remove="vip").status_code == 200
    assert not MemberTag.objects.exists()


def test_the_panel_costs_the_same_for_many_tags(marketer):
    member = MemberFactory()
    panel = reverse("admin:members_member_tags", args=[member.pk])
    MemberTag.objects.create(member=member, tag=Tag.objects.create(code="one", name="One"))
    few = len(cost_of(marketer, panel))
    for n in range(9):
        MemberTag.objects.create(member=member, tag=Tag.objects.create(code=f"t{n}", name="T"))

    assert len(cost_of(marketer, panel)) == few


def test_nested_attributes_are_refused_by_the_form_and_by_the_database(marketer):
    cap = ProductFactory(sku="cap")
    page = reverse("admin:members_product_change", args=[cap.pk])

    refused = marketer.post(page, {"name": "Cap", "attributes": '{"a": {"b": 1}}'})

    assert "Attributes are names with one text each." in refused.content.decode()
    with pytest.raises(Exception, match="product_attributes_are_flat"):
        Product.objects.filter(pk=cap.pk).update(attributes={"a": 1})
