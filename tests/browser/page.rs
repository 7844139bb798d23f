//! The dashboard in a browser.

use crate::driver::Browser;
use serde_json::{Value as Json, json};

/// The page of a node.
pub(crate) struct Page {
    pub(crate) browser: Browser,
    url: String,
}

impl Page {
    pub(crate) fn open(url: &str) -> Self {
        Self::open_sized(url, 1440, 1000)
    }

    pub(crate) fn open_sized(url: &str, width: u32, height: u32) -> Self {
        let browser = Browser::start(width, height);
        browser.open(url);
        Self {
            browser,
            url: url.to_owned(),
        }
    }

    /// Waits until an expression of the page is true, and gives its value.
    pub(crate) fn wait_for(&self, what: &str, expression: &str) -> Json {
        self.browser.wait_for(what, expression)
    }

    /// Waits until so many slots of a kind are drawn.
    pub(crate) fn wait_for_slots(&self, kind: &str, count: usize) {
        let expression = format!("document.querySelectorAll('.slot.{kind}').length >= {count}");
        self.wait_for(&format!("{count} slots that are {kind}"), &expression);
    }

    /// The connection: `live`, `lost`, …
    pub(crate) fn wait_for_state(&self, state: &str) {
        self.wait_for(
            state,
            &format!("document.documentElement.dataset.state === '{state}'"),
        );
    }

    pub(crate) fn text(&self, selector: &str) -> String {
        let script = format!(
            "return document.querySelector({}).innerText",
            json!(selector)
        );
        self.browser
            .run(&script)
            .as_str()
            .expect("a text")
            .to_owned()
    }

    pub(crate) fn count(&self, selector: &str) -> u64 {
        let script = format!(
            "return document.querySelectorAll({}).length",
            json!(selector)
        );
        self.browser.run(&script).as_u64().expect("a number")
    }

    pub(crate) fn is_shown(&self, selector: &str) -> bool {
        let script = format!(
            "return document.querySelector({}).checkVisibility()",
            json!(selector)
        );
        self.browser.run(&script) == json!(true)
    }

    /// The number of the newest final slot, counted from the first of the chain.
    pub(crate) fn newest_final(&self) -> u64 {
        let script = "return Math.max(0, ...[...document.querySelectorAll('.slot.final')]
            .map(it => it.id.split('-').slice(1).map(Number)).map(([p, t]) => p * 4 + t))";
        self.browser.run(script).as_u64().expect("a number")
    }

    /// Waits until a slot after this one, counted over all threads, is shown as final.
    pub(crate) fn wait_for_final_after(&self, slot: u64) {
        let script = format!(
            "[...document.querySelectorAll('.slot.final')].some(it => {{
                const [p, t] = it.id.split('-').slice(1).map(Number);
                return p * 4 + t > {slot}
            }})"
        );
        self.wait_for("slots that follow", &script);
    }

    /// Types into the search and sends it.
    pub(crate) fn search(&self, text: &str) {
        // A dialog that is open is in front of it.
        self.browser
            .run("document.querySelector('#details').close()");
        self.browser
            .run("const it = document.querySelector('#search-text'); it.value = ''; it.focus()");
        self.browser.press(text);
        self.browser.press("\u{E007}");
    }

    /// Nothing complained, and nobody else was asked.
    ///
    /// # Panics
    /// Something did, or somebody was.
    pub(crate) fn check(&self) {
        assert_eq!(self.browser.complaints(), Vec::<String>::new());
        self.check_requests();
    }

    /// Nobody but the node was asked for anything.
    ///
    /// # Panics
    /// Somebody was.
    pub(crate) fn check_requests(&self) {
        let requests = self.browser.requests();
        assert!(!requests.is_empty(), "the log of requests is not kept");
        let elsewhere: Vec<_> = requests
            .iter()
            .filter(|it| !it.starts_with(&self.url))
            .collect();
        assert!(elsewhere.is_empty(), "{elsewhere:?}");
    }
}
