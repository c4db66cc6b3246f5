"""Who asked for a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


@dataclass(frozen=True, slots=True)
class Actor:
    """A member of staff, an integrator's key, a member about themselves, or the system.

    ``stores`` are store codes; None means every store. An API key acts as its
    integration, so a rotated key is still the same actor.
    """

    kind: Literal["user", "api_key", "member", "system"]
    id: str
    scopes: frozenset[str] = frozenset()
    stores: frozenset[str] | None = None
    name: str = ""

    @property
    def label(self) -> str:
        """The form that is written into ledgers and trails: ``user:5``."""
        return f"{self.kind}:{self.id}"

    def may_use_store(self, code: str) -> bool:
        return self.stores is None or code in self.stores

    def has_scope(self, scope: str) -> bool:
        return scope in self.scopes


SYSTEM = Actor("system", "system")


def user_actor(user: AbstractBaseUser | AnonymousUser) -> Actor:
    """A member of staff as actor; what staff may do is decided by permissions, not scopes."""
    if isinstance(user, AnonymousUser):
        raise TypeError("nobody is logged in: the door should have asked")
    return Actor("user", str(user.pk), name=user.get_username())
