"""Every address of the house, app by app."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import TemplateView

from loyalty_crm.kernel.api.docs import docs
from members.portal import urls as members_portal
from members.till import urls as members_till
from rewards.admin import charity, rules_page
from rewards.portal import urls as rewards_portal
from rewards.portal.invited import invited
from rewards.till import urls as rewards_till

handler400 = "loyalty_crm.kernel.api.handlers.handler400"
handler403 = "loyalty_crm.kernel.api.handlers.handler403"
handler404 = "loyalty_crm.kernel.api.handlers.handler404"
handler500 = "loyalty_crm.kernel.api.handlers.handler500"

# One namespace, so that a page of one app can ask for a panel of another by its name alone.
till = ([*members_till.urlpatterns, *rewards_till.urlpatterns], "till")
my = ([*members_portal.urlpatterns, *rewards_portal.urlpatterns], "my")

urlpatterns = [
    path("", TemplateView.as_view(template_name="start.html"), name="start"),
    path("", include("loyalty_crm.kernel.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("loyalty_crm.kernel.api.urls")),
    path("api/v1/", include("members.api.urls")),
    path("api/v1/", include("rewards.api.urls")),
    path("api/docs/", docs, name="api-docs"),
    path("till/", include(till)),
    path("my/", include(my)),
    path("charity/", charity.public_counter, name="charity"),
    path("invited/<slug:code>/", invited, name="invited"),
    path("", include("rewards.play.urls")),
    path("rules/", rules_page.current, name="rules"),
    path("rules/<int:number>/", rules_page.version, name="rules-version"),
    path("i18n/", include("django.conf.urls.i18n")),
]
