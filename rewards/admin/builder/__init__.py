"""The builder of promotions: forms made from the classes that read a definition."""
