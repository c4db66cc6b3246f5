"""Batches: made to the exact count by a job that may die; other checkouts; exports by two."""

from __future__ import annotations

import hashlib
import hmac
import io
import struct
import zipfile
import zlib
from datetime import timedelta

import pytest
from Crypto.Cipher import AES
from Crypto.Util import Counter
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from loyalty_crm.kernel import clock, jobs
from loyalty_crm.kernel.actors import SYSTEM, user_actor
from loyalty_crm.kernel.models import AuditEntry, Job
from loyalty_crm.kernel.staff import give_role
from rewards.errors import CouponState, OwnApproval
from rewards.models import Coupon, CouponBatch, CouponExport, CouponUse
from rewards.services.coupons import batches, exporting, generating
from rewards.services.coupons.issuing import issue_coupon
from rewards.tasks import make_coupons
from tests.factories.members import CardFactory, MemberFactory, StoreFactory
from tests.factories.promotions import make_programme
from tests.rewards.coupon_tools import (
    counted,
    coupon_promotion,
    disagreeing,
    make_batch,
    one_code,
    unique_codes,
)
from tests.rewards.till_client import Till
from tests.staff import at_desk, cost_of

pytestmark = pytest.mark.django_db

SCOPES = ("coupons:read", "coupons:write", "coupons:redeem", "bulk:run")
UNIQUE = {"promotion": "half", "kind": "unique", "name": "leaflet", "count": 25}


@pytest.fixture(autouse=True)
def shop(db, settings):
    settings.GUESSES_PER_MINUTE = settings.GUESSES_PER_DAY = 1000
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    coupon_promotion(make_programme())
    return StoreFactory(code="S1")


@pytest.fixture
def till():
    return Till(*SCOPES)


def said(response):
    return response.status_code, response.json()["code"]


# Made by a job


def test_a_batch_is_ordered_over_the_api_and_followed_until_it_is_ready(till):
    ordered = till.post("coupon-batches", UNIQUE)
    body = ordered.json()
    assert (ordered.status_code, body["state"], body["made"]) == (202, "generating", 0)
    job = f"jobs/{body['job']['id']}"
    assert (till.get(job).json()["state"], till.get(job).json()["total"]) == ("queued", 25)

    assert make_coupons() == 25

    ready = till.get(f"coupon-batches/{body['id']}").json()
    assert (ready["state"], ready["made"], ready["job"]["done"]) == ("ready", 25, 25)
    assert till.get(job).json()["result"] == {"made": 25}
    assert [one["id"] for one in till.get("coupon-batches").json()["data"]] == [body["id"]]
    assert make_coupons() == 0


def killed_after(chunks, monkeypatch):
    """A worker that dies without a word: no chunk after this one is committed, nothing is said."""
    advance = generating._advance
    left = iter(range(chunks))

    class Killed(BaseException):
        pass

    def dying(job, chunk):
        if next(left, None) is None:
            with transaction.atomic():
                generating._write(CouponBatch.objects.get(), chunk)
                raise Killed
        return advance(job, chunk)

    monkeypatch.setattr(generating, "_advance", dying)
    with pytest.raises(Killed):
        generating.generate_next(chunk=1_000)
    monkeypatch.setattr(generating, "_advance", advance)


def test_a_killed_job_goes_on_to_the_exact_count_without_doubles(monkeypatch):
    batch = make_batch("unique", count=20_000, prefix="SPRING")
    batches.start_generating(batch=batch, actor=SYSTEM)
    killed_after(7, monkeypatch)
    assert Coupon.objects.count() == 7_000
    assert generating.generate_next() == 0  # its worker may still live

    Job.objects.update(heartbeat_at=clock.now() - jobs.SILENCE - timedelta(seconds=1))
    assert generating.generate_next(chunk=3_000) == 13_000

    batch.refresh_from_db()
    assert (batch.state, batch.made) == ("ready", 20_000)
    found = list(batch.coupons.values_list("code", flat=True))
    assert len(found) == len(set(found)) == 20_000
    assert all(code.startswith("SPRING") for code in found)


def test_a_code_that_is_taken_is_drawn_again(monkeypatch):
    taken = one_code(code="TAKEN234").code
    drawn = iter([[taken, "NEW2345"], ["NEW6789"]])
    monkeypatch.setattr(generating, "draw", lambda count, **_: next(drawn))
    batch = make_batch("unique", count=2)
    batches.start_generating(batch=batch, actor=SYSTEM)

    assert generating.generate_next() == 2
    assert {one.code for one in batch.coupons.all()} == {"NEW2345", "NEW6789"}


def test_a_cancelled_job_stops_holds_nothing_and_may_be_completed(till, shop, monkeypatch):
    batch = make_batch("unique", count=3_000)
    batches.start_generating(batch=batch, actor=SYSTEM)
    killed_after(1, monkeypatch)
    batches.stop_generating(batch=batch, actor=SYSTEM)
    assert Job.objects.get().state == "cancelled"
    assert generating.generate_next() == 0
    code = batch.coupons.first().code
    assert said(validate(till, code)) == (422, "coupon_unavailable")

    batch.refresh_from_db()
    batches.start_generating(batch=batch, actor=SYSTEM)
    assert generating.generate_next() == 2_000
    assert validate(till, code).status_code == 200


def test_a_worker_that_lost_its_job_undoes_the_piece_at_hand(monkeypatch):
    batch = make_batch("unique", count=10)
    batches.start_generating(batch=batch, actor=SYSTEM)
    write = generating._write

    def cancelled_meanwhile(batch, count):
        made = write(batch, count)
        jobs.cancel(Job.objects.get())
        return made

    monkeypatch.setattr(generating, "_write", cancelled_meanwhile)
    assert generating.generate_next() == 0
    assert Coupon.objects.count() == 0


def test_a_job_that_fails_says_so_and_the_batch_may_be_ordered_again(monkeypatch):
    batch = make_batch("unique", count=10)
    batches.start_generating(batch=batch, actor=SYSTEM)
    monkeypatch.setattr(generating, "_write", lambda *_: 1 // 0)

    generating.generate_next()

    batch.refresh_from_db()
    assert (batch.state, Job.objects.get().error) == ("draft", "ZeroDivisionError")


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"promotion": "nowhere"}, (422, "promotion_unknown")),
        ({"count": 0}, (422, "coupon_terms_invalid")),
        ({"prefix": "low er"}, (422, "coupon_terms_invalid")),
        ({"code": "CHOSEN"}, (422, "coupon_terms_invalid")),
        ({"stores": ["S9"]}, (422, "coupon_terms_invalid")),
        ({"uses_per_code": 0}, (400, "validation_failed")),
        ({"valid_from": "2026-05-02T00:00:00Z", "valid_until": "2026-05-01T00:00:00Z"},
         (422, "coupon_terms_invalid")),
        ({"kind": "generic", "count": 0, "code": "ab"}, (422, "coupon_terms_invalid")),
        ({"kind": "generic", "count": 0, "code": "TAKEN1"}, (409, "coupon_code_taken")),
    ],
)  # fmt: skip
def test_terms_that_contradict_each_other_are_refused(till, change, answer):
    one_code(code="TAKEN1")

    assert said(till.post("coupon-batches", {**UNIQUE, **change})) == answer
    assert CouponBatch.objects.count() == 1


def test_a_promotion_has_one_open_batch_of_personal_coupons(till):
    personal = {"promotion": "half", "kind": "personal", "name": "birthday", "valid_days": 14}
    assert till.post("coupon-batches", personal).status_code == 201
    assert said(till.post("coupon-batches", personal)) == (409, "coupon_state")

    coupon = issue_coupon(
        promotion="half", member_id=MemberFactory().pk, source="s", source_ref="1", actor=SYSTEM
    )
    assert coupon.batch.name == "birthday"
    assert (coupon.valid_until - clock.now()).days == 13


def test_every_door_needs_its_scope(shop):
    stranger, code = Till("sales:read"), {"store": "S1", "code": "X234", "reference": "1"}
    for verb in ("validate", "redeem"):
        assert said(stranger.post(f"coupons/{verb}", code)) == (403, "forbidden_scope")
    assert said(stranger.get("coupon-batches")) == (403, "forbidden_scope")
    assert said(Till("coupons:write").post("coupon-batches", UNIQUE)) == (403, "forbidden_scope")
    other = Till(*SCOPES, stores=("S2",))
    assert said(other.post("coupons/redeem", code)) == (404, "not_found")
    assert Coupon.objects.count() == 0


# Where the checkout is not ours


def validate(till, code, **details):
    return till.post("coupons/validate", {"store": "S1", "code": code, **details}, key=None)


def redeem(till, code, reference="D-1", **details):
    body = {"store": "S1", "code": code, "reference": reference, **details}
    return till.post("coupons/redeem", body)


def test_a_shop_validates_redeems_and_rolls_back(till):
    coupon = one_code(code="TWICE234", uses_per_code=2)
    found = validate(till, "twice-234").json()
    assert (found["promotion"], found["uses_left"]) == ("half", 2)

    used = redeem(till, "TWICE234")
    again = redeem(till, "TWICE234")
    assert (used.status_code, used.json()["id"]) == (201, again.json()["id"])
    assert counted(coupon) == (1, 0)
    undo = {"use": used.json()["id"], "reference": "D-1-back"}
    assert till.post("coupons/rollback", undo).json()["act"] == "rolled_back"
    assert till.post("coupons/rollback", undo).status_code == 201
    assert counted(coupon) == (0, 0)
    assert said(till.post("coupons/rollback", {**undo, "use": str(coupon.batch.public_id)})) == (
        404,
        "not_found",
    )
    foreign = Till(*SCOPES).post("coupons/rollback", undo)
    assert said(foreign) == (404, "not_found")
    assert disagreeing() == []


def test_a_reference_stands_for_one_coupon(till):
    one_code(code="FIRST234"), one_code(code="SECOND234")
    redeem(till, "FIRST234")

    assert said(redeem(till, "SECOND234")) == (409, "source_ref_conflict")


def test_a_reservation_is_redeemed_or_let_go(till):
    coupon = one_code(code="ONCE2345")
    kept = till.post("coupons/reserve", {"store": "S1", "code": "ONCE2345"}).json()
    assert (kept["act"], counted(coupon)) == ("reserved", (0, 1))
    assert said(redeem(till, "ONCE2345")) == (422, "coupon_unavailable")

    assert redeem(till, "ONCE2345", reservation=kept["reference"]).status_code == 201
    assert counted(coupon) == (1, 0)
    late = {"use": kept["id"], "reference": "x"}
    assert said(till.post("coupons/rollback", late)) == (409, "coupon_state")

    other = one_code(code="OTHER234")
    kept = till.post("coupons/reserve", {"store": "S1", "code": "OTHER234"}).json()
    till.post("coupons/rollback", {"use": kept["id"], "reference": "y"})
    assert counted(other) == (0, 0)
    gone = redeem(till, "OTHER234", "D-2", reservation=kept["reference"])
    assert said(gone) == (409, "coupon_state")
    assert disagreeing() == []


def test_a_code_is_given_to_a_member_who_then_sees_it(till):
    (coupon,), card = unique_codes(1, valid_days=10), CardFactory()
    give = {"code": coupon.code, "member": {"card": card.number}}

    given = till.post("coupons/assign", give).json()

    assert given["state"] == "assigned"
    assert till.post("coupons/assign", give).json() == given
    other = {**give, "member": {"id": str(MemberFactory().public_id)}}
    assert said(till.post("coupons/assign", other)) == (409, "coupon_state")
    shown = till.get(f"members/{card.member.public_id}/coupons").json()["data"]
    assert [(one["code"], one["state"]) for one in shown] == [(coupon.code, "assigned")]
    assert validate(till, coupon.code, member={"card": card.number}).status_code == 200

    revoked = till.post("coupons/revoke", {"code": coupon.code, "reason": "lost"}).json()
    assert revoked["state"] == "revoked"
    assert said(validate(till, coupon.code, member={"card": card.number})) == (
        422,
        "coupon_unavailable",
    )
    nobody = {"code": coupon.code, "member": {"card": "1"}}
    assert said(till.post("coupons/assign", nobody)) == (422, "member_unknown")
    trail = AuditEntry.objects.filter(object_type="coupon")
    assert coupon.code not in str(list(trail.values_list("after", "reason")))


# Out of the house


@pytest.fixture
def asker():
    return person("marketer", "asker")


@pytest.fixture
def second():
    return person("marketer", "second")


def person(role, name):
    user = User.objects.create(username=name)
    give_role(user=user, role=role)
    return user


def desk(client, user):
    client.force_login(user)
    return client


def opened(raw, passphrase):
    """The first file of an AES archive, read by the published format; its mark is checked."""
    info = zipfile.ZipFile(io.BytesIO(raw)).infolist()[0]
    lengths = struct.unpack_from("<HH", raw, info.header_offset + 26)
    start = info.header_offset + 30 + sum(lengths)
    sealed = raw[start : start + info.compress_size]
    keys = hashlib.pbkdf2_hmac("sha1", passphrase.encode(), sealed[:16], 1000, 66)
    assert keys[64:] == sealed[16:18]
    body = sealed[18:-10]
    assert hmac.new(keys[32:64], body, "sha1").digest()[:10] == sealed[-10:]
    counter = Counter.new(128, little_endian=True, initial_value=1)
    plain = AES.new(keys[:32], AES.MODE_CTR, counter=counter).decrypt(body)
    return zlib.decompress(plain, -15).decode()


def test_codes_leave_encrypted_after_another_person_agreed(client, asker, second):
    codes = [one.code for one in unique_codes(12)]
    batch = CouponBatch.objects.get()
    ask = reverse("admin:rewards_couponbatch_export", args=[batch.pk])
    desk(client, asker).post(ask, {"reason": "for the printer"})
    export = CouponExport.objects.get()
    at = {
        step: reverse(f"admin:rewards_couponexport_{step}", args=[export.pk])
        for step in ("decide", "passphrase", "download", "change")
    }

    assert client.post(at["decide"]).status_code == 422
    assert client.post(at["passphrase"]).status_code == 422
    desk(client, second).post(at["decide"])
    assert client.post(at["passphrase"]).status_code == 422
    page = desk(client, asker).post(at["passphrase"])
    passphrase = page.context["passphrase"]
    assert "no-store" in page["Cache-Control"]
    assert passphrase not in client.get(at["change"]).content.decode()
    assert client.post(at["download"], {"passphrase": "WRONG"}).status_code == 422
    file = client.post(at["download"], {"passphrase": passphrase})

    raw = b"".join(file.streaming_content)
    assert not any(code.encode() in raw for code in codes)
    text = opened(raw, passphrase.replace("-", ""))
    assert [row.split(",")[0] for row in text.splitlines()[2:]] == codes
    assert user_actor(asker).label in text.splitlines()[0]
    assert client.post(at["download"], {"passphrase": passphrase}).status_code == 422
    trail = AuditEntry.objects.filter(object_type="coupon_export").order_by("id")
    assert [one.action.partition(".")[2] for one in trail] == [
        "requested", "approved", "passphrase_shown", "downloaded",
    ]  # fmt: skip


def test_the_database_insists_on_the_second_person(asker):
    unique_codes(1)
    actor = user_actor(asker)
    export = exporting.request_export(batch=CouponBatch.objects.get(), reason="r", actor=actor)

    with pytest.raises(OwnApproval):
        exporting.approve_export(export=export, now=clock.now(), actor=actor)
    with pytest.raises(IntegrityError, match="second_person"), transaction.atomic():
        CouponExport.objects.update(approved_by=actor.label)


def test_an_approval_is_good_for_a_day(asker, second):
    unique_codes(1)
    export = exporting.request_export(
        batch=CouponBatch.objects.get(), reason="r", actor=user_actor(asker)
    )
    now = clock.now()
    exporting.approve_export(export=export, now=now, actor=user_actor(second))

    late = now + timedelta(hours=24)
    with pytest.raises(CouponState) as refused:
        exporting.draw_passphrase(export=export, now=late, actor=user_actor(asker))
    assert refused.value.detail["state"] == "expired"


# At the desk


def test_a_marketer_orders_a_batch_and_sees_how_far_it_is(client, asker):
    add = reverse("admin:rewards_couponbatch_add")
    typed = {
        "key": "0b7c9a1e-52c4-4f0c-9a57-5f1f6d8f2a90", "name": "Leaflet", "promotion": "half",
        "kind": "unique", "count": "40", "random_length": "13", "uses_per_code": "1",
        "valid_until": "2030-01-31",
    }  # fmt: skip
    desk(client, asker).post(add, typed)
    client.post(add, typed)  # a double click
    batch = CouponBatch.objects.get()
    assert (batch.wanted, batch.state) == (40, "generating")
    page = reverse("admin:rewards_couponbatch_change", args=[batch.pk])
    assert client.get(page).context["percent"] == 0

    make_coupons()

    assert client.get(page).context["percent"] == 100
    assert client.get(reverse("admin:rewards_couponbatch_changelist")).status_code == 200
    client.post(reverse("admin:rewards_couponbatch_close", args=[batch.pk]))
    batch.refresh_from_db()
    assert batch.state == "closed"


def test_pages_of_coupons_cost_the_same_for_one_row_and_for_twenty():
    client = at_desk("marketer")
    member = MemberFactory()
    panel = reverse("admin:rewards_member_coupons", args=[member.pk])

    def issue(number):
        issue_coupon(
            promotion="half", member_id=member.pk, source="s", source_ref=str(number), actor=SYSTEM
        )

    issue(0)
    page = reverse("admin:rewards_couponbatch_change", args=[CouponBatch.objects.get().pk])
    before = [len(cost_of(client, panel)), len(cost_of(client, page))]
    for number in range(1, 20):
        issue(number)
    assert [len(cost_of(client, panel)), len(cost_of(client, page))] == before
    assert Coupon.objects.first().code not in client.get(panel).content.decode()


def test_a_code_is_looked_up_exactly_revoked_and_issued_by_hand(client, asker):
    coupon, member = one_code(code="GIVEN234"), MemberFactory()
    find = reverse("admin:rewards_couponbatch_find")
    found = desk(client, asker).post(find, {"code": "given-234"})
    assert found.context["found"] == coupon
    assert client.post(find, {"code": "GIVEN23"}).status_code == 422
    assert AuditEntry.objects.filter(action="coupon.looked_up").count() == 1

    client.post(
        reverse("admin:rewards_couponbatch_revoke"), {"code": "GIVEN234", "reason": "mistake"}
    )
    coupon.refresh_from_db()
    assert coupon.revoked_at
    typed = {"key": "1b7c9a1e-52c4-4f0c-9a57-5f1f6d8f2a90", "promotion": "half", "valid_days": "5"}
    issue = reverse("admin:rewards_member_coupon", args=[member.pk])
    client.post(issue, typed)
    client.post(issue, typed)
    assert member.coupons.count() == 1


def test_who_only_looks_cannot_change_or_take_anything(client):
    unique_codes(1)
    batch = CouponBatch.objects.get()
    client = at_desk("analyst")
    assert (
        client.get(reverse("admin:rewards_couponbatch_change", args=[batch.pk])).status_code == 200
    )
    for name in ("order", "stop", "close", "export"):
        address = reverse(f"admin:rewards_couponbatch_{name}", args=[batch.pk])
        assert client.post(address, {"reason": "r"}).status_code == 403
    for name in ("find", "revoke", "add"):
        assert client.post(reverse(f"admin:rewards_couponbatch_{name}")).status_code == 403
    assert not CouponExport.objects.exists()


def test_the_application_may_not_touch_history(till):
    one_code(code="ONCE2345")
    redeem(till, "ONCE2345")

    for statement in (
        "UPDATE rewards_couponuse SET act = 'released'",
        "DELETE FROM rewards_couponuse",
        "DELETE FROM rewards_coupon",
        "UPDATE rewards_coupon SET max_uses = 100",
        "UPDATE rewards_couponbatch SET uses_per_code = 100",
    ):
        with (
            pytest.raises(Exception, match="permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert CouponUse.objects.count() == 1
