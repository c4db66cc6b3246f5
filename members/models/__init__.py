"""The facts: who a person is and agreed to, which card they hold, where and what they bought."""

from members.models.assortment import PriceList, PriceListEntry, ProductList, StockLevel
from members.models.cards import Card
from members.models.consents import Consent, ConsentText
from members.models.groups import MemberTag, Segment, SegmentMember, StoreGroup, Tag
from members.models.households import Household, HouseholdInvitation, HouseholdMember
from members.models.people import Identity, Member
from members.models.products import Brand, Category, Product
from members.models.purchases import Receipt, ReceiptLine, Refund, RefundLine, Tender
from members.models.stores import Shift, Store, Terminal

__all__ = [
    "Brand",
    "Card",
    "Category",
    "Consent",
    "ConsentText",
    "Household",
    "HouseholdInvitation",
    "HouseholdMember",
    "Identity",
    "Member",
    "MemberTag",
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
