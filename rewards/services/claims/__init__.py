"""Late claims: a receipt of nobody becomes a member's, once, as if the card had been shown."""

from rewards.services.claims.claiming import claim_receipt, decide_claim
from rewards.services.claims.finding import Shown, find_claimable
from rewards.services.claims.terms import change_terms, terms_of

__all__ = [
    "Shown",
    "change_terms",
    "claim_receipt",
    "decide_claim",
    "find_claimable",
    "terms_of",
]
