"""Hosts for stages where no framework is wanted: one process that runs any of them over any log."""
