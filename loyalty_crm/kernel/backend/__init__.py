"""PostgreSQL as Django has it, but for one look at the socket. Named by ``DATABASES``."""
