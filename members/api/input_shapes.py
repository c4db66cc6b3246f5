"""Shapes of tags, groups, lists, price lists and stock on the wire."""

from __future__ import annotations

from rest_framework import serializers

from loyalty_crm.kernel.api.serializers import StrictSerializer
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

MOST_STORES = 5_000


class NameInput(StrictSerializer):
    name = serializers.CharField(max_length=200)


class TagInput(StrictSerializer):
    """``source`` names who says so: each source has one word about a tag of a member."""

    until = serializers.DateTimeField(allow_null=True, default=None)
    source = serializers.RegexField(r"^[a-z0-9_.-]{1,60}$", default="api")  # type: ignore[assignment]


class TagOutput(serializers.ModelSerializer[Tag]):
    class Meta:
        model = Tag
        fields = ["code", "name"]
        read_only_fields = fields


class MemberTagOutput(serializers.ModelSerializer[MemberTag]):
    tag = serializers.CharField(source="tag_id", read_only=True)
    source = serializers.CharField(read_only=True)  # type: ignore[assignment]

    class Meta:
        model = MemberTag
        fields = ["tag", "source", "since", "until"]
        read_only_fields = fields


class StoreGroupInput(StrictSerializer):
    """The group as it should be: exactly these stores."""

    name = serializers.CharField(max_length=200)
    stores = serializers.ListField(
        child=serializers.CharField(max_length=40), max_length=MOST_STORES
    )


class StoreGroupOutput(serializers.ModelSerializer[StoreGroup]):
    stores = serializers.SlugRelatedField("code", many=True, read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = StoreGroup
        fields = ["code", "name", "stores"]
        read_only_fields = fields


class ProductListOutput(serializers.ModelSerializer[ProductList]):
    class Meta:
        model = ProductList
        fields = ["code", "name"]
        read_only_fields = fields


class PriceListOutput(serializers.ModelSerializer[PriceList]):
    class Meta:
        model = PriceList
        fields = ["code", "name"]
        read_only_fields = fields


class ListedInput(StrictSerializer):
    """A product to put on the list, or with ``listed`` false to take off."""

    sku = serializers.CharField(max_length=80)
    listed = serializers.BooleanField(required=False)


class ListedBatch(StrictSerializer):
    items = ListedInput(many=True, allow_empty=False)


class ListedOutput(serializers.ModelSerializer[Product]):
    class Meta:
        model = Product
        fields = ["sku", "name"]
        read_only_fields = fields


class PriceInput(StrictSerializer):
    """The price of one unit, in minor units of the programme's currency; null takes it away."""

    sku = serializers.CharField(max_length=80)
    price_minor = serializers.IntegerField(allow_null=True)


class PriceBatch(StrictSerializer):
    items = PriceInput(many=True, allow_empty=False)


class PriceOutput(serializers.ModelSerializer[PriceListEntry]):
    sku = serializers.CharField(source="product.sku", read_only=True)

    class Meta:
        model = PriceListEntry
        fields = ["sku", "price_minor", "updated_at"]
        read_only_fields = fields


class StockInput(StrictSerializer):
    """Pieces that a store has left; null: they are not counted there."""

    store = serializers.CharField(max_length=40)
    sku = serializers.CharField(max_length=80)
    quantity = serializers.IntegerField(allow_null=True)


class StockBatch(StrictSerializer):
    items = StockInput(many=True, allow_empty=False)


class StockOutput(serializers.ModelSerializer[StockLevel]):
    store = serializers.CharField(source="store.code", read_only=True)
    sku = serializers.CharField(source="product.sku", read_only=True)

    class Meta:
        model = StockLevel
        fields = ["store", "sku", "quantity", "updated_at"]
        read_only_fields = fields
