//! Rows: how an answer's fields are handed from the one who reads it to the one who adds it up.
//!
//! The reader of the vendor's answers knows nothing of aggregation, and aggregation nothing of the vendor: both know this.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::memory::MemoryError;

/// Takes one answer's rows, one after the other, while they are parsed.
pub trait Rows<'de> {
    /// Takes one row; fails where it has no documented shape, or where no more rows can be taken.
    fn row<D: Deserializer<'de>>(&mut self, row: D) -> Result<(), D::Error>;

    /// Why the last row could not be taken, where that was for want of memory.
    fn refused(&mut self) -> Option<MemoryError> {
        None
    }
}

/// Takes whole answers.
pub trait TakesAnswers {
    type Rows<'a, 'de>: Rows<'de>
    where
        Self: 'a;

    /// Begins an answer. `mended`: whether halves of characters in it are U+FFFD by now, or may be.
    fn begin<'de>(&mut self, mended: bool) -> Self::Rows<'_, 'de>;
}

/// A field's value, borrowed from the body where it needs no unescaping.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'de> {
    /// Text, as every field is documented; a whole number is taken as its text, `null` as blank.
    Text(Cow<'de, str>),
    /// Any other number, as the vendor wrote it: a double would round it. Only the sign of an exponent is added where
    /// it is missing. A box, so that this stays as small as the text that nearly every field is.
    Number(Box<str>),
    /// A list, an object or a boolean: nothing that a field of the vendor's can be.
    Other,
}

impl Scalar<'_> {
    /// The text; blank where there is none.
    pub fn text(&self) -> &str {
        match self {
            Scalar::Text(text) => text,
            Scalar::Number(number) => number,
            Scalar::Other => "",
        }
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar<'de>, D::Error> {
        let mut scalar = None;
        ScalarInto(&mut scalar).deserialize(deserializer)?;
        Ok(scalar.unwrap_or(Scalar::Other))
    }
}

/// Puts a value where it belongs: to hand it up through serde costs more than to read it.
pub struct ScalarInto<'s, 'de>(pub &'s mut Option<Scalar<'de>>);

impl<'de> ScalarInto<'_, 'de> {
    #[inline]
    fn put(self, scalar: Scalar<'de>) {
        *self.0 = Some(scalar);
    }

    fn put_text(self, text: String) {
        self.put(Scalar::Text(Cow::Owned(text)));
    }
}

impl<'de> DeserializeSeed<'de> for ScalarInto<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ScalarInto<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    #[inline]
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.put(Scalar::Text(Cow::Borrowed(text)));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.put_text(text.to_owned());
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.put_text(number.to_string());
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.put_text(number.to_string());
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.put(Scalar::Text(Cow::Borrowed("")));
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.put(Scalar::Other);
        Ok(())
    }

    #[cold]
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.put(Scalar::Other);
        Ok(())
    }

    #[cold]
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut number = None;
        while let Some(is_number) = map.next_key_seed(IsNumber)? {
            if is_number {
                number = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        self.put(number.map_or(Scalar::Other, Scalar::Number));
        Ok(())
    }
}

/// Whether a key is the one under which `serde_json` hands over a number that fits no integer.
struct IsNumber;

impl<'de> DeserializeSeed<'de> for IsNumber {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsNumber {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == "$serde_json::private::Number")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_the_form_in_which_the_vendor_wrote_it() {
        for number in [
            "0",
            "-0",
            "7",
            "-7",
            "1.50",
            "1.0e+25",
            "1e+999",
            "-2.5e-7",
            "18446744073709551617",
            "99999999999999999999.0",
        ] {
            let scalar: Scalar = serde_json::from_str(number).unwrap();
            assert_eq!(scalar.text(), number);
            let scalar: Scalar =
                Scalar::deserialize(&mut serde_json::Deserializer::from_reader(number.as_bytes())).unwrap();
            assert_eq!(scalar.text(), number);
        }
        for other in ["true", "[1.5]", r#"{"a":1.5}"#, "{}"] {
            assert_eq!(serde_json::from_str::<Scalar>(other).unwrap(), Scalar::Other, "{other}");
        }
    }
}
