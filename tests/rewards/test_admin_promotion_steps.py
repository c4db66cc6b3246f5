"""A version on its way through the screens: review, date, tills, pause, end, and copies of it."""

from __future__ import annotations

import uuid

import pytest
from django.urls import reverse

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import Programme, Promotion, PromotionVersion
from rewards.services import promotions, rule_sets
from rewards.services.checkout.quoting import make_quote
from tests.factories.members import StoreFactory
from tests.factories.promotions import TILL, ask_for, asked, make_programme
from tests.staff import at_desk, cost_of

pytestmark = pytest.mark.django_db
OFF = {"effects": [{"kind": "percent_off", "basis_points": 1000}]}


def drafted(code="ten", definition=OFF, **settings):
    programme = make_programme(**settings)
    made = promotions.create(programme=programme, code=code, name="Ten off", actor=TILL)
    return promotions.draft(promotion=made, definition=definition, actor=SYSTEM)


def address(step, version):
    return reverse(f"admin:rewards_promotion_{step}", args=[version.promotion_id, version.number])


def press(role, step, version, key=None, **fields):
    return at_desk(role).post(address(step, version), {"key": key or uuid.uuid4(), **fields})


def state_of(version):
    version.refresh_from_db()
    return version.state


def total_of(store):
    """What a till asks for goods of 10.00 right now."""
    now = clock.now()
    ask = ask_for(store, asked(1, "tea", 1000), occurred_at=now)
    quote = make_quote(ask=ask, compiled=rule_sets.current(), now=now, actor=TILL)
    return quote.totals.total.amount


def test_a_pause_is_felt_by_the_very_next_quote_and_its_end_too():
    version, store = drafted(), StoreFactory()
    rule_sets.forget()
    assert total_of(store) == 1000

    press("marketer", "publish", version)
    assert total_of(store) == 900
    press("marketer", "pause", version, reason="Budget is spent")
    assert total_of(store) == 1000
    press("marketer", "resume", version)
    assert total_of(store) == 900

    press("marketer", "end", version.promotion.versions.get(number=2), reason="Enough")
    assert total_of(store) == 1000
    assert state_of(version) == "ended"


def test_a_pause_without_a_reason_is_refused():
    version = drafted()
    press("marketer", "publish", version)

    assert press("marketer", "pause", version, reason=" ").status_code == 422
    assert state_of(version) == "live"


def test_one_writes_another_approves_and_only_then_it_goes_live():
    version = drafted()
    Programme.objects.update(promotions_need_review=True)
    page = reverse("admin:rewards_promotion_change", args=[version.promotion_id])
    assert address("publish", version) not in at_desk("marketer").get(page).content.decode()
    assert press("marketer", "publish", version).status_code == 422

    press("marketer", "submit", version)
    assert press("marketer", "approve", version).status_code == 403
    assert press("reviewer", "approve", version).status_code == 302
    press("marketer", "publish", version)

    assert state_of(version) == "live"
    assert version.approved_by.startswith("user:")


def test_nobody_approves_what_they_wrote_themselves():
    desk = at_desk("admin")
    programme = make_programme()
    made = promotions.create(programme=programme, code="own", name="Own", actor=SYSTEM)
    mine = f"user:{desk.session['_auth_user_id']}"
    version = promotions.draft(promotion=made, definition=OFF, actor=SYSTEM)
    other = PromotionVersion.objects.create(
        promotion=made, number=2, definition=OFF, created_by=mine
    )
    for one in (version, other):
        promotions.submit(version=one, actor=SYSTEM)

    assert press("admin", "approve", other).status_code == 422
    assert press("admin", "approve", version).status_code == 302


def test_what_is_sent_back_is_a_draft_again():
    version = drafted()
    press("marketer", "submit", version)

    press("reviewer", "reject", version, reason="Too dear")

    assert state_of(version) == "draft"


def test_dates_are_those_of_the_programmes_clock():
    version = drafted(time_zone="America/New_York")

    answer = press(
        "marketer", "schedule", version, starts_at="2099-07-01T09:00", ends_at="2099-07-02T00:00"
    )

    assert answer.status_code == 302
    assert state_of(version) == "scheduled"
    assert version.starts_at.isoformat() == "2099-07-01T13:00:00+00:00"
    assert version.ends_at.isoformat() == "2099-07-02T04:00:00+00:00"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"starts_at": ""}, "starts_at"),
        ({"starts_at": "tomorrow"}, "starts_at"),
        ({"starts_at": "2000-01-01T00:00"}, "starts_at"),
        ({"starts_at": "2099-01-02T00:00", "ends_at": "2099-01-01T00:00"}, "ends_at"),
    ],
)
def test_a_wrong_date_is_said_at_its_field(fields, field):
    version = drafted()

    answer = press("marketer", "schedule", version, **fields)

    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert state_of(version) == "draft"


def test_a_copy_is_made_once_by_a_double_click():
    version, key = drafted(), uuid.uuid4()

    answers = [press("marketer", "duplicate", version, key, name="Ten again") for _ in range(2)]

    copy = Promotion.objects.get(name="Ten again")
    assert [one.status_code for one in answers] == [302, 302]
    assert copy.versions.get().definition == OFF
    assert copy.versions.get().state == "draft"


def test_a_step_that_does_not_fit_the_state_is_refused():
    version = drafted()
    press("marketer", "discard", version)

    for step in ("submit", "publish", "withdraw", "discard"):
        assert press("marketer", step, version).status_code == 422
    assert state_of(version) == "ended"


STEPS = {
    "submit": "marketer", "withdraw": "marketer", "discard": "marketer", "duplicate": "marketer",
    "publish": "marketer", "schedule": "marketer", "pause": "marketer", "resume": "marketer",
    "end": "marketer", "approve": "reviewer", "reject": "reviewer",
}  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("role", ["marketer", "reviewer", "store_manager", "analyst"])
def test_who_may_do_which_step(step, role):
    version = drafted()
    expected = 200 if STEPS[step] == role else 403

    assert at_desk(role).get(address(step, version)).status_code == expected
    if expected == 403:
        assert press(role, step, version, reason="x", name="x").status_code == 403
        assert state_of(version) == "draft"
        assert Promotion.objects.filter(code="ten").count() == 1


def test_promotions_are_paused_from_the_list_each_for_itself():
    live, draft = drafted("live"), drafted("draft")
    press("marketer", "publish", live)
    chosen = [live.promotion_id, draft.promotion_id]
    sent = {"action": "pause_all", "_selected_action": chosen}

    answer = at_desk("marketer").post("/admin/rewards/promotion/", sent, follow=True)

    assert state_of(live) == "paused"
    assert state_of(draft) == "draft"
    assert "1 promotion paused." in answer.content.decode()
    assert "1 was not live." in answer.content.decode()


def test_readers_pause_nothing_from_the_list():
    version = drafted()
    press("marketer", "publish", version)
    sent = {"action": "pause_all", "_selected_action": [version.promotion_id]}

    at_desk("analyst").post("/admin/rewards/promotion/", sent)

    assert state_of(version) == "live"


def test_the_list_is_narrowed_by_state_and_reads_as_sentences():
    drafted()

    page = at_desk("analyst").get("/admin/rewards/promotion/?state=draft").content.decode()

    assert "10 % off" in page
    assert "Base earning rule" not in page


def test_a_new_shop_is_told_what_to_do_next():
    page = at_desk("marketer").get("/admin/rewards/promotion/").content.decode()

    assert "Choose a template" in page


def test_the_list_and_the_page_cost_the_same_however_many_there_are():
    desk, one = at_desk("marketer"), drafted("one")
    page = reverse("admin:rewards_promotion_change", args=[one.promotion_id])
    few = [len(cost_of(desk, at)) for at in ("/admin/rewards/promotion/", page)]

    for number in range(5):
        drafted(f"other-{number}")
        promotions.draft(promotion=one.promotion, definition=OFF, actor=SYSTEM)

    assert [len(cost_of(desk, at)) for at in ("/admin/rewards/promotion/", page)] == few
