"""Named sets that rules speak of: tags and segments of members, groups of stores."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from members.models.people import Member
from members.models.stores import Store


class Tag(models.Model):
    """A word that members can carry. Rules and the wire know it by its code."""

    code = models.CharField(_("code"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=200)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class MemberTagQuerySet(models.QuerySet["MemberTag"]):
    def in_force(self, at: datetime) -> Self:
        return self.filter(Q(until=None) | Q(until__gt=at), since__lte=at)


class MemberTag(models.Model):
    """A tag on a member, from one moment to another, and who put it there.

    A member may have a tag from many sources and carries it while one of them
    holds; what one source gives and takes leaves the others alone.
    """

    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, related_name="tags", verbose_name=_("member")
    )
    # By its code: the till reads tags without another table, and a code never changes.
    tag = models.ForeignKey(
        Tag,
        on_delete=models.PROTECT,
        to_field="code",
        db_column="tag",
        related_name="members",
        verbose_name=_("tag"),
    )
    source = models.CharField(_("source"), max_length=80, db_default="manual", default="manual")
    since = models.DateTimeField(_("since"), db_default=Now())
    until = models.DateTimeField(_("until"), null=True, blank=True)

    objects = MemberTagQuerySet.as_manager()

    class Meta:
        verbose_name = _("tag of a member")
        verbose_name_plural = _("tags of members")
        constraints = [
            models.UniqueConstraint(name="tag_once_per_source", fields=["member", "tag", "source"]),
            models.CheckConstraint(
                name="tag_ends_after_it_begins",
                condition=Q(until__isnull=True) | Q(until__gt=F("since")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tag_id}"


class Segment(models.Model):
    """A list of members under a code. Whoever computes segments writes their members here."""

    code = models.CharField(_("code"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=200)
    updated_at = models.DateTimeField(_("updated at"), db_default=Now())

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class SegmentMember(models.Model):
    """One member of a segment."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="memberships")
    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, related_name="segments", db_index=False
    )

    class Meta:
        verbose_name = _("member of a segment")
        verbose_name_plural = _("members of segments")
        constraints = [
            models.UniqueConstraint(name="member_once_per_segment", fields=["member", "segment"])
        ]

    def __str__(self) -> str:
        return f"{self.segment_id}: {self.member_id}"


class StoreGroup(models.Model):
    """Stores that rules name together: a region, a format, a franchisee."""

    code = models.CharField(_("code"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=200)
    stores = models.ManyToManyField(
        Store, related_name="groups", blank=True, verbose_name=_("stores")
    )

    class Meta:
        verbose_name = _("group of stores")
        verbose_name_plural = _("groups of stores")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name
