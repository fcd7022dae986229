//! The config's types as a schema for editors and an example for people.
//!
//! `wolkvox-exporter.schema.json` and `wolkvox-exporter.example.yml` are written out of `file.rs`: keys, types,
//! comments, defaults. So are the tables of `docs/configuration.md`, and those of the flags out of `cli.rs`. Only tests
//! do that, so nothing here is part of the program.

use std::borrow::Cow;
use std::path::Path;

use clap::CommandFactory;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde_json::{Value, json};

use super::Config;
use super::file::{
    ConfigFile, LimitsEntry, OperationEntry, Patterns, PollingEntry, PrivacyEntry, ReportEntry, ReportMapping,
};
use crate::catalog::{Catalog, DEFAULT};
use crate::cli::Cli;
use crate::time::WindowName;
use crate::yaml::{At, Size, Span};

const WIDTH: usize = 118;
const HEAD: &str = "\
# yaml-language-server: $schema=wolkvox-exporter.schema.json
#
# Every key of the config file. A key that is not here does not exist: the exporter refuses it and says where it stands.
# A value is the default, or an example where one is required. What is commented out has no default.
# Try it:  wolkvox-exporter check --config.file=wolkvox-exporter.yml
#
# Spans of time: 90s, 5m, 1h 30m. Numbers of bytes: 256MB, 64KiB.
#
# Generated from src/config/file.rs. To renew it: UPDATE_DOCS=1 cargo test config::schema
";

// === types that are not derived ===

impl<T: JsonSchema> JsonSchema for At<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?\s*[A-Za-zµ]+\s*)+$" })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "pattern": "^[0-9]+ *(B|kB|KB|MB|GB|KiB|MiB|GiB)?$", "minimum": 1 })
    }
}

impl JsonSchema for Patterns {
    fn schema_name() -> Cow<'static, str> {
        "Patterns".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["array", "string"], "items": { "type": "string" } })
    }
}

impl JsonSchema for WindowName {
    fn schema_name() -> Cow<'static, str> {
        "Window".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // What is now is a window of other reports, and not chosen.
        let chosen = [WindowName::Today, WindowName::Yesterday, WindowName::Week, WindowName::Month];
        json_schema!({ "type": "string", "enum": chosen.map(|window| window.to_string()) })
    }
}

impl JsonSchema for ReportEntry {
    fn schema_name() -> Cow<'static, str> {
        "ReportEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string", "enum": reports() }, ReportMapping::json_schema(generator)] })
    }
}

fn reports() -> Vec<String> {
    let catalog = Catalog::builtin().unwrap();
    catalog.reports().iter().map(|report| report.name.to_string()).chain([DEFAULT.to_owned()]).collect()
}

// === the schema ===

fn schema() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<ConfigFile>().to_value();
    schema["title"] = json!("Config of wolkvox-exporter");
    schema["properties"]["operations"]["items"]["properties"]["reports"]["default"] = json!([DEFAULT]);
    tidy(&mut schema);
    schema
}

/// A key that may be left out is no key that may be null; and a comment is one line, however it is broken in the source.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.remove("format");
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [one] = &types[..] {
                    let one = one.clone();
                    object.insert("type".to_owned(), one);
                }
            }
            if let Some(Value::Array(values)) = object.get_mut("enum") {
                values.retain(|value| !value.is_null());
            }
            if let Some(Value::Array(choices)) = object.remove("anyOf") {
                let mut choices: Vec<Value> = choices.into_iter().filter(|choice| choice["type"] != "null").collect();
                match (choices.pop(), choices.is_empty()) {
                    (Some(Value::Object(one)), true) => {
                        object.extend(one.into_iter().filter(|(key, _)| key != "description"));
                    }
                    (last, _) => {
                        choices.extend(last);
                        object.insert("anyOf".to_owned(), Value::Array(choices));
                    }
                }
            }
            if let Some(Value::String(description)) = object.get_mut("description") {
                *description = description.split_whitespace().collect::<Vec<_>>().join(" ");
            }
            object.values_mut().for_each(tidy);
        }
        Value::Array(values) => values.iter_mut().for_each(tidy),
        _ => {}
    }
}

// === the example ===

/// The keys below a key, in the order of their type.
fn keys(of: &str) -> &'static [&'static str] {
    match of {
        "" => fields::<ConfigFile>(),
        "operations" => fields::<OperationEntry>(),
        "reports" => fields::<ReportMapping>(),
        "polling" => fields::<PollingEntry>(),
        "limits" => fields::<LimitsEntry>(),
        "privacy" => fields::<PrivacyEntry>(),
        _ => &[],
    }
}

/// What a derived type asks its deserializer for: its fields, as they stand in the source.
fn fields<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    struct Ask<'f>(&'f mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Ask<'_> {
        type Error = serde::de::value::Error;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(Self::Error::custom("no struct"))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = fields;
            self.deserialize_any(visitor)
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut fields: &'static [&'static str] = &[];
    assert!(T::deserialize(Ask(&mut fields)).is_err() && !fields.is_empty());
    fields
}

fn example(schema: &Value) -> String {
    format!("{HEAD}\n{}", section("", schema, 0))
}

/// The keys of a mapping, each with its comment and value.
fn section(of: &str, schema: &Value, indent: usize) -> String {
    let properties = keys(of).iter().filter_map(|key| Some((*key, schema["properties"].get(key)?)));
    let blocks: Vec<String> = properties.map(|(key, property)| block(key, property, schema, indent)).collect();
    blocks.join(if indent == 0 { "\n" } else { "" })
}

fn block(key: &str, property: &Value, parent: &Value, indent: usize) -> String {
    let start = " ".repeat(indent);
    let comment = comment(property["description"].as_str().unwrap_or_default(), indent);
    if property["type"] == "object" && property["properties"].is_object() {
        return format!("{comment}{start}{key}:\n{}", section(key, property, indent + 2));
    }
    if let Some(item) = Some(&property["items"]).filter(|item| item.get("properties").is_some()) {
        return format!("{comment}{start}{key}:\n{}", item_of(key, item, indent + 2));
    }
    if let Some(mapping) = property["items"]["anyOf"].get(1) {
        let names: Vec<Value> = Catalog::builtin().unwrap().by_default().map(|report| json!(&*report.name)).collect();
        let (last, first) = names.split_last().expect("there are reports");
        let first: Vec<String> = first.iter().map(|name| format!("{start}  - {}\n", scalar(name))).collect();
        let mut mapping = mapping.clone();
        mapping["properties"]["name"]["examples"] = json!([last]);
        // An example of settings: nothing of it is a default.
        mapping["required"] = json!(keys(key));
        return format!("{comment}{start}{key}:\n{}{}", first.concat(), item_of(key, &mapping, indent + 2));
    }
    let value =
        property.get("default").or_else(|| property["examples"].get(0)).unwrap_or_else(|| panic!("{key}: no value"));
    let live = if property.get("default").is_some() || is_required(key, parent) { "" } else { "# " };
    format!("{comment}{start}{live}{key}: {}\n", scalar(value))
}

/// A mapping as an item of a list.
fn item_of(key: &str, item: &Value, indent: usize) -> String {
    let text = section(key, item, indent + 2);
    format!("{}- {}", " ".repeat(indent), &text[indent + 2..])
}

/// Whether a key is needed, or is the first of those of which one is.
fn is_required(key: &str, parent: &Value) -> bool {
    let named = |list: &Value| list.as_array().is_some_and(|keys| keys.iter().any(|known| known == key));
    let choices = parent["allOf"].as_array();
    named(&parent["required"]) || choices.is_some_and(|all| all.iter().any(|one| named(&one["oneOf"][0]["required"])))
}

fn comment(text: &str, indent: usize) -> String {
    let start = format!("{}#", " ".repeat(indent));
    let mut lines = vec![start.clone()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if lines.last().is_some_and(|line| line.chars().count() + 1 + word.chars().count() > WIDTH) {
            lines.push(start.clone());
        }
        let line = lines.last_mut().expect("there is one");
        line.push(' ');
        line.push_str(word);
    }
    if text.is_empty() { String::new() } else { lines.join("\n") + "\n" }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if text.parse::<f64>().is_ok() => format!("\"{text}\""),
        Value::String(text) => text.clone(),
        Value::Array(values) => format!("[{}]", values.iter().map(scalar).collect::<Vec<_>>().join(", ")),
        Value::Object(values) => {
            let values = values.iter().map(|(key, value)| format!("{key}: {}", scalar(value)));
            format!("{{{}}}", values.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

// === the tables ===

/// A row for each key that has a value, in the order of the types.
fn key_rows(of: &str, schema: &Value, above: &str) -> String {
    let properties = keys(of).iter().filter_map(|key| Some((*key, schema["properties"].get(key)?)));
    let rows = properties.map(|(key, property)| {
        let path = format!("{above}{key}");
        if property["type"] == "object" && property["properties"].is_object() {
            return key_rows(key, property, &format!("{path}."));
        }
        let item = property["items"]["anyOf"].get(1).unwrap_or(&property["items"]);
        let below =
            if item.get("properties").is_some() { key_rows(key, item, &format!("{path}[].")) } else { String::new() };
        // Operations are nothing but their keys.
        if key == "operations" { below } else { key_row(key, &path, property, schema) + &below }
    });
    rows.collect()
}

fn key_row(key: &str, path: &str, property: &Value, parent: &Value) -> String {
    let value = match (property.get("default"), property["examples"].get(0)) {
        (Some(default), _) => Some(format!("default `{}`", scalar(default))),
        (None, example) => example.map(|example| format!("`{}`", scalar(example))),
    };
    let is_required = parent["required"].as_array().is_some_and(|keys| keys.iter().any(|known| known == key));
    let value: Vec<String> = value.into_iter().chain(is_required.then(|| "required".to_owned())).collect();
    let meaning = property["description"].as_str().unwrap_or_default();
    format!("| `{path}` | {} | {meaning} |\n", value.join(", "))
}

/// A row for each flag, in the order of `cli.rs`.
fn flag_rows() -> String {
    let cli = Cli::command();
    let rows = cli.get_arguments().map(|flag| {
        let name = flag.get_long().expect("a flag has a name");
        let takes = flag.get_value_names().expect("a flag takes a value").join(" ");
        let variable = flag.get_env().expect("a flag has a variable").to_string_lossy();
        let default = match flag.get_default_values() {
            [] => "–".to_owned(),
            values => {
                values.iter().map(|value| format!("`{}`", value.to_string_lossy())).collect::<Vec<_>>().join(", ")
            }
        };
        let values: Vec<String> =
            flag.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
        let values = if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
        let help = flag.get_help().expect("a flag has a meaning");
        format!("| `--{name}={takes}` | `{variable}` | {default} | {help}{values} |\n")
    });
    rows.collect()
}

/// A page with other rows in the table that stands between two marks.
fn with_rows(page: &str, mark: &str, rows: &str) -> String {
    let (start, end) = (format!("<!-- {mark} -->\n"), format!("<!-- /{mark} -->"));
    let (before, rest) = page.split_once(&start).unwrap_or_else(|| panic!("no {start}"));
    let (table, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
    let head: String = table.split_inclusive('\n').take(2).collect();
    format!("{before}{start}{head}{rows}{end}{after}")
}

// === are they up to date? ===

fn written(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(&path, text).unwrap();
    }
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = text.lines().zip(old.lines()).find(|(new, old)| new != old);
    assert!(text == old, "{name} is out of date; to renew it: UPDATE_DOCS=1 cargo test config::schema\n{differs:#?}");
}

#[test]
fn the_schema_is_what_the_types_say() {
    written("wolkvox-exporter.schema.json", &format!("{:#}\n", schema()));
}

#[test]
fn the_example_is_what_the_types_say() {
    written("wolkvox-exporter.example.yml", &example(&schema()));
}

#[test]
fn the_tables_of_keys_and_flags_are_what_the_types_say() {
    const PAGE: &str = "docs/configuration.md";
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).unwrap();
    let page = with_rows(&page, "keys", &key_rows("", &schema(), ""));
    written(PAGE, &with_rows(&page, "flags", &flag_rows()));
}

/// Every key that has a default, with that as its value.
fn with_defaults(property: &Value) -> Option<Value> {
    let Some(keys) = property["properties"].as_object() else { return property.get("default").cloned() };
    let said = keys.iter().filter_map(|(key, below)| Some((key.clone(), with_defaults(below)?)));
    Some(said.collect::<serde_json::Map<_, _>>().into())
}

#[test]
fn a_key_that_is_left_out_has_the_default_that_the_schema_says() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "secret").unwrap();
    let loaded = |mut config: Value, mut operation: Value| {
        for (key, value) in [("name", "acme"), ("server", "0003"), ("token_file", "token")] {
            operation[key] = value.into();
        }
        config["operations"] = json!([operation]);
        let path = folder.path().join("config.yml");
        std::fs::write(&path, config.to_string()).unwrap();
        let config = Config::load(&path, &Catalog::builtin().unwrap()).unwrap();
        format!("{:#?} {:?} {:?}", config.operations, config.limits, config.privacy)
    };
    let schema = schema();
    let mut said = with_defaults(&schema).unwrap();
    let operation = with_defaults(&schema["properties"]["operations"]["items"]).unwrap();
    for key in ["polling", "limits", "privacy"] {
        assert!(said[key].as_object().is_some_and(|keys| keys.len() > 1), "{key}: {said}");
    }
    assert!(operation["timezone"].is_string() && operation["reports"].is_array(), "{operation}");
    // No operation, and no list of files, is a default.
    said.as_object_mut().unwrap().remove("operations");
    assert_eq!(loaded(said, operation), loaded(json!({}), json!({})));
}
