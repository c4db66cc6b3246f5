"""From what the database refuses of partners' business to the codes of the API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import DatabaseError

from loyalty_crm.kernel.errors import DomainError
from rewards.errors import PartnerFundsShort, PartnerReversalExceeds

BY_SQLSTATE: dict[str, type[DomainError]] = {
    "P0P01": PartnerFundsShort,
    "P0P02": PartnerReversalExceeds,
}


@contextmanager
def refusals() -> Iterator[None]:
    """Turn the database's refusals into ours. The transaction is lost either way."""
    try:
        yield
    except DatabaseError as error:
        cause = error.__cause__
        if isinstance(cause, psycopg.Error) and (known := BY_SQLSTATE.get(cause.sqlstate or "")):
            raise known from error
        raise
