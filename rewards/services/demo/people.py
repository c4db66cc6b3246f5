"""Households become members: a name, ways to reach them, a card, and what they agreed to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from loyalty_crm.kernel.actors import Actor
from members.models import ConsentText, Identity, Store
from members.models.consents import Purpose
from members.services.consents import Statement
from members.services.people import enrol_member
from rewards.services.demo.names import Person, person

BATCH = 100
WORDS = {
    Purpose.PERSONAL_DATA: {
        "en": "I agree that the shop keeps my name, phone and purchases to run the programme.",
        "ru": "Я согласен на обработку имени, телефона и покупок для участия в программе.",
    },
    Purpose.ADVERTISING: {
        "en": "I agree to receive advertising messages. I can withdraw this at any time.",
        "ru": "Я согласен получать рекламные сообщения. Согласие можно отозвать в любой момент.",
    },
}
VERSION = "2026-01"


@transaction.atomic
def publish_texts() -> dict[tuple[str, str], ConsentText]:
    """The words that members agree to; what is published already stays."""
    return {
        (purpose.value, language): ConsentText.objects.get_or_create(
            purpose=purpose, version=VERSION, language=language, defaults={"body": body}
        )[0]
        for purpose, words in WORDS.items()
        for language, body in words.items()
    }


def enrol(
    households: Sequence[str], *, system: str, joined: dict[str, tuple[datetime, str]], actor: Actor
) -> int:
    """Enrol those who are not members yet; ``joined`` says when and in which store."""
    known = set(
        Identity.objects.filter(kind="external", system=system).values_list("value", flat=True)
    )
    texts = publish_texts()
    stores = {store.code: store for store in Store.objects.all()}
    # The place in the whole list gives the phone, so that a second run gives nobody another's.
    new = [(number, key) for number, key in enumerate(households) if key not in known]
    for start in range(0, len(new), BATCH):
        with transaction.atomic():
            for number, key in new[start : start + BATCH]:
                moment, store = joined[key]
                enrol_one(
                    person(key, number), (system, key), moment, stores.get(store), texts, actor
                )
    return len(new)


def enrol_one(
    who: Person,
    external: tuple[str, str],
    moment: datetime,
    store: Store | None,
    texts: dict[tuple[str, str], ConsentText],
    actor: Actor,
) -> None:
    enrol_member(
        name=who.name,
        phone=who.phone,
        email=who.email,
        external_ids=[external],
        birth_date=who.birth_date,
        language=who.language,
        home_store=store,
        source="demo",
        consents=list(statements(who, texts)),
        occurred_at=moment - timedelta(minutes=10),
        actor=actor,
    )


def statements(who: Person, texts: dict[tuple[str, str], ConsentText]) -> Iterable[Statement]:
    """Two questions, two answers: nobody agrees to advertising by agreeing to join."""
    yield Statement(Purpose.PERSONAL_DATA, True, texts[Purpose.PERSONAL_DATA.value, who.language])  # noqa: FBT003
    wanted = who.wants_advertising
    text = texts[Purpose.ADVERTISING.value, who.language]
    yield Statement(Purpose.ADVERTISING, wanted, text if wanted else None)
