"""The builder's pages: a new promotion, a new version of one, and the search of its fields."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import slugify
from django.utils.translation import gettext as _

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_once import OnceForm, once
from loyalty_crm.kernel.errors import DomainError
from rewards.admin.builder.faults import Fault
from rewards.admin.builder.page import Form
from rewards.admin.builder.preview import preview_of
from rewards.admin.builder.sample_form import sample_values
from rewards.admin.builder.sources import SOURCES
from rewards.models import Programme, Promotion, PromotionVersion
from rewards.services import promotions, samples
from rewards.services.programmes import default_programme

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite

ADD, DRAFT = "rewards.add_promotion", "rewards.change_promotion"
#: A rule that does nothing yet; the builder opens with it.
BLANK: Mapping[str, Any] = {}


class BuilderPages:
    """Needs the admin site for its frame, and the options of the model for the trail of crumbs."""

    def __init__(self, site: AdminSite, opts: Any) -> None:
        self.site = site
        self.opts = opts

    def urls(self) -> list[URLPattern]:
        guard = self.site.admin_view
        own: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("build/", self.new_page, "rewards_promotion_build"),
            ("build/find/<slug:source>/", self.find, "rewards_promotion_find"),
            ("<int:promotion_id>/build/", self.word_page, "rewards_promotion_word"),
        ]
        return [path(at, guard(view), name=name) for at, view, name in own]

    def new_page(self, request: HttpRequest) -> HttpResponse:
        """A promotion that does not exist yet; ``like`` names a version to begin with."""
        if not request.user.has_perm(ADD):
            raise PermissionDenied
        programme = default_programme()
        if request.method == "POST":
            return self._sent(request, Form.sent(programme, None, request.POST))
        document, about = self._begin(request)
        return self.show(request, new_form(programme, document, about))

    def _begin(self, request: HttpRequest) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        like = request.GET.get("like", "")
        if not like.isdecimal():
            return BLANK, {}
        version = get_object_or_404(PromotionVersion.objects.select_related("promotion"), pk=like)
        name = _("%(name)s (copy)") % {"name": version.promotion.name}
        return version.definition, {"name": name[:200], "priority": version.priority}

    def word_page(self, request: HttpRequest, promotion_id: int) -> HttpResponse:
        """A new version of a promotion; the form begins with the words of the last one."""
        if not request.user.has_perm(DRAFT):
            raise PermissionDenied
        known = Promotion.objects.select_related("programme")
        promotion = get_object_or_404(known, pk=promotion_id)
        if request.method == "POST":
            return self._sent(request, Form.sent(promotion.programme, promotion, request.POST))
        version = promotion.versions.order_by("-number").first()
        document = version.definition if version else BLANK
        about = {"name": promotion.name, "priority": version.priority if version else 100}
        return self.show(request, new_form(promotion.programme, document, about, promotion))

    def find(self, request: HttpRequest, source: str) -> HttpResponse:
        """The first few goods, stores or others that a text may mean."""
        if not request.user.has_perm("rewards.view_promotion"):
            raise PermissionDenied
        text = request.GET.get("q", "").strip()[:80]
        found = SOURCES[source].find(text) if text and source in SOURCES else []
        context = {"found": found, "text": text, "at": request.GET.get("at", "")[:300]}
        return render(request, "admin/rewards/promotions/_found.html", context)

    def _sent(self, request: HttpRequest, form: Form) -> HttpResponse:
        asked = request.POST.get("do", "")
        if asked == "save":
            form.strict = True
            if not form.faults and (made := self._save(request, form)):
                return HttpResponseRedirect(made)
            return self.show(request, form, status=422)
        if not getattr(request, "htmx", False):
            return self.show(request, form)
        template = "_builder.html" if asked else "_preview_only.html"
        return render(request, f"admin/rewards/promotions/{template}", self._context(request, form))

    def _save(self, request: HttpRequest, form: Form) -> str:
        """Where to go next; empty when the services refuse."""
        once_form = OnceForm({"key": request.POST.get("key", "")})
        if not once_form.is_valid():
            form.extra.append(Fault("about", "key", _("Load the page again.")))
            return ""
        actor, code = user_actor(request.user), form.about["code"] or code_of(form.about["name"])

        def work() -> None:
            made = form.promotion or promotions.create(
                programme=form.programme, code=code, name=form.about["name"], actor=actor
            )
            if form.promotion and form.about["name"] != made.name:
                promotions.rename(promotion=made, name=form.about["name"], actor=actor)
            promotions.draft(
                promotion=made,
                definition=form.document,
                priority=form.about["priority"],
                actor=actor,
            )

        asked = {"definition": form.document, "about": form.about, "at": request.path}
        try:
            once(form=once_form, asked=asked, work=work, actor=actor)
        except DomainError as refusal:
            form.refuse(refusal)
            return ""
        messages.success(request, _("The draft is saved."))
        made = form.promotion or Promotion.objects.get(programme=form.programme, code=code)
        return reverse("admin:rewards_promotion_change", args=[made.pk])

    def show(
        self, request: HttpRequest, form: Form, status: int = 200, action: str = ""
    ) -> HttpResponse:
        """The whole page. ``action`` is where the form goes, when not to this address."""
        title = _("New version") if form.promotion else _("New promotion")
        context = {
            **self.site.each_context(request),
            "opts": self.opts,
            "title": title,
            **self._context(request, form, action),
        }
        return TemplateResponse(
            request, "admin/rewards/promotions/builder.html", context, status=status
        )

    def _context(self, request: HttpRequest, form: Form, action: str = "") -> dict[str, Any]:
        key = request.POST.get("key") or str(uuid.uuid4())
        return {
            "form": form,
            "promotion": form.promotion,
            "action": action or request.path,
            "key": key,
            "preview": preview_of(form, clock.now()),
        }


def new_form(
    programme: Programme,
    document: Mapping[str, Any],
    about: Mapping[str, Any],
    promotion: Promotion | None = None,
) -> Form:
    """The builder opened with a definition, and with a basket that suits it."""
    form = Form.of(programme, promotion, document, about, {})
    sample = samples.first_sample(document, clock.now())
    return Form.of(programme, promotion, document, about, sample_values(sample, form.zone()))


def code_of(name: str) -> str:
    """A code made of a name; of one that has no Latin letters, something that nobody uses."""
    return slugify(name)[:60] or f"promotion-{uuid.uuid4().hex[:8]}"
