"""Addresses below /api/v1/ that belong to no app in particular."""

from django.urls import path

from loyalty_crm.kernel.api.docs import schema
from loyalty_crm.kernel.api.views import ErrorDescription, ErrorRegister, JobViewSet

urlpatterns = [
    path("openapi.json", schema, name="openapi"),
    path("errors", ErrorRegister.as_view(), name="errors"),
    path("errors/<slug:code>", ErrorDescription.as_view(), name="error"),
    path("jobs/<uuid:id>", JobViewSet.as_view({"get": "retrieve"}), name="job"),
]
