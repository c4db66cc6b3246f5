"""Action events: taken in once, limited by the database, decided by rule or by a person."""

from rewards.services.events.deciding import approve, reject, reverse
from rewards.services.events.intake import Action, Taken, record_event
from rewards.services.events.kinds import save_kind

__all__ = ["Action", "Taken", "approve", "record_event", "reject", "reverse", "save_kind"]
