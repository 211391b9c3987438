//! Nadhir (نذير, "the warner").

pub mod alert;
pub mod bulletin;
pub mod daemon;
pub mod engine;
pub mod feed;
pub mod governorate;
pub mod hazard;
pub mod ids;
pub mod language;
pub mod message;
pub mod outbox;
pub mod problem;
pub mod reading;
pub mod route;
pub mod rule;
pub mod secret;
pub mod sink;
pub mod store;
pub mod table;
pub mod time;
pub mod unit;
pub mod warning;
