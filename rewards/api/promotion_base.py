"""What the calls about promotions share: finding one, and changing it once as it was read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Prefetch
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from loyalty_crm.kernel import wire
from loyalty_crm.kernel.api.etags import expected_version, with_etag
from loyalty_crm.kernel.api.idempotent import IdempotentMixin
from loyalty_crm.kernel.errors import NotFound
from rewards.api.checkout import compiled_for
from rewards.api.promotion_shapes import promotion_out, version_out
from rewards.models import Promotion, PromotionVersion
from rewards.services import promotions
from rewards.services.promotion_warnings import warnings_of

#: Versions shown with a promotion; all of them stand at ``…/versions``.
NEWEST = 20


def answer(body: object) -> HttpResponse:
    return HttpResponse(wire.encode(body), content_type="application/json")


def shown() -> Any:
    """Promotions with their state and newest versions: two queries for a page."""
    newest = PromotionVersion.objects.order_by("-number")[:NEWEST]
    return Promotion.objects.with_state().prefetch_related(
        Prefetch("versions", newest, to_attr="newest")
    )


class PromotionView(IdempotentMixin, GenericViewSet[Promotion]):
    """One promotion in the address."""

    queryset = Promotion.objects.none()
    filter_backends = []

    def promotion(self) -> Promotion:
        known = Promotion.objects.select_related("programme")
        if (found := known.filter(public_id=self.kwargs["promotion_id"]).first()) is None:
            raise NotFound
        return found

    def version(self) -> PromotionVersion:
        known = PromotionVersion.objects.select_related("promotion__programme")
        here = known.filter(
            promotion__public_id=self.kwargs["promotion_id"], number=self.kwargs["number"]
        )
        if (found := here.first()) is None:
            raise NotFound
        return found

    def with_warnings(self, request: Request, version: PromotionVersion) -> object:
        """Beside the rules as they were before this request changed any."""
        return version_out(version, warnings_of([version], compiled_for(request)))

    def change(
        self,
        request: Request,
        *,
        operation: str,
        validated: object,
        work: Callable[[Promotion], tuple[int, object]],
    ) -> HttpResponse:
        """Do the work once, on the promotion as it was read (If-Match), and say its new ETag."""
        revision = expected_version(request)

        def guarded() -> tuple[int, object]:
            promotion = self.promotion()
            promotions.expect(promotion=promotion, revision=revision)
            status, body = work(promotion)
            promotion.refresh_from_db(fields=["revision"])
            return status, {"revision": promotion.revision, "body": body}

        asked = {"asked": validated, "revision": revision}
        response = self.once(request, operation=operation, validated=asked, work=guarded)
        return _unwrapped(response)


def _unwrapped(response: HttpResponse) -> HttpResponse:
    """The stored answer holds the revision beside the body, so that a replay has both."""
    if response.status_code >= 400:
        return response
    held = msgspec.json.decode(response.content, type=_Held)
    response.content = bytes(held.body)
    return with_etag(response, held.revision)


class _Held(msgspec.Struct):
    revision: int
    body: msgspec.Raw


def one(promotion_id: UUID) -> Any:
    if (found := shown().filter(public_id=promotion_id).first()) is None:
        raise NotFound
    return promotion_out(found)
