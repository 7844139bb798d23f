//! Data directories with keys, and one genesis, made by the picot commands themselves.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value as Json;

use super::options::Options;
use crate::failure::Failure;

/// What a directory has that a local network was made in.
const MARKER: &str = "localnet";
/// The passphrase of all key files: they guard nothing.
const PASSPHRASE: &str = "localnet\n";
/// Accounts of the load generator.
pub(super) const LOAD_ACCOUNTS: &str = "64";
/// First coins of each of them, and of each node's key.
const COINS: u64 = 100_000;
/// From the making of the genesis to its slot 0/0: nodes start before it.
const GENESIS_DELAY: Duration = Duration::from_millis(1_000);
/// More of it for each node.
const GENESIS_DELAY_PER_NODE: Duration = Duration::from_millis(250);

/// One node's place.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) data: PathBuf,
    pub(super) log: PathBuf,
    pub(super) ports: Ports,
}

/// One node's ports.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) listen: u16,
    pub(super) api: u16,
    pub(super) control: u16,
}

/// The places of all nodes; the directory is begun anew, or kept as it is.
pub(super) fn places(options: &Options) -> Result<Vec<Place>, Failure> {
    let dir = &options.dir;
    let has_marker = dir.join(MARKER).exists();
    let is_empty = fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none());
    if !has_marker && !is_empty {
        return Err(Failure::Task(format!(
            "{} has other things in it: name another folder with '--dir'",
            dir.display()
        )));
    }
    if options.keep {
        let last = dir.join(node_name(options.nodes.saturating_sub(1)));
        let next = dir.join(node_name(options.nodes));
        if !last.exists() || next.exists() {
            return Err(Failure::Task(format!(
                "{} has no network of {} nodes to go on with: leave '--keep' out",
                dir.display(),
                options.nodes
            )));
        }
    } else if has_marker {
        fs::remove_dir_all(dir).map_err(|error| failed("empty", dir, &error))?;
    }
    fs::create_dir_all(dir).map_err(|error| failed("make", dir, &error))?;
    let marker = dir.join(MARKER);
    fs::write(&marker, "").map_err(|error| failed("write", &marker, &error))?;
    (0..options.nodes)
        .map(|node| place(options, node))
        .collect()
}

fn place(options: &Options, node: usize) -> Result<Place, Failure> {
    let name = node_name(node);
    Ok(Place {
        data: options.dir.join(&name),
        log: options.dir.join(format!("{name}.log")),
        ports: ports(options.base_port, node)?,
    })
}

fn node_name(node: usize) -> String {
    format!("node-{node}")
}

/// Ten ports a node, or free ones.
fn ports(base: u16, node: usize) -> Result<Ports, Failure> {
    let mut taken = Vec::new();
    let mut port = |offset: usize| -> Result<u16, Failure> {
        let wanted = node.saturating_mul(10).saturating_add(offset);
        let wanted = u16::try_from(wanted)
            .ok()
            .and_then(|wanted| wanted.checked_add(base));
        let wanted = if base == 0 { Some(0) } else { wanted };
        let wanted =
            wanted.ok_or_else(|| Failure::Usage("'--base-port' is too high".to_owned()))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, wanted));
        let listener = TcpListener::bind(address).map_err(|error| {
            Failure::Task(format!(
                "port {wanted} cannot be used ({error}): choose others with '--base-port'"
            ))
        })?;
        let found = listener
            .local_addr()
            .map_or(wanted, |address| address.port());
        // Held until all three are known, so that they differ.
        taken.push(listener);
        Ok(found)
    };
    Ok(Ports {
        listen: port(0)?,
        api: port(1)?,
        control: port(2)?,
    })
}

/// Makes a key for each node, and the genesis.
pub(super) fn make(options: &Options, picot: &Path, places: &[Place]) -> Result<PathBuf, Failure> {
    let genesis = options.dir.join("genesis.json");
    if options.keep {
        return Ok(genesis);
    }
    let mut arguments = words(&[
        "genesis",
        "new",
        "--preset",
        &options.preset,
        "--name",
        "localnet",
    ]);
    for (flag, value) in [("--policy", &options.policy), ("--rule", &options.rule)] {
        if let Some(value) = value {
            arguments.extend(words(&[flag, value]));
        }
    }
    for (place, rolls) in places.iter().zip(&options.stake) {
        let address = new_key(picot, place)?;
        if *rolls > 0 {
            arguments.extend(words(&["--staker", &format!("{address}:{rolls}")]));
        }
        arguments.extend(words(&["--allocate", &format!("{address}={COINS}")]));
    }
    for address in load_addresses(picot)? {
        arguments.extend(words(&["--allocate", &format!("{address}={COINS}")]));
    }
    let delay =
        GENESIS_DELAY_PER_NODE.saturating_mul(u32::try_from(places.len()).unwrap_or(u32::MAX));
    let start = SystemTime::now().checked_add(GENESIS_DELAY.saturating_add(delay));
    let start = start.and_then(|start| start.duration_since(UNIX_EPOCH).ok());
    let start = start.unwrap_or_default().as_millis();
    arguments.extend(words(&["--timestamp", &start.to_string(), "--output"]));
    arguments.push(genesis.to_string_lossy().into_owned());
    run(picot, &arguments)?;
    Ok(genesis)
}

fn new_key(picot: &Path, place: &Place) -> Result<String, Failure> {
    fs::create_dir_all(&place.data).map_err(|error| failed("make", &place.data, &error))?;
    let passphrase = place.data.join("dev-passphrase");
    fs::write(&passphrase, PASSPHRASE).map_err(|error| failed("write", &passphrase, &error))?;
    for_owner_alone(&passphrase)?;
    let data = place.data.to_string_lossy();
    let text = run(picot, &words(&["keys", "new", "--json", "--data", &data]))?;
    let answer: Json = serde_json::from_str(&text).unwrap_or_default();
    let address = answer.get("address").and_then(Json::as_str);
    address
        .map(str::to_owned)
        .ok_or_else(|| Failure::Task(format!("'picot keys new' told no address: {text}")))
}

fn load_addresses(picot: &Path) -> Result<Vec<String>, Failure> {
    let text = run(
        picot,
        &words(&["load", "--addresses", "--accounts", LOAD_ACCOUNTS]),
    )?;
    Ok(text.lines().map(str::to_owned).collect())
}

#[cfg(unix)]
fn for_owner_alone(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(path, mode).map_err(|error| failed("protect", path, &error))
}

#[cfg(not(unix))]
fn for_owner_alone(_path: &Path) -> Result<(), Failure> {
    Ok(())
}

/// Runs picot to its end, and gives what it printed.
fn run(picot: &Path, arguments: &[String]) -> Result<String, Failure> {
    let output = Command::new(picot)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed("run", picot, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Failure::Task(format!(
        "'picot {}' failed: {}",
        arguments
            .iter()
            .take(2)
            .cloned()
            .collect::<Vec<_>>()
            .join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    )))
}

pub(super) fn failed(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::Task(format!("cannot {what} {}: {error}", path.display()))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn options(dir: &Path, more: &[&str]) -> Options {
        let mut arguments = vec![OsString::from("--dir"), dir.into(), "--base-port=0".into()];
        arguments.extend(more.iter().map(OsString::from));
        Options::parse(&arguments).unwrap()
    }

    /// A folder of this test alone.
    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("picot-localnet-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn nodes_have_folders_logs_and_ports_of_their_own() {
        let dir = folder("own");
        let places = places(&options(&dir, &["--nodes", "3"])).unwrap();
        let mut all: Vec<_> = places
            .iter()
            .flat_map(|place| {
                let Ports {
                    listen,
                    api,
                    control,
                } = place.ports;
                [listen, api, control]
            })
            .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(
            (places.len(), places[2].data.ends_with("node-2")),
            (3, true)
        );
        // Ports that are free again may be given twice; those of one node differ.
        assert!(all.len() >= 3);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_folder_with_other_things_is_left_alone() {
        let dir = folder("other");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("diary"), "dear").unwrap();
        let failure = places(&options(&dir, &[])).unwrap_err();
        assert!(failure.message().unwrap().contains("other things"));
        assert_eq!(fs::read_to_string(dir.join("diary")).unwrap(), "dear");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_network_begins_anew_unless_it_is_kept() {
        let dir = folder("anew");
        let all = places(&options(&dir, &["--nodes", "2"])).unwrap();
        for place in &all {
            fs::create_dir_all(&place.data).unwrap();
        }
        places(&options(&dir, &["--nodes", "2", "--keep"])).unwrap();
        assert!(all[1].data.exists());
        assert!(places(&options(&dir, &["--nodes", "1", "--keep"])).is_err());
        assert!(places(&options(&dir, &["--nodes", "3", "--keep"])).is_err());
        places(&options(&dir, &["--nodes", "2"])).unwrap();
        assert!(!all[1].data.exists());
        fs::remove_dir_all(dir).unwrap();
    }
}
