"""What members got besides points and discounts: doors for integrators."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers

from loyalty_crm.kernel.api.openapi import schema_of
from members.models import Member
from rewards.api.wallets import LedgerView
from rewards.models import Award, AwardBalance
from rewards.services.awards.reading import award_view
from rewards.services.checkout.award_wire import AwardOut, award_views_out


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
