"""Kinds of actions, the queue of those that wait for a decision, and what came of all of them."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Model, QuerySet
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_chips import Colour, chip
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.staff import names_of
from rewards.admin.beyond.base import DecidedAdmin, SettingsAdmin, given_text, who
from rewards.forms.rewards import RewardFields, SettingsForm
from rewards.models import ActionEvent, EventKind
from rewards.services import events
from rewards.services.programmes import default_programme

State = ActionEvent.State
STATES: dict[str, Colour] = {
    State.PENDING: "warning",
    State.GRANTED: "success",
    State.REJECTED: "danger",
    State.OVER_LIMIT: "default",
    State.REVERSED: "danger",
}
CHART_DAYS = 30
COLOURS = {
    "granted": "#0e9f6e",
    "pending": "#f59e0b",
    "rejected": "#ef4444",
    "over_limit": "#94a3b8",
}


class EventKindForm(SettingsForm):
    reward_fields = {"reward": RewardFields()}

    class Meta:
        model = EventKind
        fields = ["name", "code", "once", "needs_approval", "needs_proof", "is_active"]
        help_texts = {
            "code": gettext_lazy(
                "Latin letters, digits and dashes. Other systems send it; it stays."
            ),
            "needs_approval": gettext_lazy("Actions wait in the queue until somebody decides."),
        }

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        taken = EventKind.objects.filter(programme__is_default=True, code=code)
        if taken.exclude(pk=self.instance.pk).exists():
            self.add_error("code", _("This code is taken."))
        return code


@admin.register(EventKind)
class EventKindAdmin(SettingsAdmin):
    """What actions earn."""

    form = EventKindForm
    told = ("gives",)
    groups = (
        (None, ["name", "code", "is_active"]),
        (gettext_lazy("Reward"), [*RewardFields().names(), "once"]),
        (gettext_lazy("Checks"), ["needs_approval", "needs_proof"]),
    )
    list_display = ["name", "code", "gives", "once", "needs_approval", "is_active"]
    list_select_related = ["programme"]
    search_fields = ["name", "code"]
    ordering = ["name", "pk"]
    sortable_by = ()

    @admin.display(description=gettext_lazy("gives"))
    def gives(self, kind: EventKind) -> str:
        reward = kind.reward
        return given_text(reward["kind"], reward["amount"], reward.get("code", ""), kind.programme)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["code"] if obj else []

    def save_model(self, request: HttpRequest, obj: EventKind, form: Any, change: bool) -> None:
        made = events.save_kind(
            programme=default_programme(),
            kind=obj if change else None,
            code=obj.code,
            reward=form.rewards["reward"],
            name=obj.name,
            once=obj.once,
            needs_approval=obj.needs_approval,
            needs_proof=obj.needs_proof,
            is_active=obj.is_active,
            actor=user_actor(request.user),
        )
        obj.pk = made.pk


@admin.register(ActionEvent)
class ActionEventAdmin(DecidedAdmin):
    """The queue of actions, and what became of each."""

    noun = "event"
    verbs = {
        "approve": (gettext_lazy("Approve and reward"), events.approve),
        "reject": (gettext_lazy("Reject"), events.reject),
        "reverse": (gettext_lazy("Take the reward back"), events.reverse),
    }
    permission = "rewards.decide_action"
    list_filter = ["state", "kind"]
    list_select_related = ["kind__programme", "member", "bonus"]
    search_fields = ["event_id__exact"]
    search_help_text = gettext_lazy("The whole id of the event")
    change_list_template = "admin/rewards/action_list.html"
    actions = ["approve_chosen"]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        @admin.display(description=gettext_lazy("member"))
        def member(event: ActionEvent) -> str:
            return str(who(request, event.member))

        return ["recorded_at", "kind", member, "proof", "given", "chip_of_state", "reason"]

    @admin.display(description=gettext_lazy("proof"))
    def proof(self, event: ActionEvent) -> str:
        """As text: the admin links to nothing outside."""
        return event.proof_url[:60] or event.proof_text[:60]

    @admin.display(description=gettext_lazy("given"))
    def given(self, event: ActionEvent) -> str:
        bonus = event.bonus
        if bonus is None:
            return ""
        return given_text(bonus.kind, bonus.amount, bonus.code, event.kind.programme)

    @chip(gettext_lazy("state"), STATES)
    def chip_of_state(self, event: ActionEvent) -> tuple[str, str]:
        return event.state, event.get_state_display()

    def get_actions(self, request: HttpRequest) -> Any:
        return super().get_actions(request) if request.user.has_perm(self.permission) else {}

    @admin.action(description=gettext_lazy("Approve and reward"))
    def approve_chosen(self, request: HttpRequest, queryset: QuerySet[ActionEvent]) -> None:
        """Each in a transaction of its own; one that can't be rewarded stops no other."""
        done = 0
        for event in queryset.filter(state=State.PENDING).order_by("pk")[: self.list_per_page]:
            try:
                events.approve(event=event, actor=user_actor(request.user))
                done += 1
            except DomainError as refusal:
                messages.error(request, f"{event.event_id}: {refusal.message}")
        messages.success(
            request, ngettext("%d action was rewarded.", "%d actions were rewarded.", done) % done
        )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        shown = {
            "waiting": ActionEvent.objects.filter(state=State.PENDING)[:1000].count(),
            "chart": json.dumps(chart_of_days()),
            "may_set_kinds": request.user.has_perm("rewards.change_eventkind"),
        }
        page: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **shown})
        return page

    def title_of(self, row: ActionEvent) -> str:
        return f"{row.kind.name}: {row.event_id}"

    def open_verbs(self, row: ActionEvent) -> list[str]:
        return {State.PENDING: ["approve", "reject"], State.GRANTED: ["reverse"]}.get(
            State(row.state), []
        )

    def facts(self, request: HttpRequest, row: ActionEvent) -> list[tuple[Any, Any]]:
        decided = names_of([row.decided_by])[row.decided_by] if row.decided_by else ""
        return [
            (_("member"), who(request, row.member)),
            (_("state"), row.get_state_display()),
            (_("given"), self.given(row)),
            (_("why"), row.reason),
            (_("decided by"), decided),
            (_("object"), row.object_ref),
            (_("link"), row.proof_url),
            (_("text"), row.proof_text),
            (_("happened at"), date_format(row.occurred_at, "SHORT_DATETIME_FORMAT")),
            (_("source"), row.source),
        ]


def chart_of_days() -> dict[str, Any] | None:
    """Actions of the last days by state, for Chart.js. One query over the index of moments."""
    since = clock.now() - timedelta(days=CHART_DAYS)
    counted = (
        ActionEvent.objects.filter(recorded_at__gte=since)
        .annotate(day=TruncDate("recorded_at"))
        .values("day", "state")
        .annotate(n=Count("pk"))
    )
    by_state: dict[str, dict[Any, int]] = defaultdict(dict)
    for row in counted:
        by_state[row["state"]][row["day"]] = row["n"]
    days = sorted({day for line in by_state.values() for day in line})
    if not days:
        return None
    return {
        "labels": [date_format(day, "j M") for day in days],
        "datasets": [
            {
                "label": str(State(state).label).capitalize(),
                "data": [by_state[state].get(day, 0) for day in days],
                "backgroundColor": colour,
                "displayYAxis": True,
                "maxTicksXLimit": CHART_DAYS,
            }
            for state, colour in COLOURS.items()
        ],
    }
