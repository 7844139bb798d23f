//! The pictures of the documentation, of a real network.

use crate::network::Network;
use crate::page::Page;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::time::Duration;

const WIDTH: u32 = 1440;
const TRANSFERS: usize = 40;

/// Writes all of them.
pub(crate) fn make(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    let network = Network::start(|genesis| {
        genesis["name"] = json!("picot-localnet");
        genesis["params"]["proposal_policy"] = json!({"type": "ranked", "count": 2});
    });
    let page = Page::open_sized(&network.url(), WIDTH, 1000);
    page.wait_for_slots("final", 12);
    // Something to show in the pool, the blocks and the charts.
    for number in 0..TRANSFERS {
        transfer(&network, 1 + number % 3, number);
    }
    page.wait_for_slots("final", 36);
    shoot(&page, &folder.join("dashboard-light.png"), "light", None);
    shoot(&page, &folder.join("dashboard-dark.png"), "dark", None);
    drop(page);
    drop(network);
    make_of_trouble(folder);
    println!("four pictures in {}", folder.display());
}

/// A slot that is missed, as its drawn producer is gone, and a page whose node is gone.
fn make_of_trouble(folder: &Path) {
    let mut network = Network::of_drawn_producers();
    let page = Page::open_sized(&network.url(), WIDTH, 1000);
    page.wait_for_slots("final", 36);
    // Some slots are missed while the nodes start: they are not meant.
    let before = page.newest_final();
    network.nodes.kill(3);
    let later = format!(
        "[...document.querySelectorAll('.slot.miss')].map(it => it.id.split('-').slice(1))
            .find(([p, t]) => p * 4 + Number(t) > {before})?.join('/') ?? null"
    );
    let slot = page.wait_for("a later miss", &later);
    let slot = slot.as_str().expect("a slot");
    page.browser
        .run(&format!("location.hash = '#/slot/{slot}'"));
    page.wait_for("its votes", "document.querySelector('.slot-line .badge.miss') !== null && document.querySelectorAll('.round-votes').length > 0");
    std::thread::sleep(Duration::from_secs(1));
    shoot(
        &page,
        &folder.join("dashboard-miss.png"),
        "light",
        Some(930),
    );
    network.nodes.kill(0);
    page.wait_for_state("lost");
    shoot(
        &page,
        &folder.join("dashboard-gone.png"),
        "light",
        Some(640),
    );
}

/// Each of another amount: the same order twice in a period would be one operation.
fn transfer(network: &Network, by: usize, number: usize) {
    let node = network.nodes.node(by);
    let stakers = network.nodes.node(0).status().production.staking_addresses;
    let recipient = stakers.first().expect("a staker").to_string();
    let passphrase = network.nodes.directory().join("passphrase");
    let sent = node.command(&[
        "transfer",
        &recipient,
        &format!("1.{number:03}"),
        "--wait",
        "accepted",
        "--passphrase-file",
        passphrase.to_str().expect("a path of letters"),
    ]);
    assert_eq!(sent.code, 0, "{}", sent.stderr);
}

/// The page from its top, so high or whole.
fn shoot(page: &Page, file: &Path, theme: &str, height: Option<u64>) {
    page.browser.run(&format!(
        "document.documentElement.dataset.theme = '{theme}'; scrollTo(0, 0)"
    ));
    // The browser paints what was just changed with its next frames.
    std::thread::sleep(Duration::from_secs(1));
    let whole = page
        .browser
        .run("return document.documentElement.scrollHeight")
        .as_u64()
        .expect("a height");
    let clip =
        json!({"x": 0, "y": 0, "width": WIDTH, "height": height.unwrap_or(whole), "scale": 1});
    let made = page.browser.command(
        "Page.captureScreenshot",
        &json!({"format": "png", "captureBeyondViewport": true, "clip": clip}),
    );
    let Json::String(text) = &made["data"] else {
        panic!("no picture: {made}")
    };
    std::fs::write(file, from_base64(text)).expect("a file");
}

/// The bytes of standard Base64.
fn from_base64(text: &str) -> Vec<u8> {
    let value = |letter: u8| -> Option<u32> {
        Some(match letter {
            b'A'..=b'Z' => u32::from(letter - b'A'),
            b'a'..=b'z' => u32::from(letter - b'a') + 26,
            b'0'..=b'9' => u32::from(letter - b'0') + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        })
    };
    let values: Vec<u32> = text.bytes().filter_map(value).collect();
    let group = |group: &[u32]| -> Vec<u8> {
        let bits = group
            .iter()
            .enumerate()
            .fold(0, |bits, (at, value)| bits | value << (18 - 6 * at));
        bits.to_be_bytes()[1..group.len()].to_vec()
    };
    values.chunks(4).flat_map(group).collect()
}
