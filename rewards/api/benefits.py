"""Services as a benefit: which there are, what a member has left, each use and its way back."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Prefetch
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import NotFound
from rewards.api.catalogue import CatalogueView
from rewards.api.catalogue_parts import member_with, store_with, tier_of, words_of
from rewards.api.catalogue_shapes import (
    CancelRedemptionBody,
    GrantServiceBody,
    ServiceBody,
    ServiceOut,
    ServiceSharesOut,
    ServicesOut,
    ServiceUseOut,
    UseServiceBody,
    service_out,
    service_use_out,
    shares_out,
)
from rewards.api.promotion_base import answer
from rewards.models import Programme, Service, ServiceRule, ServiceUse
from rewards.services import benefits
from rewards.services.programmes import default_programme
from rewards.services.service_terms import RuleTerms, ServiceTerms, save_service


@extend_schema(tags=["services"])
class ServiceViewSet(CatalogueView):
    """Services that members get free of charge, so many in a period."""

    queryset = Service.objects.none()
    scopes = dict.fromkeys(("browse", "of_member"), "rewards:read") | {
        "create": "rewards:write",
        "change": "rewards:write",
        "grant": "rewards:write",
        "consume": "rewards:redeem",
        "give_back": "rewards:redeem",
    }

    def service(self, code: str) -> Service:
        rules = ServiceRule.objects.select_related("tier__structure").order_by("pk")
        known = Service.objects.prefetch_related(Prefetch("rules", rules))
        found = known.select_related("programme").filter(programme__is_default=True, code=code)
        if (service := found.first()) is None:
            raise NotFound
        return service

    @extend_schema(operation_id="services_list", responses={200: schema_of(ServicesOut)})
    def browse(self, request: Request) -> HttpResponse:
        """All services with the rules that grant them."""
        refuse_unknown(request, set())
        rules = ServiceRule.objects.select_related("tier__structure").order_by("pk")
        found = Service.objects.filter(programme=default_programme()).prefetch_related(
            Prefetch("rules", rules)
        )
        return answer(ServicesOut(data=[service_out(one) for one in found.order_by("code")[:500]]))

    @extend_schema(
        operation_id="services_create",
        request=json_body(ServiceBody),
        responses={201: schema_of(ServiceOut)},
    )
    def create(self, request: Request) -> HttpResponse:
        """A new service."""
        asked = decode_request(request, ServiceBody)

        def work() -> tuple[int, object]:
            programme = default_programme()
            made = save_service(
                terms=_terms(asked, programme), programme=programme, actor=self.actor
            )
            return 201, service_out(self.service(made.code))

        return self.once(request, operation="services.create", validated=asked, work=work)

    @extend_schema(
        operation_id="services_change",
        request=json_body(ServiceBody),
        responses={200: schema_of(ServiceOut)},
    )
    def change(self, request: Request, code: str) -> HttpResponse:
        """Another wording with all its rules. What was opened in this period stays."""
        asked = decode_request(request, ServiceBody)

        def work() -> tuple[int, object]:
            service = self.service(code)
            changed = save_service(
                terms=_terms(asked, service.programme),
                programme=service.programme,
                service=service,
                actor=self.actor,
            )
            return 200, service_out(self.service(changed.code))

        return self.once(request, operation="services.change", validated=asked, work=work)

    @extend_schema(
        operation_id="member_services_list", responses={200: schema_of(ServiceSharesOut)}
    )
    def of_member(self, request: Request, member_id: UUID) -> HttpResponse:
        """What a member has left of each service today, and until when."""
        refuse_unknown(request, set())
        member = member_with(member_id, self.actor)
        shares = benefits.shares_of(member=member, programme=default_programme(), now=clock.now())
        return answer(shares_out(shares))

    @extend_schema(
        operation_id="member_services_use",
        request=json_body(UseServiceBody),
        responses={201: schema_of(ServiceUseOut)},
    )
    def consume(self, request: Request, member_id: UUID, code: str) -> HttpResponse:
        """The service was done: it counts against what ends first."""
        asked = decode_request(request, UseServiceBody)

        def work() -> tuple[int, object]:
            used = benefits.consume(
                service=self.service(code),
                member=member_with(member_id, self.actor),
                store=store_with(asked.store, self.actor),
                reason=asked.reason,
                source=f"api:{self.actor.id}",
                source_ref=asked.source_ref,
                now=clock.now(),
                actor=self.actor,
            )
            return 201, service_use_out(used)

        return self.once(request, operation="services.use", validated=asked, work=work)

    @extend_schema(
        operation_id="member_services_grant",
        request=json_body(GrantServiceBody),
        responses={201: schema_of(ServiceSharesOut)},
    )
    def grant(self, request: Request, member_id: UUID, code: str) -> HttpResponse:
        """Give a member some of the service by hand, with a reason."""
        asked = decode_request(request, GrantServiceBody)

        def work() -> tuple[int, object]:
            service, member = self.service(code), member_with(member_id, self.actor)
            benefits.grant_by_hand(
                service=service,
                member=member,
                count=asked.count,
                until=asked.until,
                reason=asked.reason,
                reference=f"{self.actor.id}:{asked.source_ref}",
                now=clock.now(),
                actor=self.actor,
            )
            shares = benefits.shares_of(member=member, programme=service.programme, now=clock.now())
            return 201, shares_out([one for one in shares if one.service.pk == service.pk])

        return self.once(request, operation="services.grant", validated=asked, work=work)

    @extend_schema(
        operation_id="service_uses_cancel",
        request=json_body(CancelRedemptionBody),
        responses={201: schema_of(ServiceUseOut)},
    )
    def give_back(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """The service was not done after all: it may be used again."""
        asked = decode_request(request, CancelRedemptionBody)

        def work() -> tuple[int, object]:
            uses = ServiceUse.objects.select_related("entitlement__service", "store")
            use = uses.filter(public_id=id).first()
            if use is None or (use.store and not self.actor.may_use_store(use.store.code)):
                raise NotFound
            back = benefits.give_use_back(
                use=use, reason=asked.reason, now=clock.now(), actor=self.actor
            )
            return 201, service_use_out(back)

        return self.once(request, operation="service_uses.cancel", validated=asked, work=work)


def _terms(asked: ServiceBody, programme: Programme) -> ServiceTerms:
    return ServiceTerms(
        code=asked.code,
        name=asked.name,
        description=asked.description,
        translations=words_of(asked.translations),
        is_active=asked.is_active,
        rules=[
            RuleTerms(
                count=rule.count,
                period=rule.period,
                tier=tier_of(rule.tier, rule.tier_structure, programme),
            )
            for rule in asked.rules
        ],
    )
