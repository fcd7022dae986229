//! A Prometheus exporter for contact centres on wolkvox.
//!
//! Data flow one way. [`config`] says which operations to watch and [`catalog`] which reports there are, both read from
//! [`yaml`]; [`poll`] decides when a report is asked for and asks it through [`wolkvox`], the vendor's HTTP API, whose
//! answers become [`rows`]; [`aggregate`] adds the rows up into [`series`] while they are parsed, and writes those as
//! deflated [`segment`]s; [`store`] keeps the latest of each target and knows until when it is current, and [`state`] keeps
//! it over a restart; [`exposition`] joins segments to the answer to a scrape, [`web`] sends it, and [`history`] writes it
//! down. [`capture`] keeps answers as files that name nobody. A scrape never causes a request to the vendor, and a failed
//! request never becomes a value.
//!
//! The modules stand below from the top floor down: each uses only those below it.

pub mod commands;
pub mod logs;
pub mod cli;
pub mod exporter;
pub mod web;
pub mod history;
pub mod exposition;
pub mod poll;
pub mod telemetry;
pub mod store;
pub mod state;
pub mod aggregate;
pub mod segment;
pub mod config;
pub mod capture;
pub mod wolkvox;
pub mod catalog;
pub mod yaml;
pub mod rows;
pub mod series;
pub mod time;
pub mod memory;
pub mod files;
mod lock;
