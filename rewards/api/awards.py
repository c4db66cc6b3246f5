"""What members got besides points and discounts: doors for integrators."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.openapi import schema_of
from loyalty_crm.kernel.errors import ValidationFailed
from loyalty_crm.kernel.problems import fault
from members.models import Member
from rewards.api.checkout import answer
from rewards.api.wallets import LedgerView
from rewards.models import Award, AwardBalance
from rewards.services.awards.pledges import Pledged, pledged
from rewards.services.awards.reading import award_view
from rewards.services.checkout.award_wire import AwardOut, award_views_out
from rewards.services.checkout.wire import MoneyOut
from rewards.services.programmes import default_programme


class AwardOutput(serializers.ModelSerializer[Award]):
    """One award as the sale's answer has it, with the sale that gave it."""

    purchase = serializers.UUIDField(source="purchase.receipt.public_id", read_only=True)
    award = serializers.SerializerMethodField()

    class Meta:
        model = Award
        fields = ["purchase", "award", "occurred_at", "recorded_at"]
        read_only_fields = fields

    @extend_schema_field(schema_of(AwardOut))
    def get_award(self, award: Award) -> Any:
        return msgspec.to_builtins(award_views_out([award_view(award)])[0])


class AwardBalanceOutput(serializers.ModelSerializer[AwardBalance]):
    """How many stamps, tickets or turns of one code; below zero after returns of spent ones."""

    class Meta:
        model = AwardBalance
        fields = ["kind", "code", "balance"]
        read_only_fields = fields


class MemberAwardsView(mixins.ListModelMixin, LedgerView[Any]):
    """What the two lists share: the member in the address."""

    scopes = {"list": "wallets:read"}

    def member(self) -> Member:
        known = Member.objects.visible_to(self.actor).filter(public_id=self.kwargs["member_id"])
        if (member := known.first()) is None:
            raise Http404
        return member


@extend_schema(tags=["awards"])
class AwardViewSet(MemberAwardsView):
    """Awards of a member, newest first."""

    queryset = Award.objects.none()
    serializer_class = AwardOutput
    keyset = ("-id",)

    def get_queryset(self) -> QuerySet[Award]:
        return Award.objects.filter(member=self.member()).select_related(
            "version__promotion", "purchase__receipt"
        )


@extend_schema(tags=["awards"])
class AwardBalanceViewSet(MemberAwardsView):
    """Balances of stamps, draw tickets and game plays."""

    queryset = AwardBalance.objects.none()
    serializer_class = AwardBalanceOutput
    keyset = ("kind", "code")

    def get_queryset(self) -> QuerySet[AwardBalance]:
        return AwardBalance.objects.filter(member=self.member())


class PledgeOut(msgspec.Struct, kw_only=True):
    """``net`` = pledged - taken_back is what the shop owes the charity."""

    charity: str
    pledged: MoneyOut
    taken_back: MoneyOut
    net: MoneyOut
    sales: int


class PledgesOut(msgspec.Struct, kw_only=True):
    data: list[PledgeOut]


_FROM = OpenApiParameter("from", {"type": "string", "format": "date"}, required=True)
_TO = OpenApiParameter("to", {"type": "string", "format": "date"}, required=True)


@extend_schema(tags=["awards"])
class PledgeViewSet(ViewSet):
    """What sales have pledged to charities."""

    query_parameters = ("from", "to")
    scopes = {"totals": "sales:read"}

    @extend_schema(
        operation_id="pledges_totals",
        parameters=[_FROM, _TO],
        responses={200: schema_of(PledgesOut)},
    )
    def totals(self, request: Request) -> HttpResponse:
        """By charity, for days of the programme: the last one is not included."""
        refuse_unknown(request, {"from", "to"})
        first, end = (_day(request, name) for name in ("from", "to"))
        programme = default_programme()
        found = pledged(programme=programme, first=first, end=end)
        return answer(PledgesOut(data=[_pledge(one, programme.currency) for one in found]))


def _day(request: Request, name: str) -> date:
    try:
        return date.fromisoformat(request.query_params.get(name, ""))
    except ValueError:
        message = _("A day such as 2026-03-01")
        raise ValidationFailed(errors=[fault(f"/query/{name}", "invalid", message)]) from None


def _pledge(one: Pledged, currency: str) -> PledgeOut:
    return PledgeOut(
        charity=one.code,
        pledged=MoneyOut(amount=one.pledged_minor, currency=currency),
        taken_back=MoneyOut(amount=one.taken_back_minor, currency=currency),
        net=MoneyOut(amount=one.pledged_minor - one.taken_back_minor, currency=currency),
        sales=one.sales,
    )
