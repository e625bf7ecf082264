//! How the requests that come by the thousand are read.

use super::{Get, Op, Put, PutEnd, Request};
use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// A request that moves a file, with `id` and `op` in front. It is read at once: what is derived for [`Request`] copies all members first, to look for `op`.
///
/// Whatever this takes, that takes as the same; whatever this does not take is left to that.
pub(super) struct Transfer(pub(super) Request);

impl<'de> Deserialize<'de> for Transfer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members).map(Self)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Request;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a request that moves a file")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Request, A::Error> {
        let other = || A::Error::custom("another request");
        let front = (map.next_entry::<&str, u64>()?, map.next_entry::<&str, &str>()?);
        let (Some(("id", id)), Some(("op", op))) = front else {
            return Err(other());
        };
        let members: &[_] = match op {
            "get" => &["path", "offset", "etag", "md5", "kept"],
            "put" => &["path", "size", "mtime", "eager", "restart", "md5"],
            "put_end" => &["root", "md5"],
            _ => return Err(other()),
        };
        let rest = MapAccessDeserializer::new(Rest { map, members });
        let op = match op {
            "get" => Op::Get(Get::deserialize(rest)?),
            "put" => Op::Put(Put::deserialize(rest)?),
            _ => Op::PutEnd(PutEnd::deserialize(rest)?),
        };
        Ok(Request { id, op })
    }
}

/// What is behind `id` and `op`: these members, and no others.
struct Rest<A> {
    map: A,
    members: &'static [&'static str],
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Rest<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        match self.map.next_key::<&str>()? {
            None => Ok(None),
            Some(key) if !self.members.contains(&key) => Err(A::Error::custom("another member")),
            Some(key) => seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

    #[test]
    fn what_is_taken_is_taken_as_the_same_by_what_is_derived() {
        let texts = [
            r#"{"id":1,"op":"put","path":"/a/b","size":3,"mtime":-5,"eager":true,"restart":false,"md5":true}"#.to_owned(),
            r#"{"id":1,"op":"put","size":3,"path":"/a\"/\u00e9"}"#.to_owned(),
            format!(r#"{{"id":9007199254740991,"op":"put_end","root":"{ROOT}"}}"#),
            r#" { "id" : 2 , "op" : "get" , "path" : "/x/../y", "offset":262144, "kept":"check", "etag": null }"#.to_owned(),
        ];
        for text in texts {
            let Transfer(request) = serde_json::from_str(&text).expect(&text);
            assert_eq!(request, serde_json::from_str::<Request>(&text).expect(&text));
        }
    }

    #[test]
    fn what_is_not_taken_is_left_to_what_is_derived() {
        let put = r#""path":"/a","size":3"#;
        for (text, is_request) in [
            (format!(r#"{{"op":"put","id":1,{put}}}"#), true),
            (format!(r#"{{{put},"id":1,"op":"put"}}"#), true),
            (r#"{"id":1,"op":"put","p\u0061th":"/a","size":3}"#.to_owned(), true),
            (r#"{"id":1,"op":"ping"}"#.to_owned(), true),
            (format!(r#"{{"id":1,"op":"put",{put},"new":{{"id":[1]}}}}"#), true),
            (format!(r#"{{"id":1,"op":"put",{put},"new":{}}}"#, "[".repeat(200) + &"]".repeat(200)), false),
            (format!(r#"{{"id":1,"op":"put",{put},"new":"\ud800"}}"#), false),
            (format!(r#"{{"id":1,"op":"put",{put},"root":1e999}}"#), false),
            (format!(r#"{{"id":1,"op":"put",{put},"id":1}}"#), false),
            (format!(r#"{{"id":1,"op":"put",{put},"op":"put"}}"#), false),
            (format!(r#"{{"id":1,"op":"put",{put},"size":3}}"#), false),
            (format!(r#"{{"id":1,"op":"put",{put},"eager":1}}"#), false),
            (format!(r#"{{"id":-1,"op":"put",{put}}}"#), false),
            (r#"{"id":1,"op":"put","path":"/a"}"#.to_owned(), false),
            (r#"{"id":1,"op":"put","path":"a/..","size":3.0}"#.to_owned(), false),
            (r#"{"id":1,"op":"put_end","root":"00"}"#.to_owned(), false),
            (r#"[1,"get"]"#.to_owned(), false),
        ] {
            assert!(serde_json::from_str::<Transfer>(&text).is_err(), "{text}");
            assert_eq!(serde_json::from_str::<Request>(&text).is_ok(), is_request, "{text}");
        }
    }
}
