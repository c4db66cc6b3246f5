"""The product's settings, with one view more: an empty one, to compare with."""

from loyalty_crm.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
