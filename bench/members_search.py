"""How long a search among a million members takes, beside a read by primary key.

    python bench/members_search.py [members]

Uses DATABASE_URL, or the embedded server. Makes a schema of its own with the
tables of the members app, fills it by SQL, prints medians, and drops it.

Measured on two shared, busy cores, PostgreSQL 15, a million members: read by
primary key 0.4 ms; phone, e-mail or card 1.7 to 2.0 ms; lookup by phone 0.9 ms;
part of a Cyrillic name 3.4 to 4.3 ms; two words 4 to 12 ms; two words with
many "i" (each may be a Turkish one) 34 ms.
"""

# ruff: noqa: E402 - Django is set up before its models are read

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_crm.settings")

import django

django.setup()

from django.db import connection

from loyalty_crm.kernel.roles import as_owner
from members.models import Member
from members.services.people import find_members, lookup_member

SCHEMA = "bench_members_search"
ROUNDS = 21

FIRST = [
    "Анна",
    "Мария",
    "Елена",
    "Ольга",
    "Иван",
    "Пётр",
    "Семён",
    "Артём",
    "Anna",
    "Maria",
    "John",
    "Peter",
    "Zoë",
    "Ibrahim",
    "Лев",
    "Ия",
]
STEMS = [
    "Иван",
    "Петр",
    "Сидор",
    "Кузнец",
    "Смирн",
    "Попов",
    "Соколов",
    "Лебед",
    "Козл",
    "Новик",
    "Мороз",
    "Волк",
    "Smith",
    "Brown",
    "Mill",
]
ENDS = ["ова", "ов", "ев", "ева", "ский", "ская", "енко", "ук", "son", "er", ""]

FILL = """
INSERT INTO members_member (public_id, name, language, status, source, enrolled_at, recorded_at)
SELECT gen_random_uuid(),
       (%(first)s::text[])[1 + n %% %(firsts)s] || ' '
       || (%(stems)s::text[])[1 + (n / 7) %% %(stems_n)s] || chr(1072 + (n / 11) %% 32)
       || chr(1072 + (n / 353) %% 32) || (%(ends)s::text[])[1 + (n / 3) %% %(ends_n)s],
       'ru', 'active', '', now(), now() - n * interval '1 second'
FROM generate_series(1, %(members)s) AS n;
INSERT INTO members_identity (member_id, kind, system, value)
SELECT id, 'phone', '', '+7999' || lpad(id::text, 7, '0') FROM members_member;
INSERT INTO members_identity (member_id, kind, system, value)
SELECT id, 'email', '', 'm' || id || '@example.org' FROM members_member;
INSERT INTO members_card (number, member_id, status, is_virtual, reason)
SELECT '9' || lpad(id::text, 15, '0'), id, 'active', false, '' FROM members_member;
"""

SEARCHES = [
    "Новикаб", "петрова", "анна лебед", "Семён Морозвг", "ibrahim smith", "иван", "а", "ия", "xyz",
    "8 (999) 050-00-00", "m500000@example.org", "9000 0000 0050 0000",
]  # fmt: skip


def prepare(members: int) -> None:
    """The tables, keys and indexes as the migrations made them, in a schema of our own."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
        for table in ("members_member", "members_identity", "members_card"):
            cursor.execute(f"CREATE TABLE {SCHEMA}.{table} (LIKE public.{table} INCLUDING ALL)")
        cursor.execute(f"SET search_path = {SCHEMA}, public")
        cursor.execute(
            FILL,
            {
                "first": FIRST, "firsts": len(FIRST), "stems": STEMS, "stems_n": len(STEMS),
                "ends": ENDS, "ends_n": len(ENDS), "members": members,
            },
        )  # fmt: skip
        cursor.execute("VACUUM ANALYZE members_member, members_identity, members_card")


def median_ms(call) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def report(members: int) -> None:
    some = Member.objects.all()[members // 2 : members // 2 + 1].get().pk
    base = median_ms(lambda: Member.objects.get(pk=some))
    print(f"{members} members, medians of {ROUNDS}; a read by primary key takes {base:.2f} ms")
    for text in SEARCHES:
        found = len(find_members(text))
        took = median_ms(lambda text=text: list(find_members(text)))
        print(f"{took:8.2f} ms  {took / base:7.1f} x  {found:3} found  {text}")
    phone = median_ms(lambda: lookup_member(kind="phone", value="8 999 0500000"))
    print(f"{phone:8.2f} ms  {phone / base:7.1f} x  lookup by phone")


def main() -> None:
    members = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with as_owner():
        try:
            prepare(members)
            report(members)
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


if __name__ == "__main__":
    main()
