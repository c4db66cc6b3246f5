"""What an API key may be allowed to do. The names are part of the API's contract."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SCOPES: dict[str, str | Promise] = {
    "members:read": _("Find members and see their cards and consents, personal data masked"),
    "members:write": _("Enrol and change members, cards and consents"),
    "members:pii": _("See names, phones and e-mail addresses in clear"),
    "catalogue:read": _("Read products, categories and stores"),
    "catalogue:write": _("Create and change products and categories"),
    "sales:read": _("Read receipts"),
    "sales:write": _("Quote and record sales, void them, send offline batches"),
    "refunds:write": _("Refund sales"),
    "rules:read": _("Read the programme's settings and promotions"),
    "rules:write": _("Draft, publish and pause promotions"),
    "rules:approve": _("Approve and reject promotions in review"),
    "wallets:read": _("Read balances, entries and lots"),
    "holds:write": _("Hold points, capture and release them"),
    "adjustments:request": _("Ask for a manual adjustment of points"),
    "adjustments:approve": _("Approve, apply and undo batches of adjustments"),
    "gift:activate": _("Activate and load gift cards"),
    "gift:redeem": _("Pay with gift cards"),
    "coupons:read": _("See why a coupon is not accepted, batches, and members' coupons"),
    "coupons:write": _("Make batches of coupons, give codes to members and revoke them"),
    "coupons:redeem": _("Validate, reserve and redeem coupons without a sale of ours"),
    "actions:read": _("Read actions of members, such as reviews, and what they earned"),
    "actions:write": _("Tell of actions of members that earn without a purchase"),
    "actions:decide": _("Approve, reject and take back rewards of actions"),
    "transfers:write": _("Give points of one member to another, and take such a gift back"),
    "households:read": _("Read households and their pools of points"),
    "households:write": _("Change households: invite, join, leave, put in and take out points"),
    "referrals:read": _("Read referral codes and referrals"),
    "referrals:write": _("Attach friends by a referral code, and decide on what looks wrong"),
    "rewards:read": _("Read rewards, what members lack for them, redemptions, causes, services"),
    "rewards:write": _("Change rewards, their stock and codes, causes, services, and grant these"),
    "rewards:redeem": _("Take rewards for members, hand them over, cancel; use services"),
    "causes:pay": _("Write down payments to causes and counter them"),
    "stamps:write": _("Put stamps on members' cards by hand"),
    "claims:write": _("Claim receipts for members after the sale"),
    "partner:read": _("As a partner: read its contract, operations and settlements"),
    "partner:trade": _("As a partner: give and take points, and confirm codes"),
    "offers:take": _("Show partners and their offers, and take codes for members"),
    "games:read": _("Read games, turns, plays, their proofs, and prizes won"),
    "games:play": _("Play turns of members, and make links to games for them"),
    "games:write": _("Change and run games, give turns, undo plays, hand prizes over"),
    "draws:read": _("Read prize draws, contests, participants and winners"),
    "draws:write": _("Change and run prize draws and contests, give tickets, decide on winners"),
    "webhooks:manage": _("Manage webhook endpoints and read deliveries"),
    "bulk:run": _("Run bulk jobs and follow them"),
}


class UnknownScopesError(ValueError):
    """Names that are no scopes. The message lists those that are."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted(names)
        super().__init__(
            f"unknown scope: {', '.join(self.names)}. Choose from: {', '.join(sorted(SCOPES))}"
        )


def checked(names: Iterable[str]) -> list[str]:
    """The names, sorted and once each; unknown ones are refused all together."""
    wanted = set(names)
    if unknown := wanted - SCOPES.keys():
        raise UnknownScopesError(unknown)
    return sorted(wanted)
