//! What Jira and Confluence share.

pub mod adf;
