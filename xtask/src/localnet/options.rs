//! What can be written after `cargo xtask localnet`.

use std::ffi::OsString;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use crate::failure::Failure;

/// The most nodes: each is a process of its own on this machine.
const MAX_NODES: usize = 32;

/// A local network, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) nodes: usize,
    /// Rolls of each node; 0: it only follows.
    pub(super) stake: Vec<u64>,
    /// As `picot genesis new` takes them.
    pub(super) policy: Option<String>,
    pub(super) rule: Option<String>,
    pub(super) preset: String,
    pub(super) dir: PathBuf,
    /// Go on with the chain of before.
    pub(super) keep: bool,
    pub(super) kills: Vec<Kill>,
    pub(super) partitions: Vec<Partition>,
    pub(super) netem: Vec<Netem>,
    /// When it ends by itself.
    pub(super) length: Option<Duration>,
    /// Transfers per second, or `max`.
    pub(super) load: Option<String>,
    pub(super) debug: bool,
    /// The program, instead of building one.
    pub(super) picot: Option<PathBuf>,
    /// The first port; 0 takes free ones.
    pub(super) base_port: u16,
}

/// End a node without warning, and start it again a while later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kill {
    pub(super) node: usize,
    pub(super) at_s: u64,
}

/// Groups of nodes that do not hear each other for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) groups: Vec<Vec<usize>>,
    pub(super) during_s: Range<u64>,
}

impl Partition {
    /// Whether the link between two nodes is cut. Who is in no group hears all.
    pub(super) fn cuts(&self, one: usize, other: usize) -> bool {
        let group_of = |node| self.groups.iter().position(|group| group.contains(&node));
        match (group_of(one), group_of(other)) {
            (Some(one), Some(other)) => one != other,
            _ => false,
        }
    }
}

/// What links are made like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Netem {
    /// Of one node; none: all.
    pub(super) node: Option<usize>,
    /// As `tc qdisc … netem` takes it.
    pub(super) words: Vec<String>,
}

impl Options {
    pub(super) fn parse(arguments: &[OsString]) -> Result<Self, Failure> {
        let mut options = Self {
            nodes: 4,
            stake: Vec::new(),
            policy: None,
            rule: None,
            preset: "dev".to_owned(),
            dir: PathBuf::from("picot-data/localnet"),
            keep: false,
            kills: Vec::new(),
            partitions: Vec::new(),
            netem: Vec::new(),
            length: None,
            load: None,
            debug: false,
            picot: None,
            base_port: 4800,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let word = word.to_string_lossy();
            let (name, inline) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word.into_owned(), None),
            };
            let mut value = || {
                let next = || {
                    words
                        .next()
                        .map(|value| value.to_string_lossy().into_owned())
                };
                let value = inline.clone().or_else(next);
                value.ok_or_else(|| Failure::Usage(format!("'{name}' needs a value")))
            };
            options.take(&name, &mut value)?;
        }
        options.check()?;
        Ok(options)
    }

    fn take(
        &mut self,
        name: &str,
        value: &mut dyn FnMut() -> Result<String, Failure>,
    ) -> Result<(), Failure> {
        match name {
            "--nodes" => self.nodes = number(name, &value()?)?,
            "--stake" => {
                let value = value()?;
                self.stake = value
                    .split(',')
                    .map(|rolls| number(name, rolls))
                    .collect::<Result<_, _>>()?;
            }
            "--policy" => self.policy = Some(value()?),
            "--rule" => self.rule = Some(value()?),
            "--preset" => self.preset = value()?,
            "--dir" => self.dir = PathBuf::from(value()?),
            "--keep" => self.keep = true,
            "--kill" => self.kills.push(kill(&value()?)?),
            "--partition" => self.partitions.push(partition(&value()?)?),
            "--netem" => self.netem.push(netem(&value()?)?),
            "--seconds" => self.length = Some(Duration::from_secs(number(name, &value()?)?)),
            "--load" => {
                let rate = value()?;
                if rate != "max" {
                    number::<u64>(name, &rate)?;
                }
                self.load = Some(rate);
            }
            "--debug" => self.debug = true,
            "--picot" => self.picot = Some(PathBuf::from(value()?)),
            "--base-port" => self.base_port = number(name, &value()?)?,
            _ => return Err(Failure::Usage(format!("'localnet' does not know '{name}'"))),
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), Failure> {
        let wrong = |what: String| Err(Failure::Usage(what));
        if !(1..=MAX_NODES).contains(&self.nodes) {
            return wrong(format!("'--nodes' is from 1 to {MAX_NODES}"));
        }
        if self.stake.is_empty() {
            self.stake = vec![10; self.nodes];
        }
        if self.stake.len() != self.nodes {
            return wrong(format!(
                "'--stake' names {} nodes, but there are {}",
                self.stake.len(),
                self.nodes
            ));
        }
        if self.stake.iter().all(|rolls| *rolls == 0) {
            return wrong("nobody has a stake: no slot could be decided".to_owned());
        }
        let killed = self.kills.iter().map(|kill| kill.node);
        let grouped = self
            .partitions
            .iter()
            .flat_map(|partition| partition.groups.iter().flatten().copied());
        let slowed = self.netem.iter().filter_map(|netem| netem.node);
        match killed
            .chain(grouped)
            .chain(slowed)
            .find(|node| *node >= self.nodes)
        {
            Some(node) => wrong(format!(
                "there is no node {node}: they are numbered from 0 to {}",
                self.nodes.saturating_sub(1)
            )),
            None => Ok(()),
        }
    }

    /// Whether links between nodes must be real ones, in network namespaces.
    pub(super) fn needs_links(&self) -> bool {
        !self.partitions.is_empty() || !self.netem.is_empty()
    }
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Failure> {
    text.trim()
        .parse()
        .map_err(|_| Failure::Usage(format!("'{name}' needs a number, not '{text}'")))
}

fn kill(text: &str) -> Result<Kill, Failure> {
    let parts = text.split_once('@');
    let (node, at) = parts.ok_or_else(|| {
        Failure::Usage(format!(
            "'--kill' needs a node and a second, such as 1@20, not '{text}'"
        ))
    })?;
    Ok(Kill {
        node: number("--kill", node)?,
        at_s: number("--kill", at)?,
    })
}

fn partition(text: &str) -> Result<Partition, Failure> {
    let wrong = || {
        Failure::Usage(format!(
            "'--partition' needs groups and a time, such as '0,1|2,3@10..30', not '{text}'"
        ))
    };
    let (groups, time) = text.split_once('@').ok_or_else(wrong)?;
    let (from, to) = time.split_once("..").ok_or_else(wrong)?;
    let group = |group: &str| {
        group
            .split(',')
            .map(|node| number("--partition", node))
            .collect()
    };
    let groups: Vec<Vec<usize>> = groups.split('|').map(group).collect::<Result<_, _>>()?;
    let during_s = number("--partition", from)?..number("--partition", to)?;
    let mut all: Vec<usize> = groups.iter().flatten().copied().collect();
    let named = all.len();
    all.sort_unstable();
    all.dedup();
    if groups.len() < 2 || all.len() != named || during_s.is_empty() {
        return Err(wrong());
    }
    Ok(Partition { groups, during_s })
}

fn netem(text: &str) -> Result<Netem, Failure> {
    let (node, words) = match text.split_once(':') {
        Some((node, words)) => (Some(number("--netem", node)?), words),
        None => (None, text),
    };
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    if words.is_empty() {
        let what = "'--netem' needs what 'tc' takes, such as 'delay 100ms loss 1%'";
        return Err(Failure::Usage(what.to_owned()));
    }
    Ok(Netem { node, words })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Options, Failure> {
        Options::parse(&arguments.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn four_nodes_of_equal_stake_unless_told_otherwise() {
        let options = parsed(&[]).unwrap();
        assert_eq!(
            (options.nodes, options.stake.as_slice()),
            (4, [10; 4].as_slice())
        );
        assert!(!options.needs_links());
        assert_eq!(parsed(&["--nodes=3"]).unwrap().stake, [10; 3]);
        assert_eq!(
            parsed(&["--nodes", "3", "--stake", "10,5,0"])
                .unwrap()
                .stake,
            [10, 5, 0]
        );
    }

    #[test]
    fn kills_and_partitions_name_nodes_and_seconds() {
        let options = parsed(&["--kill", "1@20", "--partition", "0,1|2,3@10..30"]).unwrap();
        assert_eq!(options.kills, [Kill { node: 1, at_s: 20 }]);
        let partition = &options.partitions[0];
        assert_eq!(partition.during_s, 10..30);
        assert!(partition.cuts(0, 2) && partition.cuts(3, 1));
        assert!(!partition.cuts(0, 1) && !partition.cuts(3, 2));
        assert!(options.needs_links());
    }

    #[test]
    fn who_is_in_no_group_hears_all() {
        let options = parsed(&["--partition", "0|2@1..2"]).unwrap();
        assert!(options.partitions[0].cuts(0, 2));
        assert!(!options.partitions[0].cuts(0, 1));
    }

    #[test]
    fn links_are_made_like_what_tc_takes_for_all_nodes_or_one() {
        let options =
            parsed(&["--netem", "delay 100ms loss 1%", "--netem", "2: delay 1s"]).unwrap();
        assert_eq!(options.netem[0].node, None);
        assert_eq!(options.netem[0].words, ["delay", "100ms", "loss", "1%"]);
        assert_eq!(options.netem[1].node, Some(2));
        assert_eq!(options.netem[1].words, ["delay", "1s"]);
    }

    #[test]
    fn what_makes_no_network_is_wrong_usage() {
        for arguments in [
            ["--nodes", "0"].as_slice(),
            &["--nodes", "33"],
            &["--nodes", "many"],
            &["--nodes"],
            &["--stake", "1,2"],
            &["--nodes", "2", "--stake", "0,0"],
            &["--kill", "4@1"],
            &["--kill", "1"],
            &["--partition", "0,1@1..2"],
            &["--partition", "0|1@2..2"],
            &["--partition", "0,1|1,2@1..2"],
            &["--partition", "0|9@1..2"],
            &["--netem", "7:delay 1s"],
            &["--netem", ""],
            &["--load", "fast"],
            &["--nosuch"],
        ] {
            assert!(
                matches!(parsed(arguments), Err(Failure::Usage(_))),
                "{arguments:?}"
            );
        }
    }
}
