//! The dashboard in headless Chromium, on real local networks: `cargo xtask browser`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may panic, measures its own patience, and looks for the browser"
)]

mod driver;
mod network;
mod page;

use network::Network;
use page::Page;
use serde_json::json;

/// Keys as WebDriver names them.
const ENTER: &str = "\u{E007}";
const ESCAPE: &str = "\u{E00C}";
const LEFT: &str = "\u{E012}";
const DOWN: &str = "\u{E015}";

#[test]
#[ignore = "needs Chromium: cargo xtask browser"]
fn the_page_loads_and_shows_each_slot_as_it_becomes_final() {
    let network = Network::start(|_| {});
    let page = Page::open(&network.url());
    page.wait_for_state("live");
    page.wait_for_slots("final", 8);
    let before = page.newest_final();
    let later = format!(
        "[...document.querySelectorAll('.slot.final')].some(it => {{
            const [p, t] = it.id.split('-').slice(1).map(Number); return p * 4 + t >= {before} + 4 }})"
    );
    page.wait_for("four slots later", &later);
    assert_eq!(page.text("#chain-name"), "localnet");
    // Each part has what it is there for.
    page.wait_for(
        "eight figures",
        "document.querySelectorAll('#vitals .vital').length === 8",
    );
    page.wait_for(
        "a certificate",
        "document.querySelector('.certificate').textContent.includes('finalise certificate')",
    );
    page.wait_for(
        "votes above the line",
        "document.querySelector('.named-bar[data-reached=yes]') !== null",
    );
    page.wait_for(
        "three peers",
        "document.querySelectorAll('#peers tbody tr').length === 3",
    );
    page.wait_for(
        "four stakers",
        "document.querySelectorAll('#stake tbody tr').length === 4",
    );
    page.wait_for(
        "our stake",
        "document.querySelectorAll('#stake tr.own').length === 1",
    );
    page.wait_for(
        "a third by two",
        "document.querySelector('#stake .fact').textContent.includes('2 largest')",
    );
    page.wait_for(
        "draws to come",
        "document.querySelectorAll('.next-draws .first').length === 1",
    );
    page.wait_for("parents", "[...document.querySelectorAll('.parents path')].some(it => (it.getAttribute('d') ?? '').includes('C'))");
    page.wait_for(
        "a delay in the chart",
        "(document.querySelector('.chart .line').getAttribute('d') ?? '').includes('L')",
    );
    page.wait_for(
        "a cycle",
        "document.querySelectorAll('#cycles tbody tr').length >= 1",
    );
    page.wait_for(
        "a block of ours",
        "document.querySelector('.slot.final.own') !== null",
    );
    page.check();
}

#[test]
#[ignore = "needs Chromium: cargo xtask browser"]
fn a_miss_is_shown_and_said_when_a_node_is_killed() {
    let mut network = Network::of_drawn_producers();
    let page = Page::open(&network.url());
    page.wait_for_slots("final", 6);
    network.nodes.kill(3);
    page.wait_for_slots("miss", 1);
    page.wait_for(
        "a miss that is said",
        "/was missed|were missed/.test(document.querySelector('#live').textContent)",
    );
    let label = page
        .browser
        .run("return document.querySelector('.slot.miss').getAttribute('aria-label')");
    assert!(
        label
            .as_str()
            .unwrap()
            .contains("missed: decided as no block"),
        "{label}"
    );
    page.wait_for(
        "two peers",
        "document.querySelectorAll('#peers tbody tr').length === 2",
    );
    page.wait_for(
        "a share of misses",
        "!document.querySelector('#vitals .vital:nth-child(5) .value').textContent.startsWith('0')",
    );
    // The table says the same.
    page.browser
        .run("document.querySelector('#as-table').click()");
    page.wait_for(
        "a miss in the table",
        "document.querySelector('#slot-table .state-miss') !== null",
    );
    page.check();
}

#[test]
#[ignore = "needs Chromium: cargo xtask browser"]
fn the_page_says_that_its_node_is_gone_and_goes_on_when_it_is_back() {
    let mut network = Network::start(|_| {});
    let page = Page::open(&network.url());
    page.wait_for_state("live");
    page.wait_for_slots("final", 8);
    page.wait_for(
        "a block of ours",
        "document.querySelector('.slot.final.own') !== null",
    );
    page.check();
    let before = page.newest_final();
    network.nodes.kill(0);

    page.wait_for_state("lost");
    assert!(page.is_shown("#gone"));
    let said = page.text("#gone");
    assert!(
        said.contains("does not answer") && said.contains("Trying again"),
        "{said}"
    );
    assert!(said.contains("What you see is of"), "{said}");
    assert_eq!(page.text("#connection"), "node gone");
    // What was there stays, and is not taken for what is.
    assert!(page.count(".slot.final") >= 8);
    let others = network.nodes.wait_for_more(&[1, 2, 3], 6);

    network.start_first();
    page.wait_for_state("live");
    assert!(!page.is_shown("#gone"));
    page.wait_for("what was missed", "document.querySelector('#notice').checkVisibility() && /began in the meantime/.test(document.querySelector('#notice').textContent)");
    let reached = others.period * 4 + u64::from(others.thread);
    assert!(reached > before);
    // Nothing is left out: every slot from before to after is drawn as decided.
    let filled = format!(
        "(() => {{ const kinds = [];
            for (let at = {before}; at <= {reached}; at += 1) {{
                const it = document.getElementById(`slot-${{Math.floor(at / 4)}}-${{at % 4}}`);
                if (it) kinds.push(/final|decided|miss/.test(it.getAttribute('class')));
            }}
            return kinds.length > 0 && kinds.every(Boolean) }})()"
    );
    page.wait_for("every slot in between", &filled);
    page.wait_for_final_after(reached);
    page.check_requests();
    // A refused connection is told on the console by the browser itself; nothing else is.
    let others: Vec<_> = page
        .browser
        .complaints()
        .into_iter()
        .filter(|it| !is_refused(it))
        .collect();
    assert_eq!(others, Vec::<String>::new());
}

#[test]
#[ignore = "needs Chromium: cargo xtask browser"]
fn a_page_out_of_sight_asks_for_nothing_and_takes_its_pause_for_no_fault_of_the_node() {
    let network = Network::start(|_| {});
    let page = Page::open(&network.url());
    page.wait_for_state("live");
    page.wait_for_slots("final", 8);
    page.browser.hide();
    page.wait_for("a page out of sight", "document.hidden");
    page.wait_for_state("paused");
    assert_eq!(page.text("#connection"), "paused");
    let before = page.newest_final();
    // What was asked before is answered within two slots.
    network.nodes.wait_for_more(&[0], 2);
    page.check_requests();
    // Longer than the longest pause between two questions of a page that is looked at.
    network.nodes.wait_for_more(&[0], 48);
    assert_eq!(page.browser.requests(), Vec::<String>::new());

    page.browser.unhide();
    page.wait_for_state("live");
    page.wait_for(
        "that it was out of sight",
        "document.querySelector('#notice').checkVisibility() && /^This page was out of sight/.test(document.querySelector('#notice-text').textContent)",
    );
    page.wait_for_final_after(before);
    page.check();
}

fn is_refused(complaint: &str) -> bool {
    [
        "ERR_CONNECTION_REFUSED",
        "ERR_CONNECTION_RESET",
        "ERR_INCOMPLETE_CHUNKED_ENCODING",
        "ERR_EMPTY_RESPONSE",
    ]
    .iter()
    .any(|reason| complaint.contains(reason))
}

#[test]
#[ignore = "needs Chromium: cargo xtask browser"]
fn everything_is_reached_by_keys_alone() {
    let network = Network::start(|genesis| genesis["params"]["t0_ms"] = json!(4_000));
    let page = Page::open(&network.url());
    page.wait_for_slots("final", 8);
    page.browser.run("document.querySelector('#lanes').focus()");
    page.browser.press(LEFT);
    page.browser.press(LEFT);
    page.browser.press(DOWN);
    let active = page.wait_for(
        "a slot that is active",
        "document.querySelector('#lanes').getAttribute('aria-activedescendant')",
    );
    let active = active.as_str().unwrap();
    let label = page.browser.run(&format!(
        "return document.getElementById('{active}').getAttribute('aria-label')"
    ));
    assert!(label.as_str().unwrap().starts_with("slot "), "{label}");
    page.browser.press(ENTER);
    let slot = active.trim_start_matches("slot-").replace('-', "/");
    page.wait_for(
        "that slot's agreement",
        &format!("document.querySelector('.slot-title').textContent === '{slot}'"),
    );
    assert_eq!(
        page.browser
            .run("return document.querySelector('#follow').getAttribute('aria-pressed')"),
        json!("false")
    );
    // The search, and back.
    page.browser.press("/");
    assert_eq!(
        page.browser.run("return document.activeElement.id"),
        json!("search-text")
    );
    let block = page.wait_for(
        "a block",
        "document.querySelector('#agreement .candidates a[href^=\"#/block\"]')?.title ?? null",
    );
    page.browser.press(block.as_str().unwrap());
    page.browser.press(ENTER);
    page.wait_for("its details", "document.querySelector('#details').open && document.querySelector('#details-body').textContent.includes('Producer')");
    assert_eq!(
        page.browser.run("return document.activeElement.id"),
        json!("details-heading")
    );
    page.browser.press(ESCAPE);
    page.wait_for("the page again", "!document.querySelector('#details').open");
    page.check();
}

#[test]
#[ignore = "needs Chromium: cargo xtask browser"]
fn a_search_finds_what_there_is_and_says_what_there_is_not() {
    let network = Network::start(|_| {});
    let page = Page::open(&network.url());
    page.wait_for_slots("final", 8);
    let operation = network.nodes.submit(1);
    network.nodes.wait_for_operation(&operation);
    let details = |what: &str| {
        let shown = format!(
            "document.querySelector('#details').open && document.querySelector('#details-body').innerText.includes({})",
            json!(what)
        );
        page.wait_for(what, &shown);
    };
    page.search(&operation);
    details("succeeded");
    details("transfer");
    page.search("op1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq");
    page.wait_for(
        "a refusal",
        "document.querySelector('#details .problem') !== null",
    );
    let address = page
        .browser
        .run("return document.querySelector('#stake tr.own a').title");
    page.search(address.as_str().unwrap());
    details("Balance");
    page.search("1/2");
    page.wait_for("the slot", "document.querySelector('.slot-title').textContent === '1/2' && !document.querySelector('#details').open");
    page.search("what is this");
    page.wait_for(
        "help",
        "document.querySelector('#search-problem').checkVisibility()",
    );
    // An id that does not exist is a 404, which the browser tells on its console.
    let complaints: Vec<_> = page
        .browser
        .complaints()
        .into_iter()
        .filter(|it| !it.contains("/api/v1/operations/op1qqq"))
        .collect();
    assert_eq!(complaints, Vec::<String>::new());
    page.check_requests();
}

#[test]
#[ignore = "needs Chromium: cargo xtask browser"]
fn what_can_be_used_has_a_name_and_a_place() {
    let network = Network::start(|_| {});
    let page = Page::open(&network.url());
    page.wait_for_slots("final", 8);
    page.wait_for(
        "our draws",
        "document.querySelectorAll('.next-draws .first').length === 1",
    );
    let tree = page
        .browser
        .command("Accessibility.getFullAXTree", &json!({}));
    let nodes: Vec<_> = tree["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|node| node["ignored"] != json!(true))
        .collect();
    let role = |node: &serde_json::Value| {
        node["role"]["value"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    for landmark in ["banner", "main", "search", "contentinfo", "navigation"] {
        assert!(
            nodes.iter().any(|node| role(node) == landmark),
            "no {landmark}"
        );
    }
    let used = [
        "button",
        "link",
        "searchbox",
        "listbox",
        "option",
        "image",
        "region",
        "table",
    ];
    let nameless: Vec<_> = nodes
        .iter()
        .filter(|node| used.contains(&role(node).as_str()))
        .filter(|node| {
            node["name"]["value"]
                .as_str()
                .unwrap_or_default()
                .trim()
                .is_empty()
        })
        .collect();
    assert!(nameless.is_empty(), "{nameless:#?}");
    assert!(nodes.iter().filter(|node| role(node) == "option").count() >= 16);
    assert_eq!(page.count("h1"), 1);
    // Nothing is wider than the window, on a telephone either.
    page.browser.command(
        "Emulation.setDeviceMetricsOverride",
        &json!({"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true}),
    );
    page.wait_for("room enough", "document.documentElement.scrollWidth <= 390");
    page.wait_for_slots("final", 4);
    page.check();
}
