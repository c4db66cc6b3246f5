"""The consent log: statements are added, never changed; the newest one counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from loyalty_crm.kernel import audit
from loyalty_crm.kernel.actors import Actor
from members.errors import (
    ConsentBundled,
    ConsentTextExists,
    ConsentTextMismatch,
    ConsentTextRequired,
)
from members.models import Consent, ConsentText, Member, Store
from members.services import trail


@dataclass(frozen=True, slots=True)
class Statement:
    """What a person said about one purpose on a form."""

    purpose: str
    granted: bool
    text: ConsentText | None = None
    channel: str = Consent.Channel.ANY
    evidence: str = ""


@transaction.atomic
def record_consent(
    *,
    member: Member,
    purpose: str,
    channel: str = Consent.Channel.ANY,
    granted: bool,
    text: ConsentText | None = None,
    source: str,
    store: Store | None = None,
    evidence: str = "",
    occurred_at: datetime,
    actor: Actor,
) -> Consent:
    """Add one statement about one purpose. Every call adds a row, repeats too: each is a proof.

    To give a consent is to agree to a text of that very purpose; to withdraw one
    needs no text, since withdrawing must be as easy as giving.
    """
    _check_text(purpose, granted, text)
    consent = Consent.objects.create(
        member=member,
        purpose=purpose,
        channel=channel,
        granted=granted,
        text=text,
        source=source,
        store=store,
        actor=actor.label,
        evidence=evidence,
        occurred_at=occurred_at,
    )
    after: dict[str, object] = {"purpose": purpose, "channel": channel, "granted": granted}
    code = store.code if store else ""
    trail.leave(kind="member.consent_recorded", member=member, after=after, store=code, actor=actor)
    return consent


def _check_text(purpose: str, granted: bool, text: ConsentText | None) -> None:
    if granted and text is None:
        raise ConsentTextRequired(pointer="/text_version", purpose=purpose)
    if text is not None and text.purpose != purpose:
        raise ConsentTextMismatch(pointer="/text_version", purpose=purpose)


def current_consents(member: Member) -> list[Consent]:
    """What counts now for each purpose and channel, by one query."""
    spoken = member.consents.current().select_related("text", "store")
    return list(spoken.order_by("purpose", "channel"))


def has_consent(member: Member, purpose: str, channel: str = Consent.Channel.ANY) -> bool:
    """Whether the member agrees now. A word about one channel outweighs a word about all."""
    said = {one.channel: one.granted for one in current_consents(member) if one.purpose == purpose}
    return said.get(channel, said.get(Consent.Channel.ANY, False))


@transaction.atomic
def publish_text(
    *, purpose: str, version: str, language: str, body: str, actor: Actor
) -> ConsentText:
    """Publish the words of a consent. A repeat returns the first; other words, a new version."""
    refuse_bundled(purpose, body)
    text, created = ConsentText.objects.get_or_create(
        purpose=purpose, version=version, language=language, defaults={"body": body}
    )
    if text.body != body:
        raise ConsentTextExists(pointer="/version", version=version)
    if created:
        after: dict[str, object] = {"purpose": purpose, "version": version, "language": language}
        audit.record(
            action="consent_text.published",
            object_type="consent_text",
            object_id=str(text.pk),
            after=after,
            actor=actor,
        )
    return text


def refuse_bundled(purpose: str, body: str) -> None:
    """The same words may not ask for two things."""
    if ConsentText.objects.filter(body=body).exclude(purpose=purpose).exists():
        raise ConsentBundled(pointer="/body")


def newest_text(purpose: str, language: str) -> ConsentText | None:
    """The words to show on a form: in the language, else in any that there is."""
    texts = ConsentText.objects.filter(purpose=purpose).order_by("-published_at", "-id")
    return texts.filter(language=language).first() or texts.first()
