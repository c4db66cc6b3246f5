"""A member at the own page: signs in by the code that arrived in the sink."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from loyalty_crm.kernel.models import Message

CODE = re.compile(r"\b(\d{6})\b")


def last_code(address: str) -> str:
    """The code of the newest message to the address, as its owner reads it."""
    body = Message.objects.filter(address=address, kind="portal.code").latest("id").body
    found = CODE.search(body)
    assert found
    return found[1]


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


@dataclass
class Phone:
    """One browser in front of ``/my/``."""

    client: Client = field(default_factory=Client)

    def get(self, name: str, /, **query: Any) -> HttpResponse:
        return self.client.get(reverse(f"my:{name}"), query)

    def post(self, name: str, /, **said: Any) -> HttpResponse:
        return self.client.post(reverse(f"my:{name}"), said)

    def ask(self, contact: str) -> HttpResponse:
        return self.post("sign-in", contact=contact)

    def sign_in(self, contact: str) -> HttpResponse:
        self.ask(contact)
        return self.post("code", code=last_code(contact))
