// SPDX-License-Identifier: Apache-2.0
//! Texts with wildcards and variables (IAM, "IAM JSON policy elements: Resource", "IAM policy elements: Variables and tags"). A variable's
//! value is text: a `*` in it is an asterisk, so that no tag can widen a policy.

use crate::context::Context;
use crate::glob::{Glob, Token};

/// How a text and a pattern are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    /// As they are, without wildcards.
    Exact,
    /// Without regard to case and without wildcards.
    IgnoreCase,
    /// With `*` and `?`.
    Like,
    /// With `*` and `?`, six parts between colons, each by itself.
    Arn,
}

/// A pattern as it stands in a policy.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    source: String,
    compare: Compare,
    pieces: Vec<Piece>,
    /// If there are no variables, prepared.
    globs: Option<Vec<Glob>>,
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

/// A variable that the request has no single value for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unresolved;

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        // `globs` follows from these.
        (&self.source, self.compare, &self.pieces) == (&other.source, other.compare, &other.pieces)
    }
}

impl Pattern {
    /// A pattern in which `${…}` is a variable if `variables`. The error says what is wrong.
    pub(crate) fn parse(source: &str, compare: Compare, variables: bool) -> Result<Self, String> {
        let wildcards = matches!(compare, Compare::Like | Compare::Arn);
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
        let mut pattern = Pattern {
            source: source.into(),
            compare,
            pieces,
            globs: None,
        };
        let constant = !pattern
            .pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Variable { .. }));
        if constant && let Ok((tokens, _)) = pattern.tokens(&Context::new()) {
            pattern.globs = Some(prepare(compare, &tokens));
        }
        Ok(pattern)
    }

    /// As it was written.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Whether the text matches.
    pub(crate) fn matches(&self, text: &str, context: &Context) -> Result<bool, Unresolved> {
        if self.compare == Compare::IgnoreCase {
            return self.same_but_case(text, context);
        }
        if let Some(globs) = &self.globs {
            return Ok(all_match(globs, self.compare, text));
        }
        let (tokens, least_bytes) = self.tokens(context)?;
        // Values of variables are not piled up beyond what could match.
        Ok(least_bytes <= text.len() && all_match(&prepare(self.compare, &tokens), self.compare, text))
    }

    /// With the values of the variables, and how many bytes a text has that matches.
    fn tokens<'a>(&'a self, context: &'a Context) -> Result<(Vec<Token<'a>>, usize), Unresolved> {
        let mut least_bytes = 0;
        let mut tokens = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            let token = match piece {
                Piece::One => Token::One,
                Piece::Any => Token::Any,
                Piece::Text(text) => Token::Text(text),
                Piece::Variable { key, default } => Token::Text(resolve(key, default, context)?),
            };
            least_bytes += match token {
                Token::Text(text) => text.len(),
                Token::One => 1,
                Token::Any => 0,
            };
            tokens.push(token);
        }
        Ok((tokens, least_bytes))
    }

    fn same_but_case(&self, text: &str, context: &Context) -> Result<bool, Unresolved> {
        let (tokens, _) = self.tokens(context)?;
        let mut rest = text.chars().flat_map(char::to_lowercase);
        let same = tokens.iter().all(|token| match token {
            Token::Text(text) => text
                .chars()
                .flat_map(char::to_lowercase)
                .all(|c| rest.next() == Some(c)),
            Token::One | Token::Any => false,
        });
        Ok(same && rest.next().is_none())
    }
}

fn resolve<'a>(key: &str, default: &'a Option<String>, context: &'a Context) -> Result<&'a str, Unresolved> {
    context.single(key).or(default.as_deref()).ok_or(Unresolved)
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

/// One glob, of an ARN one for each part.
fn prepare(compare: Compare, tokens: &[Token<'_>]) -> Vec<Glob> {
    if compare != Compare::Arn {
        return vec![Glob::new(tokens)];
    }
    let mut parts = vec![Vec::new()];
    for token in tokens {
        let mut token = *token;
        while parts.len() < 6
            && let Token::Text(text) = token
            && let Some((before, after)) = text.split_once(':')
        {
            parts
                .last_mut()
                .expect("there is one from the start")
                .push(Token::Text(before));
            parts.push(Vec::new());
            token = Token::Text(after);
        }
        parts.last_mut().expect("there is one from the start").push(token);
    }
    parts.iter().map(|part| Glob::new(part)).collect()
}

fn all_match(globs: &[Glob], compare: Compare, text: &str) -> bool {
    if compare != Compare::Arn {
        return globs[0].matches(text);
    }
    let mut parts = text.splitn(6, ':');
    globs.len() == 6
        && globs
            .iter()
            .all(|glob| parts.next().is_some_and(|part| glob.matches(part)))
}
