//! The whole keeps its promises: one binary, one file per surface.

#![allow(clippy::float_cmp, reason = "counts and whole seconds are exact in a double")]

mod shards;
mod support;
mod greedy;
mod poll;
mod bodies;
mod rows;
mod scrape;
mod web;
mod access;
mod tls;
mod limits;
mod memory;
mod status;
mod pictures;
mod leak;
mod proxy;
mod privacy;
mod config;
mod config_errors;
mod schema;
mod commands;
mod additive;
mod aggregate;
mod prometheus;
mod history;
mod alerts;
mod alert_chain;
mod dashboards;
mod compose;
mod deploy;
mod parsers;
mod kill;
mod disk;
mod state;
mod logs;
mod reload;
mod readme;
mod structure;
mod reference;
mod fuzz;
mod audit;
mod chaos;
mod pace;
