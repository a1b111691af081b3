"""What a process serves is what Prometheus expects of metrics: names, units, types, meanings."""

from prometheus_client import CollectorRegistry, generate_latest

from octyseg import metrics


def test_prometheus_has_nothing_against_our_metrics(check_with_promtool):
    registry = CollectorRegistry()
    ours = [one for one in vars(metrics).values() if hasattr(one, "describe") and not isinstance(one, type)]
    for metric in ours:
        # One of each, apart from what other tests counted.
        labels = tuple(metric._labelnames)
        fresh = type(metric)(metric._name, metric._documentation, labels, registry=registry)
        if labels:
            fresh.labels(*["x"] * len(labels))
    served = generate_latest(registry).decode()
    assert served.count("# HELP octyseg_") >= len(ours) > 20
    check_with_promtool("check", "metrics", given=served)
