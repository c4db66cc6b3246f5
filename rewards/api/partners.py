"""Partners over the API: each with a key of its own, which sees this partner and no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet, ViewSet

from loyalty_crm.kernel import clock, throttle, wire
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.idempotent import IdempotentMixin
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.shapes import MoneyBody
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import NotFound, ValidationFailed
from loyalty_crm.kernel.problems import fault
from members.models import Member
from members.services.search import lookup_member
from rewards.api.bodies import MemberBody
from rewards.api.coupons import PAGE
from rewards.api.partner_shapes import (
    ConfirmCodeBody,
    PartnerBurnBody,
    PartnerCodeOut,
    PartnerEarnBody,
    PartnerOfferPage,
    PartnerOperationPage,
    PartnerPage,
    PartnerQuoteBody,
    PartnerQuoteOut,
    PartnerReverseBody,
    PartnerSelfOut,
    PartnerTradedOut,
    SettlementOut,
    SettlementPage,
    TakeCodeBody,
    code_out,
    offer_out,
    operation_out,
    partner_out,
    quote_out,
    self_out,
    settlement_out,
    traded_out,
)
from rewards.errors import CurrencyMismatch, MemberUnknown
from rewards.models import Partner, PartnerOffer, PartnerOperation, Settlement
from rewards.services.partners import offers, statements, trading
from rewards.services.partners.directory import partner_of, store_of
from rewards.services.partners.trading import Document, Traded

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FILE = {200: OpenApiResponse(OpenApiTypes.BINARY)}


def answer(body: object, status: int = 200) -> HttpResponse:
    return HttpResponse(wire.encode(body), status=status, content_type="application/json")


def member_of(body: MemberBody, actor: Actor) -> Member:
    """The member who is shown; wrong cards and phones are counted as guesses.

    Belongs outside of the transaction, so that they count whatever follows.
    """
    given = [(name, value) for name in ("id", "card", "phone") if (value := getattr(body, name))]
    if len(given) != 1:
        raise ValidationFailed(errors=[fault("/member", "exactly_one")])
    ((kind, value),) = given
    with throttle.guarded("partners", actor=actor) as guesses:
        guesses.wrong = 1
        known = Member.objects.filter(public_id=value).first() if kind == "id" else None
        found = known or (lookup_member(kind=kind, value=value) if kind != "id" else None)
        if found is None or found.status != Member.Status.ACTIVE:
            raise MemberUnknown(pointer="/member")
        guesses.wrong = 0
    return found


class OfPartner(IdempotentMixin):
    """What the views of a partner's own key share."""

    request: Any
    action: str

    @cached_property
    def partner(self) -> Partner:
        return partner_of(actor_of(self.request))

    @property
    def currency(self) -> str:
        return self.partner.programme.currency

    def minor(self, money: MoneyBody | None) -> int:
        if money is None:
            return 0
        if money.currency != self.currency:
            raise CurrencyMismatch(pointer="/amount/currency", expected=self.currency)
        if money.amount <= 0:
            raise ValidationFailed(pointer="/amount/amount")
        return money.amount

    def document(
        self, reference: str, store: str | None, occurred_at: datetime | None = None
    ) -> Document:
        return Document(
            partner=self.partner,
            reference=reference,
            store=store_of(self.partner, store or ""),
            occurred_at=occurred_at or clock.now(),
        )


@extend_schema(tags=["partners"])
class PartnerViewSet(OfPartner, ViewSet):
    """What a partner does: points for purchases and events, points as money, codes."""

    scopes = {"retrieve": "partner:read"} | dict.fromkeys(
        ("quote", "earn", "burn", "reverse", "confirm"), "partner:trade"
    )
    rates = {"quote": "quotes", "earn": "commits", "burn": "commits"}
    keyless = ("quote",)

    @extend_schema(operation_id="partner_retrieve", responses={200: schema_of(PartnerSelfOut)})
    def retrieve(self, request: Request) -> HttpResponse:
        """Who the key speaks for, and what is agreed today."""
        refuse_unknown(request, set())
        codes = self.partner.places.order_by("store__code").values_list("store__code", flat=True)
        today = Document(partner=self.partner, reference="", occurred_at=clock.now()).day
        contract = self.partner.contracts.in_force(today).first()
        return answer(self_out(self.partner, list(codes), contract))

    @extend_schema(
        operation_id="partner_quote",
        request=json_body(PartnerQuoteBody),
        responses={200: schema_of(PartnerQuoteOut)},
    )
    def quote(self, request: Request) -> HttpResponse:
        """What a purchase would earn and what points are worth. Nothing is stored."""
        asked = decode_request(request, PartnerQuoteBody)
        document = self.document("", asked.store)
        offered = trading.quote(
            document=document,
            member=member_of(asked.member, actor_of(request)),
            amount_minor=self.minor(asked.amount),
            event=asked.event or "",
            points=asked.points,
        )
        return answer(quote_out(offered, self.currency))

    @extend_schema(
        operation_id="partner_earn",
        request=json_body(PartnerEarnBody),
        responses={201: schema_of(PartnerTradedOut), 200: schema_of(PartnerTradedOut)},
    )
    def earn(self, request: Request) -> HttpResponse:
        """Give points for a purchase or an event, once per ``reference``."""
        asked = decode_request(request, PartnerEarnBody)
        if (asked.amount is None) == (asked.event is None):
            raise ValidationFailed(errors=[fault("/amount", "exactly_one")])
        document = self.document(asked.reference, asked.store, asked.occurred_at)
        member, amount = member_of(asked.member, actor_of(request)), self.minor(asked.amount)
        return self._trade(
            asked,
            lambda: trading.earn(
                document=document,
                member=member,
                amount_minor=amount,
                event=asked.event or "",
                actor=actor_of(request),
            ),
        )

    @extend_schema(
        operation_id="partner_burn",
        request=json_body(PartnerBurnBody),
        responses={201: schema_of(PartnerTradedOut), 200: schema_of(PartnerTradedOut)},
    )
    def burn(self, request: Request) -> HttpResponse:
        """Take points as a payment, once per ``reference``; ``worth`` is what comes off."""
        asked = decode_request(request, PartnerBurnBody)
        document = self.document(asked.reference, asked.store, asked.occurred_at)
        member = member_of(asked.member, actor_of(request))
        return self._trade(
            asked,
            lambda: trading.burn(
                document=document, member=member, points=asked.points, actor=actor_of(request)
            ),
        )

    @extend_schema(
        operation_id="partner_reverse",
        request=json_body(PartnerReverseBody),
        responses={201: schema_of(PartnerTradedOut), 200: schema_of(PartnerTradedOut)},
    )
    def reverse(self, request: Request, operation_id: UUID) -> HttpResponse:
        """Undo an operation, or a part of it. It counts on the day on which it is done."""
        asked = decode_request(request, PartnerReverseBody)
        operation = trading.operation_of(self.partner, operation_id)
        document = self.document(asked.reference, asked.store)
        return self._trade(
            asked,
            lambda: trading.take_back(
                document=document,
                operation=operation,
                points=asked.points,
                reason=asked.reason,
                actor=actor_of(request),
            ),
        )

    @extend_schema(
        operation_id="partner_confirm_code",
        request=json_body(ConfirmCodeBody),
        responses={200: schema_of(PartnerCodeOut)},
    )
    def confirm(self, request: Request) -> HttpResponse:
        """A member showed a code of yours and used it: once, under your ``reference``."""
        asked = decode_request(request, ConfirmCodeBody)
        store, actor = store_of(self.partner, asked.store or ""), actor_of(request)

        def work() -> tuple[int, object]:
            found = offers.confirm_code(
                partner=self.partner,
                code=asked.code,
                reference=asked.reference,
                store=store,
                actor=actor,
            )
            return 200, code_out(found)

        with throttle.guarded("partner-codes", actor=actor) as guesses:
            guesses.wrong = 1
            done = self.once(request, operation="partner.confirm", validated=asked, work=work)
            guesses.wrong = int(done.status_code == 422)
        return done

    def _trade(self, asked: object, trade: Callable[[], Traded]) -> HttpResponse:
        def work() -> tuple[int, object]:
            traded = trade()
            return (200 if traded.is_repeat else 201), traded_out(traded, self.currency)

        return self.once(
            self.request, operation=f"partner.{self.action}", validated=asked, work=work
        )


@extend_schema(tags=["partners"])
class PartnerOperationViewSet(OfPartner, GenericViewSet[PartnerOperation]):
    queryset = PartnerOperation.objects.none()
    filter_backends = []
    keyset = ("-id",)
    query_parameters = ("limit", "after")
    scopes = {"browse": "partner:read"}

    def get_queryset(self) -> QuerySet[PartnerOperation]:
        return PartnerOperation.objects.shown().filter(partner=self.partner)

    @extend_schema(
        operation_id="partner_operations_list",
        parameters=PAGE,
        responses={200: schema_of(PartnerOperationPage)},
    )
    def browse(self, request: Request) -> HttpResponse:
        """What the partner gave and took, the newest first."""
        refuse_unknown(request, {"limit", "after"})
        page = self.paginate_queryset(self.get_queryset()) or []
        shown = [operation_out(one, self.currency) for one in page]
        return answer(self.get_paginated_response(shown).data)


@extend_schema(tags=["partners"])
class PartnerSettlementViewSet(OfPartner, GenericViewSet[Settlement]):
    """Settlements of the partner, with their statements."""

    queryset = Settlement.objects.none()
    filter_backends = []
    keyset = ("-id",)
    query_parameters = ("limit", "after")
    scopes = dict.fromkeys(("browse", "retrieve", "workbook", "page"), "partner:read")

    def get_queryset(self) -> QuerySet[Settlement]:
        known = Settlement.objects.select_related("partner__programme")
        return known.filter(partner=self.partner).exclude(state=Settlement.State.CANCELLED)

    @extend_schema(
        operation_id="partner_settlements_list",
        parameters=PAGE,
        responses={200: schema_of(SettlementPage)},
    )
    def browse(self, request: Request) -> HttpResponse:
        """Settled periods and the one that waits for approval, the newest first."""
        refuse_unknown(request, {"limit", "after"})
        page = self.paginate_queryset(self.get_queryset()) or []
        shown = [settlement_out(one, self.currency) for one in page]
        return answer(self.get_paginated_response(shown).data)

    @extend_schema(
        operation_id="partner_settlements_retrieve", responses={200: schema_of(SettlementOut)}
    )
    def retrieve(self, request: Request, settlement_id: UUID) -> HttpResponse:
        refuse_unknown(request, set())
        return answer(settlement_out(self._own(settlement_id), self.currency))

    @extend_schema(operation_id="partner_statement_xlsx", responses=_FILE)
    def workbook(self, request: Request, settlement_id: UUID) -> HttpResponse:
        """The statement as a workbook, with every operation."""
        return as_file(self._own(settlement_id), "xlsx")

    @extend_schema(operation_id="partner_statement_pdf", responses=_FILE)
    def page(self, request: Request, settlement_id: UUID) -> HttpResponse:
        """The statement as a page to sign."""
        return as_file(self._own(settlement_id), "pdf")

    def _own(self, settlement_id: UUID) -> Settlement:
        found = self.get_queryset().filter(public_id=settlement_id).first()
        if found is None:
            raise NotFound
        return found


def as_file(settlement: Settlement, kind: str) -> HttpResponse:
    """The statement as a download."""
    body = statements.as_pdf(settlement) if kind == "pdf" else statements.as_xlsx(settlement)
    file = HttpResponse(body, content_type="application/pdf" if kind == "pdf" else XLSX)
    name = f"settlement-{settlement.partner.code}-{settlement.number}.{kind}"
    file["Content-Disposition"] = f'attachment; filename="{name}"'
    return file


@extend_schema(tags=["partners"])
class DirectoryViewSet(GenericViewSet[Partner]):
    """Partners as members see them."""

    queryset = Partner.objects.filter(is_active=True)
    filter_backends = []
    keyset = ("name", "id")
    query_parameters = ("limit", "after")
    scopes = {"browse": "offers:take"}

    @extend_schema(
        operation_id="partners_list", parameters=PAGE, responses={200: schema_of(PartnerPage)}
    )
    def browse(self, request: Request) -> HttpResponse:
        """The directory, by name."""
        refuse_unknown(request, {"limit", "after"})
        page = self.paginate_queryset(self.get_queryset()) or []
        return answer(self.get_paginated_response([partner_out(one) for one in page]).data)


@extend_schema(tags=["partners"])
class PartnerOfferViewSet(IdempotentMixin, GenericViewSet[PartnerOffer]):
    """Offers of partners, and codes for members."""

    queryset = PartnerOffer.objects.none()
    filter_backends = []
    keyset = ("-id",)
    query_parameters = ("limit", "after")
    scopes = dict.fromkeys(("browse", "take"), "offers:take")

    def get_queryset(self) -> QuerySet[PartnerOffer]:
        known = PartnerOffer.objects.select_related("partner__programme")
        return known.open_on(clock.now().date())

    @extend_schema(
        operation_id="partner_offers_list",
        parameters=PAGE,
        responses={200: schema_of(PartnerOfferPage)},
    )
    def browse(self, request: Request) -> HttpResponse:
        """Offers that are open today, the newest first."""
        refuse_unknown(request, {"limit", "after"})
        page = self.paginate_queryset(self.get_queryset()) or []
        return answer(self.get_paginated_response([offer_out(one) for one in page]).data)

    @extend_schema(
        operation_id="partner_offers_take",
        request=json_body(TakeCodeBody),
        responses={201: schema_of(PartnerCodeOut)},
    )
    def take(self, request: Request, offer_id: UUID) -> HttpResponse:
        """A code for a member, as often as the offer allows; a repeat of the key takes no more."""
        asked, actor = decode_request(request, TakeCodeBody), actor_of(request)
        known = PartnerOffer.objects.select_related("partner__programme")
        offer = known.filter(public_id=offer_id).first()
        if offer is None:
            raise Http404
        member = member_of(asked.member, actor)

        def work() -> tuple[int, object]:
            return 201, code_out(offers.take_code(offer=offer, member=member, actor=actor))

        return self.once(request, operation="partner_offers.take", validated=asked, work=work)
