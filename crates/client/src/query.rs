//! Parameters of a path.

/// A path with those parameters that have a value.
pub(crate) fn path_with(path: &str, parameters: &[(&str, Option<String>)]) -> String {
    let mut text = path.to_owned();
    let given = parameters.iter();
    let given = given.filter_map(|(name, value)| Some((name, value.as_ref()?)));
    for (index, (name, value)) in given.enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        text.push_str(&escaped(value));
    }
    text
}

/// A text as part of a query: cursors are whatever the node says.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'/'
            | b':'
            | b',' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_a_value_is_said_and_nothing_breaks_the_query() {
        assert_eq!(path_with("/slots", &[("limit", None)]), "/slots");
        let both = [
            ("before", Some("12/3".to_owned())),
            ("limit", None),
            ("after", Some("a&b=c d+é".to_owned())),
        ];
        assert_eq!(
            path_with("/slots", &both),
            "/slots?before=12/3&after=a%26b%3Dc%20d%2B%C3%A9"
        );
    }
}
