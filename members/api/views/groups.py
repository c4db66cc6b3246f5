"""Tags of members and groups of stores."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.api.filters import StrictFilterBackend
from members.api.input_shapes import (
    MemberTagOutput,
    NameInput,
    StoreGroupInput,
    StoreGroupOutput,
    TagInput,
    TagOutput,
)
from members.api.views.base import MembersView, checked
from members.models import MemberTag, StoreGroup, Tag
from members.services.groups import name_tag, put_store_group, tag_member, untag_member


@extend_schema(tags=["members"])
class TagViewSet(mixins.ListModelMixin, MembersView[Tag]):
    """The words that members can carry."""

    queryset = Tag.objects.all()
    serializer_class = TagOutput
    filter_backends = [StrictFilterBackend]
    keyset = ("code",)
    # A tag that is put twice is the same tag.
    keyless = ("put",)
    scopes = {"list": "members:read", "put": "members:write"}

    @extend_schema(request=NameInput, responses={200: TagOutput, 201: TagOutput})
    def put(self, request: Request, code: str) -> Response:
        """Name a tag; one that is new is made (201)."""
        tag, created = name_tag(code=code, **checked(NameInput, request), actor=self.actor)
        return Response(self.get_serializer(tag).data, status=201 if created else 200)


@extend_schema(tags=["members"])
class MemberTagViewSet(mixins.ListModelMixin, MembersView[MemberTag]):
    """The tags of one member that are in force."""

    queryset = MemberTag.objects.none()
    serializer_class = MemberTagOutput
    filter_backends = [StrictFilterBackend]
    keyset = ("id",)
    # Putting or taking off twice is the same as once.
    keyless = ("put", "remove")
    scopes = {"list": "members:read", "put": "members:write", "remove": "members:write"}

    def get_queryset(self) -> QuerySet[MemberTag]:
        return MemberTag.objects.in_force(clock.now()).filter(member=self.member())

    @extend_schema(request=TagInput, responses=MemberTagOutput)
    def put(self, request: Request, member_id: UUID, code: str) -> Response:
        """Put a tag on the member until a moment, or for good; a repeat moves the end."""
        asked = checked(TagInput, request)
        worn = tag_member(member=self.member(), code=code, **asked, actor=self.actor)
        return Response(self.get_serializer(worn).data)

    @extend_schema(responses={204: None})
    def remove(self, request: Request, member_id: UUID, code: str) -> Response:
        """Take the tag off, whoever put it there."""
        untag_member(member=self.member(), code=code, actor=self.actor)
        return Response(status=204)


@extend_schema(tags=["stores"])
class StoreGroupViewSet(mixins.ListModelMixin, MembersView[StoreGroup]):
    """Stores that rules name together."""

    queryset = StoreGroup.objects.prefetch_related("stores")
    serializer_class = StoreGroupOutput
    filter_backends = [StrictFilterBackend]
    keyset = ("code",)
    # A group that is put twice is the same group.
    keyless = ("put",)
    scopes = {"list": "catalogue:read", "put": "catalogue:write"}

    @extend_schema(
        request=StoreGroupInput, responses={200: StoreGroupOutput, 201: StoreGroupOutput}
    )
    def put(self, request: Request, code: str) -> Response:
        """Create the group (201), or bring it to exactly these stores (200)."""
        asked = checked(StoreGroupInput, request)
        group, created = put_store_group(code=code, **asked, actor=self.actor)
        shown = self.get_serializer(self.get_queryset().get(pk=group.pk)).data
        return Response(shown, status=201 if created else 200)
