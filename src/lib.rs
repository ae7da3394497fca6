//! `ekshybrid`: Amazon EKS beyond the plain VPC, as a Terraform provider.

pub mod node;
