"""The door for members: their own page, ``/my/``."""
