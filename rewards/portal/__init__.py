"""The door for members, as far as it is about promises: points, offers, what comes next."""
