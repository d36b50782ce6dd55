//! End-to-end tests: real peers and real browsers.
