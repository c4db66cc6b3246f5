"""Back-tests: asked for by a form, followed while they run, read as charts and tables."""

from __future__ import annotations

import csv
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_base import ReadOnlyAdmin
from loyalty_crm.kernel.admin_chips import Colour, chip
from loyalty_crm.kernel.models import Job
from members.admin.lens import Lens, lens_of
from rewards.admin.tryout import sandbox, show
from rewards.admin.tryout.pages import (
    allow,
    asked_once,
    form_page,
    promotion_names,
    step,
    version_names,
)
from rewards.admin.tryout.pilots import pilot_page
from rewards.forms.tryouts import BackTestForm
from rewards.models import BackTest, BackTestMember, RetroBatch
from rewards.services.programmes import default_programme
from rewards.services.tryout import backtests

VIEW, ADD = "rewards.view_backtest", "rewards.add_backtest"
STATES: dict[str, Colour] = {
    Job.State.SUCCEEDED: "success",
    Job.State.FAILED: "danger",
    Job.State.RUNNING: "info",
    Job.State.QUEUED: "info",
}
#: Winners and losers on the page, each.
NAMED = 15
FILE = (
    "dimension", "key", "label", "receipts", "members", "turnover_minor", "goods_cost_minor",
    "points_before", "points_after", "discount_before", "discount_after", "cost_before",
    "cost_after", "margin_before", "margin_after", "gained", "lost",
)  # fmt: skip


@admin.register(BackTest)
class BackTestAdmin(ReadOnlyAdmin):
    list_display = ["title", "period", "compared", "state", "created_at"]
    list_before_template = "admin/rewards/tryout/_list_top.html"
    ordering = ["-id"]
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[BackTest]:
        return BackTest.objects.with_job()

    @admin.display(description=gettext_lazy("back-test"))
    def title(self, test: BackTest) -> str:
        return test.name or _("Back-test %(number)s") % {"number": test.pk}

    @admin.display(description=gettext_lazy("period"))
    def period(self, test: BackTest) -> str:
        return period_of(test)

    @admin.display(description=gettext_lazy("compared with"))
    def compared(self, test: BackTest) -> str:
        return test.get_baseline_display()

    @chip(gettext_lazy("state"), STATES)
    def state(self, test: BackTest) -> tuple[str, str]:
        return test.job.state, test.job.get_state_display()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(ADD))

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        one = "<int:test_id>"
        own = [
            ("sandbox/", self.sandbox_page, "rewards_sandbox"),
            ("sandbox/products/", sandbox.products, "rewards_sandbox_products"),
            ("pilots/<int:promotion_id>/end/", self.pilot_page, "rewards_pilot_end"),
            (f"{one}/progress/", self.progress_panel, "rewards_backtest_progress"),
            (f"{one}/cancel/", self.cancel_step, "rewards_backtest_cancel"),
            (f"{one}/table.csv", self.table_file, "rewards_backtest_table"),
        ]
        return [*(path(at, guard(view), name=name) for at, view, name in own), *super().get_urls()]

    def sandbox_page(self, request: HttpRequest) -> HttpResponse:
        return sandbox.page(request, self._frame(request))

    def pilot_page(self, request: HttpRequest, promotion_id: int) -> HttpResponse:
        return pilot_page(request, self._frame(request), promotion_id)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Ask for a back-test."""
        allow(request, ADD)
        programme = default_programme()
        initial = {"versions": request.GET.getlist("versions")}
        form = BackTestForm(request.POST or None, programme=programme, initial=initial)
        made: list[BackTest] = []

        def work() -> None:
            asked = form.cleaned_data
            made.append(
                backtests.start(
                    programme=programme,
                    versions=form.refs,
                    without=asked["without"],
                    period=form.period,
                    baseline=asked["baseline"],
                    name=asked["name"],
                    actor=user_actor(request.user),
                )
            )

        if form.is_valid() and asked_once(request, form, work):
            return HttpResponseRedirect(page_of(made[0]) if made else list_page())
        return form_page(
            request,
            {**self._frame(request), "title": _("New back-test")},
            form,
            lead=_(
                "Receipts of the past are priced again, as it was and with the versions on trial. "
                "Nothing of the shop changes."
            ),
            button=_("Start"),
            back=list_page(),
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One back-test: how far it is, or what came out."""
        allow(request, VIEW)
        test = self._test(object_id)
        context = {
            **self._frame(request),
            "title": self.title(test),
            "test": test,
            "period": period_of(test),
            "versions": version_names(test),
            "without": promotion_names(test.programme, test.without),
            "may_cancel": test.is_open and request.user.has_perm(ADD),
            "may_launch": request.user.has_perm("rewards.view_promotion"),
            **(result_of(test, lens_of(request.user)) if test.is_done else {}),
            **progress_of(test),
        }
        return TemplateResponse(request, "admin/rewards/tryout/backtest.html", context)

    def progress_panel(self, request: HttpRequest, test_id: int) -> HttpResponse:
        """How far it is; when it has ended, the page is asked for anew."""
        allow(request, VIEW)
        test = self._test(test_id)
        answer = render(
            request, "admin/rewards/tryout/_progress.html", {"test": test, **progress_of(test)}
        )
        if not test.is_open:
            answer["HX-Refresh"] = "true"
        return answer

    def cancel_step(self, request: HttpRequest, test_id: int) -> HttpResponse:
        allow(request, ADD)
        return _cancel(request, test=self._test(test_id))

    def table_file(self, request: HttpRequest, test_id: int) -> HttpResponse:
        """Every row of the table, in minor units, for a spreadsheet."""
        allow(request, VIEW)
        test = self._test(test_id)
        answer = HttpResponse(content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="backtest-{test.pk}.csv"'
        writer = csv.writer(answer)
        writer.writerow(FILE)
        rows = test.cells.order_by("dimension", "place").values_list(*FILE)
        writer.writerows([safe(value) for value in row] for row in rows.iterator())
        return answer

    def _test(self, key: object) -> BackTest:
        known = key if str(key).isdecimal() else None
        return get_object_or_404(BackTest.objects.with_job(), pk=known)

    def _frame(self, request: HttpRequest) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts}


@require_POST
def _cancel(request: HttpRequest, test: BackTest) -> HttpResponse:
    work = partial(backtests.cancel, test=test, actor=user_actor(request.user))
    return step(request, work, _("The back-test is stopped."), page_of(test))


def safe(value: Any) -> Any:
    """A spreadsheet takes no formula from a name."""
    is_formula = isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}
    return f"'{value}" if is_formula else value


def progress_of(test: BackTest | RetroBatch) -> dict[str, Any]:
    done, total = test.job.done, test.job.total
    share = min(done * 100 // total, 100) if total else 0
    return {"share": share, "done": show.number(done), "total": show.number(total or 0)}


def result_of(test: BackTest, lens: Lens) -> dict[str, Any]:
    """Two queries: the rows, and the members who would have won or lost most."""
    programme = test.programme
    cells = list(test.cells.order_by("dimension", "place"))
    named = list(test.members.select_related("member").order_by("-value_minor", "pk"))
    won = [one for one in named if one.value_minor > 0][:NAMED]
    lost = [one for one in reversed(named) if one.value_minor < 0][:NAMED]
    return {
        "tiles": show.tiles(test, programme),
        "chart": show.chart(cells, programme),
        "tables": show.tables(cells, programme),
        "winners": [_named(one, test, lens) for one in won],
        "losers": [_named(one, test, lens) for one in lost],
        "no_costs": bool(test.totals["turnover_minor"] and not test.totals["goods_cost_minor"]),
    }


def _named(one: BackTestMember, test: BackTest, lens: Lens) -> dict[str, str]:
    return {
        "name": lens.name(one.member),
        "url": reverse("admin:members_member_change", args=[one.member_id]),
        "value": show.more_money(one.value_minor, test.programme),
        "points": show.more_points(one.points, test.programme),
        "receipts": show.number(one.receipts),
    }


def period_of(test: Any) -> str:
    first, last = (date_format(day, "SHORT_DATE_FORMAT") for day in (test.first_day, test.last_day))
    stores = ", ".join(test.stores[:5]) + ("…" if len(test.stores) > 5 else "")
    return f"{first} – {last}" + (f" · {stores}" if stores else "")


def page_of(test: BackTest) -> str:
    return reverse("admin:rewards_backtest_change", args=[test.pk])


def list_page() -> str:
    return reverse("admin:rewards_backtest_changelist")
