//! What a person asked the page for: a language, operations, and whether it refreshes.

use std::cmp::Ordering;

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use url::form_urlencoded;

use super::words::Language;

/// Letters of a search that are looked at: names are shorter.
const LONGEST_SEARCH: usize = 100;
/// Ranges of an `Accept-Language` that are looked at: browsers send a handful.
const MOST_RANGES: usize = 32;

#[derive(Clone, Debug)]
pub struct Asked {
    pub language: Language,
    /// Whether the address says the language, so that links must too.
    is_told: bool,
    pub refreshes: bool,
    /// As it was typed.
    pub search: String,
}

impl Asked {
    /// The address decides before the browser's settings do. What it says besides is nobody's concern.
    pub fn of(query: Option<&str>, headers: &HeaderMap) -> Asked {
        let mut told = None;
        let mut asked = Asked { language: preferred(headers), is_told: false, refreshes: true, search: String::new() };
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "lang" => told = told.or(language_of(&value)),
                "refresh" => asked.refreshes &= value != "off",
                "q" => asked.search = value.trim().chars().take(LONGEST_SEARCH).collect(),
                _ => {}
            }
        }
        Asked { language: told.unwrap_or(asked.language), is_told: told.is_some(), ..asked }
    }

    /// The pairs that the page's address has, as hidden fields of the search: all but the search itself.
    pub fn kept(&self) -> Vec<(&'static str, &'static str)> {
        let language = self.is_told.then_some(("lang", self.language.code()));
        let refresh = (!self.refreshes).then_some(("refresh", "off"));
        language.into_iter().chain(refresh).collect()
    }

    /// The address of this page.
    fn address(&self) -> String {
        let mut query = form_urlencoded::Serializer::for_suffix("?".to_owned(), 1);
        query.extend_pairs(self.kept());
        if !self.search.is_empty() {
            query.append_pair("q", &self.search);
        }
        query.finish()
    }

    pub fn in_language(&self, language: Language) -> String {
        Asked { language, is_told: true, ..self.clone() }.address()
    }

    pub fn refreshing(&self, refreshes: bool) -> String {
        Asked { refreshes, ..self.clone() }.address()
    }

    pub fn searching(&self, search: &str) -> String {
        Asked { search: search.to_owned(), ..self.clone() }.address()
    }

    /// Whether a name is among what is searched for: neither capitals nor accents matter.
    pub fn finds(&self, name: &str) -> bool {
        self.search.is_empty() || plain(name).contains(&plain(&self.search))
    }
}

/// Small letters without accents, as somebody in a hurry types them.
fn plain(text: &str) -> String {
    let letters = text.chars().flat_map(char::to_lowercase);
    letters
        .map(|letter| match letter {
            'á' => 'a',
            'é' => 'e',
            'í' => 'i',
            'ó' => 'o',
            'ú' | 'ü' => 'u',
            'ñ' => 'n',
            _ => letter,
        })
        .collect()
}

/// The language of a tag such as `es-CO`.
fn language_of(tag: &str) -> Option<Language> {
    let primary = tag.trim().split(['-', '_']).next()?;
    [Language::English, Language::Spanish].into_iter().find(|language| primary.eq_ignore_ascii_case(language.code()))
}

/// The language that a browser prefers; English where it says nothing of either.
fn preferred(headers: &HeaderMap) -> Language {
    let texts = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<(&str, f32)> = texts.flat_map(|text| text.split(',')).take(MOST_RANGES).filter_map(range).collect();
    // How much a language is wanted, and how early it is named.
    let wish = |language: Language| {
        let named = ranges.iter().enumerate().filter(|(_, (tag, _))| language_of(tag) == Some(language));
        let named = named
            .map(|(at, (_, quality))| (*quality, at))
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        let any = || ranges.iter().find(|(tag, _)| *tag == "*").map(|(_, quality)| (*quality, ranges.len()));
        named.or_else(any).unwrap_or((0.0, ranges.len()))
    };
    let (english, spanish) = (wish(Language::English), wish(Language::Spanish));
    let is_spanish_wanted_more = match spanish.0.total_cmp(&english.0) {
        Ordering::Greater => true,
        Ordering::Equal => spanish.0 > 0.0 && spanish.1 < english.1,
        Ordering::Less => false,
    };
    if is_spanish_wanted_more { Language::Spanish } else { Language::English }
}

/// A range and how much it is wanted: `es;q=0.8`.
fn range(text: &str) -> Option<(&str, f32)> {
    let (tag, parameters) = text.split_once(';').unwrap_or((text, "q=1"));
    let quality = parameters.trim().strip_prefix(['q', 'Q'])?.trim_start().strip_prefix('=')?.trim().parse().ok()?;
    (0.0..=1.0).contains(&quality).then_some((tag.trim(), quality))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str, accepted: &[&'static str]) -> Asked {
        let headers = accepted.iter().map(|text| (ACCEPT_LANGUAGE, text.parse().unwrap())).collect();
        Asked::of(Some(query), &headers)
    }

    #[test]
    fn the_language_is_the_one_that_a_browser_wants_most() {
        for (accepted, language) in [
            (vec![], "en"),
            (vec![""], "en"),
            (vec!["es"], "es"),
            (vec!["ES-co"], "es"),
            (vec!["es-419,es;q=0.9,en;q=0.8"], "es"),
            (vec!["es,en"], "es"),
            (vec!["en,es"], "en"),
            (vec!["en;q=0.7,es;q=0.8"], "es"),
            (vec!["en;q=0.7, es ; q=0.6"], "en"),
            (vec!["en;q=0.1, es;q=0"], "en"),
            (vec!["es;q=0"], "en"),
            (vec!["fr,de;q=0.9,es;q=0.1"], "es"),
            (vec!["fr,de"], "en"),
            (vec!["*"], "en"),
            (vec!["es;q=0.5,*"], "en"),
            (vec!["es,*;q=0.5"], "es"),
            (vec!["en;q=0,*;q=0.2"], "es"),
            (vec!["fr", "es;q=0.4"], "es"),
            (vec!["es;q=2,en;q=0.1"], "en"),
            (vec!["es;q=NaN,en;q=0.1"], "en"),
            (vec!["est,esperanto;q=1"], "en"),
        ] {
            assert_eq!(asked("", &accepted).language.code(), language, "{accepted:?}");
        }
    }

    #[test]
    fn the_address_wins_over_the_browser_and_an_unknown_language_says_nothing() {
        assert_eq!(asked("lang=es", &["en"]).language, Language::Spanish);
        assert_eq!(asked("lang=en", &["es"]).language, Language::English);
        assert_eq!(asked("lang=es-MX", &[]).language, Language::Spanish);
        assert_eq!(asked("lang=fr", &["es"]).language, Language::Spanish);
        assert_eq!(asked("lang=", &[]).language, Language::English);
    }

    #[test]
    fn a_link_keeps_what_the_address_says_and_adds_nothing_to_it() {
        let plain = asked("", &["es"]);
        assert_eq!((plain.refreshing(true), plain.refreshing(false)), ("?".to_owned(), "?refresh=off".to_owned()));
        assert_eq!(plain.in_language(Language::English), "?lang=en");
        let all = asked("lang=es&refresh=off&q=Bogot%C3%A1+%26+co&x=1", &[]);
        assert_eq!(all.search, "Bogotá & co");
        assert_eq!(all.in_language(Language::English), "?lang=en&refresh=off&q=Bogot%C3%A1+%26+co");
        assert_eq!(all.refreshing(true), "?lang=es&q=Bogot%C3%A1+%26+co");
        assert_eq!(all.searching(""), "?lang=es&refresh=off");
        assert_eq!(all.kept(), [("lang", "es"), ("refresh", "off")]);
    }

    #[test]
    fn a_search_overlooks_capitals_and_accents_and_is_of_bounded_length() {
        assert!(asked("q=bogota", &[]).finds("Bogotá Norte"));
        assert!(asked("q=+NI%C3%91OS+", &[]).finds("linea-ninos"));
        assert!(asked("q=", &[]).finds("anything"));
        assert!(!asked("q=cali", &[]).finds("medellin"));
        assert_eq!(asked(&format!("q={}", "a".repeat(5_000)), &[]).search.len(), LONGEST_SEARCH);
    }
}
