"""The demo shop: real products and receipts, people who do not exist, a programme at work."""

from rewards.services.demo.load import Loaded, load_demo

__all__ = ["Loaded", "load_demo"]
