//! What authors of plugins depend on.
