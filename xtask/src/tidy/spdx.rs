//! Licence expressions: `OR` is a choice, `AND` a duty, `WITH` part of the name, `/` an old `OR`.

/// Whether the expression can be satisfied with the licences that `allowed` says yes to.
pub(super) fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let words = words(expression);
    let mut rest = words.as_slice();
    let result = choice(&mut rest, allowed)?;
    match rest.first() {
        None => Ok(result),
        Some(word) => Err(format!("unexpected '{word}'")),
    }
}

fn words(expression: &str) -> Vec<String> {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    spaced.split_whitespace().map(str::to_owned).collect()
}

/// `a OR b`: the weakest binding.
fn choice(rest: &mut &[String], allowed: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let mut result = duty(rest, allowed)?;
    while take(rest, "OR") {
        let other = duty(rest, allowed)?;
        result = result || other;
    }
    Ok(result)
}

/// `a AND b`.
fn duty(rest: &mut &[String], allowed: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let mut result = license(rest, allowed)?;
    while take(rest, "AND") {
        let other = license(rest, allowed)?;
        result = result && other;
    }
    Ok(result)
}

/// A name, a name with its exception, or something in brackets.
fn license(rest: &mut &[String], allowed: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    if take(rest, "(") {
        let result = choice(rest, allowed)?;
        return if take(rest, ")") {
            Ok(result)
        } else {
            Err("a bracket is not closed".into())
        };
    }
    let name = next_name(rest)?;
    if take(rest, "WITH") {
        let exception = next_name(rest)?;
        return Ok(allowed(&format!("{name} WITH {exception}")));
    }
    Ok(allowed(&name))
}

fn next_name(rest: &mut &[String]) -> Result<String, String> {
    match rest.split_first() {
        Some((word, after)) if !["OR", "AND", "WITH", "(", ")"].contains(&word.as_str()) => {
            *rest = after;
            Ok(word.clone())
        }
        Some((word, _)) => Err(format!("unexpected '{word}'")),
        None => Err("it ends too early".into()),
    }
}

fn take(rest: &mut &[String], wanted: &str) -> bool {
    match rest.split_first() {
        Some((word, after)) if word == wanted => {
            *rest = after;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_mit_and_apache(expression: &str) -> Result<bool, String> {
        satisfied(expression, &|license| {
            ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].contains(&license)
        })
    }

    #[test]
    fn or_needs_one_and_needs_all() {
        assert_eq!(with_mit_and_apache("MIT OR GPL-3.0-only"), Ok(true));
        assert_eq!(with_mit_and_apache("MIT/GPL-3.0"), Ok(true));
        assert_eq!(with_mit_and_apache("MIT AND GPL-3.0-only"), Ok(false));
        assert_eq!(with_mit_and_apache("GPL-3.0-only OR LGPL-2.1"), Ok(false));
    }

    #[test]
    fn and_binds_stronger_than_or_and_brackets_strongest() {
        assert_eq!(
            with_mit_and_apache("MIT OR Apache-2.0 AND GPL-3.0"),
            Ok(true)
        );
        assert_eq!(
            with_mit_and_apache("(MIT OR Apache-2.0) AND GPL-3.0"),
            Ok(false)
        );
        assert_eq!(
            with_mit_and_apache("(GPL-3.0 OR Apache-2.0) AND MIT"),
            Ok(true)
        );
    }

    #[test]
    fn an_exception_is_part_of_the_name() {
        assert_eq!(
            with_mit_and_apache("Apache-2.0 WITH LLVM-exception"),
            Ok(true)
        );
        assert_eq!(
            with_mit_and_apache("MIT WITH Classpath-exception-2.0"),
            Ok(false)
        );
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for broken in ["", "MIT OR", "(MIT", "MIT)", "MIT Apache-2.0", "AND MIT"] {
            assert!(with_mit_and_apache(broken).is_err(), "{broken}");
        }
    }
}
