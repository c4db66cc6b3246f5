"""Bonuses as they were given, and the occasions by which the calendar gives them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import chip
from rewards.admin.beyond.base import SettingsAdmin, given_text, who
from rewards.forms.rewards import RewardFields, SettingsForm
from rewards.models import Bonus, Occasion
from rewards.services.occasions import save_occasion
from rewards.services.programmes import default_programme


@admin.register(Bonus)
class BonusAdmin(ReadOnlyAdmin):
    """What members got for something else than a purchase."""

    list_filter = ["source", "kind"]
    list_select_related = ["member", "programme"]
    search_fields = ["public_id"]
    ordering = ["-id"]
    sortable_by = ()
    exclude = ["detail", "tx", "source_ref", "member", "programme"]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        @admin.display(description=_("member"))
        def member(bonus: Bonus) -> str:
            return str(who(request, bonus.member))

        return ["given_at", member, "source", "given", "day", "chip_of_state"]

    @admin.display(description=_("given"))
    def given(self, bonus: Bonus) -> str:
        return given_text(bonus.kind, bonus.amount, bonus.code, bonus.programme)

    @chip(_("state"), {"given": "success", "back": "danger"})
    def chip_of_state(self, bonus: Bonus) -> tuple[str, str]:
        return ("back", str(_("taken back"))) if bonus.taken_back_at else ("given", str(_("given")))


class OccasionForm(SettingsForm):
    reward_fields = {"reward": RewardFields()}

    class Meta:
        model = Occasion
        fields = ["kind", "is_active", "days_before", "days_after", "leap"]


@admin.register(Occasion)
class OccasionAdmin(SettingsAdmin):
    """Gifts for joining, birthdays and anniversaries: one per member and year."""

    form = OccasionForm
    told = ("gives",)
    groups = (
        (None, ["kind", "is_active", *RewardFields().names()]),
        (_("Which days"), ["days_before", "days_after", "leap"]),
    )
    list_display = ["kind", "is_active", "gives", "days_before", "days_after"]
    list_select_related = ["programme"]
    ordering = ["kind"]
    sortable_by = ()

    @admin.display(description=_("gives"))
    def gives(self, occasion: Occasion) -> str:
        reward = occasion.reward
        return given_text(
            reward["kind"], reward["amount"], reward.get("code", ""), occasion.programme
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["kind"] if obj else []

    def save_model(self, request: HttpRequest, obj: Occasion, form: Any, change: bool) -> None:
        made = save_occasion(
            programme=default_programme(),
            kind=obj.kind,
            reward=form.rewards["reward"],
            today=clock.now().date(),
            is_active=obj.is_active,
            days_before=obj.days_before,
            days_after=obj.days_after,
            leap=obj.leap,
            actor=user_actor(request.user),
        )
        obj.pk = made.pk
