"""One writing for one phone, e-mail or name, however it was typed."""

from __future__ import annotations

import re
import unicodedata

import phonenumbers

_PHONE_SIGNS = re.compile(r"\+?[\d\s()./\u00a0\u2010-\u2015-]+")
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]+@[^\s@<>()\[\],;:\\\"]+\.[^\s@<>()\[\],;:\\\".]{2,}")
_E164_DIGITS = range(7, 16)


def normal_phone(text: str, region: str) -> str | None:
    """E.164, or None when no phone of the region or of the world is written like that."""
    text = text.strip()
    if not _PHONE_SIGNS.fullmatch(text):
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    fits = len(written) - 1 in _E164_DIGITS
    return written if fits and phonenumbers.is_possible_number(number) else None


def normal_email(text: str) -> str | None:
    """Lower case and composed, or None when it is no address."""
    text = unicodedata.normalize("NFC", text.strip()).lower()
    # Python and PostgreSQL lower some capitals differently; the database would refuse them.
    fits = len(text) <= 254 and _EMAIL.fullmatch(text) and text == text.casefold()
    return text if fits else None


def clean_name(text: str) -> str:
    """The name to keep: composed (NFC), one space between words, nothing invisible.

    Zero-width signs and writing-direction overrides make two names look like one.
    """
    composed = unicodedata.normalize("NFC", text)
    seen = "".join(
        sign if unicodedata.category(sign)[0] != "C" else " " * sign.isspace() for sign in composed
    )
    return " ".join(seen.split())


def masked_phone(phone: str) -> str:
    """``+7•••••••4567``: enough for a cashier to ask "ending in 67?"."""
    return f"{phone[:2]}{'•' * max(len(phone) - 6, 0)}{phone[-4:]}" if len(phone) > 6 else "•••"


def masked_email(email: str) -> str:
    """``a•••@example.org``."""
    user, _, domain = email.partition("@")
    return f"{user[:1]}•••@{domain}"


def masked_name(name: str) -> str:
    """The first word, and the first letter of the others: ``Anna P.``"""
    first, *others = name.split() or [""]
    return " ".join([first, *(f"{word[0]}." for word in others)])


def spellings(word: str) -> list[str]:
    """The capital forms of a word that people write for one another: Ё as Е, İ as I.

    Nearly no word has two such letters, so each is exchanged alone: few patterns, each
    answered by the index.
    """
    capital = word.upper().replace("Ё", "Е").replace("İ", "I")
    pairs = {"Е": "Ё", "I": "İ"}
    swapped = [
        capital[:at] + pairs[letter] + capital[at + 1 :]
        for at, letter in enumerate(capital)
        if letter in pairs
    ]
    return [capital, *swapped]
