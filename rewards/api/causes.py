"""Causes: which there are, which a member chose, what was pledged and what was paid."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import NotFound, ValidationFailed
from loyalty_crm.kernel.problems import fault
from members.models import Member
from rewards.api.catalogue import CatalogueView
from rewards.api.catalogue_parts import member_with, minor, words_of
from rewards.api.catalogue_shapes import (
    CancelRedemptionBody,
    CauseBody,
    CauseOut,
    CausePaymentBody,
    CausePaymentOut,
    CausesOut,
    CauseTotalsOut,
    ChooseCauseBody,
    MemberCauseOut,
    cause_out,
    payment_out,
    total_out,
)
from rewards.api.promotion_base import answer
from rewards.errors import CauseUnknown
from rewards.models import Cause, CausePayment, MemberCause
from rewards.services import charity
from rewards.services.charity import CauseTerms
from rewards.services.programmes import default_programme

_PERIOD = [
    OpenApiParameter("from", {"type": "string", "format": "date"}),
    OpenApiParameter("to", {"type": "string", "format": "date"}),
]


@extend_schema(tags=["charity"])
class CauseViewSet(CatalogueView):
    """Causes that the shop and its members give to."""

    queryset = Cause.objects.none()
    query_parameters = ("from", "to")
    scopes = (
        dict.fromkeys(("browse", "totals", "of_member"), "rewards:read")
        | dict.fromkeys(("create", "change"), "rewards:write")
        | dict.fromkeys(("pay", "counter"), "causes:pay")
        | {"choose": "members:write"}
    )

    def cause(self, code: str) -> Cause:
        found = Cause.objects.select_related("programme").filter(
            programme__is_default=True, code=code
        )
        if (cause := found.first()) is None:
            raise NotFound
        return cause

    @extend_schema(operation_id="causes_list", responses={200: schema_of(CausesOut)})
    def browse(self, request: Request) -> HttpResponse:
        """All causes, those that may be chosen and those of the past."""
        refuse_unknown(request, set())
        causes = Cause.objects.filter(programme=default_programme()).order_by("code")
        return answer(CausesOut(data=[cause_out(one) for one in causes[:500]]))

    @extend_schema(
        operation_id="causes_create",
        request=json_body(CauseBody),
        responses={201: schema_of(CauseOut)},
    )
    def create(self, request: Request) -> HttpResponse:
        """A new cause. Promotions pledge to it by its code, or to ``chosen`` by the member."""
        asked = decode_request(request, CauseBody)

        def work() -> tuple[int, object]:
            made = charity.save_cause(
                terms=_terms(asked), programme=default_programme(), actor=self.actor
            )
            return 201, cause_out(made)

        return self.once(request, operation="causes.create", validated=asked, work=work)

    @extend_schema(
        operation_id="causes_change",
        request=json_body(CauseBody),
        responses={200: schema_of(CauseOut)},
    )
    def change(self, request: Request, code: str) -> HttpResponse:
        """Another wording; the code stays, promotions know it."""
        asked = decode_request(request, CauseBody)

        def work() -> tuple[int, object]:
            cause = self.cause(code)
            changed = charity.save_cause(
                terms=_terms(asked), programme=cause.programme, cause=cause, actor=self.actor
            )
            return 200, cause_out(changed)

        return self.once(request, operation="causes.change", validated=asked, work=work)

    @extend_schema(
        operation_id="causes_totals",
        parameters=_PERIOD,
        responses={200: schema_of(CauseTotalsOut)},
    )
    def totals(self, request: Request) -> HttpResponse:
        """Pledged by sales and by points, paid, and still to be paid; ``to`` is not included."""
        refuse_unknown(request, self.query_parameters)
        programme = default_programme()
        found = charity.standings(
            programme=programme, first=_day(request, "from"), end=_day(request, "to")
        )
        return answer(CauseTotalsOut(data=[total_out(one, programme.currency) for one in found]))

    @extend_schema(
        operation_id="causes_pay",
        request=json_body(CausePaymentBody),
        responses={201: schema_of(CausePaymentOut)},
    )
    def pay(self, request: Request, code: str) -> HttpResponse:
        """Write down a payment with its document; never more than is owed."""
        asked = decode_request(request, CausePaymentBody)

        def work() -> tuple[int, object]:
            cause = self.cause(code)
            currency = cause.programme.currency
            paid = charity.pay_cause(
                cause=cause,
                amount_minor=minor(asked.amount, currency, "/amount"),
                paid_on=asked.paid_on,
                document=asked.document,
                actor=self.actor,
            )
            return 201, payment_out(paid, currency)

        return self.once(request, operation="causes.pay", validated=asked, work=work)

    @extend_schema(
        operation_id="cause_payments_counter",
        request=json_body(CancelRedemptionBody),
        responses={201: schema_of(CausePaymentOut)},
    )
    def counter(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Undo a payment by a row that takes it back."""
        asked = decode_request(request, CancelRedemptionBody)

        def work() -> tuple[int, object]:
            known = CausePayment.objects.select_related("cause__programme")
            if (payment := known.filter(public_id=id).first()) is None:
                raise NotFound
            made = charity.counter_payment(payment=payment, reason=asked.reason, actor=self.actor)
            return 201, payment_out(made, payment.cause.programme.currency)

        return self.once(request, operation="cause_payments.counter", validated=asked, work=work)

    @extend_schema(operation_id="member_cause_retrieve", responses={200: schema_of(MemberCauseOut)})
    def of_member(self, request: Request, member_id: UUID) -> HttpResponse:
        """Where a member's pledges go."""
        refuse_unknown(request, set())
        return answer(_chosen(member_with(member_id, self.actor)))

    @extend_schema(
        operation_id="member_cause_choose",
        request=json_body(ChooseCauseBody),
        responses={200: schema_of(MemberCauseOut)},
    )
    def choose(self, request: Request, member_id: UUID) -> HttpResponse:
        """The cause that a member wants to give to from now on."""
        asked = decode_request(request, ChooseCauseBody)

        def work() -> tuple[int, object]:
            member = member_with(member_id, self.actor)
            charity.choose_cause(member=member, cause=_cause(asked.cause), actor=self.actor)
            return 200, _chosen(member)

        return self.once(request, operation="members.cause", validated=asked, work=work)


def _cause(code: str | None) -> Cause | None:
    if code is None:
        return None
    found = Cause.objects.filter(programme=default_programme(), code=code).first()
    if found is None:
        raise CauseUnknown(pointer="/cause")
    return found


def _chosen(member: Member) -> MemberCauseOut:
    cause = charity.chosen_cause(member.pk, default_programme())
    is_own = MemberCause.objects.filter(member=member, cause=cause).exists() if cause else False
    return MemberCauseOut(cause=cause.code if cause else None, chosen=is_own)


def _terms(asked: CauseBody) -> CauseTerms:
    given = msgspec.structs.asdict(asked)
    return CauseTerms(**{**given, "translations": words_of(asked.translations)})


def _day(request: Request, name: str) -> date | None:
    text = request.query_params.get(name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ValidationFailed(errors=[fault(f"/query/{name}", "invalid")]) from None
