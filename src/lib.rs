//! A Prometheus exporter for contact centres on wolkvox.
//!
//! Data flow one way. [`config`] says which operations to watch and [`catalog`] which reports there are; [`poll`]
//! decides when a report is asked for and asks it through [`wolkvox`], the vendor's HTTP API; [`fold`] turns the
//! answer's rows into [`series`] while they are parsed; [`segment`] writes those as deflated text; [`store`] keeps
//! the latest of each [`target`] and knows until when it is true, and [`state`] keeps it over a restart; [`exposition`] joins segments to the answer to a
//! scrape, and [`web`] sends it. A scrape never causes a call, and a failed call never becomes a value.
//!
//! The modules stand below from the top floor down: each uses only those below it.

pub mod commands;
pub mod cli;
pub mod logs;
pub mod exporter;
pub mod web;
pub mod exposition;
pub mod poll;
pub mod state;
pub mod telemetry;
pub mod store;
pub mod segment;
pub mod aggregate;
pub mod config;
pub mod wolkvox;
pub mod catalog;
pub mod time;
pub mod memory;
pub mod files;
pub mod rows;
pub mod series;
