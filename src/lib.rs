//! Nadhir (نذير, "the warner").

// words
pub mod ids;
pub mod problem;
pub mod secret;
pub mod time;
pub mod schedule;
pub mod table;
pub mod unit;
pub mod language;
pub mod hazard;
// flow
pub mod governorate;
pub mod reading;
pub mod alert;
pub mod feed;
pub mod rule;
pub mod bulletin;
pub mod warning;
pub mod record;
pub mod engine;
pub mod message;
pub mod route;
pub mod outbox;
pub mod dispatch;
// world
pub mod store;
pub mod sink;
pub mod fetch;
pub mod config;
pub mod daemon;
pub mod cli;
