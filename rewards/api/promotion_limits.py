"""How far the limits of a promotion are used."""

from __future__ import annotations

from uuid import UUID

import msgspec
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.openapi import schema_of
from rewards.api.promotion_base import PromotionView, answer
from rewards.services.limits.gauges import Gauge, gauges, shown_version


class LimitsOut(msgspec.Struct, kw_only=True):
    """The counted limits of the live version, or of the newest when none is live."""

    promotion: str
    version: int | None
    limits: list[Gauge]


@extend_schema(tags=["rules"])
class PromotionLimitsView(PromotionView):
    """Gauges of limits and budgets."""

    scopes = {"retrieve": "rules:read"}

    @extend_schema(operation_id="promotions_limits", responses={200: schema_of(LimitsOut)})
    def retrieve(self, request: Request, promotion_id: UUID) -> HttpResponse:
        """Used, held and free of every counted limit, in the period of today."""
        refuse_unknown(request, set())
        promotion = self.promotion()
        version = shown_version(promotion)
        return answer(
            LimitsOut(
                promotion=promotion.code,
                version=version.number if version else None,
                limits=gauges(promotion, version, clock.now()),
            )
        )
