//! How types are read from a tree: what is wrong is left out, so that the next mistake can be found.

use std::fmt::Display;
use std::slice;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::error::{FilePlace, quoted};
use super::tree::{Item, Node, NodeKind};
use super::{AT, Mistake};

/// Whoever has made that many does not want to read of more.
const MOST_MISTAKES: usize = 100;

/// Keys that are known only to be refused with a better word.
const REFUSED: [&str; 1] = ["token"];

/// Reads a type, again and again without what was wrong, until nothing is. `None`: it is wrong as a whole.
pub(super) fn read<T: DeserializeOwned>(root: &Node, mistakes: &mut Vec<Mistake>) -> Option<T> {
    loop {
        match T::deserialize(root) {
            Ok(value) => return Some(value),
            Err(mistake) => {
                let is_of_all = mistake.place.is_none();
                mistakes.push(mistake.or_at(root.place));
                if is_of_all || mistakes.len() >= MOST_MISTAKES {
                    return None;
                }
            }
        }
    }
}

impl Item {
    /// Leaves this value out for a mistake, unless a value below it has the mistake: then only that one was left out.
    fn leave_out(&self, mistake: Mistake, place: FilePlace) -> Mistake {
        if mistake.place.is_none() {
            self.is_left_out.set(true);
        }
        mistake.or_at(place)
    }
}

// === the words ===

impl Error for Mistake {
    fn custom<T: Display>(what: T) -> Mistake {
        Mistake { what: what.to_string(), place: None }
    }

    fn invalid_type(_: Unexpected, expected: &dyn Expected) -> Mistake {
        Mistake::custom(format_args!("{expected} is expected here"))
    }

    /// The only values that are held against a range are numbers.
    fn invalid_value(_: Unexpected, _: &dyn Expected) -> Mistake {
        Mistake::custom("the number is too large")
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Mistake {
        let hint = known(variant, expected.iter().copied());
        Mistake::custom(format_args!("`{}` is not known here\nhint: {hint}", quoted(variant)))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Mistake {
        let hint = known(field, expected.iter().copied().filter(|key| !REFUSED.contains(key)));
        Mistake::custom(format_args!("unknown key `{}`\nhint: {hint}", quoted(field)))
    }

    fn missing_field(field: &'static str) -> Mistake {
        Mistake::custom(format_args!("the key `{field}` is missing\nhint: add it to what begins here"))
    }
}

/// The words that can stand where an unknown one does, and which of them may be meant.
fn known<'w>(unknown: &str, words: impl Iterator<Item = &'w str> + Clone) -> String {
    let all = words.clone().collect::<Vec<_>>().join(", ");
    // A third of its letters may be wrong. Lengths come first: a key of a megabyte is never compared.
    let is_near = |word: &str, wrong: usize| 3 * wrong <= word.len();
    let near = words.filter(|word| is_near(word, word.len().abs_diff(unknown.len())));
    match near.map(|word| (strsim::osa_distance(word, unknown), word)).min() {
        Some((wrong, word)) if is_near(word, wrong) => format!("is `{word}` meant? Known here: {all}"),
        _ => format!("known here: {all}"),
    }
}

// === the values ===

impl Node {
    fn scalar(&self) -> Result<&str, Mistake> {
        match &self.kind {
            NodeKind::Scalar(text) => Ok(text),
            NodeKind::Null => Err(Mistake::custom("the value is missing")),
            NodeKind::List(_) | NodeKind::Mapping(_) => {
                Err(Mistake::custom("one value is expected here, neither a list nor a mapping"))
            }
        }
    }

    fn number(&self) -> Result<u64, Mistake> {
        let text = self.scalar()?.replace('_', "");
        text.parse().map_err(|_| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            Mistake::custom(if is_number { "the number is too large" } else { "not a whole number" })
        })
    }
}

impl<'de> Deserializer<'de> for &Node {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.kind {
            NodeKind::Null => visitor.visit_unit(),
            NodeKind::Scalar(text) => visitor.visit_str(text),
            NodeKind::List(items) => visitor.visit_seq(Items::of(items)),
            NodeKind::Mapping(items) => visitor.visit_map(Items::of(items)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.kind {
            NodeKind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_str(self.scalar()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.scalar()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => visitor.visit_bool(true),
            "false" | "no" | "off" => visitor.visit_bool(false),
            _ => Err(Mistake::custom("neither true nor false")),
        }
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_u64(self.number()?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_u64(self.number()?)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.kind {
            NodeKind::List(items) => visitor.visit_seq(Items::of(items)),
            _ => {
                Err(Mistake::custom("a list is expected here\nhint: each of its items begins with a dash and a blank"))
            }
        }
    }

    /// A key with nothing below it, as where all of that is a comment, is a mapping without keys.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.kind {
            NodeKind::Mapping(items) => visitor.visit_map(Items::of(items)),
            NodeKind::Null => visitor.visit_map(Items::of(&[])),
            _ => Err(Mistake::custom("keys with values are expected here\nhint: each is written as in name: acme")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_enum(self.scalar()?.into_deserializer())
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        if name == AT { visitor.visit_seq(Parts { node: self, next: 0 }) } else { self.deserialize_any(visitor) }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 u8 u16 f32 f64 char bytes byte_buf unit unit_struct newtype_struct tuple identifier
    }
}

/// What an `At` is made of, in the order of its fields.
struct Parts<'n> {
    node: &'n Node,
    next: u8,
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mistake> {
        let Node { place, kind, .. } = self.node;
        self.next += 1;
        match self.next {
            1 => seed.deserialize(place.line.into_deserializer()),
            2 => seed.deserialize(place.column.into_deserializer()),
            3 => seed.deserialize(kind.items().iter().all(|item| !item.is_left_out.get()).into_deserializer()),
            4 => seed.deserialize(self.node),
            _ => return Ok(None),
        }
        .map(Some)
    }
}

/// The items that are not left out.
struct Items<'n> {
    rest: slice::Iter<'n, Item>,
    /// Whose key was read.
    current: Option<&'n Item>,
}

impl<'n> Items<'n> {
    fn of(items: &'n [Item]) -> Items<'n> {
        Items { rest: items.iter(), current: None }
    }

    fn next(&mut self) -> Option<&'n Item> {
        self.current = self.rest.find(|item| !item.is_left_out.get());
        self.current
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mistake> {
        let Some(item) = self.next() else { return Ok(None) };
        let value = seed.deserialize(&*item.value);
        value.map(Some).map_err(|mistake| item.leave_out(mistake, item.value.place))
    }
}

impl<'de> MapAccess<'de> for Items<'_> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mistake> {
        let Some(item) = self.next() else { return Ok(None) };
        let key = seed.deserialize(item.key.as_str().into_deserializer());
        key.map(Some).map_err(|mistake| item.leave_out(mistake, item.key_place))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        let item = self.current.expect("serde asks for a key before its value");
        seed.deserialize(&*item.value).map_err(|mistake| item.leave_out(mistake, item.value.place))
    }
}
