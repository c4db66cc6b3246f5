"""What of a person somebody may see, and how the rest is veiled."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin

from members.models import Identity, Member
from members.rules.identities import masked_email, masked_name, masked_phone

SEE_NAMES = "members.see_names"
SEE_CONTACTS = "members.see_contacts"


@dataclass(frozen=True, slots=True)
class Lens:
    """Through which a user looks: all in clear, first names and last digits, or nobody known."""

    names: bool
    contacts: bool

    def name(self, member: Member) -> str:
        if not self.names or not member.name:
            return f"№ {member.public_id.hex[-8:].upper()}"
        return member.name if self.contacts else masked_name(member.name)

    def identity(self, identity: Identity) -> str:
        if self.contacts:
            return identity.value
        if not self.names:
            return "•••"
        masks = {Identity.Kind.PHONE: masked_phone, Identity.Kind.EMAIL: masked_email}
        return (
            masks[Identity.Kind(identity.kind)](identity.value)
            if identity.kind in masks
            else identity.value
        )


def lens_of(user: AbstractBaseUser | AnonymousUser | PermissionsMixin) -> Lens:
    assert isinstance(user, PermissionsMixin | AnonymousUser)
    contacts = user.has_perm(SEE_CONTACTS)
    return Lens(names=contacts or user.has_perm(SEE_NAMES), contacts=contacts)
