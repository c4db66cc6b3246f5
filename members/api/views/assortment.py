"""Product lists, price lists and the stock of gifts."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty_crm.kernel.api.filters import StrictFilterBackend
from members.api.filters import StockFilter
from members.api.input_shapes import (
    ListedBatch,
    ListedOutput,
    NameInput,
    PriceBatch,
    PriceListOutput,
    PriceOutput,
    ProductListOutput,
    StockBatch,
    StockOutput,
)
from members.api.serializers import BatchOutput
from members.api.views.base import MembersView, checked
from members.api.views.products import listed
from members.models import PriceList, PriceListEntry, Product, ProductList, StockLevel, Store
from members.services.assortment import (
    list_products,
    name_price_list,
    name_product_list,
    set_prices,
    set_stock,
)

_Row = TypeVar("_Row", bound=Model)
READ_WRITE = {"list": "catalogue:read", "put": "catalogue:write", "bulk": "catalogue:write"}


class CatalogueView(mixins.ListModelMixin, MembersView[_Row]):
    """A list of the catalogue. What is put twice is the same as put once."""

    filter_backends = [StrictFilterBackend]
    keyless = ("put", "bulk")
    scopes = READ_WRITE

    def of_code(self, model: type[Model]) -> Any:
        """The list in the address."""
        known = model._default_manager.filter(code=self.kwargs["code"])  # noqa: SLF001
        if (found := known.first()) is None:
            raise Http404
        return found


@extend_schema(tags=["catalogue"])
class ProductListViewSet(CatalogueView[ProductList]):
    """Products that rules name together."""

    queryset = ProductList.objects.all()
    serializer_class = ProductListOutput
    keyset = ("code",)

    @extend_schema(request=NameInput, responses={200: ProductListOutput, 201: ProductListOutput})
    def put(self, request: Request, code: str) -> Response:
        """Create the list (201) or rename it (200)."""
        given = checked(NameInput, request)
        found, created = name_product_list(code=code, **given, actor=self.actor)
        return Response(self.get_serializer(found).data, status=201 if created else 200)


@extend_schema(tags=["catalogue"])
class ListedViewSet(CatalogueView[Product]):
    """The products of one list."""

    queryset = Product.objects.none()
    serializer_class = ListedOutput
    keyset = ("sku",)

    def get_queryset(self) -> QuerySet[Product]:
        return Product.objects.filter(lists=self.of_code(ProductList))

    @extend_schema(request=ListedBatch, responses=BatchOutput)
    def bulk(self, request: Request, code: str) -> Response:
        """Put up to 1,000 products on the list or take them off; bad rows are refused alone."""
        asked = checked(ListedBatch, request)
        mine = self.of_code(ProductList)
        rows = list_products(product_list=mine, rows=asked["items"], actor=self.actor)
        return Response(listed(rows))


@extend_schema(tags=["catalogue"])
class PriceListViewSet(CatalogueView[PriceList]):
    """Prices besides the shelf price; a promotion says who gets them."""

    queryset = PriceList.objects.all()
    serializer_class = PriceListOutput
    keyset = ("code",)

    @extend_schema(request=NameInput, responses={200: PriceListOutput, 201: PriceListOutput})
    def put(self, request: Request, code: str) -> Response:
        """Create the list (201) or rename it (200)."""
        given = checked(NameInput, request)
        found, created = name_price_list(code=code, **given, actor=self.actor)
        return Response(self.get_serializer(found).data, status=201 if created else 200)


@extend_schema(tags=["catalogue"])
class PriceViewSet(CatalogueView[PriceListEntry]):
    """The prices of one list."""

    queryset = PriceListEntry.objects.none()
    serializer_class = PriceOutput
    keyset = ("id",)

    def get_queryset(self) -> QuerySet[PriceListEntry]:
        mine = PriceListEntry.objects.filter(price_list=self.of_code(PriceList))
        return mine.select_related("product")

    @extend_schema(request=PriceBatch, responses=BatchOutput)
    def bulk(self, request: Request, code: str) -> Response:
        """Set up to 1,000 prices or take them away; bad rows are refused alone."""
        asked = checked(PriceBatch, request)
        mine = self.of_code(PriceList)
        rows = set_prices(price_list=mine, rows=asked["items"], actor=self.actor)
        return Response(listed(rows))


@extend_schema(tags=["catalogue"])
class StockViewSet(CatalogueView[StockLevel]):
    """How many pieces of gifts the stores have left. A key bound to stores sees those alone."""

    queryset = StockLevel.objects.none()
    serializer_class = StockOutput
    filterset_class = StockFilter
    keyset = ("id",)

    def get_queryset(self) -> QuerySet[StockLevel]:
        mine = Store.objects.visible_to(self.actor)
        return StockLevel.objects.filter(store__in=mine).select_related("store", "product")

    @extend_schema(
        request=StockBatch,
        responses=BatchOutput,
        parameters=[OpenApiParameter("store", exclude=True), OpenApiParameter("sku", exclude=True)],
    )
    def bulk(self, request: Request) -> Response:
        """Say how many pieces up to 1,000 gifts have left; the number replaces the count."""
        asked = checked(StockBatch, request)
        return Response(listed(set_stock(rows=asked["items"], actor=self.actor)))
