"""The door for players and for whoever checks a result: pages without a log-in."""
