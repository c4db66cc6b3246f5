"""Google Wallet: a token that says what the card is, signed by the shop's service account."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import jwt
from django.conf import settings

from members.errors import PassesClosed
from members.models import Card
from members.services.passes.contents import PassContents, contents_of

ADDRESS = "https://pay.google.com/gp/v/save/"


def is_open() -> bool:
    return bool(settings.GOOGLE_WALLET_ISSUER and settings.GOOGLE_WALLET_KEY)


def google_address(card: Card, now: datetime) -> str:
    """Where the member's browser goes to put the card into the wallet."""
    return ADDRESS + google_token(card, now)


def google_token(card: Card, now: datetime) -> str:
    """The signed token. ``PassesClosed`` when no key is set, or it can't be read."""
    if not is_open():
        raise PassesClosed(wallet="google")
    account = _account(settings.GOOGLE_WALLET_KEY)
    claims = {
        "iss": account["client_email"],
        "aud": "google",
        "typ": "savetowallet",
        "iat": int(now.timestamp()),
        "origins": [settings.PUBLIC_BASE_URL] if settings.PUBLIC_BASE_URL else [],
        "payload": payload(contents_of(card)),
    }
    try:
        return jwt.encode(claims, account["private_key"], algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError) as broken:
        raise PassesClosed(wallet="google") from broken


@lru_cache(maxsize=4)
def _account(path: str) -> dict[str, str]:
    try:
        account: dict[str, str] = json.loads(Path(path).read_text())
        return {name: account[name] for name in ("client_email", "private_key")}
    except (OSError, ValueError, KeyError, TypeError) as broken:
        raise PassesClosed(wallet="google") from broken


def payload(shown: PassContents) -> dict[str, Any]:
    face, issuer = shown.face, settings.GOOGLE_WALLET_ISSUER
    kind = f"{issuer}.{settings.GOOGLE_WALLET_CLASS}"
    return {
        "loyaltyClasses": [
            {
                "id": kind,
                "issuerName": face.legal_entity or face.title,
                "programName": face.title,
                "programLogo": {
                    "sourceUri": {"uri": f"{settings.PUBLIC_BASE_URL}/my/card/icon.png"}
                },
                "hexBackgroundColor": face.background,
                "reviewStatus": "UNDER_REVIEW",
            }
        ],
        "loyaltyObjects": [
            {
                "id": f"{issuer}.{shown.serial}",
                "classId": kind,
                "state": "ACTIVE",
                "accountId": f"•••• {shown.number[-4:]}",
                "accountName": shown.holder or face.title,
                "barcode": {
                    "type": "QR_CODE" if face.code == "qr" else "CODE_128",
                    "value": shown.number,
                    "alternateText": shown.number,
                },
                "textModulesData": [
                    {"id": key, "header": label, "body": value} for key, label, value in shown.back
                ],
            }
        ],
    }
