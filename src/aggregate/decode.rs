//! Decoding: each row's declared fields, borrowed from the answer.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::aggregator::{Aggregator, Seen};
use super::row_plan::{RowPlan, Slot};
use crate::memory::MemoryError;
use crate::rows::{Rows, ScalarInto, TakesAnswers};
use crate::series::is_equal;

/// Rows after which the memory of what they led to is counted again.
const ROWS_BETWEEN_COUNTS: u64 = 64;
/// Most rows inside of one row. The vendor's have one for each day of a month.
const MOST_NESTED: usize = 10_000;
/// Most bytes of text in the rows inside of one row.
const NESTED_BYTES: usize = 1 << 20;

/// Hands the declared fields of one answer's rows to an aggregator.
pub struct Decoder<'a, 'de> {
    plan: Arc<RowPlan>,
    aggregator: &'a mut Aggregator,
    /// Why no more rows can be taken.
    refused: Option<MemoryError>,
    row: Vec<Slot<'de>>,
    before: Vec<Slot<'de>>,
    /// Nested rows of the row at hand, one after the other.
    nested: Vec<Slot<'de>>,
    /// Of the vendor's rows, and of those nested in them.
    orders: [FieldOrder<'de>; 2],
}

/// The fields of the last row in the order in which they stood there, which is that of the next one too: each name is
/// then compared with one, not with all.
type FieldOrder<'de> = [Option<(&'de str, Option<usize>)>; ORDERED_FIELDS];

/// Fields of a row whose order is kept. Documented rows have two dozen.
const ORDERED_FIELDS: usize = 32;

impl<'a, 'de> Decoder<'a, 'de> {
    pub(super) fn new(plan: Arc<RowPlan>, aggregator: &'a mut Aggregator) -> Decoder<'a, 'de> {
        let fields = plan.fields.0.len();
        Decoder {
            plan,
            aggregator,
            refused: None,
            row: vec![None; fields],
            before: vec![None; fields],
            nested: Vec::new(),
            orders: [[None; ORDERED_FIELDS]; 2],
        }
    }
}

impl TakesAnswers for Aggregator {
    type Rows<'a, 'de> = Decoder<'a, 'de>;

    fn begin<'de>(&mut self, mended: bool) -> Decoder<'_, 'de> {
        self.begin_answer(mended);
        Decoder::new(Arc::clone(self.plan()), self)
    }
}

impl<'de> Rows<'de> for Decoder<'_, 'de> {
    fn row<D: Deserializer<'de>>(&mut self, row: D) -> Result<(), D::Error> {
        std::mem::swap(&mut self.row, &mut self.before);
        // `fill` would clone for each.
        self.row.iter_mut().for_each(|slot| *slot = None);
        self.nested.clear();
        let [order, nested_order] = &mut self.orders;
        let visitor = RowVisitor {
            plan: &self.plan,
            seen: &mut self.aggregator.seen,
            row: &mut self.row,
            order,
            nested: Some((&mut self.nested, nested_order)),
        };
        row.deserialize_map(visitor)?;
        self.aggregator.take(&self.plan, &self.row, &self.before, &self.nested);
        if self.aggregator.rows.is_multiple_of(ROWS_BETWEEN_COUNTS) {
            self.aggregator.take_memory().map_err(|refused| {
                self.refused = Some(refused);
                D::Error::custom("no memory")
            })?;
        }
        Ok(())
    }

    fn refused(&mut self) -> Option<MemoryError> {
        self.refused.take()
    }
}

/// Fills a row's slots. `nested` is where the rows of its list go, and is not there inside that list.
struct RowVisitor<'r, 'de> {
    plan: &'r RowPlan,
    seen: &'r mut Seen,
    row: &'r mut [Slot<'de>],
    order: &'r mut FieldOrder<'de>,
    nested: Option<(&'r mut Vec<Slot<'de>>, &'r mut FieldOrder<'de>)>,
}

impl<'de> Visitor<'de> for RowVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let in_list = self.nested.is_none();
        let list = self.plan.nested.as_ref().filter(|_| !in_list).map(|nested| nested.list);
        for index in 0.. {
            let expected = self.order.get_mut(index);
            let seed = FieldSeed { plan: self.plan, seen: self.seen, nested: in_list, expected };
            let Some(field) = map.next_key_seed(seed)? else { break };
            let Some(field) = field else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            match &mut self.nested {
                Some((nested, order)) if list == Some(field) => {
                    // A list that stands twice in its row counts once.
                    nested.clear();
                    map.next_value_seed(ListSeed { plan: self.plan, seen: self.seen, nested, order })?;
                }
                _ => map.next_value_seed(ScalarInto(&mut self.row[field]))?,
            }
        }
        Ok(())
    }
}

/// A key's place among the declared fields, `None` for any other key.
struct FieldSeed<'r, 'de> {
    plan: &'r RowPlan,
    seen: &'r mut Seen,
    nested: bool,
    expected: Option<&'r mut Option<(&'de str, Option<usize>)>>,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_, 'de> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_, 'de> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    #[inline]
    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Option<usize>, E> {
        if let Some(Some((known, field))) = self.expected.as_deref()
            && is_equal(known, name)
        {
            return Ok(*field);
        }
        let field = self.seen.find(self.plan, name, self.nested);
        if let Some(expected) = self.expected {
            *expected = Some((name, field));
        }
        Ok(field)
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.seen.find(self.plan, name, self.nested))
    }
}

/// The list of nested rows.
struct ListSeed<'r, 'de> {
    plan: &'r RowPlan,
    seen: &'r mut Seen,
    nested: &'r mut Vec<Slot<'de>>,
    order: &'r mut FieldOrder<'de>,
}

impl<'de> DeserializeSeed<'de> for ListSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ListSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of nested rows")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let ListSeed { plan, seen, nested, order } = self;
        let (fields, mut bytes) = (plan.fields.0.len(), 0);
        while seq.next_element_seed(NestedSeed { plan, seen, nested, order })?.is_some() {
            bytes += nested[nested.len() - fields..].iter().flatten().map(|value| value.text().len()).sum::<usize>();
            if nested.len() / fields > MOST_NESTED || bytes > NESTED_BYTES {
                return Err(A::Error::custom("a row with too much inside"));
            }
        }
        Ok(())
    }
}

/// One nested row, appended to the others.
struct NestedSeed<'r, 'de> {
    plan: &'r RowPlan,
    seen: &'r mut Seen,
    nested: &'r mut Vec<Slot<'de>>,
    order: &'r mut FieldOrder<'de>,
}

impl<'de> DeserializeSeed<'de> for NestedSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let NestedSeed { plan, seen, nested, order } = self;
        let first = nested.len();
        nested.resize(first + plan.fields.0.len(), None);
        deserializer.deserialize_map(RowVisitor { plan, seen, row: &mut nested[first..], order, nested: None })
    }
}
