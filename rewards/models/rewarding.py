"""What reaching something gives: the terms that stamp cards, challenges and rankings share."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class RewardTerms(models.Model):
    """One kind of award, which one and how many; an empty kind gives nothing.

    ``points`` go through the ledger; every other kind is one of
    ``rewards.services.awards.kinds``, so a kind that is added there can be given here.
    """

    reward_kind = models.CharField(_("reward"), max_length=40, blank=True, default="")
    reward_code = models.CharField(_("which one"), max_length=80, blank=True, default="")
    reward_amount = models.PositiveIntegerField(_("how many"), default=1)
    reward_valid_days = models.PositiveIntegerField(_("usable for days"), null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def terms(self) -> dict[str, Any]:
        """As it is pinned where it is given."""
        return {
            "kind": self.reward_kind,
            "code": self.reward_code,
            "amount": self.reward_amount,
            "valid_days": self.reward_valid_days,
        }
