"""The ready mappings on the data they are for: nothing is lost, to the cent."""

from __future__ import annotations

from collections import Counter

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from django.db.models import Sum
from django.utils import timezone

from loyalty_crm.kernel.actors import SYSTEM
from members.imports.mapping import load_mapping
from members.imports.source import HistoryFile
from members.models import Product, Receipt, ReceiptLine
from rewards.services.audit_ledger import audit_ledger
from rewards.services.history import import_history
from tests.factories.promotions import make_programme
from tests.rewards.history_tools import contents, sample

CENTS = {"sales_value": 459_603_958, "retail_disc": 79_165_064, "coupon_match_disc": 454_265}


def mapped_totals(file: HistoryFile) -> Counter[str]:
    totals: Counter[str] = Counter()
    for chunk in file.chunks(timezone.now()):
        totals["receipts"] += chunk.receipts.num_rows
        totals["lines"] += chunk.lines.num_rows
        totals["refused"] += chunk.refused_receipts
        totals["notes"] += sum(one.severity == "note" for one in chunk.problems)
        for name in ("gross_minor", "discount_minor", "net_minor"):
            totals[name] += pc.sum(chunk.lines[name]).as_py() or 0
    return totals


@pytest.mark.slow
def test_every_line_of_the_complete_journey_comes_through_to_the_cent():
    mapping = load_mapping("complete_journey")
    totals = mapped_totals(HistoryFile(mapping, mapping.source.path))

    assert totals == {
        "receipts": 155_848,
        "lines": 1_469_307,
        "refused": 0,
        "notes": 8_869,  # lines that count no pieces
        "net_minor": CENTS["sales_value"],
        "discount_minor": CENTS["retail_disc"] + CENTS["coupon_match_disc"],
        "gross_minor": sum(CENTS.values()),
    }


@pytest.mark.django_db
def test_a_sample_of_the_complete_journey_is_what_the_file_says():
    make_programme()
    file = sample("complete_journey", 0.004)

    counts = import_history(file=file, actor=SYSTEM).counts

    table = pq.read_table(file.path, columns=["household_id", "sales_value"])
    buyers = Receipt.objects.values_list("member__identities__value", flat=True).distinct()
    ours = pc.is_in(table["household_id"], value_set=pc.cast([int(one) for one in buyers], "int64"))
    paid = round(pc.sum(table.filter(ours)["sales_value"]).as_py() * 100)
    assert Receipt.objects.aggregate(total=Sum("total_minor"))["total"] == paid
    assert ReceiptLine.objects.count() == pc.sum(ours).as_py() == counts["new_lines"]
    assert Receipt.objects.filter(store__time_zone="America/New_York").count() > 100
    coffee = Product.objects.filter(category__code__startswith="grocery/coffee/").first()
    assert coffee.brand is not None
    assert [one.check for one in audit_ledger() if one.count] == []


@pytest.mark.slow
@pytest.mark.django_db
def test_cdnow_loads_and_its_days_are_receipts():
    make_programme()
    mapping = load_mapping("cdnow")
    file = HistoryFile(mapping, mapping.source.path)

    counts = import_history(file=file, actor=SYSTEM).counts

    assert (counts["new_lines"], counts["members"]) == (6_919, 2_357)
    assert Receipt.objects.aggregate(total=Sum("total_minor"))["total"] == 24_409_194
    first = Receipt.objects.get(number="00004-19970101")
    assert (str(first.business_date), first.total_minor) == ("1997-01-01", 2933)
    before = contents()
    import_history(file=file, actor=SYSTEM)
    assert contents() == before
