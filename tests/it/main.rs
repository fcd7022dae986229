//! Does the whole keep its promises? One binary, one file per surface.

#![allow(clippy::float_cmp, reason = "counts and whole seconds are exact in a double")]

mod shards;
mod stage;
mod greedy;
mod http;
mod scraped;
mod child;
mod home;
mod poll;
mod bodies;
mod rows;
mod scrape;
mod web;
mod certificates;
mod access;
mod tls;
mod limits;
mod browser;
mod status;
mod pictures;
mod leak;
mod privacy;
mod config;
mod schema;
mod commands;
mod additive;
mod prometheus;
mod alerts;
mod alert_chain;
mod boards;
mod past;
mod dashboards;
mod compose;
mod deploy;
mod parsers;
mod kill;
mod disk;
mod state;
mod reload;
mod readme;
mod fuzz;
mod timelapse;
mod audit;
mod chaos;
mod pace;
