//! Enough of PromQL to say what a query asks for: its grammar but for sub-queries, `@`, `offset` and
//! many-to-one matching, which our queries do without.

use std::collections::BTreeSet;

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Number(f64),
    Selector(Selector),
    Call {
        function: String,
        arguments: Vec<Expr>,
    },
    Aggregate {
        by: Vec<String>,
        of: Box<Expr>,
    },
    Binary {
        operator: String,
        on: Option<Vec<String>>,
        left: Box<Expr>,
        right: Box<Expr>,
    },
}

/// The series that are asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Selector {
    pub(crate) metric: String,
    /// Label, operator and value.
    pub(crate) matchers: Vec<(String, String, String)>,
    /// Whether it is of a span of time.
    pub(crate) is_range: bool,
}

/// Functions that we use, with the kinds of their arguments: `r` of a span, `v` of a moment, `n` a number.
const FUNCTIONS: [(&str, &str); 8] = [
    ("rate", "r"),
    ("increase", "r"),
    ("changes", "r"),
    ("predict_linear", "rn"),
    ("histogram_quantile", "nv"),
    ("abs", "v"),
    ("time", ""),
    ("clamp_min", "vn"),
];
const AGGREGATIONS: [&str; 4] = ["sum", "max", "min", "avg"];
/// From the loosest to the tightest.
const OPERATORS: [&[&str]; 5] = [
    &["or"],
    &["and", "unless"],
    &["==", "!=", "<=", "<", ">=", ">"],
    &["+", "-"],
    &["*", "/", "%"],
];

pub(crate) fn is_set_operator(operator: &str) -> bool {
    ["or", "and", "unless"].contains(&operator)
}

/// Reads a query.
pub(crate) fn parse(text: &str) -> Result<Expr, String> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
    };
    let query = parser.binary(0)?;
    match parser.peek() {
        None => Ok(query),
        Some(rest) => Err(format!("{rest:?} is left over in {text}")),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Number(f64),
    Duration,
    Text(String),
    Symbol(String),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '"' => quoted(rest)?,
            '0'..='9' => number(rest)?,
            'a'..='z' | 'A'..='Z' | '_' => {
                let is_part = |one: char| one.is_ascii_alphanumeric() || one == '_';
                let length = rest.find(|one| !is_part(one)).unwrap_or(rest.len());
                (Token::Name(rest[..length].to_owned()), length)
            }
            _ => {
                let two = ["==", "!=", "<=", ">=", "=~", "!~"];
                let length = if two.iter().any(|two| rest.starts_with(two)) {
                    2
                } else {
                    1
                };
                if length == 1 && !"(){}[],=<>+-*/%".contains(first) {
                    return Err(format!("what is '{first}' in {text}?"));
                }
                (Token::Symbol(rest[..length].to_owned()), length)
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn quoted(rest: &str) -> Result<(Token, usize), String> {
    let end = rest[1..].find('"').ok_or("a text does not end")?;
    let text = &rest[1..=end];
    if text.contains('\\') {
        return Err(format!("escapes are not read: {text}"));
    }
    Ok((Token::Text(text.to_owned()), end + 2))
}

/// A number, or a span of time such as `5m`.
fn number(rest: &str) -> Result<(Token, usize), String> {
    let is_part = |one: char| one.is_ascii_digit() || one == '.';
    let length = rest.find(|one| !is_part(one)).unwrap_or(rest.len());
    let unit = rest[length..]
        .chars()
        .next()
        .filter(char::is_ascii_alphabetic);
    match unit {
        None => {
            let number = rest[..length].parse();
            let number = number.map_err(|_| format!("no number: {}", &rest[..length]))?;
            Ok((Token::Number(number), length))
        }
        Some('s' | 'm' | 'h' | 'd' | 'w') => Ok((Token::Duration, length + 1)),
        Some(other) => Err(format!("no unit of time: {other}")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self.peek().cloned().ok_or("the query ends too early")?;
        self.at += 1;
        Ok(token)
    }

    fn takes(&mut self, symbol: &str) -> bool {
        let is_there = match self.peek() {
            Some(Token::Symbol(found) | Token::Name(found)) => found == symbol,
            _ => false,
        };
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, symbol: &str) -> Result<(), String> {
        if self.takes(symbol) {
            return Ok(());
        }
        Err(format!("'{symbol}' is missing before {:?}", self.peek()))
    }

    fn name(&mut self) -> Result<String, String> {
        match self.next()? {
            Token::Name(name) => Ok(name),
            other => Err(format!("{other:?} is no name")),
        }
    }

    fn binary(&mut self, level: usize) -> Result<Expr, String> {
        let Some(operators) = OPERATORS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = operators.iter().find(|operator| self.takes(operator)) {
            let on = if self.takes("on") {
                Some(self.names()?)
            } else {
                None
            };
            let right = self.binary(level + 1)?;
            left = Expr::Binary {
                operator: (*operator).to_owned(),
                on,
                left: Box::new(left),
                right: Box::new(right),
            };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, String> {
        if self.takes("-") {
            let right = Box::new(self.unary()?);
            return Ok(Expr::Binary {
                operator: "-".to_owned(),
                on: None,
                left: Box::new(Expr::Number(0.0)),
                right,
            });
        }
        if self.takes("(") {
            let inner = self.binary(0)?;
            self.expect(")")?;
            return Ok(inner);
        }
        match self.next()? {
            Token::Number(number) => Ok(Expr::Number(number)),
            Token::Name(name) if AGGREGATIONS.contains(&name.as_str()) => self.aggregate(),
            Token::Name(name) if self.takes("(") => self.call(name),
            Token::Name(metric) => self.selector(metric),
            other => Err(format!("{other:?} is no operand")),
        }
    }

    fn names(&mut self) -> Result<Vec<String>, String> {
        self.expect("(")?;
        let mut names = Vec::new();
        while !self.takes(")") {
            names.push(self.name()?);
            if !self.takes(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(names)
    }

    fn aggregate(&mut self) -> Result<Expr, String> {
        let by = if self.takes("by") {
            self.names()?
        } else {
            Vec::new()
        };
        self.expect("(")?;
        let of = Box::new(self.binary(0)?);
        self.expect(")")?;
        Ok(Expr::Aggregate { by, of })
    }

    fn call(&mut self, function: String) -> Result<Expr, String> {
        let known = FUNCTIONS.iter().find(|(name, _)| *name == function);
        let (_, kinds) = known.ok_or_else(|| format!("no function is called {function}"))?;
        let mut arguments = Vec::new();
        for (place, kind) in kinds.chars().enumerate() {
            if place > 0 {
                self.expect(",")?;
            }
            let argument = self.binary(0)?;
            if kind != kind_of(&argument) {
                return Err(format!(
                    "argument {place} of {function} is of the wrong kind"
                ));
            }
            arguments.push(argument);
        }
        self.expect(")")?;
        Ok(Expr::Call {
            function,
            arguments,
        })
    }

    fn selector(&mut self, metric: String) -> Result<Expr, String> {
        let mut matchers = Vec::new();
        if self.takes("{") {
            while !self.takes("}") {
                let label = self.name()?;
                let operator = ["=", "!=", "=~", "!~"]
                    .into_iter()
                    .find(|one| self.takes(one));
                let operator = operator.ok_or("a label without an operator")?;
                let Token::Text(value) = self.next()? else {
                    return Err(format!("{label} has no text"));
                };
                matchers.push((label, operator.to_owned(), value));
                if !self.takes(",") {
                    self.expect("}")?;
                    break;
                }
            }
        }
        let is_range = self.takes("[");
        if is_range {
            if self.next()? != Token::Duration {
                return Err("a span that is no time".to_owned());
            }
            self.expect("]")?;
        }
        Ok(Expr::Selector(Selector {
            metric,
            matchers,
            is_range,
        }))
    }
}

fn kind_of(expr: &Expr) -> char {
    match expr {
        Expr::Number(_) => 'n',
        Expr::Selector(selector) if selector.is_range => 'r',
        Expr::Binary { left, right, .. } if kind_of(left) == 'n' => kind_of(right),
        Expr::Call { .. } | Expr::Selector(_) | Expr::Aggregate { .. } | Expr::Binary { .. } => 'v',
    }
}

/// The series that a query asks for, each with the function that is applied to it first.
pub(crate) fn selectors(expr: &Expr) -> Vec<(&Selector, Option<&str>)> {
    match expr {
        Expr::Number(_) => Vec::new(),
        Expr::Selector(selector) => vec![(selector, None)],
        Expr::Call {
            function,
            arguments,
        } => {
            let inner = arguments.iter().flat_map(selectors);
            inner
                .map(|(selector, inside)| (selector, inside.or(Some(function))))
                .collect()
        }
        Expr::Aggregate { of, .. } => selectors(of),
        Expr::Binary { left, right, .. } => [selectors(left), selectors(right)].concat(),
    }
}

/// The labels that the answer has, when `of_metric` tells those of a series. An error names a label that
/// is asked for and is not there.
pub(crate) fn labels(
    expr: &Expr,
    of_metric: &dyn Fn(&str) -> BTreeSet<String>,
) -> Result<BTreeSet<String>, String> {
    let within = |names: &[String], labels: &BTreeSet<String>| match names
        .iter()
        .find(|name| !labels.contains(*name))
    {
        None => Ok(()),
        Some(name) => Err(format!("no label is called {name} in {expr:?}")),
    };
    match expr {
        Expr::Number(_) => Ok(BTreeSet::new()),
        Expr::Selector(selector) => Ok(of_metric(&selector.metric)),
        Expr::Call {
            function,
            arguments,
        } => {
            let mut all = BTreeSet::new();
            for argument in arguments {
                all.extend(labels(argument, of_metric)?);
            }
            if function == "histogram_quantile" && !all.remove("le") {
                return Err("a quantile of what is no histogram".to_owned());
            }
            Ok(all)
        }
        Expr::Aggregate { by, of } => {
            within(by, &labels(of, of_metric)?)?;
            Ok(by.iter().cloned().collect())
        }
        Expr::Binary {
            operator,
            on,
            left,
            right,
        } => {
            let (left_labels, right_labels) = (labels(left, of_metric)?, labels(right, of_metric)?);
            if let Some(on) = on {
                within(on, &left_labels)?;
                within(on, &right_labels)?;
                let keeps_left = is_set_operator(operator);
                return Ok(if keeps_left {
                    left_labels
                } else {
                    on.iter().cloned().collect()
                });
            }
            if kind_of(left) == 'n' {
                return Ok(right_labels);
            }
            let is_matched =
                kind_of(right) == 'n' || operator == "or" || left_labels == right_labels;
            if !is_matched {
                return Err(format!("the sides have other labels: {expr:?}"));
            }
            Ok(left_labels
                .intersection(if kind_of(right) == 'n' {
                    &left_labels
                } else {
                    &right_labels
                })
                .cloned()
                .collect())
        }
    }
}

#[test]
fn what_a_query_asks_for_is_found() {
    let query = parse(
        "sum by (instance) (rate(a_total{x=\"1\",y!~\"2|3\"}[5m])) / on (instance) b > 0.1 and c",
    )
    .unwrap();
    let found: Vec<_> = selectors(&query)
        .into_iter()
        .map(|(selector, function)| (selector.metric.as_str(), selector.matchers.len(), function))
        .collect();
    assert_eq!(
        found,
        [("a_total", 2, Some("rate")), ("b", 0, None), ("c", 0, None)]
    );
}

#[test]
fn a_query_that_is_none_is_refused() {
    for wrong in [
        "",
        "rate(a)",
        "rate(a[5m]",
        "rate(a[5x])",
        "rates(a[5m])",
        "a{b}",
        "a{b=1}",
        "a b",
        "sum by instance (a)",
        "a +",
        "a ~ b",
        "histogram_quantile(a, 0.5)",
        "a{b=\"c}",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_answer_has_the_labels_that_are_left() {
    let of_metric = |metric: &str| -> BTreeSet<String> {
        let labels: &[&str] = if metric == "h" {
            &["i", "le"]
        } else {
            &["i", "t"]
        };
        labels.iter().map(|label| (*label).to_owned()).collect()
    };
    for (query, expected) in [
        ("a", Some("i t")),
        ("sum by (t) (a)", Some("t")),
        ("sum(a)", Some("")),
        ("a > 3", Some("i t")),
        ("3 * a", Some("i t")),
        ("a > on (i) b", Some("i")),
        ("a and on (i) b", Some("i t")),
        (
            "histogram_quantile(0.9, sum by (i, le) (rate(h[5m])))",
            Some("i"),
        ),
        ("sum by (x) (a)", None),
        ("a > on (x) b", None),
        ("a + h", None),
        ("histogram_quantile(0.9, a)", None),
    ] {
        let found = labels(&parse(query).unwrap(), &of_metric).ok();
        let found = found.map(|found| found.into_iter().collect::<Vec<_>>().join(" "));
        assert_eq!(found.as_deref(), expected, "{query}");
    }
}
