//! The two APIs from outside: requests in, answers out, over a real catalog and a real depot in a folder.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod agents;
mod boots;
mod events;
mod hostile;
mod masters;
mod menus;
mod people;
mod places;
mod plans;
mod problems;
mod reach;
mod records;
mod rights;
mod site;
mod work;
