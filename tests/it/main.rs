//! Does the whole keep its promises? One binary, one file per surface.

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
