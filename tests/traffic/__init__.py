"""Tests of made-up traffic and of reading events from files."""
