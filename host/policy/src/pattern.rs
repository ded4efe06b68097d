// SPDX-License-Identifier: Apache-2.0
//! Texts with wildcards and variables (IAM, "IAM JSON policy elements: Resource", "IAM policy elements: Variables and tags").
//!
//! A variable's value is text: a `*` in it is an asterisk, so that no tag can widen a policy. Matching takes time linear in the
//! text and, only where `?` is used, in the pattern's length divided by 64: no pattern makes it slow.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::context::Context;

/// A pattern as it stands in a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    source: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `?`
    One,
    /// `*`
    Any,
    /// `${key}`, `${key, 'default'}`
    Variable {
        key: String,
        default: Option<String>,
    },
}

/// What a pattern is made of once its variables have their values.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token<'a> {
    Text(Cow<'a, str>),
    One,
    Any,
}

/// How the text and the pattern are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    Exact,
    IgnoreCase,
    /// Six parts between colons, compared each by itself.
    Arn,
}

/// A variable that the request has no single value for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unresolved;

impl Pattern {
    /// A pattern in which `*` and `?` are wildcards if `wildcards`, and `${…}` a variable if `variables`. The error says what is wrong.
    pub(crate) fn parse(source: &str, wildcards: bool, variables: bool) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = source;
        while let Some(c) = rest.chars().next() {
            let wildcard = match c {
                '*' if wildcards => Some(Piece::Any),
                '?' if wildcards => Some(Piece::One),
                _ => None,
            };
            if let Some(piece) = wildcard {
                flush(&mut pieces, &mut text);
                pieces.push(piece);
                rest = &rest[1..];
            } else if variables && rest.starts_with("${") {
                let end = rest
                    .find('}')
                    .ok_or("a ${ without its }: write ${$} for a dollar sign that begins no variable")?;
                match variable(&rest[2..end])? {
                    Piece::Text(special) => text.push_str(&special),
                    piece => {
                        flush(&mut pieces, &mut text);
                        pieces.push(piece);
                    }
                }
                rest = &rest[end + 1..];
            } else {
                text.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
        flush(&mut pieces, &mut text);
        Ok(Pattern {
            source: source.into(),
            pieces,
        })
    }

    /// As it was written.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Whether the text matches.
    pub(crate) fn matches(
        &self,
        text: &str,
        compare: Compare,
        context: &Context,
    ) -> Result<bool, Unresolved> {
        let mut tokens = Vec::with_capacity(self.pieces.len());
        // A pattern whose literal part is longer than the text cannot match: so values of variables are not piled up.
        let mut room = text.chars().count();
        let mut fits = true;
        for piece in &self.pieces {
            let token = match piece {
                Piece::Text(text) => Token::Text(Cow::Borrowed(text.as_str())),
                Piece::One => Token::One,
                Piece::Any => Token::Any,
                Piece::Variable { key, default } => {
                    let value = context.single(key).or(default.as_deref()).ok_or(Unresolved)?;
                    Token::Text(Cow::Borrowed(value))
                }
            };
            let least = match &token {
                Token::Text(text) => text.chars().count(),
                Token::One => 1,
                Token::Any => 0,
            };
            fits &= least <= room;
            room = room.saturating_sub(least);
            if fits {
                tokens.push(token);
            }
        }
        Ok(match compare {
            // Lower case can be longer than upper case, so `fits` says nothing here.
            Compare::IgnoreCase => self.same_but_case(text, context)?,
            Compare::Exact => fits && glob(&tokens, text),
            Compare::Arn => fits && arn(&tokens, text),
        })
    }

    /// Patterns compared without case have no wildcards.
    fn same_but_case(&self, text: &str, context: &Context) -> Result<bool, Unresolved> {
        let mut rest = text.chars().flat_map(char::to_lowercase);
        let mut same = true;
        for piece in &self.pieces {
            let text = match piece {
                Piece::Text(text) => text.as_str(),
                Piece::One => "?",
                Piece::Any => "*",
                Piece::Variable { key, default } => {
                    context.single(key).or(default.as_deref()).ok_or(Unresolved)?
                }
            };
            same = same
                && text
                    .chars()
                    .flat_map(char::to_lowercase)
                    .all(|c| rest.next() == Some(c));
        }
        Ok(same && rest.next().is_none())
    }
}

fn flush(pieces: &mut Vec<Piece>, text: &mut String) {
    if !text.is_empty() {
        pieces.push(Piece::Text(std::mem::take(text)));
    }
}

/// What is between `${` and `}`.
fn variable(inside: &str) -> Result<Piece, String> {
    if matches!(inside, "*" | "?" | "$") {
        return Ok(Piece::Text(inside.into()));
    }
    let (key, default) = match inside.split_once(',') {
        None => (inside.trim(), None),
        Some((key, rest)) => {
            let default = rest
                .trim()
                .strip_prefix('\'')
                .and_then(|rest| rest.strip_suffix('\''))
                .ok_or_else(|| format!("the default in ${{{inside}}} is not in single quotes"))?;
            (key.trim(), Some(default.to_string()))
        }
    };
    if !key.contains(':') {
        return Err(format!(
            "${{{inside}}} is no variable: variables are condition keys such as aws:username"
        ));
    }
    Ok(Piece::Variable {
        key: key.to_lowercase(),
        default,
    })
}

/// The six parts of an ARN, each matched by itself, so that a `*` does not reach over a colon of the first five.
fn arn(tokens: &[Token<'_>], text: &str) -> bool {
    let mut parts: Vec<Vec<Token<'_>>> = vec![Vec::new()];
    for token in tokens {
        match token {
            Token::Text(text) => {
                let mut rest: &str = text;
                while parts.len() < 6
                    && let Some((before, after)) = rest.split_once(':')
                {
                    parts
                        .last_mut()
                        .expect("one at least")
                        .push(Token::Text(Cow::Borrowed(before)));
                    parts.push(Vec::new());
                    rest = after;
                }
                parts
                    .last_mut()
                    .expect("one at least")
                    .push(Token::Text(Cow::Borrowed(rest)));
            }
            other => parts.last_mut().expect("one at least").push(other.clone()),
        }
    }
    let texts: Vec<&str> = text.splitn(6, ':').collect();
    parts.len() == 6 && texts.len() == 6 && parts.iter().zip(texts).all(|(part, text)| glob(part, text))
}

/// Whether a text without variables matches a pattern with `*` and `?`, both compared as they are.
pub(crate) fn simple_glob(pattern: &str, text: &str) -> bool {
    let mut tokens = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(['*', '?']) {
        tokens.push(Token::Text(Cow::Borrowed(&rest[..at])));
        tokens.push(if rest.as_bytes()[at] == b'*' {
            Token::Any
        } else {
            Token::One
        });
        rest = &rest[at + 1..];
    }
    tokens.push(Token::Text(Cow::Borrowed(rest)));
    glob(&tokens, text)
}

/// What stands between two `*`: characters, `None` for `?`.
struct Run {
    chars: Vec<Option<char>>,
    /// The text, if there is no `?` in it.
    literal: Option<String>,
}

impl Run {
    fn new(tokens: &[Token<'_>]) -> Self {
        let mut chars = Vec::new();
        for token in tokens {
            match token {
                Token::Text(text) => chars.extend(text.chars().map(Some)),
                _ => chars.push(None),
            }
        }
        let literal = chars.iter().copied().collect();
        Run { chars, literal }
    }

    /// The rest of the text after the run, if the text begins with it.
    fn strip<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut rest = text.chars();
        for want in &self.chars {
            let got = rest.next()?;
            if want.is_some_and(|want| want != got) {
                return None;
            }
        }
        Some(rest.as_str())
    }

    fn strip_end<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut rest = text.chars();
        for want in self.chars.iter().rev() {
            let got = rest.next_back()?;
            if want.is_some_and(|want| want != got) {
                return None;
            }
        }
        Some(rest.as_str())
    }

    /// The rest of the text after the run's first occurrence.
    fn skip_past<'t>(&self, text: &'t str) -> Option<&'t str> {
        if let Some(literal) = &self.literal {
            return text.find(literal.as_str()).map(|at| &text[at + literal.len()..]);
        }
        self.shift_and(text)
    }

    /// Baeza-Yates and Gonnet's bit-parallel search: bit `i` of the state is set if the last `i + 1` characters match the first
    /// `i + 1` of the run.
    fn shift_and<'t>(&self, text: &'t str) -> Option<&'t str> {
        let words = self.chars.len().div_ceil(64);
        let mut free = vec![0u64; words];
        let mut masks: HashMap<char, Vec<u64>> = HashMap::new();
        for (i, want) in self.chars.iter().enumerate() {
            let bit = 1u64 << (i % 64);
            match want {
                Some(c) => masks.entry(*c).or_insert_with(|| vec![0; words])[i / 64] |= bit,
                None => free[i / 64] |= bit,
            }
        }
        let last = self.chars.len() - 1;
        let mut state = vec![0u64; words];
        for (at, c) in text.char_indices() {
            let mask = masks.get(&c);
            let mut carry = 1u64;
            for i in 0..words {
                let next = state[i] >> 63;
                let allowed = free[i] | mask.map_or(0, |mask| mask[i]);
                state[i] = ((state[i] << 1) | carry) & allowed;
                carry = next;
            }
            if state[last / 64] >> (last % 64) & 1 == 1 {
                return Some(&text[at + c.len_utf8()..]);
            }
        }
        None
    }
}

fn glob(tokens: &[Token<'_>], text: &str) -> bool {
    let runs: Vec<Run> = tokens.split(|token| *token == Token::Any).map(Run::new).collect();
    let Some(rest) = runs[0].strip(text) else {
        return false;
    };
    let [_, middle @ .., end] = &runs[..] else {
        return rest.is_empty();
    };
    let Some(mut rest) = end.strip_end(rest) else {
        return false;
    };
    for run in middle.iter().filter(|run| !run.chars.is_empty()) {
        let Some(after) = run.skip_past(rest) else {
            return false;
        };
        rest = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(pattern: &[char], text: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some('*'), _) => plain(&pattern[1..], text) || (!text.is_empty() && plain(pattern, &text[1..])),
            (Some('?'), Some(_)) => plain(&pattern[1..], &text[1..]),
            (Some(want), Some(got)) if want == got => plain(&pattern[1..], &text[1..]),
            _ => false,
        }
    }

    #[test]
    fn agrees_with_the_plain_definition_on_all_short_patterns() {
        let letters = ['a', 'b', '*', '?'];
        let texts: Vec<String> = words(&['a', 'b'], 5);
        for pattern in words(&letters, 5) {
            let chars: Vec<char> = pattern.chars().collect();
            let parsed = Pattern::parse(&pattern, true, true).unwrap();
            for text in &texts {
                let want = plain(&chars, &text.chars().collect::<Vec<_>>());
                assert_eq!(simple_glob(&pattern, text), want, "{pattern} {text}");
                let got = parsed.matches(text, Compare::Exact, &Context::new());
                assert_eq!(got, Ok(want), "{pattern} {text}");
            }
        }
    }

    fn words(letters: &[char], longest: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut from = 0;
        for _ in 0..longest {
            let upto = all.len();
            for i in from..upto {
                for letter in letters {
                    all.push(format!("{}{letter}", all[i]));
                }
            }
            from = upto;
        }
        all
    }

    #[test]
    fn runs_longer_than_a_word_of_the_search_state() {
        let run = format!("*{}?{}*", "a".repeat(63), "b".repeat(70));
        let text = format!("{}x{}c", "a".repeat(64), "b".repeat(71));
        assert!(simple_glob(&run, &text));
        assert!(!simple_glob(&run, &text.replace('x', "")[..130]));
        assert!(!simple_glob(&run, &text.replace("bc", "c").replacen('b', "", 2)));
    }

    #[test]
    fn wildcards_count_characters_not_bytes() {
        assert!(simple_glob("gr?n", "grün"));
        assert!(simple_glob("*?n*", "ün"));
        assert!(!simple_glob("gr??n", "grün"));
    }
}
