"""The partitioned log: the port that stages write against, and its three adapters."""
