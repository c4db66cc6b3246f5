"""The product's settings with the kernel's test endpoint mounted, for real processes."""

# ruff: noqa: F403
from loyalty_crm.settings import *

ROOT_URLCONF = "tests.kernel.value_urls"
