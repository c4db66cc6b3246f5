"""The programme's rules for everybody: as they are now, and as they were published."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from loyalty_crm.kernel import clock, stamps
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from rewards.admin.rules_text import rules_text
from rewards.errors import ProgrammeMissing
from rewards.models import Programme, ProgrammeRules
from rewards.services import rule_sets
from rewards.services.programmes import default_programme
from rewards.services.rules_page import Text, digest_of, latest_rules, publish_rules

VERSIONS = 50

# What the rules come to in this minute, by the stamp that they were read at: a page that
# anybody may ask for reads the promotions once a minute at most.
_kept: dict[tuple[int, str], Text] = {}


def live_text(programme: Programme, stamp: int) -> Text:
    """The rules as they are now, in every language. Promotions begin and end by the minute."""
    now = clock.now()
    key = (stamp, now.strftime("%Y-%m-%dT%H:%M"))
    if (text := _kept.get(key)) is None:
        text = rules_text(programme, now)
        _kept.clear()
        _kept[key] = text
    return text


def forget() -> None:
    """For tests, whose databases begin anew at the same stamp."""
    _kept.clear()


@require_safe
def current(request: HttpRequest) -> HttpResponse:
    """The live rules, and which published version says the same."""
    stamp = stamps.current().get(rule_sets.STAMP, 0)
    try:
        programme = rule_sets.current(stamp).programme
    except ProgrammeMissing as missing:
        raise Http404 from missing
    text = live_text(programme, stamp)
    versions = list(programme.published_rules.defer("text").order_by("-number")[: VERSIONS + 1])
    latest = versions[0] if versions else None
    context = {
        "latest": latest,
        "is_published": latest is not None and latest.digest == digest_of(text),
        "digest": digest_of(text),
        "versions": versions[:VERSIONS],
    }
    return _page(request, text, {**context, "programme": programme})


@require_safe
def version(request: HttpRequest, number: int) -> HttpResponse:
    """One version, word for word as it was published."""
    found = ProgrammeRules.objects.filter(programme__is_default=True, number=number)
    rules = get_object_or_404(found.select_related("programme"))
    context = {"rules": rules, "digest": rules.digest, "programme": rules.programme}
    return _page(request, rules.text, context)


def _page(request: HttpRequest, text: Text, context: dict[str, Any]) -> HttpResponse:
    """In the language that the address asks for, else the reader's."""
    language = _language(request, text)
    with translation.override(language):
        shown = {**context, "text": text[language], "languages": settings.LANGUAGES}
        return render(request, "rules.html", shown)


def _language(request: HttpRequest, text: Text) -> str:
    asked = request.GET.get("language") or translation.get_language() or ""
    return asked if asked in text else next(iter(text))


@admin.register(ProgrammeRules)
class RulesAdmin(ReadOnlyAdmin):
    """Versions of the public page, and the button that publishes the next one."""

    list_display = ["number", "published_at", "published_by", "fingerprint"]
    ordering = ["-number"]
    sortable_by = ()
    list_before_template = "admin/rewards/_rules_top.html"

    @admin.display(description=gettext_lazy("fingerprint"))
    def fingerprint(self, rules: ProgrammeRules) -> str:
        return rules.digest[:12]

    def get_urls(self) -> list[URLPattern]:
        publish = self.admin_site.admin_view(require_POST(self.publish))
        return [
            path("publish/", publish, name="rewards_programmerules_publish"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """With a word about what would be published."""
        programme = default_programme()
        latest = latest_rules(programme)
        digest = digest_of(rules_text(programme, clock.now()))
        context = {
            "may_publish": request.user.has_perm("rewards.publish_promotion"),
            "is_behind": latest is None or latest.digest != digest,
        }
        listed: HttpResponse = super().changelist_view(
            request, {**context, **(extra_context or {})}
        )
        return listed

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A version looks like what everybody sees of it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rules = get_object_or_404(ProgrammeRules, pk=object_id if object_id.isdecimal() else 0)
        return HttpResponseRedirect(reverse("rules-version", args=[rules.number]))

    def publish(self, request: HttpRequest) -> HttpResponse:
        """The live rules become the next version. Pressing twice publishes once."""
        if not request.user.has_perm("rewards.publish_promotion"):
            raise PermissionDenied
        programme = default_programme()
        rules = publish_rules(
            programme=programme,
            text=rules_text(programme, clock.now()),
            actor=user_actor(request.user),
        )
        said = _("Version %(number)s of the rules is public.") % {"number": rules.number}
        messages.success(request, said)
        return HttpResponseRedirect(reverse("admin:rewards_programmerules_changelist"))
