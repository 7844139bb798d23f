//! Whether the commands and flags that are named are there, as the programs' own help says.

use super::chapter::root;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};

/// The programs that a book can name, and what they say of themselves.
#[derive(Debug, Default)]
pub struct Programs {
    helps: BTreeMap<Vec<String>, String>,
}

impl Programs {
    /// Checks what is called in a line of a shell.
    ///
    /// # Errors
    /// A command or a flag that is not there.
    pub fn check(&mut self, line: &str) -> Result<(), String> {
        let line = line.split(" #").next().unwrap_or_default();
        for part in line.split(['|', ';', '&', '(', ')']) {
            let words: Vec<&str> = part
                .split_whitespace()
                .skip_while(|word| is_before_the_program(word))
                .collect();
            match words.as_slice() {
                ["cargo", "xtask", rest @ ..] => self.check_task(rest)?,
                [program, rest @ ..] if is_picot(program) => self.check_picot(rest)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn check_picot(&mut self, words: &[&str]) -> Result<(), String> {
        let mut command: Vec<String> = Vec::new();
        let mut rest = words;
        loop {
            let help = self.help(&command);
            let below = subcommands(&help);
            match rest.split_first() {
                Some((word, after)) if below.iter().any(|name| name == word) => {
                    command.push((*word).to_owned());
                    rest = after;
                }
                Some((word, _)) if !below.is_empty() && is_name(word) => {
                    return Err(format!(
                        "`picot {}` has no command `{word}`",
                        command.join(" ")
                    ));
                }
                _ => break,
            }
        }
        let help = self.help(&command);
        for flag in rest.iter().filter_map(|word| flag_of(word)) {
            let is_general = ["--help", "--version", "-h", "-V"].contains(&flag);
            if !is_general && !names_flag(&help, flag) {
                return Err(format!(
                    "`picot {}` has no flag `{flag}`",
                    command.join(" ")
                ));
            }
        }
        Ok(())
    }

    fn check_task(&mut self, words: &[&str]) -> Result<(), String> {
        let words = words.strip_prefix(&["help"]).unwrap_or(words);
        let Some((task, rest)) = words.split_first() else {
            return Ok(());
        };
        let help = self.task_help(task)?;
        for flag in rest.iter().filter_map(|word| flag_of(word)) {
            if !names_flag(&help, flag) {
                return Err(format!("`cargo xtask {task}` has no flag `{flag}`"));
            }
        }
        Ok(())
    }

    fn help(&mut self, command: &[String]) -> String {
        let key: Vec<String> = std::iter::once("picot".to_owned())
            .chain(command.iter().cloned())
            .collect();
        let ask = || {
            let output = Command::new(crate::picot())
                .args(command)
                .arg("--help")
                .stdin(Stdio::null())
                .output()
                .expect("picot runs");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        self.helps.entry(key).or_insert_with(ask).clone()
    }

    /// The help of a task of `cargo xtask`.
    fn task_help(&mut self, task: &str) -> Result<String, String> {
        let key = vec!["xtask".to_owned(), task.to_owned()];
        if let Some(help) = self.helps.get(&key) {
            return Ok(help.clone());
        }
        let beside =
            crate::picot().with_file_name(format!("xtask{}", std::env::consts::EXE_SUFFIX));
        let mut ask = if beside.exists() {
            Command::new(beside)
        } else {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(["run", "--quiet", "--package", "xtask", "--"]);
            cargo
        };
        let output = ask
            .args(["help", task])
            .current_dir(root())
            .stdin(Stdio::null())
            .output()
            .expect("xtask runs");
        if !output.status.success() {
            return Err(format!("`cargo xtask` has no task `{task}`"));
        }
        let mut help = String::from_utf8_lossy(&output.stdout).into_owned();
        if ["sim", "node"].contains(&task) {
            // They hand their flags on.
            help.push_str(&self.help(&[task.to_owned()]));
        }
        self.helps.insert(key, help.clone());
        Ok(help)
    }
}

/// What can stand before a program: variables, and who runs it.
fn is_before_the_program(word: &str) -> bool {
    word.contains('=') && !word.starts_with('-') || ["sudo", "exec", "env", "time"].contains(&word)
}

fn is_picot(word: &str) -> bool {
    word == "picot" || word.ends_with("/picot")
}

/// A word that can only be the name of a command.
fn is_name(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_ascii_lowercase())
        && word
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter == '-')
}

fn flag_of(word: &str) -> Option<&str> {
    let is_flag = word.starts_with('-') && word.len() > 1;
    let flag = word.split('=').next()?;
    is_flag.then(|| flag.trim_end_matches([',', '.', ':', '`', '\'', '"']))
}

fn subcommands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.trim().is_empty());
    let names = lines.filter_map(|line| {
        let name = line.strip_prefix("  ")?;
        is_name(name.split_whitespace().next()?).then(|| name.split_whitespace().next())?
    });
    names.map(str::to_owned).collect()
}

fn names_flag(help: &str, flag: &str) -> bool {
    let words =
        help.split(|letter: char| letter.is_whitespace() || ",[](){}|=`'\"".contains(letter));
    words.into_iter().any(|word| word == flag)
}
