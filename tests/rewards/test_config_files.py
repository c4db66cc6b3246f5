"""The configuration as files: from one shop to another, planned, applied once, or refused."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from loyalty_crm.kernel.errors import ConflictVersion
from loyalty_crm.kernel.models import AuditEntry
from members.models import ProductList, StoreGroup, Tag
from members.services.assortment import name_product_list
from members.services.groups import name_store_group, name_tag, put_store_group
from rewards.errors import ConfigInvalid
from rewards.models import Programme, Promotion, PromotionVersion, StackingGroup
from rewards.services import promotions
from rewards.services.config import apply_files, applying, export_files, file_texts, plan_files
from rewards.services.programmes import update_programme
from rewards.services.stacking_groups import create_group
from tests.factories.members import StoreFactory
from tests.factories.promotions import make_programme, make_promotion
from tests.rewards.till_client import Till, basket, line

pytestmark = pytest.mark.django_db

OFF = {"kind": "percent_off", "basis_points": 1000}
DAY = timedelta(days=1)
FAR = "2199-01-01T00:00:00Z"
SETTINGS = {"max_discount_percent": 40, "never_below_cost": True, "promotions_need_review": True}


def fill(programme):
    """Something of everything that files can say."""
    create_group(programme=programme, code="g", name="Скидки", mode="max_n", n=2, actor=SYSTEM)
    name_product_list(code="teas", name="Teas", actor=SYSTEM)
    name_tag(code="vip", name="VIP", actor=SYSTEM)
    name_store_group(code="north", name="North", actor=SYSTEM)
    make_promotion(programme, "live", OFF, stacking={"group": "g"}, ends_at=clock.now() + 9 * DAY)
    paused = make_promotion(programme, "paused", OFF)
    promotions.pause(promotion=paused.promotion, actor=SYSTEM)
    for code in ("draft", "review", "later", "over"):
        promotion = promotions.create(programme=programme, code=code, name=code, actor=SYSTEM)
        version = promotions.draft(promotion=promotion, definition={"effects": [OFF]}, actor=SYSTEM)
        if code == "review":
            promotions.submit(version=version, actor=SYSTEM)
        if code == "later":
            promotions.schedule(version=version, starts_at=clock.now() + DAY, actor=SYSTEM)
        if code == "over":
            promotions.discard(version=version, actor=SYSTEM)
    update_programme(programme=programme, changes=SETTINGS, version=1, actor=SYSTEM)


def config(verb, folder, *options):
    out = StringIO()
    call_command("config", verb, str(folder), *options, stdout=out)
    return out.getvalue()


def bytes_of(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.json")}


def apply(files, **options):
    digest = plan_files(files, **options).digest
    return apply_files(files, digest=digest, actor=SYSTEM, **options)


def steps(plan):
    return {one.code: one.steps for one in plan.changes}


@pytest.fixture
def shop():
    return make_programme()


# From one shop to another


@pytest.mark.django_db(transaction=True)
def test_an_empty_shop_becomes_the_first_one_byte_for_byte(tmp_path):
    fill(make_programme())
    first, second = tmp_path / "first", tmp_path / "second"
    config("export", first)
    call_command("flush", interactive=False, verbosity=0)
    assert not Programme.objects.exists()

    told = config("apply", first, "--yes")
    config("export", second)

    assert "+ create programme main" in told
    assert "+ create promotion live" in told
    assert bytes_of(first) == bytes_of(second)
    assert bytes_of(first).keys() >= {
        "programme.json", "names.json", "groups/g.json", "promotions/base.json",
        "promotions/draft.json", "promotions/later.json", "promotions/live.json",
        "promotions/paused.json", "promotions/review.json",
    }  # fmt: skip
    assert "promotions/over.json" not in bytes_of(first)
    assert "Скидки" in (first / "groups/g.json").read_text()
    found = PromotionVersion.objects.values_list("promotion__code", "state")
    assert dict(found) == {
        "base": "live", "live": "live", "paused": "paused", "draft": "draft",
        "review": "in_review", "later": "scheduled",
    }  # fmt: skip
    programme = Programme.objects.get()
    assert (programme.max_discount_percent, programme.promotions_need_review) == (40, True)
    assert (ProductList.objects.get().code, Tag.objects.get().name) == ("teas", "VIP")
    assert StoreGroup.objects.get().name == "North"
    # The second time there is nothing to do, and nothing is done.
    before = AuditEntry.objects.count()
    assert "Nothing to change." in config("apply", first, "--yes")
    assert AuditEntry.objects.count() == before
    assert "The files say what the shop is." in config("diff", first)


def test_a_new_shop_sells_by_the_files(shop, tmp_path):
    fill(shop)
    files = export_files(shop)
    files["promotions/live.json"]["definition"] = {"effects": [{**OFF, "basis_points": 2000}]}
    files["promotions/paused.json"]["state"] = "ended"
    files["programme.json"]["settings"]["promotions_need_review"] = False
    store, till = StoreFactory(code="S1"), Till()

    Programme.objects.update(promotions_need_review=False)
    apply(files)

    quoted = till.post("quotes", basket(store, line("tea", 10_00)), key=None).json()
    assert quoted["totals"]["discount"]["amount"] == 2_00


# What a plan says


def test_a_plan_says_what_would_change_and_writes_nothing(shop):
    make_promotion(shop, "tea", OFF)
    make_promotion(shop, "gone", OFF)
    files = export_files(shop)
    files["promotions/tea.json"] |= {
        "name": "Tea week",
        "definition": {"effects": [{**OFF, "basis_points": 1500}], "stacking": {"group": "g"}},
    }
    files["groups/g.json"] = {"code": "g", "name": "G", "mode": "first"}
    files["programme.json"]["settings"]["max_discount_percent"] = 50
    del files["promotions/gone.json"]
    before = AuditEntry.objects.count()

    plan = plan_files(files)

    said = {one.code: (one.kind, one.says) for one in plan.changes}
    assert said["main"] == ("change", ["max_discount_percent: 100 → 50"])
    assert said["g"] == ("create", ["G: first"])
    assert said["tea"] == ("change", [
        "name: tea → Tea week",
        "definition/effects/0/basis_points: 1000 → 1500",
        'definition/stacking: {"group": "g"}',
        "goes live at once",
    ])  # fmt: skip
    assert plan.untouched == ["gone"]
    warned = next(one.warnings for one in plan.changes if one.code == "tea")
    assert [text.split(":")[0] for text in warned] == [
        "It can sell goods below cost",
        "It meets gone on the same goods, and no group says how they go together.",
    ]
    assert AuditEntry.objects.count() == before
    assert not StackingGroup.objects.exists()


@pytest.mark.parametrize(
    ("now", "wanted", "expected"),
    [
        ("live", {"state": "paused"}, ["pause"]),
        ("live", {"state": "ended"}, ["end"]),
        ("live", {"state": "draft"}, []),
        ("live", {"state": "live", "ends_at": FAR}, ["end_at"]),
        ("live", {"state": "live", "ends_at": "2001-01-01T00:00:00Z"}, ["end"]),
        (
            "live",
            {"state": "scheduled", "starts_at": FAR},
            ["draft", "schedule"],
        ),
        ("live", {"priority": 7}, ["draft", "live"]),
        ("paused", {"state": "live"}, ["resume"]),
        ("draft", {"state": "live"}, ["live"]),
        ("draft", {"state": "in_review"}, ["submit"]),
        ("draft", {"state": "paused"}, ["live", "pause"]),
        ("in_review", {"state": "draft"}, ["withdraw"]),
        ("scheduled", {"state": "draft"}, ["withdraw"]),
        ("scheduled", {"starts_at": FAR}, ["schedule"]),
        ("scheduled", {"state": "live"}, ["live"]),
        ("scheduled", {"starts_at": "2001-01-01T00:00:00Z"}, ["live"]),
    ],
)
def test_the_way_from_what_is_to_what_is_wanted(shop, now, wanted, expected):
    promotion = promotions.create(programme=shop, code="p", name="p", actor=SYSTEM)
    version = promotions.draft(promotion=promotion, definition={"effects": [OFF]}, actor=SYSTEM)
    if now == "in_review":
        promotions.submit(version=version, actor=SYSTEM)
    if now == "scheduled":
        promotions.schedule(version=version, starts_at=clock.now() + DAY, actor=SYSTEM)
    if now in ("live", "paused"):
        promotions.go_live(version=version, starts_at=None, actor=SYSTEM)
    if now == "paused":
        promotions.pause(promotion=promotion, actor=SYSTEM)
    files = export_files(shop)
    files["promotions/p.json"] |= wanted
    if files["promotions/p.json"]["state"] == "live":
        files["promotions/p.json"].pop("starts_at", None)

    plan = apply(files)

    assert steps(plan).get("p", []) == expected
    assert plan_files(files).changes == []  # a second time there is nothing left to do


def test_as_drafts_new_words_wait_and_nothing_that_runs_is_touched(shop):
    make_promotion(shop, "tea", OFF)
    files = export_files(shop)
    files["promotions/tea.json"] |= {"priority": 5, "state": "paused"}
    files["promotions/new.json"] = {
        "code": "new", "name": "New", "state": "live", "definition": {"effects": [OFF]},
    }  # fmt: skip
    files["programme.json"]["settings"]["max_discount_percent"] = 1

    plan = apply(files, as_drafts=True)

    assert steps(plan) == {"new": ["create", "draft"], "tea": ["draft"]}
    states = PromotionVersion.objects.filter(promotion__code="tea").order_by("number")
    assert [one.state for one in states] == ["live", "draft"]
    assert Programme.objects.get().max_discount_percent == 100
    assert plan_files(files, as_drafts=True).changes == []


def test_where_review_is_wanted_files_wait_for_approval_like_everybody(shop):
    make_promotion(shop, "tea", OFF)
    update_programme(
        programme=shop, changes={"promotions_need_review": True}, version=1, actor=SYSTEM
    )
    files = export_files(Programme.objects.get())
    files["promotions/tea.json"]["priority"] = 5
    # Turning the review off in the same breath does not help.
    files["programme.json"]["settings"]["promotions_need_review"] = False

    plan = apply(files)

    assert steps(plan)["tea"] == ["draft", "submit"]
    states = PromotionVersion.objects.filter(promotion__code="tea").order_by("number")
    assert [one.state for one in states] == ["live", "in_review"]


# All or nothing, on what was planned


def test_a_shop_that_has_changed_since_the_plan_is_left_alone(shop):
    version = make_promotion(shop, "tea", OFF)
    files = export_files(shop)
    files["promotions/tea.json"]["priority"] = 5
    plan = plan_files(files)
    promotions.rename(promotion=version.promotion, name="Other", actor=SYSTEM)

    with pytest.raises(ConflictVersion):
        apply_files(files, digest=plan.digest, actor=SYSTEM)

    assert PromotionVersion.objects.filter(promotion__code="tea").count() == 1


def test_a_fault_in_the_middle_undoes_everything(shop, monkeypatch):
    files = export_files(shop)
    files["groups/g.json"] = {"code": "g", "name": "G", "mode": "first"}
    files["promotions/new.json"] = {
        "code": "new", "name": "New", "state": "live", "definition": {"effects": [OFF]},
    }  # fmt: skip
    digest = plan_files(files).digest

    def broken(**_given):
        raise RuntimeError("power cut")

    monkeypatch.setattr(applying.promotions, "go_live", broken)
    with pytest.raises(RuntimeError):
        apply_files(files, digest=digest, actor=SYSTEM)

    assert not StackingGroup.objects.exists()
    assert not Promotion.objects.filter(code="new").exists()


@pytest.mark.parametrize(
    ("path", "document", "pointer", "code"),
    [
        ("promotions/tea.json", {"name": 5}, "/files/promotions~1tea.json/name", "type"),
        ("promotions/tea.json", {"colour": 5}, "/files/promotions~1tea.json/colour",
         "unknown_field"),
        ("promotions/tea.json", {"definition": {"effects": []}},
         "/files/promotions~1tea.json/definition/effects", "too_short"),
        ("promotions/tea.json", {"definition": {"effects": [OFF], "stacking": {"group": "no"}}},
         "/files/promotions~1tea.json/definition/stacking/group", "unknown_group"),
        ("promotions/tea.json", {"state": "scheduled"}, "/files/promotions~1tea.json/starts_at",
         "required"),
        ("promotions/tea.json", {"code": "coffee"}, "/files/promotions~1tea.json/code",
         "not_the_file_name"),
        ("programme.json", {"currency": "EUR"}, "/files/programme.json/currency",
         "not_changeable"),
        ("programme.json", {"settings": {"colour": 1}}, "/files/programme.json/settings/colour",
         "unknown_field"),
        ("other.json", {}, "/files/other.json", "unknown_file"),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_file_and_place(shop, path, document, pointer, code):
    make_promotion(shop, "tea", OFF)
    files = export_files(shop)
    files[path] = {**files.get(path, {}), **document}

    with pytest.raises(ConfigInvalid) as refusal:
        plan_files(files)

    found = [(one["pointer"], one["code"]) for one in refusal.value.detail["errors"]]
    assert found == [(pointer, code)]


# The command


def test_the_command_tells_differences_and_faults(shop, tmp_path):
    make_promotion(shop, "tea", OFF)
    make_promotion(shop, "old", OFF)
    config("export", tmp_path)
    tea = tmp_path / "promotions/tea.json"
    (tmp_path / "promotions/old.json").unlink()
    tea.write_text(tea.read_text().replace("1000", "1500"))
    (tmp_path / "README.md").write_text("not ours")

    with pytest.raises(CommandError):
        config("diff", tmp_path)
    planned = config("plan", tmp_path)

    assert "~ change promotion tea" in planned
    assert "definition/effects/0/basis_points: 1000 → 1500" in planned
    assert "= promotion old stands in no file and stays" in planned
    tea.write_text(tea.read_text().replace("percent_off", "per_cent_off"))
    with pytest.raises(CommandError, match=r"promotions/tea\.json /definition/effects/0"):
        config("plan", tmp_path)
    tea.write_text('{"code": "tea", "code": "tea"}')
    with pytest.raises(CommandError, match="twice"):
        config("plan", tmp_path)
    config("export", tmp_path)
    assert (tmp_path / "README.md").exists()
    with pytest.raises(CommandError, match="no folder"):
        config("plan", tmp_path / "nowhere")


def test_the_command_asks_before_it_applies(shop, tmp_path, monkeypatch):
    make_promotion(shop, "tea", OFF)
    config("export", tmp_path)
    tea = tmp_path / "promotions/tea.json"
    tea.write_text(tea.read_text().replace("1000", "1500"))

    monkeypatch.setattr("builtins.input", lambda _prompt: "n")
    with pytest.raises(CommandError, match="Nothing was changed"):
        config("apply", tmp_path)
    assert PromotionVersion.objects.filter(promotion__code="tea").count() == 1
    with pytest.raises(CommandError, match="since the plan"):
        config("apply", tmp_path, "--yes", "--plan", "other")
    monkeypatch.setattr("builtins.input", lambda _prompt: "y")

    assert "Applied." in config("apply", tmp_path)
    assert PromotionVersion.objects.filter(promotion__code="tea", state="live").get().number == 2


# The API


def test_files_travel_over_the_api(shop):
    make_promotion(shop, "tea", OFF)
    till = Till("rules:read", "rules:write")
    files = till.post("config/export", {}, key=None).json()["files"]
    assert file_texts(files) == file_texts(export_files(shop))
    files["promotions/tea.json"]["state"] = "paused"

    planned = till.post("config/import?plan=true", {"files": files}, key=None).json()
    without = till.post("config/import", {"files": files})
    other = till.post("config/import", {"files": files, "plan": "x" * 32})
    done = till.post("config/import", {"files": files, "plan": planned["digest"]})

    assert [one["kind"] for one in planned["changes"]] == ["pause"]
    assert without.json()["errors"][0]["pointer"] == "/plan"
    assert (other.status_code, other.json()["code"]) == (409, "conflict_version")
    assert done.json() == planned
    assert PromotionVersion.objects.get(promotion__code="tea").state == "paused"
    broken = {"files": {"promotions/x.json": {}}}
    refused = till.post("config/import?plan=true", broken, key=None)
    assert (refused.status_code, refused.json()["code"]) == (422, "config_invalid")


def test_turning_the_review_off_by_file_takes_the_scope_of_an_approver(shop):
    files = export_files(shop)
    files["programme.json"]["settings"]["promotions_need_review"] = True
    body = {"files": files, "plan": plan_files(files).digest}

    refused = Till("rules:read", "rules:write").post("config/import", body)
    allowed = Till("rules:read", "rules:write", "rules:approve").post("config/import", body)

    assert (refused.status_code, allowed.status_code) == (403, 200)
    assert Programme.objects.get().promotions_need_review


@pytest.mark.parametrize("scope", ["rules:read", "sales:write", "bulk:run"])
def test_files_are_closed_without_the_scope(shop, scope):
    assert Till(scope).post("config/import", {"files": {}}).status_code == 403


def test_a_plan_costs_the_same_for_many_promotions(shop, django_assert_max_num_queries):
    for number in range(30):
        make_promotion(shop, f"p{number}", OFF)
    files = export_files(shop)
    for number in range(30):
        files[f"promotions/p{number}.json"]["priority"] = number

    with django_assert_max_num_queries(16):
        plan = plan_files(files)

    assert len(plan.changes) == 30


def test_a_group_of_stores_is_renamed_and_keeps_its_stores(shop):
    north, _is_new = put_store_group(
        code="north", name="N", stores=[StoreFactory(code="S1").code], actor=SYSTEM
    )
    files = export_files(shop)
    files["names.json"]["store_groups"]["north"] = "The North"

    apply(files)

    north.refresh_from_db()
    assert (north.name, north.stores.count()) == ("The North", 1)
