//! Lists: cursors lead through all of it once, limits are what was asked for.

use crate::world::{World, rolls_of};
use picot_api::ProblemCode;
use picot_models::mocks::address;
use serde_json::{Value as Json, json};

/// All things of a list, a few at a time, by its cursors.
fn all(world: &World, path: &str, cursor: &str, of: &str, limit: usize) -> Vec<Json> {
    let glue = if path.contains('?') { '&' } else { '?' };
    let (mut things, mut next) = (Vec::new(), None::<String>);
    for _ in 0..1_000 {
        let from = next.map(|next| format!("&{cursor}={next}"));
        let from = from.unwrap_or_default();
        let page = world.read(&format!("/api/v1{path}{glue}limit={limit}{from}"));
        let told = page[of].as_array().unwrap();
        assert!(told.len() <= limit, "{page}");
        things.extend(told.iter().cloned());
        next = page["next"].as_str().map(str::to_owned);
        if next.is_none() {
            return things;
        }
    }
    panic!("the list never ends");
}

#[test]
fn slots_are_listed_latest_first_from_the_newest_open_one_to_the_genesis() {
    let world = World::new();
    let slots = all(&world, "/slots", "before", "slots", 3);
    assert_eq!(slots.len(), 5 * 4 + 1);
    let open = &slots[0];
    assert_eq!(open["slot"], json!({ "period": 5, "thread": 0 }));
    assert_eq!(
        (&open["status"], &open["round"]),
        (&json!("undecided"), &json!(1))
    );
    let candidate = json!([{ "block": world.candidate.id(), "producer": address(3) }]);
    assert_eq!(open["candidates"], candidate);
    assert_eq!(open["leading"], json!(world.candidate.id()));
    assert_eq!(
        (&open["drawn"], &open["own"]),
        (&json!(address(1)), &json!(true))
    );
    let decided = &slots[1];
    assert_eq!(
        (&decided["status"], &decided["block"]),
        (&json!("decided"), &Json::Null)
    );
    let found = &slots[3];
    assert_eq!(
        (&found["status"], &found["operation_count"]),
        (&json!("final"), &json!(5))
    );
    assert_eq!(found["producer"], json!(address(1)));
    assert_eq!(found["parents"].as_array().unwrap().len(), 4);
    assert_eq!(
        found["own"], true,
        "the block is ours, though we are not drawn"
    );
    assert_eq!(
        slots.last().unwrap()["slot"],
        json!({ "period": 0, "thread": 0 })
    );
    assert_eq!(slots.last().unwrap()["status"], "final");
}

#[test]
fn slots_to_come_are_listed_as_such() {
    let page = World::new().read("/api/v1/slots?before=6/0&limit=2");
    assert_eq!(page["slots"][0]["status"], "not_open");
    assert_eq!(page["next"], "5/2");
}

#[test]
fn blocks_are_listed_without_misses_and_by_producer() {
    let world = World::new();
    let blocks = all(&world, "/blocks", "before", "blocks", 2);
    assert_eq!(blocks.len(), 5, "one, and those of the genesis");
    assert_eq!(blocks[0]["id"], json!(world.final_block.id()));
    assert_eq!(
        (&blocks[0]["state"], &blocks[0]["operation_count"]),
        (&json!("final"), &json!(5))
    );
    let ours = all(
        &world,
        &format!("/blocks?producer={}", address(1)),
        "before",
        "blocks",
        1,
    );
    assert_eq!(ours.len(), 1);
    let none = all(
        &world,
        &format!("/blocks?producer={}", address(6)),
        "before",
        "blocks",
        1,
    );
    assert_eq!(none.len(), 0);
}

#[test]
fn the_operations_of_a_block_are_listed_in_order_with_what_they_came_to() {
    let world = World::new();
    let path = format!("/blocks/{}/operations", world.final_block.id());
    let listed = all(&world, &path, "after", "operations", 2);
    let ids: Vec<_> = listed.iter().map(|it| it["id"].clone()).collect();
    let carried = world.final_block.operations.iter();
    assert_eq!(ids, carried.map(|it| json!(it.id())).collect::<Vec<_>>());
    assert_eq!(listed[0]["outcome"], json!({ "result": "succeeded" }));
    assert_eq!(
        (&listed[1]["outcome"], &listed[1]["sender"]),
        (&Json::Null, &json!(address(1)))
    );
    let past = world.read(&format!("/api/v1{path}?after=99"));
    assert_eq!(
        (&past["operations"], &past["next"]),
        (&json!([]), &Json::Null)
    );
}

#[test]
fn what_a_sender_has_pending_is_listed_once_by_id() {
    let world = World::new();
    let path = format!("/operations?sender={}", address(4));
    let listed = all(&world, &path, "after", "operations", 3);
    let ids: Vec<_> = listed.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 7);
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), 7);
    let other = world.read(&format!("/api/v1/operations?sender={}", address(5)));
    assert_eq!(
        (&other["total"], &other["operations"]),
        (&json!(0), &json!([]))
    );
}

#[test]
fn stakers_are_listed_by_rolls_and_those_with_the_same_number_once_each() {
    let world = World::new();
    let listed = all(&world, "/stakers", "after", "stakers", 2);
    let rolls: Vec<_> = listed
        .iter()
        .map(|it| it["rolls"].as_u64().unwrap())
        .collect();
    assert_eq!(rolls, [8, 8, 7, 6, 5, 4, 3, 2, 1]);
    let own: Vec<_> = listed.iter().filter(|it| it["own"] == true).collect();
    assert_eq!(own.len(), 2);
    let page = world.read("/api/v1/stakers?limit=1");
    let total: u64 = (1..=9).map(rolls_of).sum();
    assert_eq!(
        (&page["total_rolls"], &page["staker_count"]),
        (&json!(total), &json!(9))
    );
}

#[test]
fn cycles_tell_what_was_produced_and_missed_in_all_and_by_address() {
    let world = World::new();
    let cycles = world.read("/api/v1/cycles");
    let cycle = &cycles["cycles"][0];
    assert_eq!(
        cycles["cycles"].as_array().unwrap().len(),
        1,
        "not those to come"
    );
    assert_eq!(
        (&cycle["produced"], &cycle["missed"]),
        (&json!(15), &json!(5))
    );
    assert_eq!(
        (&cycle["endorsements"], &cycle["missed_endorsements"]),
        (&json!(50), &json!(10))
    );
    assert_eq!(cycle["last_slot"], json!({ "period": 15, "thread": 3 }));
    let listed = all(&world, "/cycles/0/production", "after", "production", 2);
    assert_eq!(listed.len(), 5);
    let ours = listed.iter().find(|it| it["address"] == json!(address(1)));
    assert_eq!(
        (&ours.unwrap()["produced"], &ours.unwrap()["own"]),
        (&json!(1), &json!(true))
    );
    let unknown = world.get("/api/v1/cycles/77/production").problem();
    assert_eq!(unknown.code, ProblemCode::NotFound);
}

#[test]
fn draws_are_listed_from_now_until_they_are_not_known_yet() {
    let world = World::new();
    let listed = all(&world, "/draws", "from", "draws", 50);
    assert_eq!(listed.len(), (32 - 5) * 4);
    assert_eq!(listed[0]["slot"], json!({ "period": 5, "thread": 0 }));
    assert_eq!(listed[0]["ranked"], json!([address(1), address(7)]));
    let own = listed.iter().filter(|it| it["own"] == true).count();
    assert_eq!(own, 32 - 5);
    let later = world.get("/api/v1/draws?from=32/0").problem();
    assert_eq!(later.code, ProblemCode::NotYetKnown);
}

#[test]
fn a_wrong_limit_or_cursor_is_refused_and_not_changed() {
    let world = World::new();
    let lists = [
        ("/slots", "before"),
        ("/blocks", "before"),
        ("/stakers", "after"),
        ("/cycles/0/production", "after"),
        ("/draws", "from"),
    ];
    for (path, cursor) in lists {
        for query in [
            "limit=0".to_owned(),
            "limit=1001".to_owned(),
            "limit=-1".to_owned(),
            "limit=many".to_owned(),
            format!("{cursor}=nothing"),
            format!("{cursor}="),
            "unknown=1".to_owned(),
        ] {
            let problem = world.get(&format!("/api/v1{path}?{query}")).problem();
            assert_eq!(
                problem.code,
                ProblemCode::InvalidParameter,
                "{path}?{query}"
            );
        }
        world.read(&format!("/api/v1{path}?limit=1000"));
    }
    let no_such_thread = world.get("/api/v1/slots?before=4/9").problem();
    assert_eq!(no_such_thread.code, ProblemCode::InvalidParameter);
}
