//! Serves the provider to Terraform; everything else is in the library.

fn main() {}
