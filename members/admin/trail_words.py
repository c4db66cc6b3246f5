"""The actions of the audit trail, as people say them."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

WORDS: dict[str, str | Promise] = {
    "member.created": _("Joined"),
    "member.updated": _("Profile changed"),
    "member.consent_recorded": _("Consent recorded"),
    "member.identity_added": _("Contact added"),
    "member.identity_removed": _("Contact removed"),
    "member.identity_verified": _("Contact confirmed"),
    "card.issued": _("Card issued"),
    "card.activated": _("Card activated"),
    "card.blocked": _("Card blocked"),
    "card.unblocked": _("Card unblocked"),
    "card.replaced": _("Card replaced"),
    "card.closed": _("Card closed"),
}


def in_words(action: str) -> str:
    """An action that nobody has named yet is shown by its code."""
    return str(WORDS.get(action, action))
