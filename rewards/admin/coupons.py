"""Coupons in the back office: batches and how far they are, single codes, exports by two."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty_crm.kernel import audit, clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import Colour, chip
from loyalty_crm.kernel.admin_once import OnceForm, once
from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.staff import names_of
from rewards.admin.member_panels import asked_for
from rewards.admin.programmes import show_faults
from rewards.forms.coupons import BatchForm, CodeForm, IssueForm, PassphraseForm, RevokeForm
from rewards.forms.wallets import ReasonForm
from rewards.models import Coupon, CouponBatch, CouponExport
from rewards.rules.codes import shown
from rewards.services.coupons import batches, exporting, issuing
from rewards.services.coupons.guessing import guarded_codes
from rewards.services.programmes import default_programme

State = CouponBatch.State
CHANGE, ISSUE = "rewards.change_couponbatch", "rewards.issue_coupon"
EXPORT, APPROVE = "rewards.export_coupons", "rewards.approve_coupon_export"
EXPORTS = COUPONS = 20
Url = tuple[str, Callable[..., HttpResponse], str]

_LOOKS: dict[str, Colour] = {
    State.READY: "success",
    State.GENERATING: "info",
    State.CLOSED: "default",
}
_SAID_OF_EXPORTS = {
    "requested": gettext_lazy("waits for approval"),
    "approved": gettext_lazy("approved"),
    "refused": gettext_lazy("refused"),
    "downloaded": gettext_lazy("downloaded"),
    "expired": gettext_lazy("not downloaded in time"),
}


@admin.register(CouponBatch)
class CouponBatchAdmin(ReadOnlyAdmin):
    list_display = ["name", "promotion", "kind", "chip_of_state", "progress", "created_at"]
    list_filter = ["state", "kind"]
    search_fields = ["name"]
    list_select_related = ["promotion"]
    ordering = ["-created_at", "-id"]
    sortable_by = ()

    @chip(gettext_lazy("state"), _LOOKS)
    def chip_of_state(self, batch: CouponBatch) -> tuple[str, str]:
        return batch.state, batch.get_state_display()

    @admin.display(description=gettext_lazy("codes"))
    def progress(self, batch: CouponBatch) -> str:
        return f"{batch.made:,} / {batch.wanted:,}" if batch.wanted else "–"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("rewards.add_couponbatch"))

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        own: list[Url] = [
            ("find/", self.find_page, "rewards_couponbatch_find"),
            ("revoke/", self.revoke_page, "rewards_couponbatch_revoke"),
            ("<int:batch_id>/order/", self.order_page, "rewards_couponbatch_order"),
            ("<int:batch_id>/stop/", self.stop_page, "rewards_couponbatch_stop"),
            ("<int:batch_id>/close/", self.close_page, "rewards_couponbatch_close"),
            ("<int:batch_id>/export/", self.export_page, "rewards_couponbatch_export"),
            ("member/<int:member_id>/", coupons_panel, "rewards_member_coupons"),
            ("member/<int:member_id>/issue/", self.issue_page, "rewards_member_coupon"),
        ]
        return [*(path(at, guard(view), name=name) for at, view, name in own), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One batch: its terms, how far it is, and who took its codes out of the house."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        batch = self._batch(object_id)
        exports = list(batch.exports.order_by("-id")[:EXPORTS])
        who = names_of(
            name for one in exports for name in (one.requested_by, one.approved_by) if name
        )
        now = clock.now()
        context = {
            **self._frame(request, batch.name),
            "batch": batch,
            "percent": 100 * batch.made // batch.wanted if batch.wanted else 0,
            "may_change": request.user.has_perm(CHANGE),
            "may_export": request.user.has_perm(EXPORT) and batch.state == State.READY,
            "exports": [
                {
                    "export": one,
                    "state": _SAID_OF_EXPORTS[exporting.state_of(one, now)],
                    "by": who.get(one.requested_by),
                    "approved_by": who.get(one.approved_by),
                }
                for one in exports
            ],
        }
        return TemplateResponse(request, "admin/rewards/coupon_batch.html", context)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A new batch; the codes of a unique one are ordered at once."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = BatchForm(request.POST or None)
        made: list[CouponBatch] = []

        def work() -> None:
            actor = user_actor(request.user)
            terms = form.terms(default_programme())
            made.append(batches.create_batch(terms=terms, actor=actor))
            if made[0].kind == CouponBatch.Kind.UNIQUE:
                batches.start_generating(batch=made[0], actor=actor)

        if form.is_valid() and self._once(request, form, work, _("The batch is written down.")):
            return HttpResponseRedirect(page_of(made[0]) if made else self._list())
        return self._form(request, form, _("New batch of coupons"), self._list())

    def order_page(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """Make the codes that are missing."""
        says = _("The codes that are missing are made in the background.")
        return self._step(request, batch_id, batches.start_generating, _("Make the codes"), says)

    def stop_page(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        says = _("What is made stays and does not hold. The rest may be made later.")
        return self._step(request, batch_id, batches.stop_generating, _("Stop"), says)

    def close_page(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        says = _("No code of the batch holds from then on. It cannot be opened again.")
        return self._step(request, batch_id, batches.close_batch, _("Close the batch"), says)

    def export_page(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """Ask for the codes; another person approves."""
        self._need(request, EXPORT)
        batch, form = self._batch(batch_id), ReasonForm(request.POST or None)
        if form.is_valid():
            work = partial(
                exporting.request_export,
                batch=batch,
                reason=form.cleaned_data["reason"][:200],
                actor=user_actor(request.user),
            )
            if self._try(request, form, work, _("Asked. Another person has to approve it.")):
                return HttpResponseRedirect(page_of(batch))
        return self._form(request, form, _("Ask for an export of the codes"), page_of(batch))

    def find_page(self, request: HttpRequest) -> HttpResponse:
        """What became of one code. Every look is counted and stands in the trail."""
        self._need(request, ISSUE)
        form, found = CodeForm(request.POST or None), None
        if form.is_valid():
            found = self._found(request, form)
        context = {"found": found, "history": _history(found) if found else []}
        return self._form(request, form, _("Look a code up"), self._list(), **context)

    def revoke_page(self, request: HttpRequest) -> HttpResponse:
        self._need(request, ISSUE)
        form = RevokeForm(request.POST or None)
        if form.is_valid():
            typed, actor = form.cleaned_data, user_actor(request.user)

            def work() -> None:
                with guarded_codes([typed["code"]], actor=actor, store=""):
                    issuing.revoke_coupon(code=typed["code"], reason=typed["reason"], actor=actor)

            if self._try(request, form, work, _("The coupon is revoked.")):
                return HttpResponseRedirect(self._list())
        return self._form(request, form, _("Revoke a code"), self._list())

    def issue_page(self, request: HttpRequest, member_id: int) -> HttpResponse:
        """A coupon for one member, as a gesture."""
        self._need(request, ISSUE)
        member = asked_for(request, member_id)
        back = reverse("admin:members_member_change", args=[member.pk])
        form = IssueForm(request.POST or None)
        if form.is_valid():
            typed = form.cleaned_data
            work = partial(
                issuing.issue_coupon,
                promotion=typed["promotion"].code,
                member_id=member.pk,
                valid_days=typed["valid_days"],
                source="admin",
                source_ref=str(typed["key"]),
                actor=user_actor(request.user),
            )
            if self._once(request, form, work, _("The coupon is issued.")):
                return HttpResponseRedirect(back)
        return self._form(request, form, _("Issue a coupon"), back)

    def _found(self, request: HttpRequest, form: CodeForm) -> Coupon | None:
        code, actor = form.cleaned_data["code"], user_actor(request.user)
        try:
            with guarded_codes([code], actor=actor, store=""):
                coupon = issuing.find_coupon(code)
        except DomainError as refusal:
            form.add_error("code", refusal.message)
            return None
        audit.record(
            action="coupon.looked_up",
            object_type="coupon",
            object_id=str(coupon.pk),
            actor=actor,
        )
        return coupon

    def _step(
        self,
        request: HttpRequest,
        batch_id: int,
        step: Callable[..., object],
        title: str,
        says: str,
    ) -> HttpResponse:
        self._need(request, CHANGE)
        is_sent = request.method == "POST"
        batch, form = self._batch(batch_id), forms.Form(request.POST if is_sent else None)
        work = partial(step, batch=batch, actor=user_actor(request.user))
        if form.is_valid() and self._try(request, form, work, title):
            return HttpResponseRedirect(page_of(batch))
        return self._form(request, form, title, page_of(batch), says=says)

    def _once(
        self, request: HttpRequest, form: OnceForm, work: Callable[[], object], said: str
    ) -> bool:
        asked = {"at": request.path, "typed": sorted(map(str, form.cleaned_data.items()))}
        actor = user_actor(request.user)
        return self._try(
            request, form, partial(once, form=form, asked=asked, work=work, actor=actor), said
        )

    def _try(self, request: HttpRequest, form: Any, work: Callable[[], object], said: str) -> bool:
        """Call one service; a refusal goes onto the form, success into the messages."""
        try:
            work()
        except DomainError as refusal:
            show_faults(form, refusal)
            return False
        messages.success(request, said)
        return True

    def _form(
        self, request: HttpRequest, form: Any, title: str, back: str, **more: Any
    ) -> HttpResponse:
        context = {**self._frame(request, title), "form": form, "back": back, **more}
        return TemplateResponse(
            request,
            "admin/rewards/coupon_form.html",
            context,
            status=422 if form.errors else 200,
        )

    def _frame(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "title": title}

    def _batch(self, batch_id: object) -> CouponBatch:
        known = CouponBatch.objects.select_related("promotion", "job")
        return get_object_or_404(known, pk=batch_id if str(batch_id).isdecimal() else None)

    def _need(self, request: HttpRequest, permission: str) -> None:
        if not request.user.has_perm(permission):
            raise PermissionDenied

    def _list(self) -> str:
        return reverse("admin:rewards_couponbatch_changelist")


@admin.register(CouponExport)
class CouponExportAdmin(ReadOnlyAdmin):
    list_display = ["requested_at", "batch", "reason", "requested_by", "approved_by", "state"]
    list_select_related = ["batch"]
    ordering = ["-requested_at", "-id"]
    sortable_by = ()

    @admin.display(description=gettext_lazy("state"))
    def state(self, export: CouponExport) -> str:
        return str(_SAID_OF_EXPORTS[exporting.state_of(export, clock.now())])

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        own: list[Url] = [
            ("<int:export_id>/decide/", self.decide_page, "rewards_couponexport_decide"),
            (
                "<int:export_id>/passphrase/",
                self.passphrase_page,
                "rewards_couponexport_passphrase",
            ),
            ("<int:export_id>/download/", self.download_page, "rewards_couponexport_download"),
        ]
        return [*(path(at, guard(view), name=name) for at, view, name in own), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._page(request, self._export(object_id))

    def decide_page(self, request: HttpRequest, export_id: int) -> HttpResponse:
        """Approve or refuse; whoever asked cannot."""
        if not request.user.has_perm(APPROVE):
            raise PermissionDenied
        export = self._export(export_id)
        if request.method != "POST":
            return self._page(request, export)
        step = exporting.refuse_export if "refuse" in request.POST else exporting.approve_export
        return self._try(request, export, partial(step, export=export, now=clock.now()))

    def passphrase_page(self, request: HttpRequest, export_id: int) -> HttpResponse:
        """Draw the passphrase and show it: this page cannot be opened again."""
        if not request.user.has_perm(EXPORT):
            raise PermissionDenied
        export = self._export(export_id)
        if request.method != "POST":
            return self._page(request, export)
        try:
            drawn = exporting.draw_passphrase(
                export=export, now=clock.now(), actor=user_actor(request.user)
            )
        except DomainError as refusal:
            return self._page(request, export, refused=refusal.message)
        page = self._page(request, export, passphrase=shown(drawn))
        add_never_cache_headers(page)
        return page

    def download_page(self, request: HttpRequest, export_id: int) -> HttpResponse:
        """The encrypted archive, for who types the passphrase that was shown."""
        if not request.user.has_perm(EXPORT):
            raise PermissionDenied
        export, form = self._export(export_id), PassphraseForm(request.POST or None)
        if not form.is_valid():
            return self._page(request, export, form=form)
        try:
            archive = exporting.start_download(
                export=export,
                passphrase=form.cleaned_data["passphrase"],
                now=clock.now(),
                actor=user_actor(request.user),
            )
        except DomainError as refusal:
            form.add_error(None, refusal.message)
            return self._page(request, export, form=form)
        answer = StreamingHttpResponse(archive, content_type="application/zip")
        answer["Content-Disposition"] = f'attachment; filename="coupons-{export.batch_id}.zip"'
        add_never_cache_headers(answer)
        return answer  # type: ignore[return-value]  # a response, if not an HttpResponse

    def _try(
        self, request: HttpRequest, export: CouponExport, work: Callable[..., object]
    ) -> HttpResponse:
        try:
            work(actor=user_actor(request.user))
        except DomainError as refusal:
            return self._page(request, export, refused=refusal.message)
        return HttpResponseRedirect(page_of_export(export))

    def _page(
        self, request: HttpRequest, export: CouponExport, refused: str = "", **more: Any
    ) -> HttpResponse:
        export.refresh_from_db()
        state, actor = exporting.state_of(export, clock.now()), user_actor(request.user)
        mine, form = export.requested_by == actor.label, more.get("form")
        who = names_of(name for name in (export.requested_by, export.approved_by) if name)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Export of coupon codes"),
            "export": export,
            "state": _SAID_OF_EXPORTS[state],
            "by": who[export.requested_by],
            "approved_by": who.get(export.approved_by),
            "may_decide": request.user.has_perm(APPROVE) and state == "requested" and not mine,
            "may_take": request.user.has_perm(EXPORT) and state == "approved" and mine,
            "refused": refused,
            **more,
            "form": form or PassphraseForm(),
        }
        wrong = refused or (form is not None and form.errors)
        return TemplateResponse(
            request, "admin/rewards/coupon_export.html", context, status=422 if wrong else 200
        )

    def _export(self, export_id: object) -> CouponExport:
        known = CouponExport.objects.select_related("batch__promotion")
        return get_object_or_404(known, pk=export_id if str(export_id).isdecimal() else None)


def coupons_panel(request: HttpRequest, member_id: int) -> HttpResponse:
    """The coupons of one member, newest first; of a code only its end is shown."""
    member = asked_for(request, member_id)
    if not request.user.has_perm("rewards.view_coupon"):
        raise PermissionDenied
    known: QuerySet[Coupon] = member.coupons.select_related("batch__promotion").order_by("-id")
    now = clock.now()
    rows = [
        {
            "coupon": one,
            "name": one.batch.promotion.name,
            "state": one.state_at(now).label,
            "is_good": one.state_at(now) == Coupon.State.ASSIGNED,
            "until": one.valid_until or one.batch.valid_until,
        }
        for one in known[:COUPONS]
    ]
    context = {"member": member, "rows": rows, "may_issue": request.user.has_perm(ISSUE)}
    return render(request, "admin/rewards/_coupons.html", context)


def _history(coupon: Coupon) -> list[dict[str, Any]]:
    uses = list(coupon.history.order_by("-id")[:COUPONS])
    who = names_of(use.actor for use in uses)
    return [
        {"act": use.get_act_display(), "at": use.occurred_at, "by": who[use.actor], "use": use}
        for use in uses
    ]


def page_of(batch: CouponBatch) -> str:
    return reverse("admin:rewards_couponbatch_change", args=[batch.pk])


def page_of_export(export: CouponExport) -> str:
    return reverse("admin:rewards_couponexport_change", args=[export.pk])
