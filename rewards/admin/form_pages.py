"""Pages of one form that call one service: sent twice they work once, refusals stand on them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.admin_once import OnceForm, once
from loyalty_crm.kernel.errors import DomainError
from rewards.admin.programmes import show_faults


class FormPages:
    """What an admin class with such pages stands on."""

    admin_site: Any
    opts: Any

    def form_page(
        self,
        request: HttpRequest,
        form: OnceForm,
        work: Callable[[], object],
        *,
        title: str,
        said: str,
        back: str,
        **more: Any,
    ) -> HttpResponse:
        """Show the form; do the work of a good one once, say so and go back."""
        if form.is_valid() and self._done(request, form, work):
            messages.success(request, said)
            return HttpResponseRedirect(back)
        context = {**self.frame(request, title), "form": form, "back": back, **more}
        return TemplateResponse(
            request,
            "admin/rewards/coupon_form.html",
            context,
            status=422 if form.errors else 200,
        )

    def frame(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "title": title}

    def need(self, request: HttpRequest, permission: str) -> None:
        if not request.user.has_perm(permission):
            raise PermissionDenied

    def _done(self, request: HttpRequest, form: OnceForm, work: Callable[[], object]) -> bool:
        typed = {name: value for name, value in form.cleaned_data.items() if name != "key"}
        asked = {"at": request.path, "typed": sorted(map(str, typed.items()))}
        act = partial(once, form=form, asked=asked, work=work, actor=user_actor(request.user))
        try:
            act()
        except DomainError as refusal:
            show_faults(form, refusal)
            return False
        return True
