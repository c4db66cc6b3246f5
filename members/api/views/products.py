"""The catalogue: products in batches, and the category tree."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty_crm.kernel.api.filters import StrictFilterBackend
from members.api.filters import ProductFilter
from members.api.serializers import (
    BatchOutput,
    CategoryBatch,
    CategoryOutput,
    ProductBatch,
    ProductOutput,
)
from members.api.views.base import MembersView, checked
from members.models import Category, Product
from members.rules.products import RowResult
from members.services.products import upsert_categories, upsert_products


@extend_schema(tags=["catalogue"])
class ProductViewSet(mixins.ListModelMixin, MembersView[Product]):
    """What the chain sells."""

    queryset = Product.objects.select_related("category", "brand")
    serializer_class = ProductOutput
    filter_backends = [StrictFilterBackend]
    filterset_class = ProductFilter
    keyset = ("updated_at", "id")
    scopes = {"list": "catalogue:read", "bulk": "catalogue:write"}

    @extend_schema(request=ProductBatch, responses=BatchOutput)
    def bulk(self, request: Request) -> HttpResponse:
        """Create or change up to 1,000 products. Rows with faults are refused one by one."""
        asked = checked(ProductBatch, request)

        def work() -> tuple[int, Any]:
            return 200, listed(upsert_products(rows=asked["items"], actor=self.actor))

        return self.once(request, operation="products.bulk", validated=asked, work=work)


@extend_schema(tags=["catalogue"])
class CategoryViewSet(mixins.ListModelMixin, MembersView[Category]):
    """The tree of categories; ``parent`` is the code of the node above."""

    queryset = Category.objects.select_related("parent")
    serializer_class = CategoryOutput
    filter_backends = [StrictFilterBackend]
    keyset = ("code",)
    # A tree that is put twice is the same tree.
    keyless = ("bulk",)
    scopes = {"list": "catalogue:read", "bulk": "catalogue:write"}

    @extend_schema(request=CategoryBatch, responses=BatchOutput)
    def bulk(self, request: Request) -> Response:
        """Create, rename and move up to 1,000 nodes: all of them, or none."""
        asked = checked(CategoryBatch, request)
        return Response(listed(upsert_categories(rows=asked["items"], actor=self.actor)))


def listed(results: list[RowResult]) -> dict[str, Any]:
    return {"items": [asdict(result) for result in results]}
