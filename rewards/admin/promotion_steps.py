"""The steps of a version's life as pages that ask once more: review, date, tills, pause, end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.widgets import INPUT_CLASSES, UnfoldAdminTextInputWidget

from loyalty_crm.kernel.actors import Actor, user_actor
from loyalty_crm.kernel.admin_once import OnceForm, once
from loyalty_crm.kernel.errors import DomainError
from rewards.admin.builder.views import code_of
from rewards.admin.programmes import show_faults
from rewards.admin.sentences import Names, sentence
from rewards.models import Promotion, PromotionVersion
from rewards.services import promotions

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite

State = PromotionVersion.State
DRAFT, PUBLISH = "rewards.change_promotion", "rewards.publish_promotion"
APPROVE, ADD = "rewards.approve_promotion", "rewards.add_promotion"


class MomentInput(forms.DateTimeInput):
    """The browser's own calendar and clock."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__({"class": " ".join(INPUT_CLASSES)}, format="%Y-%m-%dT%H:%M")


class StepForm(OnceForm):
    """Nothing to fill in: the button is the question."""

    def __init__(self, *args: Any, version: PromotionVersion, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = ZoneInfo(version.promotion.programme.time_zone)

    def asked(self) -> dict[str, Any]:
        return {name: one for name, one in self.cleaned_data.items() if name != "key"}

    def moment(self, name: str) -> datetime | None:
        """A typed moment by the clock of the programme."""
        found: datetime | None = self.cleaned_data.get(name)
        return found.replace(tzinfo=self.zone) if found else None


class WhyForm(StepForm):
    reason = forms.CharField(
        label=gettext_lazy("reason"), max_length=300, widget=UnfoldAdminTextInputWidget
    )


class _Moment(forms.DateTimeField):
    """As it was typed: the form says by which clock it is meant."""

    widget = MomentInput

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        try:
            return datetime.fromisoformat(str(value)).replace(tzinfo=None)
        except ValueError as error:
            raise forms.ValidationError(_("Name a day and an hour.")) from error


class UntilForm(StepForm):
    ends_at = _Moment(label=gettext_lazy("ends"), required=False)


class DatesForm(UntilForm):
    field_order = ["starts_at", "ends_at"]
    starts_at = _Moment(label=gettext_lazy("starts"))


class CopyForm(StepForm):
    name = forms.CharField(
        label=gettext_lazy("name"), max_length=200, widget=UnfoldAdminTextInputWidget
    )


Work = Callable[[PromotionVersion, StepForm, Actor], object]


@dataclass(frozen=True, slots=True)
class Step:
    """A button of a version: who may press it, in which states, what it asks, what it does."""

    permission: str
    title: str | Promise
    says: str | Promise
    states: frozenset[str]
    work: Work
    shape: type[StepForm] = StepForm
    look: str = ""
    #: Whether an approval must be there (True), or must not (False).
    approved: bool | None = None

    def fits(self, version: PromotionVersion) -> bool:
        if version.state not in self.states:
            return False
        if self.approved is None or version.state != State.IN_REVIEW:
            return True
        return bool(version.approved_by) == self.approved


def _of_version(service: Callable[..., object]) -> Work:
    return lambda version, _form, actor: service(version=version, actor=actor)


def _of_promotion(service: Callable[..., object]) -> Work:
    return lambda version, _form, actor: service(promotion=version.promotion, actor=actor)


def _with_reason(service: Callable[..., object]) -> Work:
    return lambda version, form, actor: service(
        promotion=version.promotion, reason=form.cleaned_data["reason"], actor=actor
    )


def _reject(version: PromotionVersion, form: StepForm, actor: Actor) -> object:
    return promotions.reject(version=version, reason=form.cleaned_data["reason"], actor=actor)


def _publish(version: PromotionVersion, form: StepForm, actor: Actor) -> object:
    return promotions.go_live(
        version=version, starts_at=None, ends_at=form.moment("ends_at"), actor=actor
    )


def _schedule(version: PromotionVersion, form: StepForm, actor: Actor) -> object:
    starts_at = form.moment("starts_at")
    assert starts_at is not None
    return promotions.schedule(
        version=version, starts_at=starts_at, ends_at=form.moment("ends_at"), actor=actor
    )


def _duplicate(version: PromotionVersion, form: StepForm, actor: Actor) -> Promotion:
    name = form.cleaned_data["name"]
    code = code_of(f"{name} {form.cleaned_data['key'].hex[:6]}")
    return promotions.duplicate(version=version, code=code, name=name, actor=actor)


_WAITING = frozenset({State.DRAFT, State.IN_REVIEW, State.SCHEDULED})
STEPS: Mapping[str, Step] = {
    "publish": Step(
        PUBLISH, gettext_lazy("Publish now"),
        gettext_lazy("Sales from this moment count by it. What was live before ends."),
        _WAITING, _publish, UntilForm, "lc-primary", approved=True,
    ),
    "schedule": Step(
        PUBLISH, pgettext_lazy("a promotion", "Schedule"),
        gettext_lazy("It goes live and ends by itself, by the clock of the programme."),
        _WAITING, _schedule, DatesForm, approved=True,
    ),
    "approve": Step(
        APPROVE, gettext_lazy("Approve"), gettext_lazy("Then it may be published or scheduled."),
        frozenset({State.IN_REVIEW}), _of_version(promotions.approve), look="lc-primary",
        approved=False,
    ),
    "reject": Step(
        APPROVE, gettext_lazy("Send back"), gettext_lazy("It becomes a draft again."),
        frozenset({State.IN_REVIEW}), _reject, WhyForm,
    ),
    "submit": Step(
        DRAFT, gettext_lazy("Submit for review"),
        gettext_lazy("Somebody else reads it and approves it."),
        frozenset({State.DRAFT}), _of_version(promotions.submit),
    ),
    "withdraw": Step(
        DRAFT, gettext_lazy("Take back"), gettext_lazy("It becomes a draft again."),
        frozenset({State.IN_REVIEW, State.SCHEDULED}), _of_version(promotions.withdraw),
    ),
    "pause": Step(
        PUBLISH, gettext_lazy("Pause"), gettext_lazy("Sales from now on do not count by it."),
        frozenset({State.LIVE}), _with_reason(promotions.pause), WhyForm, "lc-danger",
    ),
    "resume": Step(
        PUBLISH, gettext_lazy("Resume"), gettext_lazy("It goes live again as a new version."),
        frozenset({State.PAUSED}), _of_promotion(promotions.resume), look="lc-primary",
    ),
    "end": Step(
        PUBLISH, pgettext_lazy("a promotion", "End"),
        gettext_lazy("It ends now, for good. A new draft may start it again."),
        frozenset({State.LIVE, State.PAUSED, State.SCHEDULED}), _with_reason(promotions.end),
        WhyForm, "lc-danger",
    ),
    "duplicate": Step(
        ADD, gettext_lazy("Duplicate"), gettext_lazy("A new promotion begins with these words."),
        frozenset(State.values), _duplicate, CopyForm,
    ),
    "discard": Step(
        DRAFT, gettext_lazy("Discard"), gettext_lazy("The draft is put away for good."),
        frozenset({State.DRAFT}), _of_version(promotions.discard), look="lc-danger",
    ),
}  # fmt: skip


def steps_of(version: PromotionVersion, may: Callable[[str], bool]) -> list[dict[str, Any]]:
    """The buttons of a version for somebody with these permissions."""
    needs_review = version.promotion.programme.promotions_need_review
    return [
        {"name": name, "title": step.title, "look": step.look, "url": url_of(name, version)}
        for name, step in STEPS.items()
        if step.fits(version) and may(step.permission) and not _waits(name, version, needs_review)
    ]


def _waits(name: str, version: PromotionVersion, needs_review: bool) -> bool:
    """Whether somebody has to approve first."""
    return needs_review and name in {"publish", "schedule"} and not version.approved_by


def url_of(name: str, version: PromotionVersion) -> str:
    args = [version.promotion_id, version.number]
    return reverse(f"admin:rewards_promotion_{name}", args=args)


class StepPages:
    """One page a step."""

    def __init__(self, site: AdminSite, opts: Any) -> None:
        self.site = site
        self.opts = opts

    def urls(self) -> list[URLPattern]:
        guard = self.site.admin_view
        return [
            path(
                f"<int:promotion_id>/{name}/<int:number>/",
                guard(self._page_of(name, step)),
                name=f"rewards_promotion_{name}",
            )
            for name, step in STEPS.items()
        ]

    def _page_of(self, name: str, step: Step) -> Callable[..., HttpResponse]:
        def page(request: HttpRequest, promotion_id: int, number: int) -> HttpResponse:
            return self.page(request, promotion_id, number, name, step)

        return page

    def page(
        self, request: HttpRequest, promotion_id: int, number: int, name: str, step: Step
    ) -> HttpResponse:
        """Ask once more, then do it; a second press of the same button does nothing."""
        if not request.user.has_perm(step.permission):
            raise PermissionDenied
        known = PromotionVersion.objects.select_related("promotion__programme")
        version = get_object_or_404(known, promotion_id=promotion_id, number=number)
        initial = {"name": _("%(name)s (copy)") % {"name": version.promotion.name}}
        form = step.shape(request.POST or None, version=version, initial=initial)
        if form.is_valid() and (done := self._do(request, form, version, step)):
            return HttpResponseRedirect(done)
        return self._ask(request, form, version, name, step)

    def _do(
        self, request: HttpRequest, form: StepForm, version: PromotionVersion, step: Step
    ) -> str:
        actor = user_actor(request.user)
        made: list[object] = []
        try:
            once(
                form=form,
                asked={**form.asked(), "at": request.path},
                work=lambda: made.append(step.work(version, form, actor)),
                actor=actor,
            )
        except DomainError as refusal:
            show_faults(form, refusal)
            return ""
        messages.success(request, str(step.title))
        new = next((one for one in made if isinstance(one, Promotion)), version.promotion)
        return reverse("admin:rewards_promotion_change", args=[new.pk])

    def _ask(
        self,
        request: HttpRequest,
        form: StepForm,
        version: PromotionVersion,
        name: str,
        step: Step,
    ) -> HttpResponse:
        programme = version.promotion.programme
        context = {
            **self.site.each_context(request),
            "opts": self.opts,
            "title": str(step.title),
            "promotion": version.promotion,
            "version": version,
            "form": form,
            "says": sentence(version.definition, programme, Names.behind([version.definition])),
            "explains": step.says,
            "zone": programme.time_zone if name in {"schedule", "publish"} else "",
        }
        return TemplateResponse(
            request,
            "admin/rewards/promotions/step.html",
            context,
            status=422 if form.errors else 200,
        )
