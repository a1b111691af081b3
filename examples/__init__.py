"""Definitions to start from, and the demo that runs them."""
