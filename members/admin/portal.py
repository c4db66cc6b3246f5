"""What members asked for on their page, to be answered; and where they are signed in."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from members.admin.cards import veiled_owner
from members.admin.lens import lens_of
from members.models import DataRequest
from members.services.portal.requests import close_request


@admin.register(DataRequest)
class DataRequestAdmin(ReadOnlyAdmin):
    """Wishes about data. The law gives 30 days: the oldest open ones come first."""

    list_filter = ["state", "kind"]
    list_select_related = ["member"]
    ordering = ["-state", "id"]
    sortable_by: list[str] = []
    actions = ["done", "refuse"]
    fields = ["kind", "state", "requested_at", "closed_at", "closed_by", "note"]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        owner = veiled_owner(lens_of(request.user))
        return ["requested_at", "kind", owner, "state", "closed_at", "closed_by"]

    def has_close_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("members.change_datarequest"))

    @admin.action(description=_("It is done"), permissions=["close"])
    def done(self, request: HttpRequest, queryset: QuerySet[DataRequest]) -> None:
        self._close(request, queryset, DataRequest.State.DONE)

    @admin.action(description=_("It is refused"), permissions=["close"])
    def refuse(self, request: HttpRequest, queryset: QuerySet[DataRequest]) -> None:
        self._close(request, queryset, DataRequest.State.REFUSED)

    def _close(
        self, request: HttpRequest, wishes: QuerySet[DataRequest], state: DataRequest.State
    ) -> None:
        actor, note = user_actor(request.user), _now("closed in the list of requests")
        for wish in wishes.select_related("member").order_by("id"):
            if close_request(request=wish, state=state, note=note, actor=actor):
                messages.success(request, _now("%(wish)s: done") % {"wish": wish})
