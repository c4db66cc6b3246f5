"""Version stamps: how a process learns that what it keeps in memory has changed."""

from __future__ import annotations

from django.db import models


class Stamp(models.Model):
    """A counter that grows with every change of something that processes cache."""

    name = models.CharField(max_length=60, primary_key=True)
    version = models.BigIntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        return f"{self.name} {self.version}"
