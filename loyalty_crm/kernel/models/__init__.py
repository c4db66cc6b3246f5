"""The kernel's tables."""

from loyalty_crm.kernel.models.api_keys import ApiKey, Integration
from loyalty_crm.kernel.models.audit import AuditEntry
from loyalty_crm.kernel.models.idempotency import IdempotencyRecord
from loyalty_crm.kernel.models.jobs import Job
from loyalty_crm.kernel.models.messages import Message
from loyalty_crm.kernel.models.outbox import OutboxEvent
from loyalty_crm.kernel.models.stamps import Stamp
from loyalty_crm.kernel.models.throttles import Throttle

__all__ = [
    "ApiKey",
    "AuditEntry",
    "IdempotencyRecord",
    "Integration",
    "Job",
    "Message",
    "OutboxEvent",
    "Stamp",
    "Throttle",
]
