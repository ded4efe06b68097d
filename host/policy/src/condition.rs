// SPDX-License-Identifier: Apache-2.0
//! Conditions (IAM, "IAM JSON policy elements: Condition operators", "Multivalued context keys").
//!
//! | the key is | no qualifier | IfExists | ForAllValues | ForAnyValue |
//! |---|---|---|---|---|
//! | not there | false; true if negated | true | true | false |
//! | there, no value or only empty ones | as any value | as any value | true | false |
//! | there | any value, any operand; negated: no value, no operand | the same | each value matches | one value matches |
//!
//! A value that a number, a date, an address or a truth value cannot be read from matches nothing. A variable that has no single
//! value voids what would allow and never voids what denies: in a negated test it counts as a match for Allow and as none for Deny.

use std::fmt;

use crate::context::Context;
use crate::document::Effect;
use crate::pattern::{Compare, Pattern};
use crate::value::{self, Instant, Net, Number};

/// The test of an operator, without qualifier and `IfExists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Test {
    StringEquals,
    StringNotEquals,
    StringEqualsIgnoreCase,
    StringNotEqualsIgnoreCase,
    StringLike,
    StringNotLike,
    NumericEquals,
    NumericNotEquals,
    NumericLessThan,
    NumericLessThanEquals,
    NumericGreaterThan,
    NumericGreaterThanEquals,
    DateEquals,
    DateNotEquals,
    DateLessThan,
    DateLessThanEquals,
    DateGreaterThan,
    DateGreaterThanEquals,
    Bool,
    BinaryEquals,
    IpAddress,
    NotIpAddress,
    ArnEquals,
    ArnLike,
    ArnNotEquals,
    ArnNotLike,
    Null,
}

use Test::*;

const NAMES: &[(&str, Test)] = &[
    ("StringEquals", StringEquals),
    ("StringNotEquals", StringNotEquals),
    ("StringEqualsIgnoreCase", StringEqualsIgnoreCase),
    ("StringNotEqualsIgnoreCase", StringNotEqualsIgnoreCase),
    ("StringLike", StringLike),
    ("StringNotLike", StringNotLike),
    ("NumericEquals", NumericEquals),
    ("NumericNotEquals", NumericNotEquals),
    ("NumericLessThan", NumericLessThan),
    ("NumericLessThanEquals", NumericLessThanEquals),
    ("NumericGreaterThan", NumericGreaterThan),
    ("NumericGreaterThanEquals", NumericGreaterThanEquals),
    ("DateEquals", DateEquals),
    ("DateNotEquals", DateNotEquals),
    ("DateLessThan", DateLessThan),
    ("DateLessThanEquals", DateLessThanEquals),
    ("DateGreaterThan", DateGreaterThan),
    ("DateGreaterThanEquals", DateGreaterThanEquals),
    ("Bool", Bool),
    ("BinaryEquals", BinaryEquals),
    ("IpAddress", IpAddress),
    ("NotIpAddress", NotIpAddress),
    ("ArnEquals", ArnEquals),
    ("ArnLike", ArnLike),
    ("ArnNotEquals", ArnNotEquals),
    ("ArnNotLike", ArnNotLike),
    ("Null", Null),
];

impl Test {
    fn negated(self) -> bool {
        matches!(
            self,
            StringNotEquals
                | StringNotEqualsIgnoreCase
                | StringNotLike
                | NumericNotEquals
                | DateNotEquals
                | NotIpAddress
                | ArnNotEquals
                | ArnNotLike
        )
    }

    fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(_, test)| *test == self)
            .expect("each test has a name")
            .0
    }
}

/// The qualifier of an operator over keys with several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// `ForAllValues:`
    All,
    /// `ForAnyValue:`
    Any,
}

/// An operator such as `ForAnyValue:StringLikeIfExists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator {
    /// The qualifier.
    pub set: Option<Set>,
    /// The test.
    pub test: Test,
    /// Whether the condition holds if the key is not there.
    pub if_exists: bool,
}

impl Operator {
    /// By its name in a policy.
    pub fn named(name: &str) -> Option<Self> {
        let (set, rest) = match name.split_once(':') {
            Some(("ForAllValues", rest)) => (Some(Set::All), rest),
            Some(("ForAnyValue", rest)) => (Some(Set::Any), rest),
            Some(_) => return None,
            None => (None, name),
        };
        let (rest, if_exists) = match rest.strip_suffix("IfExists") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let test = NAMES.iter().find(|(name, _)| *name == rest)?.1;
        let asks_for_presence = test == Null && (if_exists || set.is_some());
        (!asks_for_presence).then_some(Operator { set, test, if_exists })
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = match self.set {
            Some(Set::All) => "ForAllValues:",
            Some(Set::Any) => "ForAnyValue:",
            None => "",
        };
        let if_exists = if self.if_exists { "IfExists" } else { "" };
        write!(f, "{set}{}{if_exists}", self.test.name())
    }
}

/// One operator, one key, and the values it is compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    operator: Operator,
    key: String,
    lower: String,
    values: Vec<Operand>,
}

#[derive(Debug, Clone, PartialEq)]
struct Operand {
    source: String,
    value: Value,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(Pattern),
    Number(Number),
    Time(Instant),
    Bool(bool),
    Bytes(Vec<u8>),
    Net(Net),
}

impl Condition {
    /// The error says which value is wrong, and how it should look.
    pub(crate) fn new(
        operator: Operator,
        key: &str,
        values: Vec<String>,
        variables: bool,
    ) -> Result<Self, String> {
        let values = values
            .into_iter()
            .map(|source| {
                Ok(Operand {
                    value: operand(operator.test, &source, variables)?,
                    source,
                })
            })
            .collect::<Result<_, String>>()?;
        Ok(Condition {
            operator,
            key: key.into(),
            lower: key.to_lowercase(),
            values,
        })
    }

    /// The operator.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The condition key, as written.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The values, as written.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &str> {
        self.values.iter().map(|operand| operand.source.as_str())
    }

    /// Whether it holds for a request, in a statement of the given effect.
    pub fn holds(&self, context: &Context, effect: Effect) -> bool {
        let there = context.lower(&self.lower);
        if self.operator.test == Null {
            let null = there.is_none_or(<[String]>::is_empty);
            return self
                .values
                .iter()
                .any(|operand| operand.value == Value::Bool(null));
        }
        let negated = self.operator.test.negated();
        let Some(values) = there else {
            return match self.operator.set {
                _ if self.operator.if_exists => true,
                Some(Set::All) => true,
                Some(Set::Any) => false,
                None => negated,
            };
        };
        let matches = |value: &String| {
            self.values
                .iter()
                .any(|operand| operand.matches(self.operator.test, value, context, effect))
        };
        let nothing = values.iter().all(String::is_empty);
        match self.operator.set {
            Some(Set::All) => nothing || values.iter().all(|value| matches(value) != negated),
            Some(Set::Any) => !nothing && values.iter().any(|value| matches(value) != negated),
            None => values.iter().any(matches) != negated,
        }
    }
}

/// Reads a value of the policy.
fn operand(test: Test, source: &str, variables: bool) -> Result<Value, String> {
    let bad = |what: &str| format!("\"{source}\" is no {what}");
    let text = |compare, source| Pattern::parse(source, compare, variables).map(Value::Text);
    Ok(match test {
        StringEquals | StringNotEquals => text(Compare::Exact, source)?,
        StringEqualsIgnoreCase | StringNotEqualsIgnoreCase => text(Compare::IgnoreCase, source)?,
        StringLike | StringNotLike => text(Compare::Like, source)?,
        ArnEquals | ArnLike | ArnNotEquals | ArnNotLike => {
            let with_variable = variables && source.contains("${");
            if source != "*" && !with_variable && source.split(':').count() < 6 {
                return Err(bad("ARN: an ARN has six parts between colons"));
            }
            // A lone asterisk stands for any ARN, as in Resource.
            text(Compare::Arn, if source == "*" { "*:*:*:*:*:*" } else { source })?
        }
        NumericEquals
        | NumericNotEquals
        | NumericLessThan
        | NumericLessThanEquals
        | NumericGreaterThan
        | NumericGreaterThanEquals => Value::Number(
            Number::parse(source).ok_or_else(|| bad("number (digits, at most nine after a point)"))?,
        ),
        DateEquals
        | DateNotEquals
        | DateLessThan
        | DateLessThanEquals
        | DateGreaterThan
        | DateGreaterThanEquals => {
            let what = "date: write it as 2020-01-31T23:59:59Z or in seconds since 1970";
            Value::Time(Instant::parse(source).ok_or_else(|| bad(what))?)
        }
        Bool | Null => Value::Bool(truth(source).ok_or_else(|| bad("truth value: write true or false"))?),
        BinaryEquals => Value::Bytes(value::base64(source).ok_or_else(|| bad("base64"))?),
        IpAddress | NotIpAddress => Value::Net(
            Net::parse(source).ok_or_else(|| bad("address or range in CIDR form, such as 203.0.113.0/24"))?,
        ),
    })
}

fn truth(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

impl Operand {
    /// Whether the test that is not negated holds.
    fn matches(&self, test: Test, got: &str, context: &Context, effect: Effect) -> bool {
        match &self.value {
            Value::Text(pattern) => {
                let unresolved = test.negated() && effect == Effect::Allow;
                pattern.matches(got, context).unwrap_or(unresolved)
            }
            Value::Number(want) => Number::parse(got).is_some_and(|got| ordered(test, &got, want)),
            Value::Time(want) => Instant::parse(got).is_some_and(|got| ordered(test, &got, want)),
            Value::Bool(want) => truth(got) == Some(*want),
            Value::Bytes(want) => value::base64(got).is_some_and(|got| got == *want),
            Value::Net(net) => net.contains(got),
        }
    }
}

fn ordered<T: Ord>(test: Test, got: &T, want: &T) -> bool {
    match test {
        NumericLessThan | DateLessThan => got < want,
        NumericLessThanEquals | DateLessThanEquals => got <= want,
        NumericGreaterThan | DateGreaterThan => got > want,
        NumericGreaterThanEquals | DateGreaterThanEquals => got >= want,
        _ => got == want,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_by_name() {
        for set in ["", "ForAllValues:", "ForAnyValue:"] {
            for (name, test) in NAMES {
                for suffix in ["", "IfExists"] {
                    let full = format!("{set}{name}{suffix}");
                    match Operator::named(&full) {
                        Some(operator) => {
                            assert_eq!(operator.to_string(), full);
                            assert_eq!(operator.test, *test);
                        }
                        None => assert!(*test == Null && full != "Null", "{full}"),
                    }
                }
            }
        }
        for bad in [
            "stringEquals",
            "ForSomeValues:StringEquals",
            "IfExists",
            "StringEqualsIfExistsIfExists",
            "",
        ] {
            assert_eq!(Operator::named(bad), None, "{bad}");
        }
    }
}
