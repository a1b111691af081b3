"""Which metrics a query names, and which there are."""

import re

from octyseg import metrics

# How Prometheus calls what comes of one metric.
_ENDINGS = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def named_in(query):
    return set(re.findall(r"octyseg_[a-z_]+", query))


def series():
    """Every name that a query may ask for, with the metric that it is of."""
    found = {}
    for metric in vars(metrics).values():
        if hasattr(metric, "describe") and not isinstance(metric, type):
            for family in metric.describe():
                found |= {family.name + ending: family.name for ending in _ENDINGS[family.type]}
    return found
