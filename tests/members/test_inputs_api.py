"""Tags, groups, lists, prices and stock through the API: put twice is put once, bad rows alone."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.models import AuditEntry
from members.models import MemberTag, PriceListEntry, Product, StockLevel, StoreGroup, Tag
from tests.api import Integrator, new_key
from tests.factories.members import MemberFactory, ProductFactory, StoreFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(api):
    return api("members:read", "members:write", "catalogue:read", "catalogue:write")


def put(caller, path, body):
    return caller.request("PUT", f"/api/v1/{path}", body)


def statuses(answer):
    assert answer.status_code == 200, answer.json()
    return [
        (row["ref"], row["status"], [one["code"] for one in row["errors"]])
        for row in answer.json()["items"]
    ]


def test_a_tag_is_put_on_moved_and_taken_off(shop):
    member = MemberFactory()
    url = f"members/{member.public_id}/tags"
    end = (clock.now() + timedelta(days=3)).isoformat()

    first = put(shop, f"{url}/vip", {}).json()
    second = put(shop, f"{url}/vip", {"until": end}).json()
    put(shop, f"{url}/vip", {"source": "survey"})

    assert (first["tag"], first["source"], first["until"]) == ("vip", "api", None)
    assert second["until"] is not None
    assert [one["source"] for one in shop.get(f"/api/v1/{url}").json()["data"]] == ["api", "survey"]
    assert Tag.objects.get().name == "vip"
    for _ in range(2):
        assert shop.request("DELETE", f"/api/v1/{url}/vip").status_code == 204
    assert not MemberTag.objects.exists()
    actions = AuditEntry.objects.filter(object_id=str(member.public_id)).values_list(
        "action", flat=True
    )
    assert sorted(actions) == ["member.tagged"] * 3 + ["member.untagged"]


def test_a_tag_that_is_over_is_not_listed_and_none_begins_in_the_past(shop):
    member, past = MemberFactory(), clock.now() - timedelta(days=1)
    url = f"members/{member.public_id}/tags"
    Tag.objects.create(code="vip", name="VIP")
    MemberTag.objects.create(
        member=member, tag_id="vip", since=past - timedelta(days=1), until=past
    )

    refused = put(shop, f"{url}/new", {"until": past.isoformat()})

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "/until")
    assert shop.get(f"/api/v1/{url}").json()["data"] == []


def test_a_member_carries_two_hundred_tags_at_most(shop):
    member = MemberFactory()
    tags = Tag.objects.bulk_create(Tag(code=f"t{n}", name="x") for n in range(200))
    MemberTag.objects.bulk_create(MemberTag(member=member, tag=tag) for tag in tags)

    refused = put(shop, f"members/{member.public_id}/tags/more", {})

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "too_many")
    assert not Tag.objects.filter(code="more").exists()


@pytest.mark.parametrize("name", ["tags", "product-lists", "price-lists"])
def test_lists_are_made_and_renamed(shop, name):
    made = put(shop, f"{name}/summer", {"name": "Summer"})
    again = put(shop, f"{name}/summer", {"name": "Summer sale"})

    assert (made.status_code, again.status_code) == (201, 200)
    shown = shop.get(f"/api/v1/{name}").json()["data"]
    assert shown == [{"code": "summer", "name": "Summer sale"}]
    assert put(shop, f"{name}/summer", {}).status_code == 400


def test_a_group_has_exactly_the_stores_that_were_given(shop):
    for code in ("S1", "S2", "S3"):
        StoreFactory(code=code)

    made = put(shop, "store-groups/north", {"name": "North", "stores": ["S1", "S2"]})
    moved = put(shop, "store-groups/north", {"name": "North", "stores": ["S3", "S2"]})
    wrong = put(shop, "store-groups/north", {"name": "North", "stores": ["S9"]})

    assert (made.status_code, moved.status_code, wrong.status_code) == (201, 200, 400)
    assert sorted(moved.json()["stores"]) == ["S2", "S3"]
    assert wrong.json()["errors"][0]["code"] == "unknown_store"
    assert StoreGroup.objects.get().stores.count() == 2


def test_products_come_to_a_list_and_go(shop):
    ProductFactory(sku="a")
    ProductFactory(sku="b")
    put(shop, "product-lists/summer", {"name": "Summer"})
    rows = [{"sku": "a"}, {"sku": "b"}, {"sku": "x"}, {"sku": "a"}]
    url = "product-lists/summer/products"

    first = statuses(put(shop, url, {"items": rows}))
    second = statuses(put(shop, url, {"items": [{"sku": "a"}, {"sku": "b", "listed": False}]}))

    assert first == [
        ("a", "created", []), ("b", "created", []), ("x", "refused", ["unknown_product"]),
        ("a", "refused", ["duplicate"]),
    ]  # fmt: skip
    assert second == [("a", "unchanged", []), ("b", "updated", [])]
    assert [one["sku"] for one in shop.get(f"/api/v1/{url}").json()["data"]] == ["a"]
    assert put(shop, "product-lists/none/products", {"items": rows}).status_code == 404


def test_prices_are_set_and_taken_away(shop):
    ProductFactory(sku="a")
    ProductFactory(sku="b")
    put(shop, "price-lists/club", {"name": "Club"})
    url = "price-lists/club/prices"

    def prices(**given):
        items = [{"sku": sku, "price_minor": price} for sku, price in given.items()]
        return [status for _, status, _ in statuses(put(shop, url, {"items": items}))]

    assert prices(a=99, b=-1) == ["created", "refused"]
    assert prices(a=99, b=5) == ["unchanged", "created"]
    assert prices(a=98, b=None) == ["updated", "updated"]
    assert list(PriceListEntry.objects.values_list("product__sku", "price_minor")) == [("a", 98)]
    assert shop.get(f"/api/v1/{url}").json()["data"][0]["price_minor"] == 98


def test_a_key_of_one_store_counts_its_own_stock(shop):
    ProductFactory(sku="mug")
    StoreFactory(code="S1")
    StoreFactory(code="S2")
    rows = [{"store": store, "sku": "mug", "quantity": 5} for store in ("S1", "S2")]
    own = Integrator(new_key("catalogue:read", "catalogue:write", stores=("S1",)))

    assert statuses(put(own, "stock", {"items": rows})) == [
        ("S1 mug", "created", []), ("S2 mug", "refused", ["unknown_store"]),
    ]  # fmt: skip
    put(shop, "stock", {"items": [{"store": "S2", "sku": "mug", "quantity": 9}]})
    assert [one["store"] for one in own.get("/api/v1/stock").json()["data"]] == ["S1"]
    assert len(shop.get("/api/v1/stock?sku=mug").json()["data"]) == 2
    gone = put(shop, "stock", {"items": [{"store": "S2", "sku": "mug", "quantity": None}]})
    assert statuses(gone) == [("S2 mug", "updated", [])]
    assert StockLevel.objects.get().quantity == 5


def test_a_call_takes_a_thousand_rows(shop):
    rows = [{"store": "S1", "sku": f"p{n}", "quantity": 1} for n in range(1001)]

    refused = put(shop, "stock", {"items": rows})

    assert (refused.status_code, refused.json()["code"]) == (422, "batch_too_large")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("tags/x", {"name": "X"}),
        ("store-groups/x", {"name": "X", "stores": []}),
        ("product-lists/x", {"name": "X"}),
        ("price-lists/x", {"name": "X"}),
        ("stock", {"items": [{"store": "S", "sku": "x", "quantity": 1}]}),
    ],
)
def test_readers_change_nothing(api, path, body):
    reader = api("members:read", "catalogue:read")

    assert put(reader, path, body).status_code == 403


def test_attributes_and_tax_come_with_products(shop):
    keys = count()

    def bulk(**given):
        row = {"sku": "cap", "name": "Cap", **given}
        return statuses(shop.post("/api/v1/products/bulk", {"items": [row]}, f"key-{next(keys)}"))

    assert bulk(attributes={"colour": "red"}, tax_basis_points=1000)[0][1] == "created"
    assert bulk()[0][1] == "unchanged"
    assert bulk(attributes={"colour": {"deep": 1}})[0][2] == ["invalid_attribute"]
    assert bulk(attributes={str(n): "x" for n in range(51)})[0][2] == ["too_many"]
    assert bulk(tax_basis_points=10_001)[0][2] == ["out_of_range"]
    assert bulk(tax_basis_points=None)[0][1] == "updated"
    cap = Product.objects.get()
    assert (cap.attributes, cap.tax_basis_points) == ({"colour": "red"}, None)
    [shown] = shop.get("/api/v1/products").json()["data"]
    assert (shown["attributes"], shown["tax_basis_points"]) == ({"colour": "red"}, None)
