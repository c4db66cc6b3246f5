"""Checkout: quote → commit → refund or void. Each is one conductor; the steps live beside it."""
