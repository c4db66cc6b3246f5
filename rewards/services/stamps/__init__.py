"""Stamp cards. The balance of stamps stands in the award books; what grows on it is here."""
