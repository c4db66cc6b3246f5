"""A basket's bytes into checked values: ours against msgspec alone and pydantic."""

from __future__ import annotations

import json
import random
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from bench.measure import Row, interleaved, micro, per_call
from bench.web import PurchaseMaker
from loyalty_crm.kernel.api.strict_json import decode
from rewards.api.bodies import PurchaseBody, sale_of


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Money(Strict):
    amount: Annotated[int, Field(ge=-(10**12), le=10**12)]
    currency: Annotated[str, Field(min_length=3, max_length=3)]


class Line(Strict):
    sku: Annotated[str, Field(min_length=1, max_length=80)]
    quantity: Annotated[str, Field(pattern=r"^\d{1,9}(\.\d{1,3})?$")]
    price: Money
    line: int | None = None
    name: Annotated[str, Field(max_length=300)] = ""
    gross: Money | None = None
    discount: Money | None = None


class Member(Strict):
    id: UUID | None = None
    card: str | None = None
    phone: str | None = None


class Purchase(Strict):
    store: Annotated[str, Field(min_length=1, max_length=40)]
    number: Annotated[str, Field(min_length=1, max_length=64)]
    occurred_at: datetime
    lines: Annotated[list[Line], Field(min_length=1)]
    terminal: str | None = None
    channel: str = "store"
    member: Member | None = None
    cashier: str = ""


def run(short: bool) -> list[Row]:
    return [row for lines in (5, 50) for row in rows(lines, 3 if short else 7)]


def rows(lines: int, rounds: int) -> list[Row]:
    make = PurchaseMaker(("BENCH000000001",), tuple(f"B{n}" for n in range(1, 100)), lines)
    raw = json.dumps(make.purchase(random.Random(1))).encode()
    fast = msgspec.json.Decoder(PurchaseBody).decode
    times = 20_000 // lines
    found = interleaved(
        {
            "msgspec": lambda: per_call(lambda: fast(raw), times),
            "pydantic": lambda: per_call(lambda: Purchase.model_validate_json(raw), times),
            "ours": lambda: per_call(lambda: decode(raw, PurchaseBody), times),
            "to values": lambda: per_call(lambda: sale_of(decode(raw, PurchaseBody), "USD"), times),
        },
        rounds,
    )
    name = f"parse {lines} lines, strict"
    return [
        Row(
            name,
            f"msgspec {micro(found['msgspec'])}",
            micro(found["ours"]),
            found["ours"] / found["msgspec"],
            "–",
            "≤ 2",
            note=f"and on to plain values {micro(found['to values'])}",
        ),
        Row(
            name,
            f"pydantic {micro(found['pydantic'])}",
            micro(found["ours"]),
            found["ours"] / found["pydantic"],
            "≤ 3",
            "–",
        ),
    ]
