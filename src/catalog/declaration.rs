//! The keys that a declaration can have, and the type of each.
//!
//! Only shapes: whether a declaration makes sense is for `check.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::format::FormatKind;
use super::report::{Form, ReportSpan, VendorField};
use crate::yaml::{At, Span};

/// A file of declarations.
pub(super) type Declarations = Vec<At<ReportDeclaration>>;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportDeclaration {
    pub name: At<String>,
    pub endpoint: At<String>,
    pub api: At<String>,
    #[serde(default)]
    pub params: BTreeMap<String, At<ParamDeclaration>>,
    pub window: Option<ReportSpan>,
    pub dated: Option<At<bool>>,
    pub interval: Option<At<Span>>,
    pub default: Option<At<bool>>,
    pub additive: Option<bool>,
    /// For people: whatever the vendor sends in place of a list is read.
    #[serde(rename = "shape")]
    pub _shape: Option<AnswerShape>,
    pub meaning: String,
    pub nested: Option<At<NestedDeclaration>>,
    #[serde(default)]
    pub optional: BTreeSet<String>,
    /// Fields that are documented and not read.
    #[serde(default)]
    pub unused: BTreeSet<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, At<LabelDeclaration>>,
    pub metrics: Vec<At<MetricDeclaration>>,
    #[serde(default)]
    pub info: Vec<At<InfoDeclaration>>,
}

/// What stands where the rows of an answer are.
#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AnswerShape {
    /// A list in an envelope.
    List,
    /// A list without an envelope.
    Array,
    /// One row without a list.
    Object,
}

/// A text, or where the config has one.
pub(super) enum ParamDeclaration {
    Text(String),
    Setting(SettingDeclaration),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingDeclaration {
    pub setting: String,
    pub default: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NestedDeclaration {
    pub field: String,
    pub day: Option<String>,
}

/// A field, or a mapping with more.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LabelMapping {
    pub field: FieldDeclaration,
    #[serde(default)]
    pub form: Form,
    pub personal: Option<Role>,
    #[serde(default)]
    pub nested: bool,
}

pub(super) struct LabelDeclaration(pub LabelMapping);

/// What a label is declared to tell of a person.
#[derive(Clone, Copy, PartialEq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    Id,
    Name,
    Document,
    None,
}

/// One name, or those that a field may have.
pub(super) struct FieldDeclaration(pub VendorField);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetricDeclaration {
    pub name: At<String>,
    pub help: String,
    pub field: Option<FieldDeclaration>,
    pub columns: Option<ColumnsDeclaration>,
    pub labels: Option<At<Vec<At<String>>>>,
    pub format: Option<FormatKind>,
    /// Words in place of a format.
    pub values: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub signed: bool,
    pub combine: Option<CombineDeclaration>,
    pub times: Option<InputDeclaration>,
    pub weight: Option<InputDeclaration>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ColumnsDeclaration {
    pub label: At<String>,
    /// Of each field: the label's value.
    pub fields: At<BTreeMap<String, String>>,
}

#[derive(Clone, Copy, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CombineDeclaration {
    Sum,
    Max,
    Min,
    Only,
    Count,
    Mean,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputDeclaration {
    pub field: FieldDeclaration,
    pub format: FormatKind,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InfoDeclaration {
    pub name: At<String>,
    pub labels: BTreeMap<String, At<LabelDeclaration>>,
    pub only_with: Option<At<String>>,
}

impl<'de> Deserialize<'de> for ParamDeclaration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ParamDeclaration, D::Error> {
        struct ParamVisitor;

        impl<'de> Visitor<'de> for ParamVisitor {
            type Value = ParamDeclaration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a mapping with setting and default,")
            }

            fn visit_str<E>(self, text: &str) -> Result<ParamDeclaration, E> {
                Ok(ParamDeclaration::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ParamDeclaration, A::Error> {
                SettingDeclaration::deserialize(MapAccessDeserializer::new(map)).map(ParamDeclaration::Setting)
            }
        }

        deserializer.deserialize_any(ParamVisitor)
    }
}

impl<'de> Deserialize<'de> for LabelDeclaration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LabelDeclaration, D::Error> {
        struct LabelVisitor;

        impl<'de> Visitor<'de> for LabelVisitor {
            type Value = LabelDeclaration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name, or a mapping with field, form and personal,")
            }

            fn visit_str<E>(self, field: &str) -> Result<LabelDeclaration, E> {
                let field = FieldDeclaration(VendorField::from(field));
                Ok(LabelDeclaration(LabelMapping { field, form: Form::AsSent, personal: None, nested: false }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LabelDeclaration, A::Error> {
                LabelMapping::deserialize(MapAccessDeserializer::new(map)).map(LabelDeclaration)
            }
        }

        deserializer.deserialize_any(LabelVisitor)
    }
}

impl<'de> Deserialize<'de> for FieldDeclaration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FieldDeclaration, D::Error> {
        struct NamesVisitor;

        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = FieldDeclaration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name, or a list of those that it may have,")
            }

            fn visit_str<E>(self, name: &str) -> Result<FieldDeclaration, E> {
                Ok(FieldDeclaration(VendorField::from(name)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<FieldDeclaration, A::Error> {
                let names: Vec<String> = Vec::deserialize(SeqAccessDeserializer::new(list))?;
                let mut names = names.into_iter();
                let name = names.next().ok_or_else(|| serde::de::Error::custom("a field has at least one name"))?;
                Ok(FieldDeclaration(VendorField { name, also: names.collect() }))
            }
        }

        deserializer.deserialize_any(NamesVisitor)
    }
}
