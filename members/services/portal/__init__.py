"""The member's own page: codes that let in, sessions, joining, contacts, wishes about data."""
