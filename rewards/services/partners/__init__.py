"""Partners of the programme: who they are, what they give and take, and who owes whom."""
