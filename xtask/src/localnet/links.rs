//! Links that can be cut or made slow: a network namespace for each node, and between any two of them
//! a pair of virtual interfaces of their own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};

use super::options::{Netem, Partition};
use crate::failure::{Failure, Outcome};

/// The addresses of links between nodes are in 10.203.0.0/16, those of links to the host in 10.204.
const BETWEEN: u8 = 203;
const TO_HOST: u8 = 204;
/// Addresses of a link: two, and two that no interface can have.
const ADDRESSES_PER_LINK: usize = 4;

/// The namespaces of a network, removed when dropped.
pub(super) struct Links {
    nodes: usize,
    /// Makes names of interfaces and namespaces ours alone; they have 15 letters at most.
    tag: String,
    cut: Vec<(usize, usize)>,
}

impl Links {
    /// Makes a namespace for each node, and all links.
    pub(super) fn make(nodes: usize, netem: &[Netem]) -> Result<Self, Failure> {
        let tag = format!("p{:x}", std::process::id() & 0xffff);
        let links = Self {
            nodes,
            tag,
            cut: Vec::new(),
        };
        links.make_all(netem).map_err(|why| {
            Failure::Task(format!(
                "this machine does not allow what '--partition' and '--netem' need: {why}. \
                 Network namespaces ('ip netns add') take the rights of an administrator; \
                 '--netem' takes the kernel's module sch_netem too"
            ))
        })?;
        Ok(links)
    }

    fn make_all(&self, netem: &[Netem]) -> Result<(), String> {
        for node in 0..self.nodes {
            let space = self.space(node);
            ip(&["netns", "add", &space])?;
            ip(&["-n", &space, "link", "set", "lo", "up"])?;
            let host = format!("{}h{node}", self.tag);
            self.pair(&host, None, &self.host_end(node), &space)?;
            let (outer, inner) = addresses(TO_HOST, node);
            ip(&["addr", "add", &format!("{outer}/30"), "dev", &host])?;
            ip(&["link", "set", &host, "up"])?;
            self.up(node, &self.host_end(node), inner)?;
        }
        for (one, other) in self.pairs() {
            let (near, far) = (self.end(one, other), self.end(other, one));
            self.pair(&near, Some(&self.space(one)), &far, &self.space(other))?;
            self.up(one, &near, self.address(one, other))?;
            self.up(other, &far, self.address(other, one))?;
            for (node, end) in [(one, &near), (other, &far)] {
                for netem in netem
                    .iter()
                    .filter(|netem| netem.node.is_none_or(|slow| slow == node))
                {
                    self.shape(node, end, netem)?;
                }
            }
        }
        Ok(())
    }

    fn pair(
        &self,
        near: &str,
        space: Option<&str>,
        far: &str,
        far_space: &str,
    ) -> Result<(), String> {
        let mut words = vec!["link", "add", near];
        if let Some(space) = space {
            words.extend(["netns", space]);
        }
        words.extend(["type", "veth", "peer", "name", far, "netns", far_space]);
        ip(&words)
    }

    fn up(&self, node: usize, end: &str, address: Ipv4Addr) -> Result<(), String> {
        let space = self.space(node);
        ip(&[
            "-n",
            &space,
            "addr",
            "add",
            &format!("{address}/30"),
            "dev",
            end,
        ])?;
        ip(&["-n", &space, "link", "set", end, "up"])
    }

    fn shape(&self, node: usize, end: &str, netem: &Netem) -> Result<(), String> {
        let space = self.space(node);
        let mut words = vec![
            "-n", &space, "qdisc", "replace", "dev", end, "root", "netem",
        ];
        words.extend(netem.words.iter().map(String::as_str));
        run("tc", &words)
    }

    /// Cuts the links that partitions cut now, and mends the others.
    pub(super) fn apply(&mut self, partitions: &[&Partition]) -> Outcome {
        for (one, other) in self.pairs() {
            let is_cut = self.cut.contains(&(one, other));
            let shall_be = partitions
                .iter()
                .any(|partition| partition.cuts(one, other));
            if is_cut == shall_be {
                continue;
            }
            let state = if shall_be { "down" } else { "up" };
            // One end is enough: nothing goes through either way.
            ip(&[
                "-n",
                &self.space(one),
                "link",
                "set",
                &self.end(one, other),
                state,
            ])
            .map_err(|why| Failure::Task(format!("the link of {one} and {other}: {why}")))?;
            self.cut.retain(|pair| *pair != (one, other));
            if shall_be {
                self.cut.push((one, other));
            }
        }
        Ok(())
    }

    /// The command that runs a program where a node is.
    pub(super) fn command(&self, node: usize, program: &std::path::Path) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.space(node)])
            .arg(program);
        command
    }

    /// Where `node` reaches `other`.
    pub(super) fn address(&self, other: usize, node: usize) -> Ipv4Addr {
        let (low, high) = (other.min(node), other.max(node));
        let link = low.saturating_mul(self.nodes).saturating_add(high);
        let (first, second) = addresses(BETWEEN, link);
        if other < node { first } else { second }
    }

    /// Where we reach a node's interface.
    pub(super) fn api(&self, node: usize, port: u16) -> SocketAddr {
        SocketAddr::from((addresses(TO_HOST, node).1, port))
    }

    fn pairs(&self) -> Vec<(usize, usize)> {
        (0..self.nodes)
            .flat_map(|one| (one.saturating_add(1)..self.nodes).map(move |other| (one, other)))
            .collect()
    }

    fn space(&self, node: usize) -> String {
        format!("{}n{node}", self.tag)
    }

    fn end(&self, node: usize, other: usize) -> String {
        format!("{}l{node}x{other}", self.tag)
    }

    fn host_end(&self, node: usize) -> String {
        format!("{}c{node}", self.tag)
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        // Interfaces go with their namespaces; what was never made is not missed.
        for node in 0..self.nodes {
            let _ = ip(&["netns", "del", &self.space(node)]);
        }
    }
}

/// The two addresses of the link of this number.
fn addresses(net: u8, link: usize) -> (Ipv4Addr, Ipv4Addr) {
    let first = u16::try_from(link.saturating_mul(ADDRESSES_PER_LINK)).unwrap_or(u16::MAX);
    let of = |offset: u16| {
        let [high, low] = first.saturating_add(offset).to_be_bytes();
        Ipv4Addr::new(10, net, high, low)
    };
    (of(1), of(2))
}

fn ip(words: &[&str]) -> Result<(), String> {
    run("ip", words)
}

fn run(program: &str, words: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .output();
    let output = output.map_err(|error| format!("'{program}' cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "'{program} {}' says '{}'",
        words.join(" "),
        text.trim()
    ))
}

/// Namespaces of processes of ours that are gone: a killed one could not remove them.
pub(super) fn sweep() {
    let Ok(entries) = fs::read_dir("/run/netns") else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((tag, node)) = name.strip_prefix('p').and_then(|rest| rest.split_once('n')) else {
            continue;
        };
        let Ok(id) = u32::from_str_radix(tag, 16) else {
            continue;
        };
        let is_ours = node.parse::<usize>().is_ok();
        let has_process = Command::new("ip").args(["netns", "pids", &name]).output();
        let is_used = has_process.map_or(true, |output| !output.stdout.is_empty());
        let runs = std::path::Path::new("/proc").join(id.to_string()).exists();
        if is_ours && !is_used && !runs {
            let _ = ip(&["netns", "del", &name]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::mem::ManuallyDrop;

    /// Links that were never made, and so are not removed.
    fn links() -> ManuallyDrop<Links> {
        ManuallyDrop::new(Links {
            nodes: 32,
            tag: "pffff".to_owned(),
            cut: Vec::new(),
        })
    }

    #[test]
    fn the_ends_of_a_link_have_different_addresses_and_links_do_not_overlap() {
        let links = links();
        let mut seen = BTreeSet::new();
        for (one, other) in links.pairs() {
            assert!(seen.insert(links.address(one, other)));
            assert!(seen.insert(links.address(other, one)));
        }
        assert_eq!(seen.len(), 32 * 31);
    }

    #[test]
    fn names_of_interfaces_are_short_enough_for_the_kernel() {
        let links = links();
        assert!(links.end(31, 30).len() <= 15);
        assert!(links.host_end(31).len() <= 15);
    }
}
