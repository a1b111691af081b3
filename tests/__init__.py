"""The tests, by room. A package, so that suites can be shared between rooms."""
