//! What a parser says when it refuses its input.

use core::fmt;

use displaydoc::Display;
use nom::error::{ErrorKind, ParseError};
use thiserror::Error;

use crate::Parsed;

/// The bound that the input broke.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bound {
    /// the input ends too early
    Truncated,
    /// {count} bytes follow the end of the value
    TrailingBytes {
        /// The bytes that are too many.
        count: usize,
    },
    /// the varint is not in its shortest form
    OverlongVarint,
    /// the varint does not fit its type
    VarintOverflow,
    /// the length {len} is above the maximum {max}
    TooLong {
        /// The length that was read.
        len: u64,
        /// The largest length allowed.
        max: u64,
    },
    /// {0} is not a known tag
    UnknownTag(u8),
    /// the keys are not strictly ascending
    UnorderedKeys,
    /// unused bits are not zero
    UnusedBits,
    /// the text is not utf-8
    NotUtf8,
    /// {0}
    Invalid(&'static str),
    /// the parser {0:?} refused
    Parser(ErrorKind),
}

/// Where in the input a parser stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// So many bytes before the input's end: all that a parser in the middle can know.
    FromEnd(usize),
    /// So many bytes after the input's start.
    FromStart(usize),
}

/// Says what was being read, at which byte offset, and which bound was broken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct DecodeError {
    /// What was being read, innermost first.
    path: Vec<&'static str>,
    position: Position,
    bound: Bound,
}

impl DecodeError {
    /// An error at the start of `rest`, while `what` was being read.
    #[must_use]
    pub fn new(rest: &[u8], what: &'static str, bound: Bound) -> Self {
        Self {
            path: vec![what],
            position: Position::FromEnd(rest.len()),
            bound,
        }
    }

    /// Adds the thing that `self` happened inside of, such as `"Header.slot"`.
    #[must_use]
    pub fn within(mut self, outer: &'static str) -> Self {
        if self.path.last() != Some(&outer) {
            self.path.push(outer);
        }
        self
    }

    /// The innermost thing that was being read.
    #[must_use]
    pub fn what(&self) -> &'static str {
        self.path.first().copied().unwrap_or_default()
    }

    /// What was being read, from the outermost thing to the innermost.
    pub fn path(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.path.iter().rev().copied()
    }

    /// The offset, in bytes from the start, of the byte that was refused.
    ///
    /// `None` until [`crate::decode_exact`] (or [`DecodeError::located`]) has seen the whole input.
    #[must_use]
    pub fn offset(&self) -> Option<usize> {
        match self.position {
            Position::FromEnd(_) => None,
            Position::FromStart(offset) => Some(offset),
        }
    }

    /// The bound that was broken.
    #[must_use]
    pub fn bound(&self) -> Bound {
        self.bound
    }

    /// Turns the distance from the input's end into an offset, now that its length is known.
    #[must_use]
    pub fn located(mut self, input_len: usize) -> Self {
        if let Position::FromEnd(left) = self.position {
            self.position = Position::FromStart(input_len.saturating_sub(left));
        }
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot read ")?;
        for (index, what) in self.path().enumerate() {
            if index > 0 {
                f.write_str(" > ")?;
            }
            f.write_str(what)?;
        }
        match self.position {
            Position::FromStart(offset) => write!(f, " at byte {offset}: {}", self.bound),
            Position::FromEnd(left) => {
                write!(f, " {left} bytes before the end: {}", self.bound)
            }
        }
    }
}

impl ParseError<&[u8]> for DecodeError {
    fn from_error_kind(input: &[u8], kind: ErrorKind) -> Self {
        let bound = match kind {
            ErrorKind::Eof => Bound::Truncated,
            other => Bound::Parser(other),
        };
        Self::new(input, "value", bound)
    }

    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

impl nom::error::ContextError<&[u8]> for DecodeError {
    fn add_context(_: &[u8], outer: &'static str, other: Self) -> Self {
        other.within(outer)
    }
}

/// Refuses at the start of `rest`, while `what` was being read.
///
/// # Errors
/// Always: it is how a parser ends early.
pub fn fail<'a, T>(rest: &'a [u8], what: &'static str, bound: Bound) -> Parsed<'a, T> {
    Err(nom::Err::Error(DecodeError::new(rest, what, bound)))
}

/// Names the thing that `parsed` is a part of, if it is an error.
///
/// # Errors
/// The error of `parsed`, with `outer` added to its path.
pub fn context<'a, T>(outer: &'static str, parsed: Parsed<'a, T>) -> Parsed<'a, T> {
    parsed.map_err(|error| error.map(|error| error.within(outer)))
}
