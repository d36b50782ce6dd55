//! A stranger drives it: the published WebSDK 2.0, unmodified, with its own sample pages, in Chromium. Through a Kamailio
//! with baresip, and against the demo's test PBX.

mod call_ends;
mod calls;
mod click_to_call;
mod demo;
mod line;
mod refusals;
mod sdk;
