"""Card types: numbers by a job, ways to come to life, tags of holders, reasons, paper."""

from __future__ import annotations

import io
import re
import zlib
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from PIL import Image

from loyalty_crm.kernel import clock, jobs, outbox
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.models import AuditEntry, Job
from members.errors import CardNumberInvalid, CardReasonMissing, CardTypeInvalid
from members.models import Card, CardBatch, CardDesign, CardType, MemberTag, Tag
from members.models.consents import Purpose
from members.rules.card_art import Face, back_svg, front_svg, wrapped
from members.rules.card_codes import seal, unseal
from members.rules.cards import is_acceptable, months_later
from members.services import card_batches, card_sheets, card_types
from members.services.card_codes import LIFE, short_code
from members.services.card_endings import close_ended
from members.services.cards import block_card, close_card, issue_card, replace_card, unblock_card
from members.services.consents import Statement
from members.services.people import enrol_member, lookup_member, update_member
from tests.factories.members import CardFactory, ConsentTextFactory, MemberFactory
from tests.staff import at_desk

pytestmark = pytest.mark.django_db
Activation = CardType.Activation


def make_type(**given):
    plain = {"code": "club", "name": "Club", "number_prefix": "91", "is_default": True}
    return card_types.save_type(card_type=CardType(**{**plain, **given}), actor=SYSTEM)


def make_batch(count=7, **given):
    return card_batches.order_batch(
        card_type=make_type(**given), name="First", count=count, actor=SYSTEM
    )


def issue(member, **given):
    return issue_card(member=member, occurred_at=clock.now(), actor=SYSTEM, **given)


# Numbers


def test_a_job_makes_the_numbers_with_a_true_check_digit_and_in_no_order():
    batch = make_batch(40)
    made = card_batches.make_next(chunk=15)

    numbers = list(Card.objects.order_by("id").values_list("number", flat=True))
    batch.refresh_from_db()
    assert (made, batch.made, batch.state) == (40, 40, "ready")
    assert len(set(numbers)) == 40
    assert all(one.startswith("91") and is_acceptable(one, "9") for one in numbers)
    assert numbers != sorted(numbers)
    assert (Job.objects.get().state, Job.objects.get().done) == ("succeeded", 40)


def test_a_worker_that_died_is_followed_by_one_that_goes_on():
    batch = make_batch(30)
    job = jobs.claim(card_batches.JOB)
    card_batches._advance(job, 10)
    Job.objects.update(heartbeat_at=clock.now() - timedelta(minutes=6))

    assert card_batches.make_next(chunk=10) == 20
    batch.refresh_from_db()
    assert (batch.made, Card.objects.count(), batch.state) == (30, 30, "ready")


def test_a_stopped_batch_keeps_its_cards_and_is_completed_later():
    batch = make_batch(30)
    job = jobs.claim(card_batches.JOB)
    card_batches._advance(job, 10)
    card_batches.stop_batch(batch=batch, actor=SYSTEM)

    assert card_batches.make_next() == 0
    batch.refresh_from_db()
    card_batches.resume_batch(batch=batch, actor=SYSTEM)
    assert card_batches.make_next() == 20


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ({}, 0),
        ({}, 1_000_001),
        ({"kind": "gift"}, 5),
        ({"is_active": False, "is_default": False}, 5),
    ],
)
def test_what_cannot_be_made_is_refused(given, count):
    with pytest.raises(CardTypeInvalid):
        make_batch(count, **given)


@pytest.mark.parametrize("prefix", ["81", "9123456", "", "9a", "٩"])
def test_numbers_outside_of_our_own_are_refused(prefix):
    with pytest.raises(CardTypeInvalid):
        make_type(number_prefix=prefix)


def test_numbers_and_kind_of_a_type_stay_once_there_are_cards():
    club = make_type()
    issue(MemberFactory())
    club.kind = "stamp"

    with pytest.raises(CardTypeInvalid):
        card_types.save_type(card_type=club, actor=SYSTEM)


def test_the_default_moves_to_the_newest():
    make_type()
    make_type(code="gold")

    assert list(CardType.objects.filter(is_default=True).values_list("code", flat=True)) == ["gold"]


# Coming to life


def test_a_card_pays_when_it_is_handed_out_if_its_type_says_so():
    make_type(activation=Activation.AT_ISSUE, valid_months=12)
    card = issue(MemberFactory())

    assert card.status == "active"
    assert card.valid_until == months_later(clock.now().date(), 12)


def test_a_card_of_a_batch_has_the_batchs_type_whoever_hands_it_out():
    make_batch(1, activation=Activation.AT_ISSUE, is_default=False)
    card_batches.make_next()
    make_type(code="other")

    card = issue(MemberFactory(), number=Card.objects.get().number)

    assert (card.type.code, card.status) == ("club", "active")


def test_a_form_that_is_completed_later_wakes_the_card():
    make_type(activation=Activation.FORM)
    text = ConsentTextFactory(purpose=Purpose.PERSONAL_DATA)
    member = enrol_member(
        name="Anna",
        phone="+79991234567",
        language="en",
        source="t",
        consents=[Statement(Purpose.PERSONAL_DATA, granted=True, text=text)],
        occurred_at=clock.now(),
        actor=SYSTEM,
    )
    before = member.cards.get().status
    update_member(member=member, changes={"birth_date": date(1990, 5, 1)}, actor=SYSTEM)
    outbox.drain()

    assert (before, member.cards.get().status) == ("issued", "active")


@pytest.mark.parametrize("activation", [Activation.FIRST_PURCHASE, Activation.CODE])
def test_a_card_that_waits_for_something_else_is_not_woken_by_a_form(activation):
    make_type(activation=activation)
    text = ConsentTextFactory(purpose=Purpose.PERSONAL_DATA)
    member = enrol_member(
        name="Anna",
        phone="+79991234567",
        birth_date=date(1990, 5, 1),
        language="en",
        source="t",
        consents=[Statement(Purpose.PERSONAL_DATA, granted=True, text=text)],
        occurred_at=clock.now(),
        actor=SYSTEM,
    )
    outbox.drain()

    assert member.cards.get().status == "issued"


def test_the_tag_of_a_type_is_on_a_member_while_a_card_is_active():
    tag = Tag.objects.create(code="gold", name="Gold")
    make_type(activation=Activation.AT_ISSUE, tag=tag)
    member = MemberFactory()

    def worn():
        return MemberTag.objects.filter(member=member, tag_id="gold").exists()

    card = issue(member)
    steps = [worn()]
    block_card(card=card, reason="lost", actor=SYSTEM)
    steps.append(worn())
    unblock_card(card=card, reason="found", actor=SYSTEM)
    steps.append(worn())
    new = replace_card(card=card, reason="broken", occurred_at=clock.now(), actor=SYSTEM)
    steps.append(worn())
    close_card(card=new, reason="moved", actor=SYSTEM)
    steps.append(worn())

    assert steps == [True, False, True, True, False]


def test_a_tag_that_somebody_else_put_on_stays():
    tag = Tag.objects.create(code="gold", name="Gold")
    make_type(activation=Activation.AT_ISSUE, tag=tag)
    member = MemberFactory()
    MemberTag.objects.create(member=member, tag=tag, source="segment", since=clock.now())

    block_card(card=issue(member), reason="lost", actor=SYSTEM)

    assert MemberTag.objects.get().source == "segment"


# Reasons and ends


@pytest.mark.parametrize("verb", [block_card, close_card])
@pytest.mark.parametrize("reason", ["", "  "])
def test_a_card_is_not_stopped_without_a_reason(verb, reason):
    card = CardFactory()

    with pytest.raises(CardReasonMissing):
        verb(card=card, reason=reason, actor=SYSTEM)

    card.refresh_from_db()
    assert card.status == "active"


def test_the_database_wants_the_reason_too():
    card = CardFactory()

    with pytest.raises(IntegrityError, match="stopped_card_says_why"), transaction.atomic():
        Card.objects.filter(pk=card.pk).update(status="blocked")


def test_cards_end_after_their_last_day():
    today = date(2026, 5, 10)
    over = CardFactory(valid_until=today - timedelta(days=1))
    last = CardFactory(valid_until=today)

    assert close_ended(today) == 1
    over.refresh_from_db()
    last.refresh_from_db()
    assert (over.status, last.status) == ("closed", "active")
    assert over.reason


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 5, 1), 24, date(2028, 5, 1)),
    ],
)
def test_months_end_with_their_last_day(day, months, expected):
    assert months_later(day, months) == expected


# Short-lived codes


def test_a_short_lived_code_names_the_member_until_it_is_over(settings):
    card = CardFactory()
    code = short_code(card, clock.now())
    old = short_code(card, clock.now() - LIFE)

    assert lookup_member(kind="card", value=code.lower()) == card.member
    assert lookup_member(kind="card", value=old) is None
    settings.CARD_CODE_KEY = "another"
    assert lookup_member(kind="card", value=code) is None


def test_a_code_tells_neither_the_card_nor_the_time_and_bears_no_change():
    codes = {seal("key", 7, 1_000 + n) for n in range(50)}

    assert len({code[2:15] for code in codes}) == 50
    for code in codes:
        for at in range(2, 29):
            other = "A" if code[at] != "A" else "B"
            assert unseal("key", code[:at] + other + code[at + 1 :], 0) is None


@pytest.mark.parametrize(
    "text", ["", "MY", "MY" + "A" * 28, "MY" + "1" * 28, "my" + "Ж" * 28, "X" * 30]
)
def test_what_is_no_code_names_nobody(text):
    assert unseal("key", text, 0) is None


def test_an_app_asks_for_a_code_and_the_till_takes_it(api):
    card = CardFactory()
    url = f"/api/v1/members/{card.member.public_id}/cards/code"

    said = api("members:write").post(url, {}).json()
    found = api("members:read").post("/api/v1/members/lookup", {"card": said["code"]})
    closed = api("members:read").post(url, {})

    assert found.json()["id"] == str(card.member.public_id)
    assert closed.status_code == 403


def test_a_blocked_card_has_no_code(api):
    card = CardFactory(status="blocked")
    url = f"/api/v1/members/{card.member.public_id}/cards/code"

    assert api("members:write").post(url, {}).status_code == 404


# Paper and screen

EVIL = "\"><script>alert(1)</script>&'"


def test_every_text_on_a_card_is_inert():
    face = Face(
        title=EVIL, subtitle=EVIL, note=EVIL, hotline=EVIL, rules_url=EVIL, legal_entity=EVIL
    )

    for drawn in (front_svg(face, holder=EVIL, number="9" * 18, with_code=True), back_svg(face)):
        assert "<script" not in drawn
        assert "style=" not in drawn


def test_lines_are_wrapped_and_long_words_cut():
    assert wrapped("one two three", 7) == ["one two", "three"]
    assert wrapped("x" * 10, 4) == ["xxxx", "xxxx", "xx"]


def test_a_sheet_holds_ten_cards_in_cyrillic():
    design = CardDesign.objects.create(
        name="d", title="Клуб «Ёлка»", note="Правила", code="code128"
    )
    drawn = card_sheets.draw_sheets(design, ["900000000000000008"] * 11, backs=True)

    assert drawn.count(b"/Type /Page\n") == 4
    assert b"Roboto" in drawn
    assert "0401" in unicode_map(drawn)


def unicode_map(pdf):
    """Which letters the embedded fonts say they hold, in hexadecimal."""
    found = ""
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            found += zlib.decompress(stream.strip()).decode("latin-1")
        except zlib.error:
            continue
    return found


def test_the_sheets_of_a_batch_leave_a_trace_and_need_the_right():
    batch = make_batch(12)
    card_batches.make_next()
    page = reverse("admin:members_cardbatch_print", args=[batch.pk])

    drawn = at_desk("store_manager").post(page, {"first": 11, "count": 100})
    closed = at_desk("marketer").post(page, {"first": 1, "count": 1})

    assert drawn.content.startswith(b"%PDF")
    assert closed.status_code == 403
    assert AuditEntry.objects.get(action="card_batch.printed").after == {"first": 11, "count": 2}


def picture(kind="PNG", size=(900, 300)):
    out = io.BytesIO()
    Image.new("RGB", size, "#ff0000").save(out, kind, comment=b"<script>")
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_logo_is_drawn_anew_and_small(kind):
    clean = card_types.clean_logo(picture(kind))

    assert clean.startswith(b"\x89PNG")
    assert b"script" not in clean
    assert max(Image.open(io.BytesIO(clean)).size) <= 480


@pytest.mark.parametrize(
    "data", [b"", b"<svg onload=alert(1)>", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"x" * 50]
)
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(CardTypeInvalid):
        card_types.clean_logo(data)


# Back office

DESIGN = {
    "name": "House", "title": "Клуб", "subtitle": "", "background": "#0A6650",
    "foreground": "#ffffff", "accent": "#f2bd66", "code": "qr", "rules_url": "https://x.example/r",
    "hotline": "8 800", "legal_entity": "ООО «Ёлка»", "note": "",
}  # fmt: skip


def test_a_design_is_made_in_the_back_office_with_a_logo():
    desk = at_desk("marketer")
    logo = io.BytesIO(picture())
    logo.name = "logo.png"

    answer = desk.post(reverse("admin:members_carddesign_add"), {**DESIGN, "picture": logo})

    design = CardDesign.objects.get()
    assert answer.status_code == 302
    assert (design.background, bool(design.logo), design.missing) == ("#0a6650", True, [])
    page = desk.get(answer.url).content.decode()
    assert "Клуб" in page
    assert "data:image/png" in page


@pytest.mark.parametrize(
    ("field", "value"), [("background", "red"), ("title", ""), ("code", "x"), ("name", "x" * 101)]
)
def test_a_faulty_design_is_shown_again(field, value):
    answer = at_desk("marketer").post(
        reverse("admin:members_carddesign_add"), {**DESIGN, field: value}
    )

    assert answer.status_code == 422
    assert not CardDesign.objects.exists()


def test_the_preview_shows_what_is_typed_and_keeps_nothing():
    page = at_desk("marketer").post(
        reverse("admin:members_carddesign_preview"),
        {**DESIGN, "title": EVIL, "accent": "nonsense", "hotline": ""},
    )

    text = page.content.decode()
    assert "<script" not in text
    assert "draft" in text
    assert not CardDesign.objects.exists()


def test_a_design_in_use_keeps_its_mandatory_texts():
    desk = at_desk("marketer")
    desk.post(reverse("admin:members_carddesign_add"), DESIGN)
    design = CardDesign.objects.get()
    make_type(design=design)

    page = reverse("admin:members_carddesign_change", args=[design.pk])
    assert desk.post(page, {**DESIGN, "hotline": ""}).status_code == 422
    with pytest.raises(CardTypeInvalid):
        make_type(code="o", design=CardDesign.objects.create(name="n", title="t"))


TYPE = {
    "name": "Gold", "code": "gold", "kind": "fixed_discount", "design": "", "number_prefix": "92",
    "activation": "at_issue", "valid_months": "12", "tag": "", "is_active": "on",
}  # fmt: skip


def test_a_type_is_made_in_the_back_office():
    answer = at_desk("marketer").post(reverse("admin:members_cardtype_add"), TYPE)

    assert answer.status_code == 302
    assert CardType.objects.get().valid_months == 12


@pytest.mark.parametrize(
    ("field", "value"),
    [("number_prefix", "12"), ("valid_months", "9999"), ("code", "a b"), ("is_active", "")],
)
def test_a_faulty_type_is_shown_again_and_never_breaks(field, value):
    asked = {**TYPE, field: value, "is_default": "on"}
    answer = at_desk("marketer").post(reverse("admin:members_cardtype_add"), asked)

    assert answer.status_code == 200
    assert not CardType.objects.exists()


def test_a_batch_is_ordered_once_by_two_clicks():
    club, desk = make_type(), at_desk("marketer")
    page = reverse("admin:members_cardbatch_add")
    key = re.search(r'name="key" value="([^"]+)"', desk.get(page).content.decode())[1]
    asked = {"key": key, "type": club.pk, "name": "May", "count": 5}

    first, second = desk.post(page, asked), desk.post(page, asked)

    assert first.url == second.url
    assert CardBatch.objects.count() == 1


def test_the_report_counts_sleeping_cards_by_age():
    make_type()
    for days in (1, 20, 60, 400):
        CardFactory(
            status="issued",
            activated_at=None,
            type=CardType.objects.get(),
            issued_at=clock.now() - timedelta(days=days),
        )
    CardFactory()

    page = at_desk("analyst").get(reverse("admin:members_cards_asleep"))

    [row] = page.context["rows"]
    assert row["total"] == 4
    assert [count for _title, count, _share in row["ages"]] == [1, 1, 1, 1]


def test_a_number_with_a_wrong_check_digit_is_refused():
    make_type()
    with pytest.raises(CardNumberInvalid):
        issue(MemberFactory(), number="910000000000000001")
