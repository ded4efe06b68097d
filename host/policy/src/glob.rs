// SPDX-License-Identifier: Apache-2.0
//! Matching of `*` and `?`, prepared once for many texts. No pattern makes it slow: it takes time linear in the text and, only where `?`
//! is used, in the pattern's length divided by 64.

use std::collections::HashMap;

use memchr::memmem::Finder;

/// What a pattern is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// These characters.
    Text(&'a str),
    /// `?`
    One,
    /// `*`
    Any,
}

/// A prepared pattern.
#[derive(Debug, Clone)]
pub(crate) struct Glob {
    /// What stands between two `*`.
    runs: Vec<Run>,
    /// No shorter text matches.
    least_bytes: usize,
}

impl Glob {
    pub(crate) fn new(tokens: &[Token<'_>]) -> Self {
        let runs: Vec<_> = tokens.split(|token| *token == Token::Any).map(Run::new).collect();
        let least_bytes = runs.iter().map(Run::least_bytes).sum();
        Glob { runs, least_bytes }
    }

    /// From a text in which `*` and `?` are wildcards.
    pub(crate) fn parse(pattern: &str) -> Self {
        let mut tokens = Vec::new();
        let mut rest = pattern;
        while let Some(at) = rest.find(['*', '?']) {
            tokens.push(Token::Text(&rest[..at]));
            tokens.push(if rest.as_bytes()[at] == b'*' {
                Token::Any
            } else {
                Token::One
            });
            rest = &rest[at + 1..];
        }
        tokens.push(Token::Text(rest));
        Glob::new(&tokens)
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        if self.least_bytes > text.len() {
            return false;
        }
        let Some(rest) = self.runs[0].strip(text) else {
            return false;
        };
        let [_, middle @ .., end] = &self.runs[..] else {
            return rest.is_empty();
        };
        let Some(mut rest) = end.strip_end(rest) else {
            return false;
        };
        for run in middle {
            let Some(after) = run.skip_past(rest) else {
                return false;
            };
            rest = after;
        }
        true
    }
}

/// Characters that stand together.
#[derive(Debug, Clone)]
enum Run {
    Text(String, Finder<'static>),
    /// `None` for `?`.
    Holes(Vec<Option<char>>, Search),
}

impl Run {
    fn new(tokens: &[Token<'_>]) -> Self {
        let mut chars = Vec::new();
        for token in tokens {
            match token {
                Token::Text(text) => chars.extend(text.chars().map(Some)),
                Token::One | Token::Any => chars.push(None),
            }
        }
        match chars.iter().copied().collect::<Option<String>>() {
            Some(text) => {
                let finder = Finder::new(text.as_bytes()).into_owned();
                Run::Text(text, finder)
            }
            None => {
                let search = Search::new(&chars);
                Run::Holes(chars, search)
            }
        }
    }

    fn least_bytes(&self) -> usize {
        match self {
            Run::Text(text, _) => text.len(),
            Run::Holes(chars, _) => chars.iter().map(|c| c.map_or(1, char::len_utf8)).sum(),
        }
    }

    /// The rest of the text after the run, if the text begins with it.
    fn strip<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Run::Text(run, _) => text.strip_prefix(run.as_str()),
            Run::Holes(chars, _) => {
                let mut rest = text.chars();
                chars
                    .iter()
                    .all(|want| fits(*want, rest.next()))
                    .then_some(rest.as_str())
            }
        }
    }

    /// The rest of the text before the run, if the text ends with it.
    fn strip_end<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Run::Text(run, _) => text.strip_suffix(run.as_str()),
            Run::Holes(chars, _) => {
                let mut rest = text.chars();
                chars
                    .iter()
                    .rev()
                    .all(|want| fits(*want, rest.next_back()))
                    .then_some(rest.as_str())
            }
        }
    }

    /// The rest of the text after the run's first occurrence.
    fn skip_past<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Run::Text(run, finder) => finder.find(text.as_bytes()).map(|at| &text[at + run.len()..]),
            Run::Holes(_, search) => search.skip_past(text),
        }
    }
}

fn fits(want: Option<char>, got: Option<char>) -> bool {
    got.is_some() && (want.is_none() || want == got)
}

/// Baeza-Yates and Gonnet's bit-parallel search: bit `i` of the state is set if the last `i + 1` characters of the text match the first
/// `i + 1` of the run.
#[derive(Debug, Clone)]
struct Search {
    last: usize,
    /// For each row of `masks`, one bit for each character of the run that it fits. Row 0 is for characters that only `?` fits.
    words: usize,
    masks: Vec<u64>,
    /// The row of a character below U+0080.
    ascii: [u16; 128],
    others: HashMap<char, usize>,
}

impl Search {
    fn new(chars: &[Option<char>]) -> Self {
        let words = chars.len().div_ceil(64);
        let mut search = Search {
            last: chars.len() - 1,
            words,
            masks: vec![0; words],
            ascii: [0; 128],
            others: HashMap::new(),
        };
        let bit = |i: usize| (i / 64, 1u64 << (i % 64));
        for (i, _) in chars.iter().enumerate().filter(|(_, want)| want.is_none()) {
            search.masks[bit(i).0] |= bit(i).1;
        }
        for (i, want) in chars.iter().enumerate() {
            let Some(c) = *want else { continue };
            if search.row(c) == 0 {
                let row = search.masks.len() / words;
                search.masks.extend_from_within(..words);
                match search.ascii.get_mut(c as usize) {
                    Some(slot) => *slot = row as u16,
                    None => drop(search.others.insert(c, row)),
                }
            }
            let at = search.row(c) * words + bit(i).0;
            search.masks[at] |= bit(i).1;
        }
        search
    }

    fn row(&self, c: char) -> usize {
        match self.ascii.get(c as usize) {
            Some(row) => usize::from(*row),
            None => self.others.get(&c).copied().unwrap_or(0),
        }
    }

    fn skip_past<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut state = vec![0u64; self.words];
        for (at, c) in text.char_indices() {
            let from = self.row(c) * self.words;
            let mut carry = 1;
            for (state, mask) in state.iter_mut().zip(&self.masks[from..]) {
                let next = *state >> 63;
                *state = (*state << 1 | carry) & mask;
                carry = next;
            }
            if state[self.last / 64] >> (self.last % 64) & 1 == 1 {
                return Some(&text[at + c.len_utf8()..]);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, slow.
    fn plain(pattern: &[char], text: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some('*'), _) => plain(&pattern[1..], text) || (!text.is_empty() && plain(pattern, &text[1..])),
            (Some('?'), Some(_)) => plain(&pattern[1..], &text[1..]),
            (Some(want), Some(got)) if want == got => plain(&pattern[1..], &text[1..]),
            _ => false,
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
    fn agrees_with_the_definition_on_all_short_patterns() {
        let texts = words(&['a', 'ß'], 5);
        for pattern in words(&['a', 'ß', '*', '?'], 5) {
            let chars: Vec<char> = pattern.chars().collect();
            let glob = Glob::parse(&pattern);
            for text in &texts {
                let want = plain(&chars, &text.chars().collect::<Vec<_>>());
                assert_eq!(glob.matches(text), want, "{pattern} {text}");
            }
        }
    }

    #[test]
    fn runs_longer_than_a_word_of_the_search_state() {
        let (before, after) = ("ab".repeat(50), "ba".repeat(70));
        let glob = Glob::parse(&format!("*{before}?{after}*"));
        for (text, fits) in [
            (format!("{before}x{after}"), true),
            (format!("aba{before}ü{after}bb"), true),
            (format!("{before}{after}"), false),
            (format!("{before}xy{after}"), false),
            (format!("{before}x{}", &after[2..]), false),
            (format!("{before}x{before}x{after}"), true),
        ] {
            assert_eq!(glob.matches(&text), fits, "{text}");
        }
    }
}
