//! Charts from a real registry, images between real registries, and images of the charts that people install.
//!
//! What is needed in addition to this crate is found through the environment (`tests/tools/suite.py` sets it) or where `make
//! test` leaves it; what is missing is reported and left out.

mod images;
mod mirror;
mod registry;
