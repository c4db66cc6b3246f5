from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from loyalty_crm.kernel.privileges import fence


class MembersConfig(AppConfig):
    name = "members"
    label = "members"
    verbose_name = _("Members")

    def ready(self) -> None:
        fence("members_consent")
