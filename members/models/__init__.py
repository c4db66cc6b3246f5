"""The facts: who a person is and agreed to, which card they hold, where and what they bought."""

from members.models.assortment import PriceList, PriceListEntry, ProductList, StockLevel
from members.models.card_types import CardBatch, CardDesign, CardType
from members.models.cards import Card
from members.models.consents import Consent, ConsentText
from members.models.groups import MemberTag, Segment, SegmentMember, StoreGroup, Tag
from members.models.households import Household, HouseholdInvitation, HouseholdMember
from members.models.people import Identity, Member
from members.models.portal import ContactChange, DataRequest, LoginCode, PortalSession
from members.models.products import Brand, Category, Product
from members.models.purchases import Receipt, ReceiptLine, Refund, RefundLine, Tender
from members.models.stores import Shift, Store, Terminal

__all__ = [
    "Brand",
    "Card",
    "CardBatch",
    "CardDesign",
    "CardType",
    "Category",
    "Consent",
    "ConsentText",
    "ContactChange",
    "DataRequest",
    "Household",
    "HouseholdInvitation",
    "HouseholdMember",
    "Identity",
    "LoginCode",
    "Member",
    "MemberTag",
    "PortalSession",
    "PriceList",
    "PriceListEntry",
    "Product",
    "ProductList",
    "Receipt",
    "ReceiptLine",
    "Refund",
    "RefundLine",
    "Segment",
    "SegmentMember",
    "Shift",
    "StockLevel",
    "Store",
    "StoreGroup",
    "Tag",
    "Tender",
    "Terminal",
]
