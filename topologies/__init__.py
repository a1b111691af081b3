"""Stages as Faust apps on Kafka: the only room that knows Faust. Nobody imports it but by name."""
