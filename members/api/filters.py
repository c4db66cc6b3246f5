"""What lists may be narrowed by; any other parameter is refused."""

from __future__ import annotations

from django_filters import rest_framework as filters

from members.models import Consent, Member, Product, StockLevel
from members.models.consents import ConsentQuerySet


class MemberFilter(filters.FilterSet):
    updated_since = filters.IsoDateTimeFilter(field_name="updated_at", lookup_expr="gte")
    status = filters.ChoiceFilter(choices=Member.Status.choices)
    home_store = filters.CharFilter(field_name="home_store__code")

    class Meta:
        model = Member
        fields: list[str] = []


class ProductFilter(filters.FilterSet):
    updated_since = filters.IsoDateTimeFilter(field_name="updated_at", lookup_expr="gte")
    sku = filters.CharFilter()
    barcode = filters.CharFilter()
    category = filters.CharFilter(field_name="category__code")
    brand = filters.CharFilter(field_name="brand__code")
    is_active = filters.BooleanFilter()

    class Meta:
        model = Product
        fields: list[str] = []


class StockFilter(filters.FilterSet):
    store = filters.CharFilter(field_name="store__code")
    sku = filters.CharFilter(field_name="product__sku")

    class Meta:
        model = StockLevel
        fields: list[str] = []


class ConsentFilter(filters.FilterSet):
    current = filters.BooleanFilter(method="only_current", label="Only what counts now")

    class Meta:
        model = Consent
        fields: list[str] = []

    def only_current(self, rows: ConsentQuerySet, name: str, value: bool) -> ConsentQuerySet:
        return rows.current() if value else rows
