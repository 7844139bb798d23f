//! The table that people read.

use picot_metrics::table;

#[test]
fn the_table_is_made_from_the_catalogue() {
    let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/METRICS.md"));
    assert!(
        kept.unwrap() == table(),
        "METRICS.md is stale: run 'cargo xtask metrics'"
    );
}
