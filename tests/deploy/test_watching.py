"""The dashboard and the alerts ask for metrics, labels and values that the code has, and each alert says what to do."""

import json
import logging
import re
import sys
from itertools import product

import promql_parser as promql
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from adapters.telemetry import Telemetry
from adapters.telemetry.log_handler import Log
from function.rate_limit import DenialReason
from function.telemetry import CHECKS, ENTRIES, HOLD_REASONS, OUTCOMES, PROVIDERS, QUEUES, STATUSES, STEPS, LookupEvent
from tests.deploy.manifests import NAMESPACE, VALUES, of_kind, pods, rendered
from tests.deploy.tools import ROOT

DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text())
RULES = yaml.safe_load((ROOT / "deploy/chart/alerts.yaml").read_text())
CONFIG = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yaml").read_text())
OPERATING = (ROOT / "docs/operating.md").read_text()

ANY = frozenset({"*"})
COMPONENTS = frozenset({"function", "consumer"})
SCRAPED = {"job": ANY, "instance": ANY, "component": COMPONENTS}  # the labels that Prometheus itself adds

Labels = dict[str, frozenset[str]]


def _told() -> dict[str, Labels]:
    """Every series that a process can have: its labels and their values."""
    metrics = Telemetry(Log("inn", logging.INFO, sys.stderr))
    for entry, status, cached in product(ENTRIES, STATUSES, (True, False)):
        metrics.lookup(LookupEvent(entry, "", status, cached, "", 1))
        metrics.in_flight(entry, 1)
    for step in STEPS:
        metrics.step(step, 1)
    for queue in QUEUES:
        metrics.message_moved(queue, "failed")
    for reason in HOLD_REASONS:
        metrics.held(reason, 1)
    for part in CHECKS:
        metrics.record_check(part, ready=True)
    for provider, outcome, why in product(PROVIDERS, OUTCOMES, DenialReason):
        metrics.provider_called(provider, outcome, 1)
        metrics.provider_closed(provider, why, 1)
    series: dict[str, Labels] = {"up": dict(SCRAPED)}
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            labels = series.setdefault(sample.name, dict(SCRAPED))
            for label, value in sample.labels.items():
                labels[label] = labels.get(label, frozenset()) | {value}
    return series


TOLD = _told()
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
SHOWN = {
    **{f"panel {panel['title']} {i}": each["expr"] for panel in PANELS for i, each in enumerate(panel["targets"])},
    **{f"annotation {each['name']}": each["expr"] for each in DASHBOARD["annotations"]["list"]},
}
QUERIES = {**SHOWN, **{f"alert {name}": alert["expr"] for name, alert in ALERTS.items()}}


def _within(query: str | promql.Expr) -> list[promql.Expr]:
    parts: list[promql.Expr] = []
    parsed = promql.parse(query.replace("$__rate_interval", "5m")) if isinstance(query, str) else query
    promql.walk(parsed, parts.append)
    return parts


def _selectors(query: str | promql.Expr) -> list[promql.VectorSelector]:
    return [part for part in _within(query) if isinstance(part, promql.VectorSelector)]


@pytest.mark.parametrize("where", QUERIES)
def test_a_query_names_what_there_is_and_groups_by_it(where: str) -> None:
    query = QUERIES[where]
    assert _selectors(query)
    for selector in _selectors(query):
        labels = TOLD[selector.name or ""]
        for each in selector.matchers.matchers:
            pattern = each.op in (promql.MatchOp.Re, promql.MatchOp.NotRe)
            wanted = set(each.value.split("|") if pattern else [each.value])
            assert labels[each.name] is ANY or wanted <= labels[each.name], str(each)
    for part in _within(query):
        if isinstance(part, promql.AggregateExpr) and part.modifier:
            known = {label for selector in _selectors(part.expr) for label in TOLD[selector.name or ""]}
            assert set(part.modifier.labels) <= known


def test_the_dashboard_shows_every_metric_of_the_service() -> None:
    asked = {selector.name for query in SHOWN.values() for selector in _selectors(query)}
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in TOLD if name.startswith("inn_")}
    assert families <= {re.sub(r"_bucket$", "", name or "") for name in asked}


def test_every_panel_is_one_of_its_own_and_reads_from_the_chosen_source() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in PANELS:
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert {source["uid"] for source in sources} == {"${datasource}"}


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_it_means_and_what_to_do_and_has_its_page_in_the_runbook(name: str) -> None:
    alert = ALERTS[name]
    assert set(alert) <= {"alert", "expr", "for", "labels", "annotations"}
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert promql.parse_duration(alert.get("for", "1m"))
    notes = alert["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert notes["runbook_url"] == f"docs/operating.md#{name.lower()}"
    page = OPERATING.split(f"\n### {name}\n", 1)[1].split("\n### ")[0]
    assert "**It means**: " in page
    assert f"**Do**: {notes['description']}" in page
    spoken = set(re.findall(r"\$labels\.(\w+)", json.dumps(notes)))
    kept = re.findall(r"by \(([^)]*)\)", alert["expr"])
    assert all(spoken <= {label.strip() for label in labels.split(",")} for labels in kept)


def test_the_runbook_knows_no_other_alert_and_no_other_metric() -> None:
    assert re.findall(r"^### (Inn\w+)$", OPERATING, re.MULTILINE) == list(ALERTS)
    assert set(re.findall(r"\binn_\w+", OPERATING)) <= set(TOLD)


def test_prometheus_reads_the_alerts_and_scrapes_the_job_that_they_expect() -> None:
    [rules] = CONFIG["rule_files"]
    [scraped] = CONFIG["scrape_configs"]
    assert (ROOT / "deploy/prometheus" / rules).resolve() == ROOT / "deploy/chart/alerts.yaml"
    selectors = [selector for query in QUERIES.values() for selector in _selectors(query)]
    asked = {each.value for selector in selectors for each in selector.matchers.matchers if each.name == "job"}
    [pattern] = asked - {"$job"}
    jobs = (scraped["job_name"], f"{NAMESPACE}/inn", "innkeeper", "inn-service", "other")
    assert [bool(re.fullmatch(pattern, job)) for job in jobs] == [True, True, False, False, False]


def test_the_job_and_the_component_of_a_process_are_those_of_its_pod() -> None:
    [scraped] = CONFIG["scrape_configs"]
    label = ["__meta_kubernetes_pod_label_app_kubernetes_io_component"]
    sources = {each.get("target_label"): each["source_labels"] for each in scraped["relabel_configs"]}
    assert sources["component"] == label
    monitors = [one for values in VALUES for one in of_kind(rendered(values), "PodMonitor").values()]
    assert monitors
    for endpoint in (endpoint for monitor in monitors for endpoint in monitor["spec"]["podMetricsEndpoints"]):
        relabelled = {each["targetLabel"]: each for each in endpoint["relabelings"]}
        assert relabelled["job"]["replacement"] == f"{NAMESPACE}/inn"
        assert relabelled["component"]["sourceLabels"] == label
    assert {component for values in VALUES for component, _ in pods(rendered(values))} == COMPONENTS


@pytest.mark.parametrize(
    ("values", "left_out"), [("outside", set()), ("knative", {"InnFunctionDown", "InnConsumerDown"})]
)
def test_the_chart_s_rule_has_the_alerts_of_what_it_runs_and_links_to_the_runbook(
    values: str, left_out: set[str]
) -> None:
    [rule] = of_kind(rendered(values), "PrometheusRule").values()
    rules = {each["alert"]: each for group in rule["spec"]["groups"] for each in group["rules"]}
    assert list(rules) == [name for name in ALERTS if name not in left_out]
    assert all({**each, "annotations": {}} == {**ALERTS[name], "annotations": {}} for name, each in rules.items())
    if values == "outside":
        links = {each["annotations"]["runbook_url"].partition("#")[0] for each in rules.values()}
        assert links == {"https://git.example/inn/docs/operating.md"}


def test_each_component_has_an_alert_of_its_own_for_when_all_of_it_is_gone() -> None:
    gone = [alert for alert in ALERTS.values() if "absent(" in alert["expr"]]
    assert {alert["labels"]["severity"] for alert in gone} == {"critical"}
    assert sorted(alert["expr"] for alert in gone) == [
        f'absent(up{{job=~"(.+/)?inn", component="{component}"}} == 1)' for component in sorted(COMPONENTS)
    ]


def test_a_store_that_is_away_is_seen_whichever_way_requests_come_and_whoever_waits_for_it_is_not_stuck() -> None:
    ways = re.split(r"\bor\b", ALERTS["InnStoreUnavailable"]["expr"])
    selectors = [selector for way in ways for selector in _selectors(way)]
    assert [(each.name, str(each.matchers.matchers[0])) for each in selectors] == [
        ("inn_requests_total", 'status="store_unavailable"'),
        ("inn_holds_total", 'reason="store_unavailable"'),
    ]
    excluded = [part.strip() for part in re.split(r"\bunless\b", ALERTS["InnStuck"]["expr"])[1:]]
    assert 'sum by (instance) (increase(inn_holds_total{reason="store_unavailable"}[10m])) > 0' in excluded
