//! The integration tests, in one binary. Each room is under `cfg(test)`, so that clippy takes its helpers for tests too.

#[cfg(test)]
mod adversity;
#[cfg(test)]
mod audiences;
#[cfg(test)]
mod backtest;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod both;
#[cfg(test)]
mod buttons;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod channel;
#[cfg(test)]
mod check;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod databases;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod digests;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod feeds;
#[cfg(test)]
mod floors;
#[cfg(test)]
mod forecast;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod held;
#[cfg(test)]
mod moving;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod online;
#[cfg(test)]
mod outside;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod process;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod service;
#[cfg(test)]
mod sinks;
#[cfg(test)]
mod stores;
#[cfg(test)]
mod subscribers;
#[cfg(test)]
mod systemd;
#[cfg(test)]
mod tried;
#[cfg(test)]
mod wis2;
#[cfg(test)]
mod websub;
