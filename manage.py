#!/usr/bin/env python
"""Django's command line; starts the embedded PostgreSQL when no DATABASE_URL is set."""

import atexit
import os
import signal
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

from loyalty_crm import embedded_postgres, env

NEED_NO_DATABASE = {"help", "version", "compilemessages", "makemessages", "collectstatic"}


def borrow_server() -> None:
    """Join or start the embedded server; the last one to leave stops it."""
    data_dir = env.folder("DATA_DIR", Path(__file__).resolve().parent / ".data")
    # A plain SIGTERM would skip the exit handlers and leave the server behind.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    atexit.register(embedded_postgres.release, data_dir)
    try:
        embedded_postgres.ensure_running(data_dir)
    except embedded_postgres.EmbeddedPostgresError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_crm.settings")
    if not env.text("DATABASE_URL") and not NEED_NO_DATABASE.intersection(sys.argv[1:2]):
        borrow_server()
    execute_from_command_line(sys.argv)
