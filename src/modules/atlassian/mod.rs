//! Code that Jira and Confluence share.

pub mod adf;
