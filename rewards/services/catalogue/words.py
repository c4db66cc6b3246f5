"""What is missing, in words for the member, the cashier and the marketer."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from loyalty_crm.kernel.points import Points
from rewards.models import Programme
from rewards.rules.availability import Lack

_PLAIN = {
    "not_on_offer": lambda: _("Not on offer at the moment"),
    "member_inactive": lambda: _("The membership is not active"),
    "chosen_members": lambda: _("For chosen members only"),
    "no_store": lambda: _("Choose a store"),
    "none_left": lambda: _("None left"),
    "wallet": lambda: _("The points account is frozen"),
    "cause": lambda: _("Choose a cause first"),
}


def sentence(lack: Lack, programme: Programme) -> str:
    """One sentence in the language of the request."""
    if plain := _PLAIN.get(lack.code):
        return plain()
    told = lack.params
    match lack.code:
        case "points":
            return _points(told["missing"], programme)
        case "tier":
            return _("From tier %(tier)s") % told
        case "begins_later":
            return _("From %(day)s") % {"day": date_format(localtime(told["at"]), "DATE_FORMAT")}
        case "is_over":
            return _("Over since %(day)s") % {
                "day": date_format(localtime(told["at"]), "DATE_FORMAT")
            }
        case "other_stores":
            return _("Only in: %(stores)s") % {"stores": ", ".join(told["stores"])}
        case "membership":
            days = told["days"]
            text = ngettext("In %(n)s day", "In %(n)s days", days)
            return text % {"n": days}
        case _:
            most = told["most"]
            text = ngettext("Taken already: %(n)s at most", "Taken already: %(n)s at most", most)
            return text % {"n": most}


def sentences(lacks: Iterable[Lack], programme: Programme) -> list[str]:
    return [sentence(lack, programme) for lack in lacks]


def _points(missing: int, programme: Programme) -> str:
    text = Points(missing, programme.points_scale).format()
    whole = missing // 10**programme.points_scale
    return ngettext("%(points)s point more", "%(points)s points more", whole) % {"points": text}
