//! The example file: every setting with what it is, what is taken if nothing is said, and how else it
//! can be said.

use super::list::{SETTINGS, Setting, Shape};
use super::values::Values;

const HEAD: &str = "\
# The settings of a Picot node, all of them, with their defaults. Every line that is commented out is
# what is in force without it.
#
# A setting may also be said in the environment (the name after `env`) or by a flag; a setting that has
# no flag of its own is said by `--set KEY=VALUE`. The environment counts more than this file, a flag
# more than both. A list in the environment has commas between its items.
#
# Paths that do not begin with `/` are meant from the folder of this file.
#
#   picot config check FILE      names what is wrong, by line
#   picot config show            what is in force, and where it was said
#   picot node --config FILE     runs a node with it
";

/// The text of the example file.
pub(in crate::cli) fn example() -> String {
    let mut text = HEAD.to_owned();
    let mut section = "";
    for setting in SETTINGS {
        let (of, name) = setting.key.split_once('.').unwrap_or(("", setting.key));
        text.push('\n');
        if of != section {
            section = of;
            text.push_str(&format!("[{section}]\n"));
        }
        text.push_str(&described(setting, name));
    }
    text
}

fn described(setting: &Setting, name: &str) -> String {
    let flag = setting.flag.unwrap_or("--set");
    let otherwise = setting.otherwise;
    let otherwise = otherwise.map_or_else(String::new, |text| format!("# Without it: {text}.\n"));
    let value = setting
        .example
        .map_or_else(|| default(setting), str::to_owned);
    format!(
        "# {}\n{otherwise}# env {}, flag {flag}\n#{name} = {value}\n",
        setting.about,
        setting.variable(),
    )
}

/// The default, in the language of the file.
fn default(setting: &Setting) -> String {
    let texts = (setting.get)(&Values::default());
    let quoted = |text: &String| format!("\"{text}\"");
    match setting.shape {
        Shape::Number | Shape::Switch => texts.join(""),
        Shape::Text | Shape::Path => texts.first().map_or_else(|| "\"\"".to_owned(), quoted),
        Shape::List => {
            let texts: Vec<_> = texts.iter().map(quoted).collect();
            format!("[{}]", texts.join(", "))
        }
    }
}
