//! A YAML text as a tree whose every part knows where it stands.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{ErrorKind, Event, Marker, Parser, ScanError, Span, StrInput, Tag};

use super::Mistake;
use super::error::{FilePlace, quoted};

/// Lists and mappings within each other; a config has five.
const DEEPEST: usize = 32;
/// Values of one file, with those that aliases repeat: far more than a thousand operations have.
const MOST_VALUES: usize = 1_000_000;

pub(super) struct Node {
    pub place: FilePlace,
    pub kind: NodeKind,
    /// Values here and below, with what aliases repeat.
    values: usize,
    /// Of the longest way down.
    depth: usize,
}

pub(super) enum NodeKind {
    Null,
    Scalar(String),
    List(Vec<Item>),
    Mapping(Vec<Item>),
}

/// A value of a list, or one of a mapping with its key.
pub(super) struct Item {
    pub key: String,
    pub key_place: FilePlace,
    pub value: Rc<Node>,
    /// It is wrong and was told of: whoever reads the tree passes over it.
    pub is_left_out: Cell<bool>,
}

impl Node {
    /// Reads a text. A key that is there twice does not end it: the first counts, and the mistake is noted.
    pub fn parse(text: &str, mistakes: &mut Vec<Mistake>) -> Result<Rc<Node>, Mistake> {
        let options = granit_parser::options! { flow_nesting_limit: DEEPEST, block_nesting_limit: DEEPEST };
        let parser = Parser::new_from_str_with_options(text, options);
        let mut builder = Builder { parser, text, anchors: HashMap::new(), long_quote: None, mistakes };
        builder.document()
    }

    fn new(kind: NodeKind, place: FilePlace) -> Result<Rc<Node>, Mistake> {
        let items = kind.items();
        let values = items.iter().fold(1, |sum: usize, item| sum.saturating_add(item.value.values));
        let depth = 1 + items.iter().map(|item| item.value.depth).max().unwrap_or(0);
        if values > MOST_VALUES || depth > DEEPEST {
            return Err(Mistake::at(place, "this has more values, or more within each other, than any config needs"));
        }
        Ok(Rc::new(Node { place, kind, values, depth }))
    }
}

impl NodeKind {
    pub fn items(&self) -> &[Item] {
        match self {
            NodeKind::List(items) | NodeKind::Mapping(items) => items,
            NodeKind::Null | NodeKind::Scalar(_) => &[],
        }
    }
}

struct Builder<'t, 'm> {
    parser: Parser<'t, StrInput<'t>>,
    text: &'t str,
    anchors: HashMap<usize, Rc<Node>>,
    /// Where the last quoted text begins that goes over several lines.
    long_quote: Option<FilePlace>,
    mistakes: &'m mut Vec<Mistake>,
}

impl<'t> Builder<'t, '_> {
    /// The next part, its place, and whether it is the last.
    fn next(&mut self) -> Result<(Event<'t>, Span), Mistake> {
        loop {
            match self.parser.next_event() {
                Some(Ok((Event::StreamStart | Event::DocumentEnd, _))) => {}
                Some(Ok(event)) => return Ok(event),
                Some(Err(error)) => return Err(self.syntax(&error)),
                None => return Ok((Event::StreamEnd, Span::default())),
            }
        }
    }

    fn document(&mut self) -> Result<Rc<Node>, Mistake> {
        let root = match self.next()? {
            (Event::DocumentStart(..), _) => {
                let (event, span) = self.next()?;
                self.node(event, span)?
            }
            _ => Node::new(NodeKind::Null, FilePlace { line: 1, column: 1 })?,
        };
        match self.next()? {
            (Event::StreamEnd, _) => Ok(root),
            (_, span) => Err(Mistake::at(
                place(span.start),
                "a second document begins here\nhint: take out the line ---: a file is one document",
            )),
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span) -> Result<Rc<Node>, Mistake> {
        let at = place(span.start);
        let (kind, anchor, tag) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == granit_parser::ScalarStyle::Plain;
                let is_quoted = !is_plain && [Some('"'), Some('\'')].contains(&char_at(self.text, span.start));
                if is_quoted && span.end.line() > span.start.line() {
                    self.long_quote = Some(at);
                }
                let is_null = is_plain && tag.is_none() && ["", "~", "null", "Null", "NULL"].contains(&&*text);
                (if is_null { NodeKind::Null } else { NodeKind::Scalar(text.into_owned()) }, anchor, tag)
            }
            Event::SequenceStart(_, anchor, tag) => (NodeKind::List(self.list()?), anchor, tag),
            Event::MappingStart(_, anchor, tag) => (NodeKind::Mapping(self.mapping()?), anchor, tag),
            Event::Alias(id) => {
                let inside = || Mistake::at(at, "an alias of what it stands in");
                return self.anchors.get(&id).cloned().ok_or_else(inside);
            }
            _ => return Node::new(NodeKind::Null, at),
        };
        // Of tags, only the one for a text is of any use here; others would say that a value is something else.
        if tag.is_some_and(|tag: std::borrow::Cow<Tag>| tag.core_suffix() != Some("str")) {
            return Err(Mistake::at(at, "a tag that is not known here\nhint: put a text that begins with ! in quotes"));
        }
        let node = Node::new(kind, at)?;
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        Ok(node)
    }

    fn list(&mut self) -> Result<Vec<Item>, Mistake> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => {
                    let value = self.node(event, span)?;
                    items.push(Item::new(String::new(), value.place, value));
                }
            }
        }
    }

    fn mapping(&mut self) -> Result<Vec<Item>, Mistake> {
        let (mut items, mut merged) = (Vec::<Item>::new(), Vec::new());
        loop {
            let (key, key_place) = match self.next()? {
                (Event::MappingEnd, _) => break,
                (event, span) => {
                    let (node, key_place) = (self.node(event, span)?, place(span.start));
                    match &node.kind {
                        NodeKind::Scalar(key) => (key.clone(), key_place),
                        _ => return Err(Mistake::at(key_place, "a key is a word, neither a list nor a mapping")),
                    }
                }
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span)?;
            if key == "<<" {
                merged.push(value);
            } else if items.iter().any(|item| item.key == key) {
                let what = format!("the key `{}` is there twice", quoted(&key));
                self.mistakes.push(Mistake::at(key_place, &what));
            } else {
                items.push(Item::new(key, key_place, value));
            }
        }
        for value in merged {
            merge(&mut items, &value)?;
        }
        Ok(items)
    }

    /// The parser's words, or better ones.
    fn syntax(&self, error: &ScanError) -> Mistake {
        let at = place(*error.marker());
        let unclosed = "a quote is not closed\nhint: a text ends, on the same line, with the quote that it begins with";
        match error.kind() {
            ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => Mistake::at(at, unclosed),
            // It is noticed on the line below the one where the quote is missing.
            ErrorKind::InvalidQuotedScalarIndent => {
                Mistake::at(last_quote_before(self.text, at.line).unwrap_or(at), unclosed)
            }
            kind => match (self.long_quote, hint(kind)) {
                // A quote that is missing above is what made everything below it wrong.
                (Some(quote), _) => Mistake::at(quote, unclosed),
                (None, Some(hint)) => Mistake::at(at, &format!("{kind}\nhint: {hint}")),
                (None, None) => Mistake::at(at, &kind.to_string()),
            },
        }
    }
}

impl Item {
    fn new(key: String, key_place: FilePlace, value: Rc<Node>) -> Item {
        Item { key, key_place, value, is_left_out: Cell::new(false) }
    }
}

/// Adds what the mapping, or each mapping of the list, has beyond the keys that are there.
fn merge(items: &mut Vec<Item>, from: &Node) -> Result<(), Mistake> {
    match &from.kind {
        NodeKind::Mapping(others) => {
            for other in others {
                if !items.iter().any(|item| item.key == other.key) {
                    items.push(Item::new(other.key.clone(), other.key_place, Rc::clone(&other.value)));
                }
            }
            Ok(())
        }
        NodeKind::List(mappings) => mappings.iter().try_for_each(|mapping| merge(items, &mapping.value)),
        _ => Err(Mistake::at(from.place, "only a mapping can be merged")),
    }
}

/// What to do about a mistake in the form.
fn hint(kind: &ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
            Some("indent with spaces")
        }
        ErrorKind::MappingValueNotAllowed
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::InvalidIndentation => {
            Some("the keys of a mapping stand exactly below each other, and a text with a colon stands in quotes")
        }
        ErrorKind::SimpleKeyExpected => Some("between a key and its value stand a colon and a blank, as in name: acme"),
        ErrorKind::UnknownAnchor => Some("put a text that begins with * in quotes"),
        _ => None,
    }
}

/// The last quote that opens a text above a line.
fn last_quote_before(text: &str, line: u64) -> Option<FilePlace> {
    let above = text.lines().take(usize::try_from(line).ok()?.checked_sub(1)?);
    let quotes = above.enumerate().filter_map(|(number, line)| Some((number, last_opening_quote(line)?)));
    quotes.last().map(|(number, column)| FilePlace { line: number as u64 + 1, column: column as u64 + 1 })
}

fn last_opening_quote(line: &str) -> Option<usize> {
    let before = [' '].into_iter().chain(line.chars());
    let opening = before
        .zip(line.chars())
        .enumerate()
        .filter(|(_, (before, c))| ['"', '\''].contains(c) && (before.is_whitespace() || "[{,:".contains(*before)));
    opening.last().map(|(column, _)| column)
}

fn char_at(text: &str, mark: Marker) -> Option<char> {
    text.get(mark.byte_offset()?..)?.chars().next()
}

fn place(mark: Marker) -> FilePlace {
    FilePlace { line: mark.line() as u64, column: mark.col() as u64 + 1 }
}
