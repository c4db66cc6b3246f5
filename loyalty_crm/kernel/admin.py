"""The kernel's pages for operators: integrations and their keys, the trail, events, jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import TabularInline
from unfold.decorators import action

from loyalty_crm.kernel import api_keys, audit, outbox
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import KernelAdmin, ReadOnlyAdmin
from loyalty_crm.kernel.clock import now
from loyalty_crm.kernel.models import ApiKey, AuditEntry, Integration, Job, Message, OutboxEvent
from loyalty_crm.kernel.scopes import SCOPES

OVERLAP = timedelta(hours=24)


class IntegrationForm(forms.ModelForm):  # type: ignore[type-arg]
    """Scopes are ticked, stores are written with commas."""

    scopes = forms.MultipleChoiceField(
        label=_("Scopes"), choices=list(SCOPES.items()), widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = Integration
        fields = ["name", "scopes", "stores", "is_active"]


class ApiKeyInline(TabularInline):
    """Keys to look at; they are issued and ended by the buttons above."""

    model = ApiKey
    extra = 0
    can_delete = False
    fields = ["public_id", "state", "created_at", "expires_at", "revoked_at", "last_used_at"]
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("state"))
    def state(self, key: ApiKey) -> str:
        return key.state(now())


@admin.register(Integration)
class IntegrationAdmin(KernelAdmin):
    form = IntegrationForm
    list_display = ["name", "scope_list", "store_list", "is_active", "created_at"]
    list_filter = ["is_active"]
    search_fields = ["name"]
    ordering = ["name"]
    readonly_fields = ["public_id", "created_at"]
    inlines = [ApiKeyInline]
    actions_detail = ["rotate", "revoke_all"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Its id stands in ledgers and trails: switch it off instead.
        return False

    def save_model(self, request: HttpRequest, obj: Integration, form: Any, change: bool) -> None:
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            audit.record(
                action="integration.changed" if change else "integration.created",
                object_type="integration",
                object_id=str(obj.public_id),
                after={name: form.cleaned_data[name] for name in form.changed_data},
                actor=user_actor(request.user),
            )

    @action(description=_("Issue a key"), permissions=["change"])  # type: ignore[untyped-decorator]
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks first; a POST issues the key and shows it on a page that nobody may keep."""
        integration = get_object_or_404(Integration, pk=object_id)
        question = _("Issue a new key? Keys issued earlier will be accepted for 24 more hours.")
        if request.method != "POST":
            return self._page(request, integration, question=question)
        token = api_keys.rotate_key(
            integration=integration, overlap=OVERLAP, now=now(), actor=user_actor(request.user)
        )
        page = self._page(request, integration, token=token)
        add_never_cache_headers(page)
        return page

    @action(description=_("Revoke every key"), permissions=["change"])  # type: ignore[untyped-decorator]
    def revoke_all(self, request: HttpRequest, object_id: str) -> HttpResponse:
        integration, moment = get_object_or_404(Integration, pk=object_id), now()
        question = _("Revoke every key? The integration can't call the API until it has a new one.")
        if request.method != "POST":
            return self._page(request, integration, question=question)
        for key in integration.keys.live(moment):
            api_keys.revoke_key(key=key, now=moment, actor=user_actor(request.user))
        messages.success(request, _("No key of this integration is accepted any more."))
        return redirect("admin:kernel_integration_change", object_id)

    def _page(self, request: HttpRequest, integration: Integration, **more: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": integration.name, **more}
        return TemplateResponse(
            request,
            "kernel/integration_key.html",
            {**context, "integration": integration, "opts": self.model._meta},  # noqa: SLF001
        ).render()

    @admin.display(description=_("scopes"))
    def scope_list(self, integration: Integration) -> str:
        return ", ".join(integration.scopes)

    @admin.display(description=_("stores"))
    def store_list(self, integration: Integration) -> str:
        return ", ".join(integration.stores) or str(_("every store"))


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["recorded_at", "actor", "action", "object_type", "object_id", "store", "reason"]
    search_fields = ["object_id__exact", "actor__exact"]
    search_help_text = _("The whole id of an object, or an actor such as user:5")
    ordering = ["-id"]
    sortable_by = ()


class StateFilter(admin.SimpleListFilter):
    """Dead letters and the queue: the two questions there are."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("dead", _("given up")), ("waiting", _("waiting"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[OutboxEvent]
    ) -> QuerySet[OutboxEvent]:
        match self.value():
            case "dead":
                return queryset.filter(dead_at__isnull=False)
            case "waiting":
                return queryset.filter(published_at=None, dead_at=None)
        return queryset


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "kind", "object_type", "object_id", "attempts", "state", "error"]
    list_filter = [StateFilter]
    search_fields = ["object_id__exact"]
    ordering = ["-id"]
    sortable_by = ()
    actions = ["retry"]

    @admin.action(description=_("Try again"), permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[OutboxEvent]) -> None:
        revived = outbox.revive(list(queryset.values_list("pk", flat=True)))
        text = ngettext("%(count)s event will be tried", "%(count)s events will be tried", revived)
        messages.success(request, text % {"count": revived})

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("kernel.change_outboxevent")

    @admin.display(description=_("state"))
    def state(self, event: OutboxEvent) -> str:
        if event.dead_at:
            return str(_("given up"))
        return str(_("published") if event.published_at else _("waiting"))

    @admin.display(description=_("last error"))
    def error(self, event: OutboxEvent) -> str:
        return event.last_error[:80]


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "kind", "state", "progress", "created_by", "heartbeat_at"]
    list_filter = ["state"]
    search_fields = ["kind__exact", "public_id__exact"]
    ordering = ["-id"]
    sortable_by = ()

    @admin.display(description=_("done"))
    def progress(self, job: Job) -> str:
        return f"{job.done} / {job.total}" if job.total else str(job.done)


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """Service messages. With the local sink this is where sign-in codes are read."""

    list_display = ["created_at", "kind", "channel", "address", "text", "state", "provider"]
    list_filter = ["state", "channel"]
    search_fields = ["address__exact", "about__exact"]
    search_help_text = _("The whole phone or e-mail address, or the id of a member")
    ordering = ["-id"]
    sortable_by = ()

    @admin.display(description=_("text"))
    def text(self, message: Message) -> str:
        return message.body[:120]
