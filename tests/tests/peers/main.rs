//! Real peers and real browsers against the built server. One binary holds all cases, so that they are linked once.

mod changes;
mod changes_by_baresip;
mod demo;
mod firefox;
mod harness_browser;
mod harness_phones;
mod ipv6;
mod latch;
mod log;
mod never_waits_for_video;
mod phone;
mod pjsua2;
mod published_sdk;
mod scripted;
mod sipp_calls;
mod sipp_changes;
mod sipp_is_called;
mod sipp_many;
mod tcp;
mod tcp_peers;
mod topology;
mod wire;
