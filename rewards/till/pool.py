"""The household's pool at the till: whoever has the right takes points out and pays with them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from loyalty_crm.kernel.errors import DomainError
from loyalty_crm.kernel.points import Points
from members.models import Member
from members.services import households
from members.till.access import Desk, at_till
from members.till.once import OnceForm, once
from rewards.forms.fields import ScaledPointsField
from rewards.models import HouseholdPool
from rewards.services import pools


class PoolForm(OnceForm):
    points = ScaledPointsField(label=_("Points to take out"), max_length=20)

    def __init__(self, *args: Any, scale: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["points"].scale = scale  # type: ignore[attr-defined]
        self.fields["points"].widget.attrs = {"inputmode": "decimal", "autocomplete": "off"}


@require_http_methods(["GET", "POST"])
@at_till
def pool(request: HttpRequest, desk: Desk, member_id: UUID) -> HttpResponse:
    """A panel of the member's rewards. Empty for members without a household or the right."""
    member = get_object_or_404(Member, public_id=member_id)
    stay = households.current_stay(member.pk)
    found = HouseholdPool.objects.select_related("wallet__programme")
    common = found.filter(household=stay.household).first() if stay and stay.may_spend else None
    if stay is None or common is None:
        return HttpResponse("")
    scale = common.wallet.programme.points_scale
    form = PoolForm(request.POST or None, scale=scale)
    taken = None
    if form.is_valid():
        taken = _draw(form, member, common, desk)
        common.wallet.refresh_from_db()
        if taken is None:
            form.data = {
                **dict(form.data.items()),
                "key": str(PoolForm(scale=scale)["key"].value()),
            }
        else:
            form = PoolForm(scale=scale)
    context = {
        "form": form,
        "member": member,
        "available": Points(common.wallet.available, scale),
        "taken": Points(taken, scale) if taken else None,
    }
    status = 422 if form.errors else 200
    return render(request, "till/_pool.html", context, status=status)


def _draw(form: PoolForm, member: Member, common: HouseholdPool, desk: Desk) -> int | None:
    points, key = form.cleaned_data["points"], form.cleaned_data["key"]
    if not points:
        form.add_error("points", str(_("Take out at least one point.")))
        return None

    def work() -> dict[str, Any]:
        pools.draw(
            household=common.household,
            member=member,
            points=points,
            source_ref=f"till:{key}",
            actor=desk.actor,
        )
        return {"points": points}

    try:
        said = {"points": points, "member": str(member.public_id)}
        done = once(operation="till.pool", key=key, asked=said, work=work, desk=desk)
    except DomainError as refusal:
        form.add_error("points", refusal.message)
        return None
    return int(done["points"])
