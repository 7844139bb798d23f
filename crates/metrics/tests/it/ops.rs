//! What reads the metrics names only what is there: the dashboard, the alerts and the chapter on them in
//! `crates/node`.

use crate::promql::{Expr, labels, parse, selectors};
use crate::world::World;
use picot_metrics::{Kind, catalogue};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;
use yaml_rust2::{Yaml, YamlLoader};

/// Labels that Prometheus adds itself.
const OF_PROMETHEUS: [&str; 2] = ["instance", "job"];
/// What grows is asked for through one of these; of what goes up and down the first two say nothing.
const OF_COUNTERS: [&str; 3] = ["rate", "increase", "changes"];

fn read(name: &str) -> String {
    let path = format!("{}/../node/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(name: &str) -> Yaml {
    let mut documents = YamlLoader::load_from_str(&read(name)).unwrap();
    assert_eq!(documents.len(), 1, "{name}");
    documents.remove(0)
}

fn labels_of(series: &str) -> BTreeSet<String> {
    let mut labels: BTreeSet<&str> = OF_PROMETHEUS.into();
    if let Some(metric) = catalogue::of_series(series) {
        labels.extend(metric.labels);
        if series.ends_with("_bucket") {
            labels.insert("le");
        }
    }
    labels.into_iter().map(str::to_owned).collect()
}

/// What the dashboard puts in before it asks.
fn filled_in(query: &str) -> String {
    query
        .replace("$__rate_interval", "5m")
        .replace("$instance", ".*")
}

/// Every value that the labels of the made-up node have, with their names.
fn values_of_labels() -> BTreeSet<(String, String)> {
    let world = World::new();
    for status in [200, 429, 503] {
        let http = world.metrics().http();
        http.answered(Some("/api/v1/status"), status, Duration::from_millis(1));
    }
    let mut values = BTreeSet::new();
    for series in world.page().series() {
        let Some((_, inside)) = series.split_once('{') else {
            continue;
        };
        for label in inside.trim_end_matches('}').split(',') {
            let (name, value) = label.split_once('=').unwrap();
            values.insert((name.to_owned(), value.trim_matches('"').to_owned()));
        }
    }
    values
}

/// A query asks for what there is, in a way that fits it. Its labels are returned.
fn check(query: &str, values: &BTreeSet<(String, String)>) -> BTreeSet<String> {
    let query = filled_in(query);
    let expr = parse(&query).unwrap_or_else(|error| panic!("{query}: {error}"));
    for (selector, function) in selectors(&expr) {
        let name = selector.metric.as_str();
        let known = labels_of(name);
        for (label, operator, value) in &selector.matchers {
            assert!(
                known.contains(label),
                "{name} has no label {label}: {query}"
            );
            if OF_PROMETHEUS.contains(&label.as_str()) {
                continue;
            }
            // An expression of ours is a list of values.
            for value in value.split('|').filter(|value| !value.contains("..")) {
                let is_there = values.contains(&(label.clone(), value.to_owned()));
                assert!(is_there, "{label}{operator}{value} is never told: {query}");
            }
        }
        if name == "up" {
            continue;
        }
        let metric = catalogue::of_series(name);
        let metric = metric.unwrap_or_else(|| panic!("there is no {name}: {query}"));
        let grows = matches!(metric.kind, Kind::Counter | Kind::Histogram);
        let is_of_growth = function.is_some_and(|function| OF_COUNTERS.contains(&function));
        let is_change = function == Some("changes");
        assert!(
            grows == is_of_growth || is_change,
            "{name} is a {}: {query}",
            metric.kind.as_str()
        );
    }
    labels(&expr, &labels_of).unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// The names between `{{` and `}}`, with what begins them taken away.
fn placeholders<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    let inside = text
        .split("{{")
        .skip(1)
        .filter_map(|part| part.split("}}").next());
    let names = inside.filter_map(|inside| inside.trim().strip_prefix(start));
    names.map(str::trim).collect()
}

#[test]
fn alerts_name_metrics_labels_and_values_that_there_are() {
    let values = values_of_labels();
    for rule in rules() {
        let told = check(&rule.query, &values);
        for label in placeholders(&rule.texts.join(" "), "$labels.") {
            assert!(
                told.contains(label),
                "{}: no label {label} is left",
                rule.name
            );
        }
    }
}

/// An alert.
struct Rule {
    name: String,
    query: String,
    texts: Vec<String>,
}

fn rules() -> Vec<Rule> {
    let alerts = yaml("ops/alerts.yaml");
    let groups = alerts["groups"].as_vec().unwrap();
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_vec().unwrap());
    let text = |value: &Yaml| value.as_str().unwrap().to_owned();
    let rules = rules.map(|rule| Rule {
        name: text(&rule["alert"]),
        query: text(&rule["expr"]),
        texts: ["summary", "action"]
            .map(|part| text(&rule["annotations"][part]))
            .into(),
    });
    rules.collect()
}

#[test]
fn alerts_are_of_the_form_that_prometheus_reads() {
    let alerts = yaml("ops/alerts.yaml");
    let mut names = BTreeSet::new();
    for group in alerts["groups"].as_vec().unwrap() {
        let keys: Vec<_> = group
            .as_hash()
            .unwrap()
            .keys()
            .filter_map(Yaml::as_str)
            .collect();
        assert_eq!(keys, ["name", "rules"]);
        for rule in group["rules"].as_vec().unwrap() {
            let name = rule["alert"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            for key in rule.as_hash().unwrap().keys().filter_map(Yaml::as_str) {
                let known = ["alert", "expr", "for", "labels", "annotations"];
                assert!(known.contains(&key), "{name}: {key}");
            }
            let severity = rule["labels"]["severity"].as_str();
            assert!(matches!(severity, Some("critical" | "warning")), "{name}");
            if let Some(length) = rule["for"].as_str() {
                let (number, unit) = length.split_at(length.len() - 1);
                assert!(
                    number.parse::<u32>().is_ok() && "smhd".contains(unit),
                    "{name}"
                );
            }
        }
    }
    for name in [
        "PicotNotProducing",
        "PicotMisses",
        "PicotBehind",
        "PicotFewPeers",
        "PicotClockOff",
        "PicotDiskFull",
        "PicotKeyRefused",
        "PicotNoCheckpoint",
    ] {
        assert!(names.contains(name), "{name}");
    }
}

#[test]
fn the_scrape_configuration_asks_where_a_node_answers_and_the_alerts_ask_for_its_job() {
    let configuration = yaml("ops/prometheus.yaml");
    let job = &configuration["scrape_configs"][0];
    assert_eq!(job["metrics_path"].as_str(), Some("/metrics"));
    let name = job["job_name"].as_str().unwrap();
    let of_job = format!("up{{job=\"{name}\"}}");
    assert!(rules().iter().any(|rule| rule.query.contains(&of_job)));
    assert_eq!(configuration["rule_files"][0].as_str(), Some("alerts.yaml"));
}

fn dashboard() -> Value {
    serde_json::from_str(&read("ops/grafana.json")).unwrap()
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    panels.filter(|panel| panel["type"] != "row")
}

#[test]
fn the_dashboard_names_metrics_labels_and_values_that_there_are() {
    let values = values_of_labels();
    let dashboard = dashboard();
    let mut queries = 0;
    for panel in panels(&dashboard) {
        for target in panel["targets"].as_array().unwrap() {
            let told = check(target["expr"].as_str().unwrap(), &values);
            let legend = target["legendFormat"].as_str().unwrap();
            for label in placeholders(legend, "") {
                assert!(
                    told.contains(label),
                    "{}: {label} is not left",
                    panel["title"]
                );
            }
            queries += 1;
        }
    }
    assert!(queries > 40, "the queries were not found");
    for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
        check(annotation["expr"].as_str().unwrap(), &values);
    }
}

#[test]
fn the_dashboard_asks_the_chosen_data_source_for_the_chosen_nodes() {
    let dashboard = dashboard();
    let variables: Vec<_> = dashboard["templating"]["list"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    let names: Vec<_> = variables.iter().map(|variable| &variable["name"]).collect();
    assert_eq!(names, ["datasource", "instance"]);
    let of_nodes = variables[1]["definition"].as_str().unwrap();
    let inside = of_nodes
        .strip_prefix("label_values(")
        .unwrap()
        .strip_suffix(", instance)");
    assert!(catalogue::of_series(inside.unwrap()).is_some());
    for panel in panels(&dashboard) {
        assert_eq!(
            panel["datasource"]["uid"], "${datasource}",
            "{}",
            panel["title"]
        );
        for target in panel["targets"].as_array().unwrap() {
            let expr = parse(&filled_in(target["expr"].as_str().unwrap())).unwrap();
            for (selector, _) in selectors(&expr) {
                let matched = selector
                    .matchers
                    .iter()
                    .any(|(label, _, _)| label == "instance");
                assert!(matched, "{} asks all nodes", panel["title"]);
            }
        }
    }
}

#[test]
fn the_panels_of_the_dashboard_lie_beside_each_other() {
    let dashboard = dashboard();
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(
            ids.insert(panel["id"].as_u64().unwrap()),
            "{}",
            panel["title"]
        );
        assert!(!panel["title"].as_str().unwrap().is_empty());
        let [x, y, w, h] =
            ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(x + w <= 24, "{}", panel["title"]);
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(place), "{} lies over another", panel["title"]);
        }
    }
}

/// The words between back quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_chapter_on_watching_a_node_explains_each_alert_and_names_metrics_that_there_are() {
    let chapter = read("docs/src/monitor.md");
    let explained: BTreeSet<_> = chapter
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .filter(|title| title.starts_with("Picot"))
        .map(str::to_owned)
        .collect();
    let alerts: BTreeSet<_> = rules().into_iter().map(|rule| rule.name).collect();
    assert_eq!(explained, alerts);
    let prose: String = chapter.split("```").step_by(2).collect();
    let mut named = 0;
    for word in quoted(&prose).filter(|word| word.starts_with("picot_")) {
        let name = word.split('{').next().unwrap();
        let is_there = catalogue::all().any(|metric| {
            metric.full_name() == name || metric.series().iter().any(|series| series == name)
        });
        assert!(is_there, "there is no {word}");
        named += 1;
    }
    assert!(named > 20, "the metrics were not found");
}

#[test]
fn a_query_that_names_what_there_is_not_is_found() {
    let values = values_of_labels();
    for wrong in [
        "picot_nothing > 0",
        "picot_peers{lane=\"urgent\"}",
        "picot_peers{direction=\"sideways\"}",
        "rate(picot_peers[5m])",
        "picot_produced_total",
        "sum by (thread) (picot_peers)",
    ] {
        let found = std::panic::catch_unwind(|| check(wrong, &values));
        assert!(found.is_err(), "{wrong}");
    }
    let right: Expr = parse("picot_peers{direction=\"inbound\"}").unwrap();
    assert_eq!(selectors(&right).len(), 1);
}
