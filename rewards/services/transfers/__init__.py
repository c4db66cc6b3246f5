"""Points that one member gives to another: bounded, confirmed, taken back by staff."""

from rewards.services.transfers.confirming import cancel, confirm
from rewards.services.transfers.giving import give_points
from rewards.services.transfers.terms import save_terms, terms_of
from rewards.services.transfers.undoing import reverse

__all__ = ["cancel", "confirm", "give_points", "reverse", "save_terms", "terms_of"]
