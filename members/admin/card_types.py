"""Card types and batches of numbers: what there is, how far it is, which cards never woke up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Min, Model, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import KernelAdmin, ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import Colour, chip
from loyalty_crm.kernel.admin_once import once
from loyalty_crm.kernel.errors import DomainError
from members.admin.card_forms import BatchForm, PrintForm, TypeForm
from members.models import Card, CardBatch, CardType
from members.services import card_batches, card_sheets, card_types

MANAGE = "members.manage_cards"
_LOOKS: dict[str, Colour] = {
    CardBatch.State.READY: "success",
    CardBatch.State.GENERATING: "info",
    CardBatch.State.DRAFT: "default",
}
AGES = [(7, gettext_lazy("up to a week")), (30, gettext_lazy("up to a month")),
        (90, gettext_lazy("up to three months")), (36_500, gettext_lazy("longer"))]  # fmt: skip


@admin.register(CardType)
class CardTypeAdmin(KernelAdmin):
    """A type is never deleted, since cards name it: it is switched off."""

    form = TypeForm
    list_display = ["name", "kind", "activation", "number_prefix", "tag", "is_default", "is_active"]
    list_filter = ["kind", "is_active"]
    list_select_related = ["tag"]
    search_fields = ["code", "name"]
    ordering = ["name"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: CardType, form: Any, change: bool) -> None:
        card_types.save_type(card_type=obj, actor=user_actor(request.user))

    def get_urls(self) -> list[URLPattern]:
        asleep = self.admin_site.admin_view(self.asleep_page)
        return [path("asleep/", asleep, name="members_cards_asleep"), *super().get_urls()]

    def asleep_page(self, request: HttpRequest) -> HttpResponse:
        """Cards that were handed out and cannot pay yet: by type, and for how long."""
        if not request.user.has_perm("members.view_card"):
            raise PermissionDenied
        rows = asleep_by_type()
        most = max((count for row in rows for _title, count, _share in row["ages"]), default=1)
        for row in rows:
            row["ages"] = [
                (title, count, count * 100 // max(most, 1)) for title, count, _s in row["ages"]
            ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Handed out, not activated"),
            "rows": rows,
            "total": sum(row["total"] for row in rows),
        }
        return TemplateResponse(request, "admin/members/asleep.html", context)


def asleep_by_type() -> list[dict[str, Any]]:
    """One query by the index of sleeping cards."""
    now, before, counts = clock.now(), None, {}
    for days, _title in AGES:
        since = now - timedelta(days=days)
        young = Q(issued_at__gt=since)
        counts[f"age_{days}"] = Count(
            "id", filter=young & Q(issued_at__lte=before) if before else young
        )
        before = since
    asleep = Card.objects.filter(status=Card.Status.ISSUED, issued_at__isnull=False)
    grouped: Any = asleep.values("type__name", "type__activation").annotate(
        total=Count("id"), oldest=Min("issued_at"), **counts
    )
    ways = dict(CardType.Activation.choices)
    return [
        {
            "name": row["type__name"] or _("Cards without a type"),
            "way": ways.get(row["type__activation"], _("when phone and consent are known")),
            "total": row["total"],
            "oldest": row["oldest"],
            "ages": [(title, row[f"age_{days}"], 0) for days, title in AGES],
        }
        for row in grouped.order_by("-total", "type__name")
    ]


@admin.register(CardBatch)
class CardBatchAdmin(ReadOnlyAdmin):
    list_display = ["name", "type", "chip_of_state", "progress", "created_at"]
    list_filter = ["state", "type"]
    list_select_related = ["type"]
    ordering = ["-created_at", "-id"]
    sortable_by = ()

    @chip(gettext_lazy("state"), _LOOKS)
    def chip_of_state(self, batch: CardBatch) -> tuple[str, str]:
        return batch.state, batch.get_state_display()

    @admin.display(description=gettext_lazy("cards"))
    def progress(self, batch: CardBatch) -> str:
        return f"{batch.made:,} / {batch.wanted:,}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("members.add_cardbatch"))

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        own: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("<int:batch_id>/resume/", require_POST(self.resume_page), "resume"),
            ("<int:batch_id>/stop/", require_POST(self.stop_page), "stop"),
            ("<int:batch_id>/print/", self.print_page, "print"),
        ]
        names = [path(at, guard(view), name=f"members_cardbatch_{name}") for at, view, name in own]
        return [*names, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = BatchForm(request.POST or None)
        if form.is_valid() and (batch := self._ordered(request, form)):
            return HttpResponseRedirect(reverse("admin:members_cardbatch_change", args=[batch.pk]))
        context = {"form": form, "back": reverse("admin:members_cardbatch_changelist")}
        return self._page(request, _("Order numbers"), "card_form.html", context, form.errors)

    def _ordered(self, request: HttpRequest, form: BatchForm) -> CardBatch | None:
        """The batch of this form, made by whichever of two clicks was first."""
        actor, asked = user_actor(request.user), form.asked()
        order = partial(
            card_batches.order_batch,
            card_type=form.cleaned_data["type"],
            name=form.cleaned_data["name"],
            count=form.cleaned_data["count"],
            actor=actor,
        )
        try:
            once(form=form, asked=asked, work=order, actor=actor)
        except DomainError as refusal:
            show(form, refusal)
            return None
        return CardBatch.objects.filter(created_by=actor.label).latest("id")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        batch = self._batch(object_id)
        counts = Card.objects.filter(batch=batch).values("status").annotate(count=Count("id"))
        by_state = {row["status"]: row["count"] for row in counts}
        context = {
            "batch": batch,
            "percent": 100 * batch.made // batch.wanted,
            "states": [(label, by_state.get(state, 0)) for state, label in Card.Status.choices],
            "may_change": request.user.has_perm("members.add_cardbatch"),
            "form": PrintForm(batch=batch)
            if request.user.has_perm(MANAGE) and batch.made
            else None,
        }
        return self._page(request, batch.name, "card_batch.html", context)

    def resume_page(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        return self._step(request, batch_id, card_batches.resume_batch)

    def stop_page(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        return self._step(request, batch_id, card_batches.stop_batch)

    def _step(
        self, request: HttpRequest, batch_id: int, verb: Callable[..., CardBatch]
    ) -> HttpResponse:
        if not request.user.has_perm("members.add_cardbatch"):
            raise PermissionDenied
        verb(batch=self._batch(str(batch_id)), actor=user_actor(request.user))
        return HttpResponseRedirect(reverse("admin:members_cardbatch_change", args=[batch_id]))

    def print_page(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """The sheets of a part of the batch. Whole numbers: only for who may manage cards."""
        if not request.user.has_perm(MANAGE):
            raise PermissionDenied
        batch = self._batch(str(batch_id))
        form = PrintForm(request.POST or None, batch=batch)
        if not form.is_valid():
            page = reverse("admin:members_cardbatch_change", args=[batch_id])
            for faults in form.errors.values():
                messages.error(request, str(faults[0]))
            return HttpResponseRedirect(page)
        drawn = card_sheets.sheets_of_batch(
            batch=batch, actor=user_actor(request.user), **form.cleaned_data
        )
        response = HttpResponse(drawn, content_type="application/pdf")
        response.headers["Content-Disposition"] = f'attachment; filename="cards-{batch.pk}.pdf"'
        add_never_cache_headers(response)
        return response

    def _batch(self, key: str) -> CardBatch:
        batches = CardBatch.objects.select_related("type__design", "job")
        return get_object_or_404(batches, pk=key if key.isdecimal() and len(key) < 18 else 0)

    def _page(
        self,
        request: HttpRequest,
        title: str,
        template: str,
        context: dict[str, Any],
        faults: Any = None,
    ) -> HttpResponse:
        whole = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            **context,
        }
        return TemplateResponse(
            request, f"admin/members/{template}", whole, status=422 if faults else 200
        )


def show(form: Any, refusal: DomainError) -> None:
    """The refusal beside the field it speaks of."""
    named = str(refusal.detail.get("pointer", "")).strip("/")
    form.add_error(named if named in form.fields else None, refusal.message)
