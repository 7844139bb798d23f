//! The files of the page, embedded. A test compares the list with the folder.

macro_rules! files {
    ($($path:literal,)*) => {
        /// Each file by its path below the root.
        pub(crate) const FILES: &[(&str, &[u8])] =
            &[$(($path, include_bytes!(concat!("../assets/", $path)))),*];
    };
}

files! {
    "favicon.svg",
    "index.html",
    "js/agreement.js",
    "js/api.js",
    "js/bars.js",
    "js/chain.js",
    "js/charts.js",
    "js/cycles.js",
    "js/details.js",
    "js/dom.js",
    "js/draws.js",
    "js/format.js",
    "js/geometry.js",
    "js/lanes.js",
    "js/links.js",
    "js/main.js",
    "js/network.js",
    "js/query.js",
    "js/reconnect.js",
    "js/series.js",
    "js/slots.js",
    "js/stake.js",
    "js/stream.js",
    "js/table.js",
    "js/theme.js",
    "js/vitals.js",
    "style.css",
}
