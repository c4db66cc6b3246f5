"""A member of staff at a till, and what the panels answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import user_actor
from loyalty_crm.kernel.staff import give_role
from members.models import Terminal
from members.services.stores import open_shift
from rewards.services import rule_sets
from tests.factories.members import TerminalFactory

PASSWORD = "right-horse-battery"
HTMX = {"HX-Request": "true"}
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
_VALUE = re.compile(r'<input[^>]*?name="([^"]+)"[^>]*?value="([^"]*)"')


def make_staff(name: str = "cashier", role: str = "cashier") -> User:
    user = User.objects.create_user(name, password=PASSWORD)
    give_role(user=user, role=role)
    return user


@dataclass
class Till:
    """One person at one till with an open shift, asking as the page asks."""

    user: User = field(default_factory=make_staff)
    terminal: Terminal = field(default_factory=TerminalFactory)
    client: Client = field(default_factory=Client)

    def __post_init__(self) -> None:
        # Another test's rules may be kept under the stamp of this one's.
        rule_sets.forget()
        self.client.force_login(self.user)
        now, actor = clock.now(), user_actor(self.user)
        open_shift(terminal=self.terminal, user=self.user, occurred_at=now, actor=actor)

    def get(self, name: str, /, *args: Any) -> HttpResponse:
        return self.client.get(reverse(f"till:{name}", args=args))

    def post(self, name: str, /, *args: Any, **said: Any) -> HttpResponse:
        """A form that leaves the page."""
        return self.client.post(reverse(f"till:{name}", args=args), said)

    def ask(self, name: str, /, *args: Any, **said: Any) -> HttpResponse:
        """A panel that is filled by htmx."""
        return self.client.post(reverse(f"till:{name}", args=args), said, headers=HTMX)

    def scan(self, *entries: str) -> HttpResponse:
        return [self.ask("sale-add", entry=entry) for entry in entries][-1]

    def pay(self, **said: Any) -> HttpResponse:
        """The payment form as it was shown, with what is typed over it."""
        shown = form_of(self.get("pay"))
        return self.post("pay", **(shown | said))

    def refund(self, receipt: Any, **said: Any) -> HttpResponse:
        """See what would happen, then let it happen."""
        panel = self.ask("refund-preview", receipt.public_id, **said)
        return self.post("refund-do", receipt.public_id, **form_of(panel))


def form_of(response: HttpResponse) -> dict[str, str]:
    """What the form of a page would send untouched."""
    html = response.content.decode()
    fields = {**dict(_VALUE.findall(html)), **dict(_HIDDEN.findall(html))}
    return {name: value for name, value in fields.items() if name not in ("next", "entry")}


def text_of(response: HttpResponse) -> str:
    """What a person reads: no tags, one space between words."""
    bare = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(bare.replace("\N{NO-BREAK SPACE}", " ").split())
