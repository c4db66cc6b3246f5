"""One row in every table of stamps, claims, challenges and leaderboards."""

from __future__ import annotations

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from members.models import Receipt, Store
from rewards.models import Badge, Challenge, Leaderboard, Programme, StampProgramme
from rewards.services import claims, rule_sets
from rewards.services.challenges.counting import count_member
from rewards.services.challenges.writing import save_challenge
from rewards.services.checkout.committing import commit_purchase
from rewards.services.stamps import by_hand
from rewards.services.stamps.programmes import create_stamp_programme
from tests.factories.members import CardFactory
from tests.factories.promotions import TILL, ask_for, asked, sale_of


def collect_stamps(programme: Programme, store: Store) -> None:
    """A full card, stamps and a claim that wait, a challenge with its badge, a ranking."""
    said = {"programme": programme, "actor": SYSTEM}
    terms = {"code": "cup", "name": "Cup", "needed": 1, "manual_direct": 1}
    cup = create_stamp_programme(terms=terms, **said)  # type: ignore[arg-type]
    member = CardFactory().member
    stamp(cup, member, 1)
    stamp(cup, member, 2)
    claims.change_terms(terms={"is_open": True, "review_above_minor": 1}, **said)  # type: ignore[arg-type]
    claims.claim_receipt(receipt=nobodys_receipt(store), member=member, actor=SYSTEM)
    badge = Badge.objects.create(programme=programme, code="b", name="Badge")
    today = clock.now().date()
    challenge = Challenge(programme=programme, code="c", name="C", metric="days", starts_on=today)
    step = {"target": 1, "reward_kind": "", "reward_code": "", "reward_amount": 1, "badge": badge}
    save_challenge(challenge=challenge, steps=[step], actor=SYSTEM)
    count_member(challenge=challenge, member_id=member.pk)
    Leaderboard.objects.create(
        programme=programme, code="l", name="L", score="visits", cycle="week"
    )


def stamp(cup: StampProgramme, member: object, amount: int) -> None:
    by_hand.stamp_by_hand(
        programme=cup, member=member, amount=amount, reason="x", reference=f"{amount}",
        actor=SYSTEM,
    )  # type: ignore[arg-type]  # fmt: skip


def nobodys_receipt(store: Store) -> Receipt:
    now = clock.now()
    ask = ask_for(store, asked(1, "milk", 1000), occurred_at=now)
    sale = sale_of(ask, "R-nobodys", 1000)
    commit_purchase(sale=sale, compiled=rule_sets.current(), now=now, actor=TILL)
    return Receipt.objects.get(number="R-nobodys")
