from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel import staff
from loyalty_crm.kernel.privileges import fence


class KernelConfig(AppConfig):
    name = "loyalty_crm.kernel"
    label = "kernel"
    verbose_name = _("Kernel")

    def ready(self) -> None:
        fence("kernel_auditentry")
        # Every app's subscribers and refusals are known before the first event or request.
        autodiscover_modules("subscribers", "errors")
        # Behind Django's own receiver, which creates the permissions that roles are made of.
        post_migrate.connect(staff.sync_roles, dispatch_uid="kernel.sync_roles")
