//! Requests, replies and the greeting: what is read can be written and read again, and is within bounds.
#![no_main]

use ftp_fuzz::is_plain;
use ftp_fuzz::memory::within;
use ftp_proto::limits::INTEGER;
use ftp_proto::message::{
    Account, Bad, Body, Done, Entry, GetBegin, GetEnd, Greeting, Info, Listed, LoggedIn, OPS, Parts,
    PartsRemoved, PutBegin, Raw, Removed, Reply, Request, Stat, Stored, Sum,
};
use ftp_proto::{Printable, WireFault};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Debug;

fn same<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_vec(value).expect("it came from JSON");
    let again: T = serde_json::from_slice(&text).expect("what is written can be read");
    assert_eq!(&again, value);
}

fn answer<T: Serialize + DeserializeOwned + PartialEq + Debug>(raw: &Raw) {
    if let Ok(read) = raw.read::<T>() {
        same(&read);
    }
}

fn answers(raw: &Raw) {
    answer::<Account>(raw);
    answer::<Done>(raw);
    answer::<GetBegin>(raw);
    answer::<GetEnd>(raw);
    answer::<Info>(raw);
    answer::<Listed>(raw);
    answer::<LoggedIn>(raw);
    answer::<Parts>(raw);
    answer::<PartsRemoved>(raw);
    answer::<PutBegin>(raw);
    answer::<Removed>(raw);
    answer::<Stat>(raw);
    answer::<Stored>(raw);
    answer::<Sum>(raw);
}

fn is_name(entry: &Entry) -> bool {
    entry.name.as_ref().is_none_or(|name| {
        let text = name.as_str();
        !matches!(text, "" | "." | "..") && !text.contains(|c: char| c == '/' || c.is_control())
    })
}

fn request(json: &[u8]) {
    match Request::parse(json) {
        Ok(request) => {
            assert!((1..=INTEGER).contains(&request.id));
            same(&request);
            let text = serde_json::to_vec(&request).expect("it came from JSON");
            assert_eq!(Request::parse(&text), Ok(request));
        }
        Err(Bad::Malformed(fault)) => assert_eq!(fault, WireFault::Message),
        Err(bad @ (Bad::Members { id } | Bad::Unsupported { id })) => {
            assert!((1..=INTEGER).contains(&id));
            // What is passed over may hold what is no text.
            if let Ok(value) = serde_json::from_slice::<Value>(json) {
                let known = value["op"].as_str().is_some_and(|op| OPS.contains(&op));
                assert_eq!(known, bad == Bad::Members { id }, "{value}");
            }
        }
    }
}

fn reply(json: &[u8]) {
    let Ok(reply) = serde_json::from_slice::<Reply>(json) else { return };
    match &reply.body {
        Body::Ok(raw) | Body::Begin(raw) => answers(raw),
        Body::Error(refusal) => {
            same(refusal);
            let told = [Some(&refusal.message), refusal.hint.as_ref()];
            assert!(told.into_iter().flatten().all(|text| is_plain(&Printable(text).to_string())));
        }
        Body::Page(page) => {
            same(page);
            assert!(page.entries.iter().all(is_name));
        }
    }
}

fuzz_target!(|data: &[u8]| {
    within(64 * 1024 + 128 * data.len(), || {
        request(data);
        reply(data);
        if let Ok(greeting) = serde_json::from_slice::<Greeting>(data) {
            same(&greeting);
        }
    });
});
