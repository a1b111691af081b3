"""The rows: one module each, `measure(settings, events)` does the work and says how long it took."""
