"""The database backend: Django's own, with a health check that costs no round trip."""

from __future__ import annotations

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """Whether the kept session still lives, asked at the first query of every request.

        A server that closed the session has made its socket readable; a quiet
        socket is a living session. Only when something lies there, Django's
        ``SELECT 1`` decides. Networks that die without a word are found by
        TCP's own keepalives, as before.
        """
        if self.connection is None:
            return False
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
        return not poll.poll(0) or super().is_usable()
