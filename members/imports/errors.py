"""Refusals of files and mappings as a whole; faults of single lines are ``problems``."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.errors import DomainError


class MappingInvalid(DomainError):
    """``errors`` names each fault by the place in the mapping where it stands."""

    code = "mapping_invalid"
    status = 422
    title = _("The mapping file can't be used")


class FileUnreadable(DomainError):
    """The file is not what its mapping says: no row of it was read, or none after ``line``."""

    code = "file_unreadable"
    status = 422
    title = _("The file can't be read")
