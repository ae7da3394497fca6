//! Acceptance cases: one text file each, run by two layers that must agree.

pub mod case;
