"""The designer of cards: texts, colours, a logo, and beside them what it will look like."""

from __future__ import annotations

from copy import copy
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import KernelAdmin
from loyalty_crm.kernel.errors import DomainError
from members.admin.card_forms import DesignForm
from members.admin.card_types import show
from members.models import CardDesign
from members.rules.card_art import back_svg, front_svg
from members.rules.drawing import barcode_svg, qr_svg
from members.services import card_sheets, card_types
from members.services.card_faces import face_of

#: A number that no card has: eight zeros are not random.
SAMPLE = "900000000000000008"


@admin.register(CardDesign)
class CardDesignAdmin(KernelAdmin):
    list_display = ["name", "title", "code", "whole", "updated_at"]
    search_fields = ["name", "title"]
    ordering = ["name"]

    @admin.display(boolean=True, description=_("mandatory texts"))
    def whole(self, design: CardDesign) -> bool:
        return not design.missing

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        return [
            path("preview/", guard(require_POST(self.preview)), name="members_carddesign_preview"),
            path("<int:design_id>/sheet/", guard(self.sheet), name="members_carddesign_sheet"),
            *super().get_urls(),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return self._designer(request, CardDesign())

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        pk = object_id if object_id.isdecimal() and len(object_id) < 18 else 0
        return self._designer(request, get_object_or_404(CardDesign, pk=pk))

    def _designer(self, request: HttpRequest, design: CardDesign) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        may = request.user.has_perm("members.change_carddesign")
        if not may and (request.method == "POST" or design.pk is None):
            raise PermissionDenied
        form = DesignForm(request.POST or None, request.FILES or None, instance=copy(design))
        if form.is_valid() and self._save(request, form):
            return HttpResponseRedirect(
                reverse("admin:members_carddesign_change", args=[form.instance.pk])
            )
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": design.name or _("A new card design"),
            "design": design,
            "form": form,
            "may_change": may,
            **previews(form.instance if not form.errors else design),
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "admin/members/card_design.html", context, status=status)

    def _save(self, request: HttpRequest, form: DesignForm) -> bool:
        logo = form.cleaned_data.get("picture")
        try:
            card_types.save_design(
                design=form.instance,
                logo=logo.read() if logo else None,
                without_logo=form.cleaned_data["without_logo"],
                actor=user_actor(request.user),
            )
        except DomainError as refusal:
            show(form, refusal)
            return False
        messages.success(request, _("The design is saved."))
        return True

    def preview(self, request: HttpRequest) -> HttpResponse:
        """What the form as it stands would look like; nothing is kept."""
        if not request.user.has_perm("members.view_carddesign"):
            raise PermissionDenied
        key = request.POST.get("design", "")
        known = (
            CardDesign.objects.filter(pk=key).first() if key.isdecimal() and len(key) < 18 else None
        )
        form = DesignForm(request.POST, instance=known or CardDesign())
        form.is_valid()
        wrong = {name for name in form.errors if name in ("background", "foreground", "accent")}
        for name in wrong:
            setattr(form.instance, name, getattr(CardDesign(), name))
        return render(request, "admin/members/_card_preview.html", previews(form.instance))

    def sheet(self, request: HttpRequest, design_id: int) -> HttpResponse:
        """One sheet of samples with both sides, to be laid before the print shop."""
        if not request.user.has_perm("members.view_carddesign"):
            raise PermissionDenied
        design = get_object_or_404(CardDesign, pk=design_id)
        drawn = card_sheets.draw_sheets(design, [SAMPLE] * card_sheets.ON_A_SHEET, backs=True)
        response = HttpResponse(drawn, content_type="application/pdf")
        response.headers["Content-Disposition"] = 'attachment; filename="sample.pdf"'
        return response


def previews(design: CardDesign) -> dict[str, Any]:
    """The card's two sides, and how it stands in a phone's wallet. Every text is escaped there."""
    face = face_of(design)
    code = qr_svg(SAMPLE) if design.code == CardDesign.Code.QR else barcode_svg(SAMPLE)
    return {
        "face": face,
        "front": mark_safe(front_svg(face, holder="", number=SAMPLE, with_code=True)),  # noqa: S308
        "back": mark_safe(back_svg(face)),  # noqa: S308
        "code_svg": mark_safe(code),  # noqa: S308
        "missing": design.missing,
    }
