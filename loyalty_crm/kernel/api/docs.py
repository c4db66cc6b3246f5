"""The browsable description of the API, without a line from anybody else's server."""

from __future__ import annotations

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_replace
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny

schema = SpectacularJSONAPIView.as_view(authentication_classes=[], permission_classes=[AllowAny])

# The page and its script come from two addresses, so scripts stay strict; its styles are inline.
docs = csp_replace({"style-src": [SELF, UNSAFE_INLINE]})(
    SpectacularSwaggerSplitView.as_view(
        url_name="openapi", authentication_classes=[], permission_classes=[AllowAny]
    )
)
