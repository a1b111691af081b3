"""Prints the dashboard as Grafana imports it: `make generated` writes deploy/dashboards/octyseg.json."""

import sys

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus, timeseries
from grafana_foundation_sdk.builders.common import VizLegendOptions, VizTooltipOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, SortOrder, TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh, VariableSort

from deploy.dashboards.rows import ROWS, Shown

_SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
_JOBS = 'label_values({__name__=~"octyseg_open_partitions|octyseg_api_requests_total"}, job)'
# Of the 24 columns that Grafana has: three panels beside each other.
_SPAN, _HEIGHT = 8, 7


def dashboard() -> build.Dashboard:
    """All rows, for any data source and any of its jobs."""
    source = build.DatasourceVariable("source").label("Data source").type("prometheus")
    job = (
        build.QueryVariable("job")
        .label("Job")
        .datasource(_SOURCE)
        .query(_JOBS)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
    )
    drawn = build.Dashboard("octyseg").uid("octyseg").tags(["octyseg"]).timezone("browser")
    drawn.time("now-1h", "now").refresh("30s").with_variable(source).with_variable(job)
    for title, panels in ROWS.items():
        drawn.with_row(build.Row(title))
        for shown in panels:
            drawn.with_panel(_panel(shown))
    return drawn


def query_of(shown: Shown) -> str:
    """What a panel asks of Prometheus."""
    by = ", ".join(shown.by)
    chosen = '{job=~"$job"}'
    if shown.how == "rate":
        return f"sum by ({by}) (rate({shown.metric}{chosen}[$__rate_interval]))"
    if shown.how == "p99":
        buckets = f"rate({shown.metric}_bucket{chosen}[$__rate_interval])"
        return f"histogram_quantile(0.99, sum by ({by}, le) ({buckets}))"
    return f"{shown.how} by ({by}) ({shown.metric}{chosen})"


def text() -> str:
    """The dashboard's JSON."""
    return JSONEncoder(sort_keys=True, indent=2).encode(dashboard().build()) + "\n"


def _panel(shown: Shown) -> timeseries.Panel:
    legend = VizLegendOptions().show_legend(show_legend=True).placement(LegendPlacement.BOTTOM)
    tooltip = VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
    lines = " ".join(f"{{{{{label}}}}}" for label in shown.by)
    is_time = shown.metric.endswith("_seconds")
    query = prometheus.Dataquery().ref_id("A").expr(query_of(shown)).legend_format(lines).datasource(_SOURCE)
    return (
        timeseries.Panel()
        .title(shown.title + {"p99": " (p99)", "rate": " (a second)"}.get(shown.how, ""))
        .description(shown.meaning)
        .datasource(_SOURCE)
        .unit("s" if is_time else "short")
        .min(0)
        .span(_SPAN)
        .height(_HEIGHT)
        .legend(legend.display_mode(LegendDisplayMode.LIST))
        .tooltip(tooltip)
        .with_target(query)
    )


if __name__ == "__main__":
    sys.stdout.write(text())
