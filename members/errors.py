"""Refusals of the members app, named as facts."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.errors import DomainError


class IdentityTaken(DomainError):
    """The phone, e-mail or external id already names a member; ``kind`` says which."""

    code = "identity_taken"
    title = _("This phone, e-mail or external id belongs to another member")


class IdentityInvalid(DomainError):
    code = "identity_invalid"
    status = 422
    title = _("This is not a phone number or e-mail address")


class NameInvalid(DomainError):
    code = "name_invalid"
    status = 422
    title = _("A name has at most 200 characters")


class BirthDateInvalid(DomainError):
    code = "birth_date_invalid"
    status = 422
    title = _("A birth date lies in the past, after the year 1900")


class MemberNotActive(DomainError):
    code = "member_not_active"
    title = _("The member is blocked or closed")


class CardState(DomainError):
    """The card's state does not allow the change; ``status`` says where it stands."""

    code = "card_state"
    title = _("The card's state does not allow this")


class CardReasonMissing(DomainError):
    code = "card_reason_missing"
    status = 422
    title = _("Say why: a card that is stopped keeps the reason")


class CardTypeInvalid(DomainError):
    code = "card_type_invalid"
    status = 422
    title = _("The card type does not allow this")


class CardNumberTaken(DomainError):
    code = "card_number_taken"
    title = _("This card number is in use")


class CardNumberInvalid(DomainError):
    code = "card_number_invalid"
    status = 422
    title = _("This is not a card number: its check digit or its letters are wrong")


class ConsentTextRequired(DomainError):
    code = "consent_text_required"
    status = 422
    title = _("A consent needs the text that the member agreed to")


class ConsentTextMismatch(DomainError):
    code = "consent_text_mismatch"
    status = 422
    title = _("This text asks for another purpose")


class ConsentBundled(DomainError):
    code = "consent_bundled"
    status = 422
    title = _("One text asks for one purpose: this one is published for another")


class ConsentTextExists(DomainError):
    code = "consent_text_exists"
    title = _("This version of the text is published with other words")


class TerminalHasOpenShift(DomainError):
    code = "terminal_has_open_shift"
    title = _("Somebody else has an open shift at this terminal")


class UserHasOpenShift(DomainError):
    code = "user_has_open_shift"
    title = _("You have an open shift at another terminal: close it first")


class ShiftClosed(DomainError):
    code = "shift_closed"
    title = _("The shift is closed")


class TerminalInactive(DomainError):
    code = "terminal_inactive"
    status = 422
    title = _("The terminal or its store is switched off")


class TimeZoneUnknown(DomainError):
    code = "time_zone_unknown"
    status = 422
    title = _("This is not a time zone of the IANA list, like Europe/Moscow")


class CategoryCycle(DomainError):
    code = "category_cycle"
    status = 422
    title = _("A category cannot stand below itself")


class CategoryParentUnknown(DomainError):
    code = "category_parent_unknown"
    status = 422
    title = _("There is no parent category with this code")


class BatchTooLarge(DomainError):
    code = "batch_too_large"
    status = 422
    title = _("One call takes at most 1,000 rows")


class CodeWrong(DomainError):
    """A wrong code, one that is over, one for somebody else: they all look the same."""

    code = "code_wrong"
    status = 422
    title = _("This code does not hold. Look at it again, or ask for a new one.")
    stored = False


class HouseholdRefused(DomainError):
    """``reason``: in_household, not_in_household, no_right, owner_only or too_many."""

    code = "household_refused"
    title = _("The household does not allow this")


class InvitationUnknown(DomainError):
    """Wrong, used, or over: to a guesser they look alike."""

    code = "invitation_unknown"
    status = 422
    title = _("This invitation is not valid")
    stored = False


class PassesClosed(DomainError):
    """No keys are set for this wallet, or they cannot be read: see docs/operators.md."""

    code = "passes_closed"
    status = 409
    title = _("Cards for this wallet are not set up here")
    stored = False
