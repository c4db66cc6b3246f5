"""A ``.pkpass``: a zip with what is shown, a manifest of its hashes, and a detached signature.

The certificate, its key and Apple's intermediate certificate are files that the
settings name; without them the door is closed and says so.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import pkcs7
from django.conf import settings
from PIL import Image

from members.errors import PassesClosed
from members.models import Card
from members.services.passes.contents import PassContents, contents_of

CONTENT_TYPE = "application/vnd.apple.pkpass"
_FILES = ("APPLE_PASS_CERTIFICATE", "APPLE_PASS_KEY", "APPLE_WWDR_CERTIFICATE")
Key = RSAPrivateKey | EllipticCurvePrivateKey


def is_open() -> bool:
    names = (*_FILES, "APPLE_PASS_TYPE_ID", "APPLE_TEAM_ID")
    return all(getattr(settings, name) for name in names)


def apple_pass(card: Card) -> bytes:
    """The signed file of a card. ``PassesClosed`` when no keys are set, or they can't be read."""
    if not is_open():
        raise PassesClosed(wallet="apple")
    files = _contents(contents_of(card))
    manifest = json.dumps(
        {
            name: hashlib.sha1(data, usedforsecurity=False).hexdigest()
            for name, data in files.items()
        }
    ).encode()
    files |= {"manifest.json": manifest, "signature": sign(manifest)}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def sign(manifest: bytes) -> bytes:
    """PKCS #7 in DER, detached, with Apple's intermediate certificate beside ours."""
    certificate, key, between = _keys(*(getattr(settings, name) for name in _FILES))
    signed = pkcs7.PKCS7SignatureBuilder().set_data(manifest)
    signed = signed.add_signer(certificate, key, hashes.SHA256()).add_certificate(between)
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    return signed.sign(serialization.Encoding.DER, options)


@lru_cache(maxsize=4)
def _keys(
    certificate: str, key: str, between: str
) -> tuple[x509.Certificate, Key, x509.Certificate]:
    try:
        loaded = serialization.load_pem_private_key(Path(key).read_bytes(), password=None)
        ours, theirs = (
            x509.load_pem_x509_certificate(Path(path).read_bytes())
            for path in (certificate, between)
        )
    except (OSError, ValueError, TypeError) as broken:
        raise PassesClosed(wallet="apple") from broken
    if not isinstance(loaded, RSAPrivateKey | EllipticCurvePrivateKey):
        raise PassesClosed(wallet="apple")
    return ours, loaded, theirs


def _contents(shown: PassContents) -> dict[str, bytes]:
    icon = _icon(shown.face.background, shown.face.accent)
    return {
        "pass.json": json.dumps(pass_json(shown), ensure_ascii=False).encode(),
        "icon.png": icon(29),
        "icon@2x.png": icon(58),
        "logo.png": icon(50),
    }


def pass_json(shown: PassContents) -> dict[str, Any]:
    """What the wallet reads. The barcode is the card's number: a file cannot renew a code."""
    face = shown.face
    code = {
        "format": "PKBarcodeFormatQR" if face.code == "qr" else "PKBarcodeFormatCode128",
        "message": shown.number,
        "messageEncoding": "iso-8859-1",
        "altText": shown.number,
    }
    return {
        "formatVersion": 1,
        "passTypeIdentifier": settings.APPLE_PASS_TYPE_ID,
        "teamIdentifier": settings.APPLE_TEAM_ID,
        "serialNumber": shown.serial,
        "organizationName": face.legal_entity or face.title,
        "description": face.title,
        "logoText": face.title,
        "backgroundColor": rgb(face.background),
        "foregroundColor": rgb(face.foreground),
        "labelColor": rgb(face.accent),
        "barcodes": [code],
        "storeCard": {
            "primaryFields": [{"key": "holder", "label": face.subtitle, "value": shown.holder}],
            "backFields": [
                {"key": key, "label": label, "value": value} for key, label, value in shown.back
            ],
        },
    }


def rgb(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgb({red}, {green}, {blue})"


def plain_icon(side: int) -> bytes:
    """The house's colours."""
    return bytes(_icon("#0a6650", "#f2bd66")(side))


def _icon(background: str, accent: str) -> Any:
    def of_size(side: int) -> bytes:
        picture = Image.new("RGB", (side, side), background)
        picture.paste(accent, (side // 4, side // 4, side * 3 // 4, side * 3 // 4))
        out = io.BytesIO()
        picture.save(out, "PNG")
        return out.getvalue()

    return of_size
