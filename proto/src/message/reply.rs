//! How an answer is read.

use super::{Body, Reply};
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// Reads it at once: what is derived for a flattened body would copy all of it first.
impl<'de> Deserialize<'de> for Reply {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Member {
    Re,
    Ok,
    Error,
    Begin,
    Page,
    #[serde(other)]
    Unknown,
}

impl<'de> Visitor<'de> for Members {
    type Value = Reply;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an answer")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Reply, A::Error> {
        let (mut re, mut body) = (None, None);
        while let Some(member) = map.next_key()? {
            match (member, &body) {
                (Member::Re, _) if re.is_some() => return Err(A::Error::duplicate_field("re")),
                (Member::Re, _) => re = Some(map.next_value()?),
                (Member::Ok, None) => body = Some(Body::Ok(map.next_value()?)),
                (Member::Error, None) => body = Some(Body::Error(map.next_value()?)),
                (Member::Begin, None) => body = Some(Body::Begin(map.next_value()?)),
                (Member::Page, None) => body = Some(Body::Page(map.next_value()?)),
                _ => {
                    let _skipped: IgnoredAny = map.next_value()?;
                }
            }
        }
        let re = re.ok_or_else(|| A::Error::missing_field("re"))?;
        let body = body.ok_or_else(|| A::Error::custom("an answer of no known kind"))?;
        Ok(Reply { re, body })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Raw;
    use super::*;

    #[test]
    fn an_answer_has_one_id_and_one_body_whatever_else_is_there_and_in_any_order() {
        let read = |text: &str| serde_json::from_str::<Reply>(text);
        let raw = |text: &str| serde_json::from_str::<Raw>(text).expect("json");
        let ok = Reply { re: 7, body: Body::Ok(raw(r#"{"size":1}"#)) };
        for text in [
            r#"{"re":7,"ok":{"size":1}}"#,
            r#"{"ok":{"size":1},"re":7}"#,
            r#"{"new":[1,{"re":2}],"re":7,"older":null,"ok":{"size":1}}"#,
        ] {
            assert_eq!(read(text).expect(text), ok);
        }
        let begin = Reply { re: 0, body: Body::Begin(raw("{}")) };
        assert_eq!(read(r#"{"re":0,"begin":{}}"#).expect("json"), begin);
        for text in [
            "{}",
            "7",
            "[7]",
            r#"{"re":7}"#,
            r#"{"ok":{}}"#,
            r#"{"re":-1,"ok":{}}"#,
            r#"{"re":"7","ok":{}}"#,
            r#"{"re":7,"re":8,"ok":{}}"#,
            r#"{"re":7,"error":{}}"#,
            r#"{"re":7,"page":[]}"#,
            r#"{"re":7,"ok":{}"#,
            r#"{"re":7,"other":{}}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
