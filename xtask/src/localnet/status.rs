//! What a node says of itself, and the line that shows it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value as Json;

/// How long a node may take to answer; it is on this machine.
const PATIENCE: Duration = Duration::from_millis(500);
/// The most bytes of an answer.
const MAX_BYTES: u64 = 1_000_000;

/// What is shown of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) decided: u64,
    pub(super) last_final: String,
    missed: u64,
    state_hash: String,
    behind: Option<String>,
    peers: Option<u64>,
    not_producing: Option<String>,
    blocks: u64,
    pending: u64,
}

/// Asks the node at an address; none if it does not answer.
pub(super) fn ask(api: SocketAddr) -> Option<Status> {
    let mut stream = TcpStream::connect_timeout(&api, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    // Version 1.0 knows no pieces: the body goes to the end.
    let request = format!("GET /api/v1/status HTTP/1.0\r\nhost: {api}\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.take(MAX_BYTES).read_to_string(&mut answer).ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    read(&serde_json::from_str(body).ok()?)
}

fn read(status: &Json) -> Option<Status> {
    let text = |value: &Json| value.as_str().map(str::to_owned);
    let slot = status.get("last_final_slot")?;
    let production = status.get("production")?;
    Some(Status {
        decided: status.get("decided_slots")?.as_u64()?,
        missed: status.get("missed_slots")?.as_u64()?,
        last_final: format!("{}/{}", slot.get("period")?, slot.get("thread")?),
        state_hash: text(status.get("state_hash")?)?,
        behind: status.get("behind").and_then(text),
        peers: status.get("peers").and_then(peers),
        not_producing: production.get("not_producing").and_then(text),
        blocks: production.get("blocks_produced")?.as_u64()?,
        pending: status.pointer("/pool/operations")?.as_u64()?,
    })
}

/// A number, a list, or an object that counts those connected.
fn peers(value: &Json) -> Option<u64> {
    let listed = value
        .as_array()
        .and_then(|peers| u64::try_from(peers.len()).ok());
    let counted = ["connected", "count"]
        .iter()
        .find_map(|name| value.get(name)?.as_u64());
    value.as_u64().or(listed).or(counted)
}

/// The line of a node. `delay` is how long its last decision took, as its log tells.
pub(super) fn line(
    node: usize,
    rolls: u64,
    status: Option<&Status>,
    delay: Option<&str>,
    note: &str,
) -> String {
    let Some(status) = status else {
        return format!(
            "node {node}  {}",
            if note.is_empty() {
                "does not answer"
            } else {
                note
            }
        );
    };
    let role = match (rolls, &status.not_producing) {
        (0, _) => "follows".to_owned(),
        (rolls, None) => format!("{rolls} rolls, {} blocks", status.blocks),
        (rolls, Some(_)) => format!("{rolls} rolls, does not produce"),
    };
    let peers = status
        .peers
        .map_or_else(|| "-".to_owned(), |peers| peers.to_string());
    let hash: String = status.state_hash.chars().take(8).collect();
    let mut line = format!(
        "node {node}  final {:<7} state {hash}  decided {:<5} missed {:<4} peers {peers:<2}  delay {:<7}  pool {:<6} {role}",
        status.last_final,
        status.decided,
        status.missed,
        delay.unwrap_or("-"),
        status.pending,
    );
    let why = status.behind.as_ref().or(status.not_producing.as_ref());
    for more in why
        .map(String::as_str)
        .into_iter()
        .chain((!note.is_empty()).then_some(note))
    {
        line.push_str(" · ");
        line.extend(more.chars().filter(|character| !character.is_control()));
    }
    line
}

/// How long the last decision took, of the lines that a node prints.
pub(super) fn delay(lines: &[String]) -> Option<String> {
    let told = lines
        .iter()
        .rev()
        .find_map(|line| line.split_once("decided after "))?;
    Some(told.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::net::TcpListener;

    fn answer() -> Json {
        json!({
            "decided_slots": 12, "missed_slots": 1, "state_hash": "0123456789abcdef",
            "last_final_slot": {"period": 3, "thread": 1}, "behind": null,
            "peers": {"connected": 3},
            "production": {"not_producing": null, "blocks_produced": 11},
            "pool": {"operations": 7},
        })
    }

    #[test]
    fn a_node_is_asked_over_http_and_its_line_tells_what_matters() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let api = listener.local_addr().unwrap();
        let node = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let read = stream.read(&mut request).unwrap();
            let text = format!("HTTP/1.0 200 OK\r\n\r\n{}", answer());
            stream.write_all(text.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let status = ask(api).unwrap();
        assert!(node.join().unwrap().starts_with("GET /api/v1/status "));
        let line = line(2, 5, Some(&status), Some("26 ms"), "");
        for part in [
            "node 2",
            "final 3/1",
            "state 01234567",
            "decided 12",
            "peers 3",
            "delay 26 ms",
            "5 rolls, 11 blocks",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(ask(api).is_none());
    }

    #[test]
    fn a_line_says_why_a_node_is_behind_or_gone() {
        let mut answer = answer();
        answer["behind"] = json!("others have decided slots up to 9/0");
        let status = read(&answer).unwrap();
        assert!(
            line(0, 0, Some(&status), None, "")
                .ends_with("follows · others have decided slots up to 9/0")
        );
        assert_eq!(line(1, 5, None, None, ""), "node 1  does not answer");
        assert_eq!(line(1, 5, None, None, "killed"), "node 1  killed");
    }

    #[test]
    fn the_delay_is_that_of_the_latest_line_that_tells_one() {
        let lines = [
            "slot 1/0 block x  decided after 26 ms",
            "slot 1/1 block y  decided after 3 ms",
            "stopped",
        ];
        let lines = lines.map(str::to_owned);
        assert_eq!(delay(&lines).as_deref(), Some("3 ms"));
        assert_eq!(delay(&lines[2..]), None);
    }
}
