//! What can be set of a node: each setting once, for file, environment, flags, example and checks.

use super::values::{
    Values, addresses, listen_address, log_filter, loopback_address, milliseconds, number, one,
    optional, parse, path, shown_path, switch, texts,
};

/// What a value looks like in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Shape {
    Text,
    /// A path of a file is meant from the file's own folder.
    Path,
    Number,
    Switch,
    List,
}

impl Shape {
    /// In words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Text | Self::Path => "text in quotes",
            Self::Number => "a whole number, without quotes",
            Self::Switch => "`true` or `false`, without quotes",
            Self::List => "a list of texts, such as [\"…\", \"…\"]",
        }
    }
}

/// One setting.
pub(in crate::cli) struct Setting {
    /// Its name in a file, with its section.
    pub(in crate::cli) key: &'static str,
    /// Its own flag, for those that are said often. Every other one is said by `--set KEY=VALUE`.
    pub(super) flag: Option<&'static str>,
    pub(in crate::cli) shape: Shape,
    /// What it is, with its unit.
    pub(super) about: &'static str,
    /// What is taken if nothing is said, where that is no value.
    pub(super) otherwise: Option<&'static str>,
    /// A value for the example, in the language of the file.
    pub(super) example: Option<&'static str>,
    /// Takes a value.
    pub(super) set: fn(&mut Values, &[String]) -> Result<(), String>,
    /// Shows the value: no text if there is none.
    pub(super) get: fn(&Values) -> Vec<String>,
}

impl Setting {
    /// Its name in the environment.
    pub(in crate::cli) fn variable(&self) -> String {
        format!("PICOT_{}", self.key.replace('.', "_").to_uppercase())
    }

    /// The texts of a value in one text, as the environment and `--set` have it.
    pub(super) fn split(&self, text: &str) -> Vec<String> {
        if self.shape != Shape::List {
            return vec![text.to_owned()];
        }
        let items = text.split(',').map(str::trim);
        items
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// The setting of this name.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// Whether a flag's text is a value of the setting.
pub(in crate::cli) fn check(key: &'static str, text: &str) -> Result<String, String> {
    let setting = find(key).ok_or_else(|| format!("there is no setting `{key}`"))?;
    (setting.set)(&mut Values::default(), &[text.to_owned()])?;
    Ok(text.to_owned())
}

/// Whether the text of `--set` names a setting and a value for it.
pub(in crate::cli) fn check_assignment(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("expected a setting, an equals sign and a value, such as api.max_streams=32")?;
    let setting = find(key.trim()).ok_or_else(|| {
        let key = key.trim();
        format!("there is no setting `{key}`: `picot config show` lists them all")
    })?;
    (setting.set)(&mut Values::default(), &setting.split(value.trim()))?;
    Ok((setting.key.to_owned(), value.trim().to_owned()))
}

/// A bound: a whole number in a range.
macro_rules! bound {
    ($key:literal, $($field:ident).+, $least:literal..=$most:literal, $about:literal) => {
        Setting {
            key: $key,
            flag: None,
            shape: Shape::Number,
            about: $about,
            otherwise: None,
            example: None,
            set: |values, texts| {
                values.$($field).+ = number(texts, $least, $most)?;
                Ok(())
            },
            get: |values| vec![values.$($field).+.to_string()],
        }
    };
}

/// A time in milliseconds, in a range.
macro_rules! time {
    ($key:literal, $($field:ident).+, $least:literal..=$most:literal, $about:literal) => {
        Setting {
            key: $key,
            flag: None,
            shape: Shape::Number,
            about: $about,
            otherwise: None,
            example: None,
            set: |values, texts| {
                values.$($field).+ = milliseconds(texts, $least, $most)?;
                Ok(())
            },
            get: |values| vec![values.$($field).+.as_millis().to_string()],
        }
    };
}

/// A list of addresses of nodes.
macro_rules! nodes {
    ($key:literal, $flag:literal, $field:ident, $example:literal, $about:literal) => {
        Setting {
            key: $key,
            flag: Some($flag),
            shape: Shape::List,
            about: $about,
            otherwise: None,
            example: Some($example),
            set: |values, texts| {
                values.network.$field = addresses(texts)?;
                Ok(())
            },
            get: |values| texts(&values.network.$field),
        }
    };
}

/// A path that may be absent.
macro_rules! place {
    ($key:literal, $flag:literal, $field:ident, $otherwise:literal, $example:literal, $about:literal) => {
        Setting {
            key: $key,
            flag: Some($flag),
            shape: Shape::Path,
            about: $about,
            otherwise: Some($otherwise),
            example: Some($example),
            set: |values, texts| {
                values.$field = path(texts)?;
                Ok(())
            },
            get: |values| shown_path(values.$field.as_ref()),
        }
    };
}

/// All settings, in the order of the example file: those without a section first.
pub(in crate::cli) static SETTINGS: &[Setting] = &[
    Setting {
        key: "dev",
        flag: Some("--dev"),
        shape: Shape::Switch,
        about: "Run a development chain: makes keys and genesis if there are none.",
        otherwise: None,
        example: None,
        set: |values, texts| {
            values.dev = switch(texts)?;
            Ok(())
        },
        get: |values| vec![values.dev.to_string()],
    },
    place!(
        "data",
        "--data",
        data,
        "with `dev`: ./picot-data/dev; else it must be said",
        "\"/var/lib/picot\"",
        "Where the node keeps its data."
    ),
    place!(
        "genesis",
        "--genesis",
        genesis,
        "that of the data directory",
        "\"/etc/picot/genesis.json\"",
        "The genesis of the chain; copied into the data directory at the first start."
    ),
    Setting {
        key: "history",
        flag: Some("--history"),
        shape: Shape::Text,
        about: "How much of the past is kept: `full`, or `cycles=N` for the blocks of the last N cycles.",
        otherwise: None,
        example: None,
        set: |values, texts| {
            values.history = parse(one(texts)?)?;
            Ok(())
        },
        get: |values| vec![values.history.to_string()],
    },
    place!(
        "passphrase_file",
        "--passphrase-file",
        passphrase_file,
        "PICOT_PASSPHRASE, or asked for",
        "\"/etc/picot/passphrase\"",
        "A file with the passphrase of the key file."
    ),
    Setting {
        key: "trusted_checkpoint",
        flag: Some("--trusted-checkpoint"),
        shape: Shape::Text,
        about: "A checkpoint that you trust: a node without a state follows the chain of certificates from there.",
        otherwise: Some("certificates are followed from the genesis on"),
        example: None,
        set: |values, texts| {
            values.trusted_checkpoint = Some(parse(one(texts)?)?);
            Ok(())
        },
        get: |values| optional(values.trusted_checkpoint.as_ref()),
    },
    Setting {
        key: "log",
        flag: Some("--log"),
        shape: Shape::Text,
        about: "What is logged, such as `info` or `picot_consensus=debug`.",
        otherwise: None,
        example: None,
        set: |values, texts| {
            values.log = log_filter(texts)?;
            Ok(())
        },
        get: |values| vec![values.log.clone()],
    },
    Setting {
        key: "log_json",
        flag: Some("--log-json"),
        shape: Shape::Switch,
        about: "Log JSON, one object a line.",
        otherwise: None,
        example: None,
        set: |values, texts| {
            values.log_json = switch(texts)?;
            Ok(())
        },
        get: |values| vec![values.log_json.to_string()],
    },
    Setting {
        key: "api.listen",
        flag: Some("--api"),
        shape: Shape::Text,
        about: "Where the HTTP interface listens; port 0 takes a free one.",
        otherwise: None,
        example: None,
        set: |values, texts| {
            values.api.listen = listen_address(texts)?;
            Ok(())
        },
        get: |values| vec![values.api.listen.to_string()],
    },
    bound!(
        "api.max_connections",
        api.max_connections,
        1..=1_000_000,
        "Connections at once; a further one takes the place of the one that is idle for the longest."
    ),
    bound!(
        "api.max_blocking_requests",
        api.max_blocking_requests,
        1..=1_024,
        "Requests that may read the disk or check signatures, at once."
    ),
    bound!(
        "api.max_body_bytes",
        api.max_body_bytes,
        1..=1_073_741_824,
        "Bytes of a request's body."
    ),
    bound!(
        "api.max_batch",
        api.max_batch,
        1..=100_000,
        "Operations in one batch."
    ),
    time!(
        "api.request_timeout_ms",
        api.request_timeout,
        1..=3_600_000,
        "Milliseconds for one request, streams aside."
    ),
    time!(
        "api.idle_timeout_ms",
        api.idle_timeout,
        1..=3_600_000,
        "Milliseconds without a byte after which a connection is closed."
    ),
    bound!(
        "api.stream_history_slots",
        api.stream_history_slots,
        1..=1_000_000,
        "Past slots that a stream can resume from."
    ),
    bound!(
        "api.max_streams",
        api.max_streams,
        1..=100_000,
        "Streams at once."
    ),
    Setting {
        key: "control.listen",
        flag: Some("--control"),
        shape: Shape::Text,
        about: "Where the control interface listens, on this machine; port 0 takes a free one, and the commands find it.",
        otherwise: None,
        example: None,
        set: |values, texts| {
            values.control = loopback_address(texts)?;
            Ok(())
        },
        get: |values| vec![values.control.to_string()],
    },
    Setting {
        key: "pool.min_fee",
        flag: Some("--min-fee"),
        shape: Shape::Text,
        about: "The least fee of operations that this node takes in, in coins.",
        otherwise: None,
        example: None,
        set: |values, texts| {
            values.pool.min_fee = parse(one(texts)?)?;
            Ok(())
        },
        get: |values| vec![values.pool.min_fee.to_string()],
    },
    bound!(
        "pool.max_operations_per_thread",
        pool.max_operations_per_thread,
        1..=10_000_000,
        "Pending operations of one thread."
    ),
    bound!(
        "pool.max_bytes_per_thread",
        pool.max_bytes_per_thread,
        1..=1_000_000_000_000,
        "Bytes of the pending operations of one thread."
    ),
    bound!(
        "pool.max_operations_per_sender",
        pool.max_operations_per_sender,
        1..=10_000_000,
        "Pending operations of one sender; at most those of a thread."
    ),
    Setting {
        key: "network.listen",
        flag: Some("--listen"),
        shape: Shape::List,
        about: "Where to listen for other nodes; port 0 takes a free one.",
        otherwise: Some("with `dev`: nowhere; else port 4703 of all addresses"),
        example: Some("[\"/ip4/0.0.0.0/tcp/4703\"]"),
        set: |values, texts| {
            values.listen = Some(addresses(texts)?);
            Ok(())
        },
        get: |values| values.listen.as_deref().map(texts).unwrap_or_default(),
    },
    nodes!(
        "network.peers",
        "--peer",
        peers,
        "[\"/dns4/node.example/tcp/4703\"]",
        "Nodes to connect to at first, with or without /p2p/NODE."
    ),
    nodes!(
        "network.reserved",
        "--reserved",
        reserved,
        "[]",
        "Nodes that always have a place, with /p2p/NODE."
    ),
    nodes!(
        "network.external",
        "--external",
        external,
        "[\"/ip4/192.0.2.7/tcp/4703\"]",
        "Where others reach this node, if that differs from where it listens."
    ),
    Setting {
        key: "network.discovery",
        flag: Some("--no-discovery"),
        shape: Shape::Switch,
        about: "Look for other nodes than those that are named or call.",
        otherwise: None,
        example: None,
        set: |values, texts| {
            values.network.discovery = switch(texts)?;
            Ok(())
        },
        get: |values| vec![values.network.discovery.to_string()],
    },
    bound!(
        "network.max_per_address",
        network.max_per_address,
        1..=1_024,
        "Connections with one address, at most."
    ),
];
