"""The catalogue of rewards: what members can take and why not, and the redemptions of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from loyalty_crm.kernel import clock, throttle
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.api.authentication import actor_of
from loyalty_crm.kernel.api.etags import IF_MATCH, expected_version, with_etag
from loyalty_crm.kernel.api.filters import refuse_unknown
from loyalty_crm.kernel.api.idempotent import IdempotentMixin
from loyalty_crm.kernel.api.openapi import json_body, schema_of
from loyalty_crm.kernel.api.strict_json import decode_request
from loyalty_crm.kernel.errors import NotFound, ValidationFailed
from loyalty_crm.kernel.problems import fault
from rewards.api.catalogue_parts import member_with, reward_terms, store_with
from rewards.api.catalogue_shapes import (
    CancelRedemptionBody,
    CatalogueRewardBody,
    CatalogueRewardOut,
    CatalogueRewardPage,
    CodesAddedOut,
    HandOverBody,
    PickupCodeBody,
    RedemptionCodesOut,
    RedemptionOut,
    RedemptionPage,
    RewardCodesBody,
    RewardStateBody,
    RewardStockBody,
    RewardStockOut,
    TakeRewardBody,
    redemption_out,
    reward_out,
)
from rewards.api.promotion_base import answer
from rewards.api.promotion_shapes import PAGE
from rewards.errors import RedemptionUnknown
from rewards.models import Redemption, Reward
from rewards.services import catalogue, redemptions
from rewards.services.programmes import default_programme

_FILTERS = [
    OpenApiParameter("member", {"type": "string", "format": "uuid"}),
    OpenApiParameter("store", str),
    OpenApiParameter("state", enum=Reward.State.values),
    OpenApiParameter("kind", enum=Reward.Kind.values),
]


class CatalogueView(IdempotentMixin, GenericViewSet[Any]):
    """What the doors share: who calls, and one row found or 404."""

    filter_backends = []

    @property
    def actor(self) -> Actor:
        return actor_of(self.request)

    def reward(self, public_id: UUID) -> Reward:
        known = Reward.objects.with_parts().filter(programme__is_default=True)
        if (found := known.filter(public_id=public_id).first()) is None:
            raise NotFound
        return found


@extend_schema(tags=["rewards"])
class RewardViewSet(CatalogueView):
    """Rewards that members take for points."""

    queryset = Reward.objects.none()
    keyset = ("sort", "price_points", "id")
    query_parameters = ("limit", "after", "member", "store", "state", "kind")
    scopes = (
        dict.fromkeys(("browse", "retrieve"), "rewards:read")
        | dict.fromkeys(("create", "change", "move", "count", "codes"), "rewards:write")
        | {"redeem": "rewards:redeem"}
    )

    @extend_schema(
        operation_id="rewards_list",
        parameters=[*PAGE, *_FILTERS],
        responses={200: schema_of(CatalogueRewardPage)},
    )
    def browse(self, request: Request) -> HttpResponse:
        """Rewards by place and price. With ``member``: what is missing, "37 points more".

        Without ``state`` those on offer now.
        """
        refuse_unknown(request, self.query_parameters)
        page = self.paginate_queryset(self._asked(request)) or []
        member = request.query_params.get("member")
        shown = self._judged(page, _uuid(member)) if member else [reward_out(one) for one in page]
        return answer(self.get_paginated_response(shown).data)

    def _asked(self, request: Request) -> QuerySet[Reward]:
        rewards, asked = Reward.objects.with_parts(), request.query_params
        for name, values in (("state", Reward.State.values), ("kind", Reward.Kind.values)):
            if (value := asked.get(name)) is not None:
                if value not in values:
                    raise ValidationFailed(errors=[fault(f"/query/{name}", "invalid_choice")])
                rewards = rewards.filter(**{name: value})
        if "state" not in asked:
            rewards = rewards.on_offer(clock.now())
        if (store := store_with(asked.get("store"), self.actor)) is not None:
            rewards = rewards.filter(Q(stores=[]) | Q(stores__contains=[store.code]))
        return rewards.filter(programme=default_programme())

    def _judged(self, page: list[Reward], member_id: UUID) -> list[CatalogueRewardOut]:
        member = member_with(member_id, self.actor)
        store = store_with(self.request.query_params.get("store"), self.actor)
        offers = catalogue.offers_for(member=member, rewards=page, store=store, now=clock.now())
        return [reward_out(offer.reward, offer) for offer in offers]

    @extend_schema(operation_id="rewards_retrieve", responses={200: schema_of(CatalogueRewardOut)})
    def retrieve(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """One reward. The ETag is its version."""
        refuse_unknown(request, set())
        reward = self.reward(id)
        return with_etag(answer(reward_out(reward)), reward.version)

    @extend_schema(
        operation_id="rewards_create",
        request=json_body(CatalogueRewardBody),
        responses={201: schema_of(CatalogueRewardOut)},
    )
    def create(self, request: Request) -> HttpResponse:
        """A new reward, as a draft: ``state`` puts it on offer."""
        asked = decode_request(request, CatalogueRewardBody)

        def work() -> tuple[int, object]:
            programme = default_programme()
            made = catalogue.save_reward(
                terms=reward_terms(asked, programme), programme=programme, actor=self.actor
            )
            return 201, reward_out(self.reward(made.public_id))

        return self.once(request, operation="rewards.create", validated=asked, work=work)

    @extend_schema(
        operation_id="rewards_change",
        parameters=[IF_MATCH],
        request=json_body(CatalogueRewardBody),
        responses={200: schema_of(CatalogueRewardOut)},
    )
    def change(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Another wording of the whole reward. What was taken already stays as it was."""
        asked = decode_request(request, CatalogueRewardBody)
        version = expected_version(request)

        def work() -> tuple[int, object]:
            reward = self.reward(id)
            catalogue.save_reward(
                terms=reward_terms(asked, reward.programme),
                programme=reward.programme,
                reward=reward,
                version=version,
                actor=self.actor,
            )
            return 200, reward_out(self.reward(id))

        validated = {"asked": asked, "version": version}
        return self.once(request, operation="rewards.change", validated=validated, work=work)

    @extend_schema(
        operation_id="rewards_state",
        request=json_body(RewardStateBody),
        responses={200: schema_of(CatalogueRewardOut)},
    )
    def move(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Put it on offer, pause it, or take it away for good."""
        asked = decode_request(request, RewardStateBody)

        def work() -> tuple[int, object]:
            catalogue.set_reward_state(reward=self.reward(id), state=asked.state, actor=self.actor)
            return 200, reward_out(self.reward(id))

        return self.once(request, operation="rewards.state", validated=asked, work=work)

    @extend_schema(
        operation_id="rewards_stock",
        request=json_body(RewardStockBody),
        responses={200: schema_of(RewardStockOut)},
    )
    def count(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """How many pieces lie in a store; never fewer than are set aside for members."""
        asked = decode_request(request, RewardStockBody)

        def work() -> tuple[int, object]:
            store = store_with(asked.store, self.actor)
            row = catalogue.count_stock(
                reward=self.reward(id), store=store, on_hand=asked.on_hand, actor=self.actor
            )
            return 200, RewardStockOut(store=asked.store, on_hand=row.on_hand, held=row.held)

        return self.once(request, operation="rewards.stock", validated=asked, work=work)

    @extend_schema(
        operation_id="rewards_codes",
        request=json_body(RewardCodesBody),
        responses={200: schema_of(CodesAddedOut)},
    )
    def codes(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Put a partner's codes into the pool; those that are there already are passed by."""
        asked = decode_request(request, RewardCodesBody)

        def work() -> tuple[int, object]:
            added = catalogue.add_codes(reward=self.reward(id), codes=asked.codes, actor=self.actor)
            return 200, CodesAddedOut(added=added)

        return self.once(request, operation="rewards.codes", validated=asked, work=work)

    @extend_schema(
        operation_id="rewards_redeem",
        request=json_body(TakeRewardBody),
        responses={201: schema_of(RedemptionOut)},
    )
    def redeem(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Take the reward for a member: points leave the account, the piece is set aside.

        What nobody has to hand over is given at once (state ``fulfilled``).
        """
        asked = decode_request(request, TakeRewardBody)

        def work() -> tuple[int, object]:
            taken = redemptions.redeem(
                reward=self.reward(id),
                member=member_with(asked.member, self.actor),
                store=store_with(asked.store, self.actor),
                source=f"api:{self.actor.id}",
                source_ref=asked.source_ref,
                now=clock.now(),
                actor=self.actor,
            )
            return 201, redemption_out(taken)

        return self.once(request, operation="rewards.redeem", validated=asked, work=work)


@extend_schema(tags=["rewards"])
class RedemptionViewSet(CatalogueView):
    """Rewards that members took."""

    queryset = Redemption.objects.none()
    keyset = ("-id",)
    query_parameters = ("limit", "after")
    scopes = dict.fromkeys(("of_member", "retrieve"), "rewards:read") | dict.fromkeys(
        ("lookup", "reveal", "confirm", "fulfil", "cancel"), "rewards:redeem"
    )
    rates = {"lookup": "lookups"}
    keyless = ("lookup", "reveal")

    def redemption(self, public_id: UUID) -> Redemption:
        found = Redemption.objects.shown().filter(public_id=public_id).first()
        if found is None or not self._is_mine(found):
            raise NotFound
        return found

    def _is_mine(self, one: Redemption) -> bool:
        return one.store is None or self.actor.may_use_store(one.store.code)

    @extend_schema(
        operation_id="member_redemptions_list",
        parameters=PAGE,
        responses={200: schema_of(RedemptionPage)},
    )
    def of_member(self, request: Request, member_id: UUID) -> HttpResponse:
        """Rewards that a member took, newest first."""
        refuse_unknown(request, self.query_parameters)
        member = member_with(member_id, self.actor)
        page = self.paginate_queryset(Redemption.objects.shown().filter(member=member)) or []
        return answer(self.get_paginated_response([redemption_out(one) for one in page]).data)

    @extend_schema(operation_id="redemptions_retrieve", responses={200: schema_of(RedemptionOut)})
    def retrieve(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """One redemption."""
        return answer(redemption_out(self.redemption(id)))

    @extend_schema(
        operation_id="redemptions_lookup",
        request=json_body(PickupCodeBody),
        responses={200: schema_of(RedemptionOut)},
    )
    def lookup(self, request: Request) -> HttpResponse:
        """What waits under a code. Wrong codes are counted; another store's look like them."""
        asked = decode_request(request, PickupCodeBody)
        with throttle.guarded("pickup_codes", actor=self.actor) as guesses:
            guesses.wrong = 1
            found = redemptions.by_code(asked.code)
            if not self._is_mine(found):
                raise RedemptionUnknown
            guesses.wrong = 0
        return answer(redemption_out(found))

    @extend_schema(
        operation_id="redemptions_reveal",
        request=None,
        responses={200: schema_of(RedemptionCodesOut)},
    )
    def reveal(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """The code to fetch it with; once given: the coupon, card or partner's code. Recorded."""
        one = self.redemption(id)
        if one.is_open:
            return answer(RedemptionCodesOut(pickup_code=redemptions.code_of(one)))
        told = redemptions.reveal(redemption=one, actor=self.actor)
        return answer(RedemptionCodesOut(code=told.code, pin=told.pin or None))

    @extend_schema(
        operation_id="redemptions_confirm",
        request=None,
        responses={200: schema_of(RedemptionOut)},
    )
    def confirm(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Staff say that it can be had; the days to fetch it begin."""
        return self._move(
            request,
            None,
            lambda one: redemptions.confirm(redemption=one, now=clock.now(), actor=self.actor),
        )

    @extend_schema(
        operation_id="redemptions_fulfil",
        request=json_body(HandOverBody),
        responses={200: schema_of(RedemptionOut)},
    )
    def fulfil(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """It was handed over."""
        asked = decode_request(request, HandOverBody)

        def move(one: Redemption) -> Redemption:
            return redemptions.fulfil(
                redemption=one,
                store=store_with(asked.store, self.actor),
                payment_ref=asked.payment_ref,
                now=clock.now(),
                actor=self.actor,
            )

        return self._move(request, asked, move)

    @extend_schema(
        operation_id="redemptions_cancel",
        request=json_body(CancelRedemptionBody),
        responses={200: schema_of(RedemptionOut)},
    )
    def cancel(self, request: Request, id: UUID) -> HttpResponse:  # noqa: A002
        """Take it back: points return to their own lots, the piece to the shelf."""
        asked = decode_request(request, CancelRedemptionBody)
        return self._move(
            request,
            asked,
            lambda one: redemptions.cancel(
                redemption=one, reason=asked.reason, now=clock.now(), actor=self.actor
            ),
        )

    def _move(
        self, request: Request, asked: object, move: Callable[[Redemption], Redemption]
    ) -> HttpResponse:
        public_id = self.kwargs["id"]

        def work() -> tuple[int, object]:
            move(self.redemption(public_id))
            return 200, redemption_out(self.redemption(public_id))

        return self.once(
            request, operation=f"redemptions.{self.action}", validated=asked, work=work
        )


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ValidationFailed(errors=[fault("/query/member", "invalid")]) from None
