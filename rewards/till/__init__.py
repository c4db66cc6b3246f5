"""The door for store staff: sell, refund, and see what a shift did."""
