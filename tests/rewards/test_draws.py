"""Prize draws: complete before they are seen, frozen before they are drawn, checked by anybody."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from functools import partial

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, connection, transaction

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.errors import ValidationFailed
from rewards.errors import DrawInvalid, DrawState
from rewards.models import Draw, DrawEntry, DrawWinner, PrizeWin, Wallet
from rewards.services import draws, gift_cards, prizes
from rewards.services.draws import DrawPrizePlan, drawing
from rewards.services.prizes.yearly import year_of
from tests.concurrency import race
from tests.factories.members import MemberFactory
from tests.factories.promotions import make_programme
from tests.rewards.game_tools import give_tickets, make_draw
from tests.rewards.ledger_tools import owner_did

pytestmark = pytest.mark.django_db


@pytest.fixture
def programme():
    return make_programme()


def at_end(draw, days=0):
    """Some days after the last ticket."""
    return time_machine.travel(draw.ends_at + timedelta(days=days, seconds=1), tick=False)


def filled(programme, tickets=(3, 2, 1), *plans, **values):
    draw = make_draw(programme, *plans, **values)
    members = [MemberFactory() for _each in tickets]
    for member, count in zip(members, tickets, strict=True):
        give_tickets(member, draw, count)
    return draw, members


def drawn(draw, beacon=""):
    with at_end(draw):
        draws.freeze_list(draw=draw, actor=SYSTEM)
    with at_end(draw, 1):
        return draws.draw_winners(draw=draw, beacon=beacon, actor=SYSTEM)


def states(draw):
    return list(draw.winners.order_by("place").values_list("state", flat=True))


# Terms


@pytest.mark.parametrize(
    "missing",
    ["organiser", "rules", "information", "hand_over_place", "hand_over_terms", "starts_at",
     "ends_at", "draws_at", "hand_over_until"],
)  # fmt: skip
def test_nothing_of_what_the_law_asks_may_be_missing(programme, missing):
    empty = None if missing.endswith(("_at", "_until")) else ""
    draw = make_draw(programme, publish=False, **{missing: empty})

    with pytest.raises(DrawInvalid) as refusal:
        draws.publish_draw(draw=draw, actor=SYSTEM)

    assert [one["pointer"] for one in refusal.value.detail["errors"]] == [f"/{missing}"]
    with pytest.raises(IntegrityError, match="published_draw_tells_all"), transaction.atomic():
        Draw.objects.update(state="published")


def test_without_prizes_neither_the_form_nor_the_database_publishes(programme):
    draw = make_draw(programme, publish=False)
    draw.prizes.all().delete()

    with pytest.raises(DrawInvalid) as refusal:
        draws.publish_draw(draw=draw, actor=SYSTEM)

    assert [one["pointer"] for one in refusal.value.detail["errors"]] == ["/prizes"]
    seed = {"seed": "00" * 32, "seed_hash": hashlib.sha256(bytes(32)).hexdigest()}
    with pytest.raises(IntegrityError, match="without prizes"), transaction.atomic():
        Draw.objects.update(state="published", **seed)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE rewards_draw SET rules = 'others'",
        "UPDATE rewards_draw SET seed = repeat('00', 32)",
        "UPDATE rewards_draw SET ends_at = ends_at + interval '1 day'",
        "UPDATE rewards_draw SET state = 'drawn'",
        "UPDATE rewards_drawprize SET label = 'a pen'",
        "DELETE FROM rewards_drawprize",
        "DELETE FROM rewards_draw",
    ],
)
def test_a_published_draw_keeps_its_terms(programme, sql):
    make_draw(programme)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_dates_follow_one_another(programme):
    now = clock.now()

    with pytest.raises(DrawInvalid) as refusal:
        make_draw(programme, publish=False, ends_at=now - timedelta(days=2), draws_at=now)

    assert [one["pointer"] for one in refusal.value.detail["errors"]] == ["/ends_at"]


# The list


def test_tickets_stay_open_until_the_last_day(programme):
    draw, _members = filled(programme)

    with pytest.raises(DrawState):
        draws.freeze_list(draw=draw, actor=SYSTEM)
    assert draws.close_due(clock.now()) == 0
    with at_end(draw):
        assert draws.close_due(clock.now()) == 1
        assert draws.close_due(clock.now()) == 0


def test_the_list_numbers_every_ticket_once(programme):
    draw, members = filled(programme, (3, 2, 1))
    give_tickets(members[2], draw, -1)
    gone = MemberFactory(status="closed")
    give_tickets(gone, draw, 9)

    with at_end(draw):
        draw = draws.freeze_list(draw=draw, actor=SYSTEM)

    entries = list(DrawEntry.objects.order_by("first"))
    assert (draw.participants, draw.tickets) == (2, 5)
    assert [(one.first, one.last) for one in entries] in ([(1, 3), (4, 5)], [(1, 2), (3, 5)])
    text = "".join(f"{one.participant},{one.first},{one.last}\n" for one in entries)
    assert hashlib.sha256(text.encode()).hexdigest() == draw.list_hash
    assert all(
        one.participant
        == hashlib.sha256(f"{draw.public_id}:{one.member.public_id}".encode()).hexdigest()[:16]
        for one in entries
    )


def test_a_ticket_that_came_late_does_not_count_but_one_taken_back_does(programme):
    draw, [anna, boris] = filled(programme, (3, 3))

    with at_end(draw):
        give_tickets(anna, draw, -2)
    late_ticket(boris, draw)
    with at_end(draw, 1):
        draw = draws.freeze_list(draw=draw, actor=SYSTEM)

    assert draw.tickets == 1 + 3


def late_ticket(boris, draw):
    """A ticket whose row was written behind the end, as the database's clock tells."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO rewards_awardmove (member_id, kind, code, amount, reason, recorded_at)"
            " VALUES (%s, 'draw_tickets', %s, 5, 'late', %s)",
            [boris.pk, draw.code, draw.ends_at + timedelta(hours=1)],
        )


def test_what_comes_back_after_the_freeze_changes_nothing(programme):
    draw, members = filled(programme, (3,))
    with at_end(draw):
        frozen = draws.freeze_list(draw=draw, actor=SYSTEM)

    give_tickets(members[0], draw, -3)

    assert "".join(draws.list_lines(frozen)).endswith(",1,3\n")
    with pytest.raises(DatabaseError), transaction.atomic():
        DrawEntry.objects.update(last=9)


# The draw


def again(draw):
    """The winners from what is published alone: no line is shared with the product."""
    seed, text = bytes.fromhex(draw.seed), "".join(draws.list_lines(draw))
    assert hashlib.sha256(seed).hexdigest() == draw.seed_hash
    assert hashlib.sha256(text.encode()).hexdigest() == draw.list_hash
    bag = []
    for row in text.splitlines():
        participant, first, last = row.split(",")
        bag += [(ticket, participant) for ticket in range(int(first), int(last) + 1)]
    found = []
    for place in range(1, draw.winners.count() + 1):
        head = f"{draw.public_id}:{draw.list_hash}:{draw.beacon}:{place}"
        ticket, participant = bag[number(seed, head, len(bag))]
        found.append((ticket, participant))
        bag = [one for one in bag if one[1] != participant]
    return found


def number(seed, head, below):
    counter = 0
    while True:
        block = hmac.digest(seed, f"{head}:{counter}".encode(), "sha256")
        drawn_number = int.from_bytes(block[:8], "big")
        if drawn_number < 2**64 - 2**64 % below:
            return drawn_number % below
        counter += 1


def test_the_winners_follow_from_the_published_list_and_seed(programme):
    plans = [DrawPrizePlan("A trip"), DrawPrizePlan("A pen", quantity=2)]
    draw, _members = filled(programme, (5, 4, 3, 2, 1, 1), *plans, reserves=2)

    draw = drawn(draw)

    rows = draw.winners.select_related("entry", "prize").order_by("place")
    assert [(one.ticket, one.entry.participant) for one in rows] == again(draw)
    assert [one.prize.label if one.prize else None for one in rows] == [
        "A trip", "A pen", "A pen", None, None,
    ]  # fmt: skip
    assert draws.check_draw(draw).agrees


def test_a_winner_that_was_written_otherwise_is_seen(programme):
    draw, _members = filled(programme, (5, 4, 3))
    draw = drawn(draw)

    draw.seed = "11" * 32

    assert not draws.check_draw(draw).agrees


def test_a_public_number_is_asked_for_when_the_rules_name_one(programme):
    draw, _members = filled(programme, beacon_source="Exchange rate of the day")
    with at_end(draw):
        draws.freeze_list(draw=draw, actor=SYSTEM)
    with at_end(draw, 1):
        with pytest.raises(ValidationFailed):
            draws.draw_winners(draw=draw, actor=SYSTEM)
        draw = draws.draw_winners(draw=draw, beacon="91.2345", actor=SYSTEM)

    assert draw.beacon == "91.2345"
    assert draws.check_draw(draw).agrees


def test_the_day_of_the_draw_has_to_come(programme):
    draw, _members = filled(programme)
    with at_end(draw):
        draws.freeze_list(draw=draw, actor=SYSTEM)
        with pytest.raises(DrawState):
            draws.draw_winners(draw=draw, actor=SYSTEM)


def test_fewer_people_than_prizes_leave_prizes_over(programme):
    draw, _members = filled(programme, (2,), DrawPrizePlan("A pen", quantity=3))

    assert drawn(draw).winners.count() == 1


def test_a_draw_without_tickets_has_no_winners(programme):
    draw, _members = filled(programme, ())

    draw = drawn(draw)

    assert (draw.winners.count(), draw.tickets) == (0, 0)
    assert draws.finish_draw(draw=draw, actor=SYSTEM).state == "handed_over"


@pytest.mark.django_db(transaction=True)
def test_two_who_draw_at_once_draw_once():
    draw, _members = filled(make_programme(), (5, 4, 3, 2, 1))
    with at_end(draw):
        draws.freeze_list(draw=draw, actor=SYSTEM)

    with at_end(draw, 1):
        found = race([partial(draws.draw_winners, draw=draw, actor=SYSTEM)] * 6)

    assert found.overlap > 1
    assert len(found.results) == 1
    assert {type(one) for one in found.errors} == {DrawState}
    assert DrawWinner.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_the_control_draws_twice(monkeypatch):
    """Neither the lock nor the guards: each of them writes its own winners."""
    draw, _members = filled(make_programme(), (5, 4, 3, 2, 1))
    with at_end(draw):
        draws.freeze_list(draw=draw, actor=SYSTEM)
    monkeypatch.setattr(drawing, "locked", lambda asked, *_states: Draw.objects.get(pk=asked.pk))
    before = """
        ALTER TABLE rewards_drawwinner DROP CONSTRAINT one_winner_per_place;
        ALTER TABLE rewards_drawwinner DISABLE TRIGGER drawn_from_the_frozen_list
    """
    after = """
        TRUNCATE rewards_draw CASCADE;
        ALTER TABLE rewards_drawwinner ENABLE TRIGGER drawn_from_the_frozen_list;
        ALTER TABLE rewards_drawwinner ADD CONSTRAINT one_winner_per_place UNIQUE (draw_id, place)
    """

    with owner_did(before=before, after=after):
        with at_end(draw, 1):
            race([partial(draws.draw_winners, draw=draw, actor=SYSTEM)] * 6)
        written = DrawWinner.objects.count()

    assert written > 4


# Winners


def test_a_winner_accepts_and_gets_the_prize_with_a_proof(programme):
    draw, _members = filled(programme)
    draw = drawn(draw)
    first = draw.winners.get(place=1)

    draws.accept_win(winner=first, actor=SYSTEM)
    assert PrizeWin.objects.get().state == "due"
    with pytest.raises(ValidationFailed):
        draws.hand_over_win(winner=first, proof=" ", actor=SYSTEM)
    draws.hand_over_win(winner=first, proof="Act no. 7", actor=SYSTEM)

    win = PrizeWin.objects.get()
    assert (win.state, win.proof, win.value_minor) == ("handed", "Act no. 7", 500_000)
    assert states(draw) == ["handed", "reserve", "reserve"]
    assert draws.finish_draw(draw=draw, actor=SYSTEM).state == "handed_over"


def test_points_are_there_when_the_winner_accepts(programme):
    draw, _members = filled(programme, (1,), DrawPrizePlan("1000 points", "points", amount=1_000))
    draw = drawn(draw)

    winner = draws.accept_win(winner=draw.winners.get(), actor=SYSTEM)

    assert winner.state == "handed"
    assert Wallet.objects.get(kind="points").posted == 1_000


def test_a_gift_card_is_worth_its_prize_when_it_is_handed_over(programme):
    draw, _members = filled(programme, (1,), DrawPrizePlan("Card", "gift_card", amount=50_00))
    draw = drawn(draw)
    winner = draw.winners.get()
    draws.accept_win(winner=winner, actor=SYSTEM)
    [card] = gift_cards.issue(programme=programme, numbers=["ABCD12345678"], actor=SYSTEM)

    draws.hand_over_win(winner=winner, proof="Act 1", gift_card="ABCD12345678", actor=SYSTEM)

    assert Wallet.objects.get(pk=card.wallet_id).posted == 50_00


def test_who_refuses_makes_room_for_the_first_reserve(programme):
    draw, _members = filled(programme)
    draw = drawn(draw)
    first = draw.winners.get(place=1)
    draws.accept_win(winner=first, actor=SYSTEM)

    moved = draws.refuse_win(winner=first, note="Does not travel", actor=SYSTEM)

    assert moved.place == 2
    assert moved.prize.label == "A trip"
    assert states(draw) == ["refused", "asked", "reserve"]
    assert PrizeWin.objects.get().state == "cancelled"
    draws.accept_win(winner=moved, actor=SYSTEM)
    assert set(PrizeWin.objects.values_list("state", flat=True)) == {"cancelled", "due"}


def test_who_does_not_answer_in_time_drops_out(programme):
    draw, _members = filled(programme, answer_days=3)
    draw = drawn(draw)

    with at_end(draw, 3):
        assert draws.expire_answers(clock.now()) == 0
    with at_end(draw, 5):
        assert draws.expire_answers(clock.now()) == 1
        assert draws.expire_answers(clock.now()) == 0

    assert states(draw) == ["silent", "asked", "reserve"]


def test_without_a_reserve_the_prize_stays(programme):
    draw, _members = filled(programme, (1,))
    draw = drawn(draw)

    assert draws.refuse_win(winner=draw.winners.get(), note="no", actor=SYSTEM) is None
    assert draws.finish_draw(draw=draw, actor=SYSTEM)


def test_a_draw_is_not_finished_while_somebody_waits(programme):
    draw, _members = filled(programme)
    draw = drawn(draw)

    with pytest.raises(DrawState):
        draws.finish_draw(draw=draw, actor=SYSTEM)


def test_a_draw_is_called_off_only_before_its_winners_are_known(programme):
    first, _members = filled(programme)
    second, _more = filled(programme)
    second = drawn(second)

    assert draws.cancel_draw(draw=first, reason="rain", actor=SYSTEM).state == "cancelled"
    with pytest.raises(DrawState):
        draws.cancel_draw(draw=second, reason="rain", actor=SYSTEM)


# Tax


def test_prizes_of_a_year_are_held_against_the_tax_free_sum(programme):
    plans = [DrawPrizePlan("A trip", value_minor=500_000)]
    draw, _members = filled(programme, (1,), *plans)
    draw = drawn(draw)
    winner = draws.accept_win(winner=draw.winners.get(), actor=SYSTEM)
    member, year = winner.entry.member_id, year_of(programme, winner.win.won_at)

    [over] = prizes.over_limit(programme=programme, year=year)

    assert (over.member_id, over.taxed_minor, over.tax_minor) == (member, 100_000, 35_000)
    assert prizes.tax_note(programme=programme, member_id=member, at=winner.win.won_at) == over
    assert prizes.over_limit(programme=programme, year=year + 1) == []
    draws.refuse_win(winner=winner, note="no", actor=SYSTEM)
    assert prizes.over_limit(programme=programme, year=year) == []
