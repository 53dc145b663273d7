#![doc = include_str!("../README.md")]

pub mod admin;
pub mod extract;
pub mod refusal;
pub mod state;
pub mod view;
