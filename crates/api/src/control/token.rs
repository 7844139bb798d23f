//! What lets a client in.

use std::fmt;

/// The secret that every request to the control interface must bring along.
#[derive(Clone)]
pub struct ControlToken(String);

impl ControlToken {
    /// A token of this text, which should have 128 bits that nobody can guess.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// Whether a header `Authorization` has it. Takes as long for a wrong one as for the right one
    /// of its length.
    pub(crate) fn is_in(&self, header: &[u8]) -> bool {
        let Some(given) = header.strip_prefix(b"Bearer ") else {
            return false;
        };
        let expected = self.0.as_bytes();
        let difference = expected
            .iter()
            .zip(given)
            .fold(0, |difference, (left, right)| difference | (left ^ right));
        given.len() == expected.len() && difference == 0 && !expected.is_empty()
    }
}

/// Never in a log.
impl fmt::Debug for ControlToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ControlToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_lets_in() {
        let token = ControlToken::new("secret".into());
        assert!(token.is_in(b"Bearer secret"));
        for wrong in [
            "",
            "secret",
            "Bearer ",
            "Bearer secre",
            "Bearer secret2",
            "Bearer secreT",
            "Basic secret",
        ] {
            assert!(!token.is_in(wrong.as_bytes()), "{wrong}");
        }
        assert!(!ControlToken::new(String::new()).is_in(b"Bearer "));
        assert_eq!(format!("{token:?}"), "ControlToken");
    }
}
