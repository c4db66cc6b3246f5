"""Wallet passes: signed with a certificate of the tests, checked as a phone would check them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from members.errors import PassesClosed
from members.models import CardDesign, CardType
from members.services.passes import apple, google
from tests.factories.members import CardFactory, MemberFactory
from tests.portal import Phone

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def card():
    design = CardDesign.objects.create(
        name="d",
        title="Клуб «Ёлка»",
        rules_url="https://x.example",
        hotline="8 800",
        legal_entity="ООО",
    )
    club = CardType.objects.create(code="c", name="c", number_prefix="9", design=design)
    return CardFactory(type=club, member=MemberFactory(name="Анна", phone="+79991234567"))


def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(name, own, signer=None, issuer=None):
    """Signed by itself, or by whoever issues it."""
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(issuer.subject if issuer else called)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    return made.sign(signer or own, hashes.SHA256())


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture
def apple_keys(tmp_path, settings):
    root_key, own_key = key(), key()
    root = certificate("Test WWDR", root_key)
    own = certificate("Pass Type ID", own_key, root_key, root)
    files = {
        "APPLE_PASS_CERTIFICATE": own.public_bytes(serialization.Encoding.PEM),
        "APPLE_PASS_KEY": pem(own_key),
        "APPLE_WWDR_CERTIFICATE": root.public_bytes(serialization.Encoding.PEM),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        setattr(settings, name, str(tmp_path / name))
    settings.APPLE_PASS_TYPE_ID, settings.APPLE_TEAM_ID = "pass.org.example", "TEAM123456"
    return tmp_path


@pytest.fixture
def google_key(tmp_path, settings):
    own = key()
    account = {"client_email": "wallet@shop.example", "private_key": pem(own).decode()}
    (tmp_path / "google.json").write_text(json.dumps(account))
    settings.GOOGLE_WALLET_KEY = str(tmp_path / "google.json")
    settings.GOOGLE_WALLET_ISSUER = "3388"
    return own.public_key()


def unpacked(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_every_file_stands_in_the_manifest_with_its_hash(card, apple_keys):
    files = unpacked(apple.apple_pass(card))

    manifest = json.loads(files["manifest.json"])
    hashed = files.keys() - {"manifest.json", "signature"}
    assert manifest == {name: hashlib.sha1(files[name]).hexdigest() for name in hashed}
    assert {"pass.json", "icon.png", "icon@2x.png", "logo.png"} <= hashed


def verified(folder, manifest, signature):
    """By OpenSSL, which knows nothing of how it was made."""
    (folder / "manifest.json").write_bytes(manifest)
    (folder / "signature").write_bytes(signature)
    asked = [
        "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any",
        "-in", folder / "signature", "-content", folder / "manifest.json",
        "-CAfile", folder / "APPLE_WWDR_CERTIFICATE", "-out", "/dev/null",
    ]  # fmt: skip
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def test_the_signature_is_detached_and_bears_no_change(card, apple_keys):
    files = unpacked(apple.apple_pass(card))
    manifest, signature = files["manifest.json"], files["signature"]

    assert verified(apple_keys, manifest, signature)
    assert not verified(apple_keys, manifest + b" ", signature)
    assert manifest not in signature


def test_the_pass_says_what_stands_on_the_card(card, apple_keys):
    said = json.loads(unpacked(apple.apple_pass(card))["pass.json"])

    assert said["passTypeIdentifier"] == "pass.org.example"
    assert (said["logoText"], said["barcodes"][0]["message"]) == ("Клуб «Ёлка»", card.number)
    assert said["backgroundColor"] == "rgb(10, 102, 80)"
    assert [one["key"] for one in said["storeCard"]["backFields"]] == [
        "rules",
        "hotline",
        "company",
    ]
    assert str(card.pk) not in said["serialNumber"] or len(said["serialNumber"]) == 32


def test_the_google_token_is_signed_by_the_account(card, google_key):
    address = google.google_address(card, NOW)

    token = address.removeprefix("https://pay.google.com/gp/v/save/")
    claims = jwt.decode(token, google_key, algorithms=["RS256"], audience="google")
    [shown] = claims["payload"]["loyaltyObjects"]
    assert (claims["iss"], claims["typ"]) == ("wallet@shop.example", "savetowallet")
    assert shown["barcode"]["value"] == card.number
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, key().public_key(), algorithms=["RS256"], audience="google")


@pytest.mark.parametrize("wallet", ["apple", "google"])
def test_without_keys_the_door_is_closed_and_says_so(card, api, wallet):
    url = f"/api/v1/members/{card.member.public_id}/cards/pass"
    refused = api("members:pii").post(url, {"wallet": wallet})

    assert (refused.status_code, refused.json()["code"]) == (409, "passes_closed")


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_keys_that_cannot_be_read_close_the_door_too(card, apple_keys, content):
    path = apple_keys / "APPLE_PASS_KEY"
    path.unlink() if content is None else path.write_bytes(content)

    with pytest.raises(PassesClosed):
        apple.apple_pass(card)


def test_an_app_gets_both(card, api, apple_keys, google_key):
    url = f"/api/v1/members/{card.member.public_id}/cards/pass"
    app = api("members:pii")

    file = app.post(url, {"wallet": "apple"}).json()
    link = app.post(url, {"wallet": "google", "number": card.number}).json()

    assert "signature" in unpacked(base64.b64decode(file["file"]))
    assert link["url"].startswith("https://pay.google.com/")
    assert api("members:write").post(url, {"wallet": "apple"}).status_code == 403


def test_the_member_downloads_the_pass(card, apple_keys, google_key):
    phone = Phone()
    phone.sign_in("+79991234567")

    page = phone.get("card").content.decode()
    file = phone.get("card-apple")

    assert "Apple Wallet" in page
    assert file.headers["Content-Type"] == "application/vnd.apple.pkpass"
    assert "signature" in unpacked(file.content)
    assert phone.get("card-google").url.startswith("https://pay.google.com/")


def test_without_keys_the_page_offers_no_wallet_and_the_address_explains(card):
    phone = Phone()
    phone.sign_in("+79991234567")

    assert "Apple Wallet" not in phone.get("card").content.decode()
    assert phone.get("card-apple").url == "/my/card/"
    assert "not set up" in phone.get("card").content.decode()
