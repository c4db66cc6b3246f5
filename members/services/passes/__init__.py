"""Cards in the wallets of phones: Apple's signed file, Google's signed token."""
