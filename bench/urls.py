"""The product's addresses and the empty view."""

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from loyalty_crm.urls import urlpatterns as product

handler400 = "loyalty_crm.kernel.api.handlers.handler400"
handler403 = "loyalty_crm.kernel.api.handlers.handler403"
handler404 = "loyalty_crm.kernel.api.handlers.handler404"
handler500 = "loyalty_crm.kernel.api.handlers.handler500"


class EmptyView(ViewSet):
    """Authenticated, authorised, and nothing else."""

    scopes = {"create": "sales:write"}

    def create(self, request: Request) -> HttpResponse:
        return HttpResponse(b"{}", content_type="application/json")


urlpatterns = [path("bench/empty", EmptyView.as_view({"post": "create"})), *product]
