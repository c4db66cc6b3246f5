"""The member's own page: codes that let in, who is in, and what was asked for there."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.ids import uuid7
from loyalty_crm.kernel.models.functions import ClockTimestamp
from members.models.people import Member

CODE_TRIES = 5


class LoginCode(models.Model):
    """A one-time code that was asked for with one phone or e-mail. Kept as keyed hashes only.

    There is a row whether anybody is known by the contact or not. ``member`` stands
    on codes by which somebody who is in proves a new contact.
    """

    class Purpose(models.TextChoices):
        SIGN_IN = "sign_in", _("signing in")
        CONTACT = "contact", _("a new contact")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    purpose = models.CharField(_("for"), max_length=10, choices=Purpose)
    contact_digest = models.BinaryField(max_length=32)
    code_digest = models.BinaryField(max_length=32)
    member = models.ForeignKey(Member, on_delete=models.CASCADE, null=True, related_name="+")
    failures = models.PositiveSmallIntegerField(_("wrong tries"), default=0, db_default=0)
    created_at = models.DateTimeField(_("created"), db_default=ClockTimestamp())
    expires_at = models.DateTimeField(_("valid until"))
    used_at = models.DateTimeField(_("used at"), null=True)

    class Meta:
        verbose_name = _("sign-in code")
        verbose_name_plural = _("sign-in codes")
        constraints = [
            models.CheckConstraint(
                name="login_code_tries_bounded", condition=Q(failures__lte=CODE_TRIES)
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], name="login_codes_over")]

    def __str__(self) -> str:
        return f"{self.purpose} {self.public_id}"


class PortalSessionQuerySet(models.QuerySet["PortalSession"]):
    def open(self) -> Self:
        return self.filter(ended_at=None, expires_at__gt=Now())


class PortalSession(models.Model):
    """One browser in which a member is signed in. The cookie's value is kept as a hash."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="portal_sessions")
    device = models.CharField(_("browser"), max_length=120, blank=True)
    created_at = models.DateTimeField(_("signed in"), db_default=ClockTimestamp())
    seen_at = models.DateTimeField(_("last seen"), db_default=ClockTimestamp())
    expires_at = models.DateTimeField(_("ends"))
    ended_at = models.DateTimeField(_("signed out"), null=True)

    objects = PortalSessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("sign-in of a member")
        verbose_name_plural = _("sign-ins of members")
        indexes = [
            models.Index(fields=["expires_at"], name="portal_sessions_over"),
        ]

    def __str__(self) -> str:
        return f"{self.member_id} {self.public_id}"


class ContactChange(models.Model):
    """A member changed a phone or e-mail by themselves: for a day this asks for care."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="contact_changes")
    kind = models.CharField(_("kind"), max_length=10)
    at = models.DateTimeField(_("at"), db_default=ClockTimestamp())

    class Meta:
        verbose_name = _("change of a contact")
        verbose_name_plural = _("changes of contacts")
        indexes = [models.Index(fields=["member", "-at"], name="contact_changes_newest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.member_id}"


class DataRequest(models.Model):
    """A member wants to see, or to have erased, what is kept. One of a kind is open at a time."""

    class Kind(models.TextChoices):
        EXPORT = "export", _("a copy of the data")
        ERASE = "erase", _("erasure of the data")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        DONE = "done", _("done")
        REFUSED = "refused", _("refused")

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="data_requests")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.OPEN, db_default=State.OPEN
    )
    requested_at = models.DateTimeField(_("requested at"), db_default=ClockTimestamp())
    closed_at = models.DateTimeField(_("closed at"), null=True)
    closed_by = models.CharField(_("closed by"), max_length=80, blank=True, default="")
    note = models.CharField(_("note"), max_length=300, blank=True, default="")

    class Meta:
        verbose_name = _("request about data")
        verbose_name_plural = _("requests about data")
        constraints = [
            models.UniqueConstraint(
                name="one_open_data_request",
                fields=["member", "kind"],
                condition=Q(state="open"),
            ),
            models.CheckConstraint(
                name="closed_data_request_has_its_moment",
                condition=Q(state="open", closed_at__isnull=True)
                | ~Q(state="open") & Q(closed_at__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["state", "-id"], name="data_requests_by_state")]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"
