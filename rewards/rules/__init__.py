"""Pure rules: a basket and a rule set in, prices, points and reasons out. No database, no clock."""
