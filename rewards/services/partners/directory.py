"""Who is a partner, which stores are its own, and whose keys speak for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from loyalty_crm.kernel.errors import NotFound, ValidationFailed
from loyalty_crm.kernel.models import Integration
from members.models import Store
from rewards.models import Partner, PartnerAccount, PartnerStore
from rewards.services.programmes import default_programme

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class About:
    """What the directory says of a partner."""

    code: str
    name: str
    category: str = ""
    about: str = ""
    website: str = ""
    contacts: str = ""
    integration: Integration | None = None
    stores: Sequence[Store] = ()
    is_active: bool = True


@transaction.atomic
def register_partner(*, about: About, actor: Actor) -> Partner:
    """A new partner, with an account that has nothing on it."""
    fields = _fields(about)
    partner = _unique(lambda: Partner.objects.create(programme=default_programme(), **fields))
    PartnerAccount.objects.create(partner=partner)
    _place(partner, about.stores)
    _trace("partner.registered", partner, actor)
    return partner


@transaction.atomic
def change_partner(*, partner: Partner, about: About, actor: Actor) -> Partner:
    """New words, stores or keys. What was agreed and done stays as it is."""
    for name, value in _fields(about).items():
        setattr(partner, name, value)
    _unique(partner.save)
    _place(partner, about.stores)
    _trace("partner.changed", partner, actor)
    return partner


def partner_of(actor: Actor) -> Partner:
    """The partner for whom a key speaks; keys of nobody find nothing."""
    known = Partner.objects.select_related("programme", "account")
    found = known.filter(integration__public_id=actor.id, is_active=True).first()
    if actor.kind != "api_key" or found is None:
        raise NotFound
    return found


def store_of(partner: Partner, code: str) -> Store | None:
    """A store of the partner; those of others look as if they were not there."""
    if not code:
        return None
    found = Store.objects.filter(of_partner__partner=partner, code=code, is_active=True).first()
    if found is None:
        raise NotFound(pointer="/store")
    return found


def _fields(about: About) -> dict[str, object]:
    return {
        "code": about.code,
        "name": about.name,
        "category": about.category.strip(),
        "about": about.about,
        "website": about.website,
        "contacts": about.contacts,
        "integration": about.integration,
        "is_active": about.is_active,
    }


def _place(partner: Partner, stores: Sequence[Store]) -> None:
    """Exactly these stores; one that is another partner's is refused."""
    PartnerStore.objects.filter(partner=partner).exclude(store__in=stores).delete()
    known = set(partner.places.values_list("store_id", flat=True))
    fresh = [PartnerStore(partner=partner, store=one) for one in stores if one.pk not in known]
    _unique(lambda: PartnerStore.objects.bulk_create(fresh), pointer="/stores")


def _unique(work: Callable[[], T], pointer: str = "/code") -> T:
    try:
        with transaction.atomic():
            return work()
    except IntegrityError as taken:
        raise ValidationFailed(_("This belongs to another partner."), pointer=pointer) from taken


def _trace(action: str, partner: Partner, actor: Actor) -> None:
    audit.record(
        action=action,
        object_type="partner",
        object_id=str(partner.public_id),
        after={"code": partner.code, "is_active": partner.is_active},
        actor=actor,
    )
