"""What the settings promise: hardening, sessions with limits, the broker's options."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.db import connection
from django.urls import reverse

from loyalty_crm import settings as product
from tests.live import ROOT


def test_deployed_over_https_nothing_is_left_to_warn_of(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={
            "DJANGO_SETTINGS_MODULE": "loyalty_crm.settings",
            "DATABASE_URL": "postgresql://app@localhost/nothing",
            "DATABASE_OWNER_URL": "postgresql://owner@localhost/nothing",
            "DATA_DIR": str(tmp_path),
            "HTTPS": "on",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.django_db
def test_sessions_of_the_database_have_limits():
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("10s",)


def test_a_broker_is_told_the_address_and_no_more_than_it_needs(monkeypatch):
    monkeypatch.setattr(product, "BROKER_IN_OUR_DATABASE", True)
    options = product.broker_options("pgmq://here")

    assert options["init_extension"] is False
    assert f"user={product.DATABASES['default']['USER']}" in options["conn_string"]
    monkeypatch.setattr(product, "BROKER_IN_OUR_DATABASE", False)
    assert "host=there" in product.broker_options("pgmq://u:p@there:1/db")["conn_string"]
    assert product.broker_options("amqp://guest@localhost") == {}


def test_the_policy_is_strict_and_looser_under_the_admin_alone(client):
    strict = client.get("/healthz")["Content-Security-Policy"]

    assert "unsafe" not in strict
    assert "frame-ancestors 'none'" in strict


@pytest.mark.django_db
def test_the_admin_may_evaluate_its_expressions(client):
    policy = client.get(reverse("admin:login"))["Content-Security-Policy"]

    assert "'unsafe-eval'" in policy
    assert "frame-ancestors 'none'" in policy
