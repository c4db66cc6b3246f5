"""Finding a member among many, against a read by primary key."""

from __future__ import annotations

from django.db import connection

from bench import members_search as data
from bench.measure import Row, interleaved, milli, seconds
from loyalty_crm.kernel.roles import as_owner
from members.models import Member
from members.services.people import find_members

ASKED = {
    "part of a Cyrillic name": "Новикаб",
    "phone": "8 (999) 005-00-00",
    "card": "9000 0000 0005 0000",
}


def run(short: bool) -> list[Row]:
    members = 100_000 if short else 1_000_000
    with as_owner():
        try:
            data.prepare(members)
            return rows(members, 5 if short else 15)
        finally:
            with connection.cursor() as cursor:
                cursor.execute(
                    f"DROP SCHEMA IF EXISTS {data.SCHEMA} CASCADE; SET search_path = public"
                )


def rows(members: int, rounds: int) -> list[Row]:
    some = Member.objects.all()[members // 2 : members // 2 + 1].get().pk
    arms = {"key": lambda: seconds(lambda: Member.objects.get(pk=some))}
    for name, text in ASKED.items():
        arms[name] = lambda text=text: seconds(lambda: list(find_members(text)))
    found = interleaved(arms, rounds)
    return [
        Row(
            f"member search among {members:,}: {name}",
            f"by key {milli(found['key'])}",
            milli(found[name]),
            found[name] * 1000,
            "≤ 50 ms",
            "≤ 5 ms",
            "ms",
        )
        for name in ASKED
    ]
