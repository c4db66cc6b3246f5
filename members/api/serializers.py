"""Shapes of requests, and promises of answers. Ids on the wire are public ids and codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from loyalty_crm.kernel.api.serializers import StrictSerializer
from members.models import (
    Card,
    Category,
    Consent,
    Identity,
    Member,
    Product,
    Store,
    Terminal,
)
from members.models.consents import Purpose
from members.rules.identities import masked_email, masked_name, masked_phone

MASKS = {Identity.Kind.PHONE.value: masked_phone, Identity.Kind.EMAIL.value: masked_email}
ROW_STATUSES = ["created", "updated", "unchanged", "refused"]


class PersonalMixin:
    """Answers that show personal data only to callers with ``members:pii``."""

    context: Mapping[str, Any]

    def to_representation(self, instance: Any) -> Any:
        shown = super().to_representation(instance)  # type: ignore[misc]
        return shown if self.context.get("pii") else self.masked(shown)

    def masked(self, shown: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError


class IdentityOutput(PersonalMixin, serializers.ModelSerializer[Identity]):
    class Meta:
        model = Identity
        fields = ["kind", "system", "value", "verified_at"]
        read_only_fields = fields

    def masked(self, shown: dict[str, Any]) -> dict[str, Any]:
        mask = MASKS.get(shown["kind"])
        return {**shown, "value": mask(shown["value"]) if mask else shown["value"]}


class CardOutput(PersonalMixin, serializers.ModelSerializer[Card]):
    """A card; without ``members:pii`` only the end of its number."""

    class Meta:
        model = Card
        fields = ["number", "status", "is_virtual", "reason", "issued_at", "activated_at"]
        read_only_fields = fields

    def masked(self, shown: dict[str, Any]) -> dict[str, Any]:
        return {**shown, "number": f"•••• {shown['number'][-4:]}"}


class MemberOutput(PersonalMixin, serializers.ModelSerializer[Member]):
    """A member; without ``members:pii`` name and contacts are masked, the birth date left out."""

    id = serializers.UUIDField(source="public_id", read_only=True)
    home_store = serializers.CharField(source="home_store.code", allow_null=True, read_only=True)
    identities = IdentityOutput(many=True, read_only=True)
    cards = CardOutput(many=True, read_only=True)

    class Meta:
        model = Member
        fields = [
            "id",
            "name",
            "birth_date",
            "language",
            "status",
            "home_store",
            "source",
            "identities",
            "cards",
            "enrolled_at",
            "recorded_at",
            "updated_at",
            "version",
        ]
        read_only_fields = fields

    def masked(self, shown: dict[str, Any]) -> dict[str, Any]:
        return {**shown, "name": masked_name(shown["name"]), "birth_date": None}


class ConsentOutput(PersonalMixin, serializers.ModelSerializer[Consent]):
    text_version = serializers.CharField(source="text.version", allow_null=True, read_only=True)
    text_language = serializers.CharField(source="text.language", allow_null=True, read_only=True)
    store = serializers.CharField(source="store.code", allow_null=True, read_only=True)

    class Meta:
        model = Consent
        fields = [
            "purpose",
            "channel",
            "granted",
            "text_version",
            "text_language",
            "source",
            "store",
            "evidence",
            "occurred_at",
            "recorded_at",
        ]
        read_only_fields = fields

    def masked(self, shown: dict[str, Any]) -> dict[str, Any]:
        return {**shown, "evidence": ""}


class ExternalId(StrictSerializer):
    system = serializers.CharField(max_length=40)
    id = serializers.CharField(max_length=254)


class StatementInput(StrictSerializer):
    """What the member said about one purpose. A consent that is given names its text."""

    purpose = serializers.ChoiceField(choices=Purpose.choices)
    channel = serializers.ChoiceField(choices=Consent.Channel.choices, default=Consent.Channel.ANY)
    granted = serializers.BooleanField()
    text_version = serializers.CharField(max_length=40, required=False)
    text_language = serializers.CharField(max_length=8, required=False)
    evidence = serializers.CharField(max_length=300, default="", allow_blank=True)


class ConsentInput(StatementInput):
    source = serializers.CharField(max_length=60, default="api")  # type: ignore[assignment]
    store = serializers.CharField(max_length=40, required=False)
    occurred_at = serializers.DateTimeField(required=False)


class ProfileInput(StrictSerializer):
    """What may be changed about a member. Contacts and cards have calls of their own."""

    name = serializers.CharField(allow_blank=True, required=False)
    birth_date = serializers.DateField(allow_null=True, required=False)
    language = serializers.RegexField("^[a-z]{2,3}(-[A-Za-z]{2,4})?$", required=False)
    home_store = serializers.CharField(max_length=40, allow_null=True, required=False)
    status = serializers.ChoiceField(choices=Member.Status.choices, required=False)


class MemberInput(StrictSerializer):
    """A person who joins. Everything is optional, so that an anonymous card can be handed out."""

    name = serializers.CharField(allow_blank=True, default="")
    phone = serializers.CharField(max_length=40, required=False)
    email = serializers.CharField(max_length=254, required=False)
    external_ids = ExternalId(many=True, default=list, max_length=20)  # type: ignore[call-arg]
    birth_date = serializers.DateField(allow_null=True, default=None)
    language = serializers.RegexField("^[a-z]{2,3}(-[A-Za-z]{2,4})?$", default="en")
    home_store = serializers.CharField(max_length=40, required=False)
    source = serializers.CharField(max_length=60, default="api")  # type: ignore[assignment]
    consents = StatementInput(many=True, default=list, max_length=20)  # type: ignore[call-arg]
    card_number = serializers.CharField(max_length=40, required=False)
    with_card = serializers.BooleanField(default=True)
    accepted_rules = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=10**9,
        help_text="Version of the programme's public rules that the person has accepted.",
    )
    occurred_at = serializers.DateTimeField(required=False)


class LookupInput(StrictSerializer):
    """Exactly one of the ways to name a member; an external id comes with its system."""

    card = serializers.CharField(max_length=40, required=False)
    phone = serializers.CharField(max_length=40, required=False)
    email = serializers.CharField(max_length=254, required=False)
    external_id = serializers.CharField(max_length=254, required=False)
    system = serializers.CharField(max_length=40, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        ways = attrs.keys() - {"system"}
        if len(ways) != 1 or ("system" in attrs) != ("external_id" in attrs):
            raise serializers.ValidationError(
                "Send one of card, phone, email, or external_id with system", code="one_of"
            )
        return attrs


class IdentityInput(StrictSerializer):
    kind = serializers.ChoiceField(choices=Identity.Kind.choices)
    system = serializers.CharField(max_length=40, default="", allow_blank=True)
    value = serializers.CharField(max_length=254)
    verified_at = serializers.DateTimeField(required=False)


class CardInput(StrictSerializer):
    """A card to hand out: with this number, or with a new random one."""

    number = serializers.CharField(max_length=40, required=False)
    is_virtual = serializers.BooleanField(default=False)
    occurred_at = serializers.DateTimeField(required=False)


class CardVerbInput(StrictSerializer):
    """Which card of the member, and why. ``new_number`` is for a replacement only."""

    number = serializers.CharField(max_length=40)
    reason = serializers.CharField(max_length=200, default="", allow_blank=True)
    new_number = serializers.CharField(max_length=40, required=False)
    occurred_at = serializers.DateTimeField(required=False)


class CardCodeInput(StrictSerializer):
    """Which card of the member; without a number the one that is shown first."""

    number = serializers.CharField(max_length=40, required=False)


class CardPassInput(CardCodeInput):
    wallet = serializers.ChoiceField(choices=["apple", "google"])


class CardCodeOutput(serializers.Serializer[Any]):
    """What a till reads instead of the number, until a moment."""

    code = serializers.CharField()
    expires_at = serializers.DateTimeField()


class CardPassOutput(serializers.Serializer[Any]):
    """Apple: a signed file, in base64. Google: an address to open. The other one is null."""

    wallet = serializers.ChoiceField(choices=["apple", "google"])
    content_type = serializers.CharField(allow_null=True)
    file = serializers.CharField(allow_null=True)
    url = serializers.CharField(allow_null=True)


class ProductInput(StrictSerializer):
    """One product. What is left out stays as it is; null takes a value away.

    Lengths and ranges are judged row by row, so that one bad row does not refuse the others.
    Prices are in minor units of the programme's currency, for one unit. ``attributes``
    are names with one text each; ``tax_basis_points`` 2000 is 20 %.
    """

    sku = serializers.CharField(allow_blank=True)
    name = serializers.CharField(allow_blank=True)
    barcode = serializers.CharField(allow_blank=True, required=False)
    category = serializers.CharField(allow_null=True, required=False)
    brand = serializers.CharField(allow_null=True, required=False)
    price_minor = serializers.IntegerField(allow_null=True, required=False)
    cost_minor = serializers.IntegerField(allow_null=True, required=False)
    excluded_from_earning = serializers.BooleanField(required=False)
    excluded_from_redemption = serializers.BooleanField(required=False)
    attributes = serializers.DictField(child=serializers.JSONField(), required=False)
    tax_basis_points = serializers.IntegerField(allow_null=True, required=False)
    is_active = serializers.BooleanField(required=False)


class ProductBatch(StrictSerializer):
    items = ProductInput(many=True, allow_empty=False)


class FaultOutput(serializers.Serializer[Any]):
    pointer = serializers.CharField()
    code = serializers.CharField()
    params = serializers.DictField()


class RowOutput(serializers.Serializer[Any]):
    """What became of one row of a batch."""

    ref = serializers.CharField(help_text="The row's SKU or code")
    status = serializers.ChoiceField(choices=ROW_STATUSES)
    errors = FaultOutput(many=True)  # type: ignore[assignment]


class BatchOutput(serializers.Serializer[Any]):
    items = RowOutput(many=True)


class ProductOutput(serializers.ModelSerializer[Product]):
    category = serializers.CharField(source="category.code", allow_null=True, read_only=True)
    brand = serializers.CharField(source="brand.code", allow_null=True, read_only=True)

    class Meta:
        model = Product
        fields = [
            "sku",
            "name",
            "barcode",
            "category",
            "brand",
            "price_minor",
            "cost_minor",
            "excluded_from_earning",
            "excluded_from_redemption",
            "attributes",
            "tax_basis_points",
            "is_active",
            "updated_at",
        ]
        read_only_fields = fields


class CategoryInput(StrictSerializer):
    """One node. Left out, the parent stays; null makes it a root."""

    code = serializers.CharField(max_length=80)
    name = serializers.CharField(max_length=200)
    parent = serializers.CharField(max_length=80, allow_null=True, required=False)  # type: ignore[assignment]


class CategoryBatch(StrictSerializer):
    items = CategoryInput(many=True, allow_empty=False)


class CategoryOutput(serializers.ModelSerializer[Category]):
    parent = serializers.CharField(source="parent.code", allow_null=True, read_only=True)  # type: ignore[assignment]

    class Meta:
        model = Category
        fields = ["code", "name", "parent"]
        read_only_fields = fields


class TerminalInput(StrictSerializer):
    code = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=200, default="", allow_blank=True)
    is_active = serializers.BooleanField(default=True)


class StoreInput(StrictSerializer):
    """A store as it should be, with the terminals to create or change; others stay."""

    code = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=200)
    time_zone = serializers.CharField(max_length=64, default="UTC")
    address = serializers.CharField(max_length=300, default="", allow_blank=True)
    is_active = serializers.BooleanField(default=True)
    terminals = TerminalInput(many=True, default=list, max_length=200)  # type: ignore[call-arg]


class TerminalOutput(serializers.ModelSerializer[Terminal]):
    class Meta:
        model = Terminal
        fields = ["code", "name", "is_active"]
        read_only_fields = fields


class StoreOutput(serializers.ModelSerializer[Store]):
    terminals = TerminalOutput(many=True, read_only=True)

    class Meta:
        model = Store
        fields = ["code", "name", "time_zone", "address", "is_active", "terminals"]
        read_only_fields = fields
