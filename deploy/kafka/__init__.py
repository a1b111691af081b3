"""A real Apache Kafka broker on loopback, for the tests and for `make kafka`."""
