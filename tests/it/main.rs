//! Does the whole keep its promises? One binary, one file per surface.

#![allow(clippy::float_cmp, reason = "counts and whole seconds are exact in a double")]

mod shards;
mod stage;
mod http;
mod scraped;
mod child;
mod poll;
mod bodies;
mod rows;
mod scrape;
mod web;
mod leak;
mod config;
mod commands;
mod additive;
mod prometheus;
mod parsers;
mod timelapse;
mod audit;
mod chaos;
mod pace;
