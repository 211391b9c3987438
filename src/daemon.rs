//! The daemon: watchers ask feeds, one brain decides, couriers deliver.

pub mod clock;
