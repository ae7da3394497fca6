//! Charts from a real registry, and images of the charts that people install.
//!
//! What is needed beside this crate is found through the environment (`tests/tools/suite.py` sets it) or where `make
//! test` leaves it; what cannot be had is said and left out.

mod images;
mod registry;
