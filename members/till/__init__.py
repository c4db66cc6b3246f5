"""The door for store staff: who works at which till, and whom they serve."""
