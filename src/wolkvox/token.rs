//! The token that authorises a request, and that cannot be printed.

use std::fmt;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// Longest token that is believed; the vendor's are far shorter, and a longer text is some other file.
const LONGEST: usize = 4096;

/// A `wolkvox-token`. It has no `Display`, its `Debug` shows nothing, and it leaves only as a header marked sensitive.
#[derive(Clone)]
pub struct Token(SecretString);

/// Why a text is no token. Never says the text.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum TokenError {
    #[error("the token is empty")]
    Empty,
    #[error("the token is longer than {LONGEST} bytes")]
    TooLong,
    #[error("the token has a character that a header cannot carry")]
    NotAHeader,
}

impl Token {
    /// Reads a token; blanks and line ends around it are dropped, as editors add them.
    pub fn parse(text: &str) -> Result<Token, TokenError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TokenError::Empty);
        }
        if text.len() > LONGEST {
            return Err(TokenError::TooLong);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::NotAHeader);
        }
        Ok(Token(text.into()))
    }

    /// A text in which the token does not stand any more, in whatever case it was.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        let token = self.0.expose_secret();
        let mut rest = text;
        let mut out = String::new();
        // A token is ASCII: where its bytes stand, characters begin and end.
        let is_here = |at: &usize, rest: &str| {
            rest.as_bytes()[*at..].get(..token.len()).is_some_and(|here| here.eq_ignore_ascii_case(token.as_bytes()))
        };
        while let Some(at) = (0..rest.len()).find(|at| is_here(at, rest)) {
            out.push_str(&rest[..at]);
            out.push_str("***");
            rest = &rest[at + token.len()..];
        }
        out + rest
    }

    pub(super) fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(self.0.expose_secret()).expect("parse lets only visible ASCII in");
        value.set_sensitive(true);
        value
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Token) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_leak_a_token_shows_nothing_of_itself() {
        let token = Token::parse(" s3cr3t-t0ken \r\n").unwrap();
        assert_eq!(format!("{token:?}"), "Token");
        assert_eq!(token.header(), "s3cr3t-t0ken");
        assert_eq!(format!("{:?}", token.header()), "Sensitive");
    }

    #[test]
    fn what_is_no_token_is_refused_without_repeating_it() {
        assert_eq!(Token::parse(" \n"), Err(TokenError::Empty));
        assert_eq!(Token::parse(&"x".repeat(5000)), Err(TokenError::TooLong));
        for text in ["two words", "line\nbreak", "contraseña"] {
            let error = Token::parse(text).unwrap_err();
            assert_eq!(error, TokenError::NotAHeader);
            assert!(!error.to_string().contains(text));
        }
    }
}
