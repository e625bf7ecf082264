//! What the two ends say to each other, as JSON objects.
//!
//! [`Request`] goes to the daemon; [`Hello`] and [`Reply`] come back. The body of an `ok` or `begin` is one of the structs below and depends on what
//! was asked: the daemon writes it from the struct, the client reads it into the struct.

mod answer;
mod reply;
mod request;

pub use answer::{
    Account, Done, Entry, GetBegin, GetEnd, Info, Kind, Listed, LoggedIn, Page, PartEntry, Parts,
    PartsRemoved, PutBegin, Removed, Stat, Stored, Sum, TlsFacts,
};

use crate::digest::{Etag, Md5Sum, Root};
use crate::error::{Code, WireFault};
use crate::limits::INTEGER;
use crate::path::VirtualPath;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroize;

/// A secret text: wiped when dropped, never shown.
#[derive(Clone, Default, PartialEq, Eq, Zeroize, zeroize::ZeroizeOnDrop, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes over a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, to be compared or sent.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// The daemon's first message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Name and version of the daemon.
    pub software: String,
    /// [`crate::limits::PROTOCOL`].
    pub protocol: u32,
    /// [`crate::limits::CHUNK`].
    pub chunk: u64,
    /// The most unanswered requests.
    pub pipeline: u32,
    /// A session that asks for nothing for so long is closed.
    pub idle_seconds: u64,
}

/// The envelope of [`Hello`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// The greeting itself.
    pub hello: Hello,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The client's number for it; 1 or more. A `put_end` has the id of its put.
    pub id: u64,
    /// What is asked.
    #[serde(flatten)]
    pub op: Op,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// Become a user.
    Login(Login),
    /// Become nobody.
    Logout,
    /// Are you there?
    Ping,
    /// Stop a request.
    Abort {
        /// The id of the request.
        target: u64,
    },
    /// The account and the connection.
    Info,
    /// One entry.
    Stat {
        /// Which.
        path: VirtualPath,
    },
    /// The entries of a directory.
    List {
        /// Which.
        path: VirtualPath,
    },
    /// Make a directory.
    Mkdir {
        /// Which.
        path: VirtualPath,
    },
    /// Remove an empty directory.
    Rmdir {
        /// Which.
        path: VirtualPath,
    },
    /// Remove a file.
    Rm {
        /// Which.
        path: VirtualPath,
    },
    /// Give an entry another path.
    Rename {
        /// The path now.
        from: VirtualPath,
        /// The path then.
        to: VirtualPath,
        /// Whether a file of that name may be replaced.
        #[serde(default)]
        replace: bool,
    },
    /// Hash a file at the server.
    Sum {
        /// Which.
        path: VirtualPath,
        /// Whether the MD5 is wanted too.
        #[serde(default)]
        md5: bool,
        /// Whether kept values will do.
        #[serde(default, skip_serializing_if = "Kept::is_use")]
        kept: Kept,
    },
    /// The user's unfinished uploads.
    Parts,
    /// Drop unfinished uploads.
    PartsRm {
        /// Which one; all without it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<PartId>,
    },
    /// Download.
    Get(Get),
    /// Upload.
    Put(Put),
    /// All chunks of the put with the same id were sent.
    PutEnd(PutEnd),
}

/// The members of `login`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Any text; one that cannot be a user's name is refused as a wrong password is.
    pub user: String,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Or the token of an earlier login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
}

/// The members of `get`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Get {
    /// Which file.
    pub path: VirtualPath,
    /// From where; a multiple of the chunk size.
    #[serde(default)]
    pub offset: u64,
    /// Which version; needed when `offset` is not 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<Etag>,
    /// Whether the MD5 is wanted at the end.
    #[serde(default)]
    pub md5: bool,
    /// Whether kept values will do.
    #[serde(default, skip_serializing_if = "Kept::is_use")]
    pub kept: Kept,
}

/// What is to be done with the values that the server kept of a file when it was uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// They go out with the bytes, unread by the server: the receiver's check is one of the disk too.
    #[default]
    Use,
    /// The server reads and hashes the bytes and compares.
    Check,
    /// The bytes are taken as they are now.
    Ignore,
}

impl Kept {
    /// The default, which is not sent.
    #[must_use]
    pub fn is_use(&self) -> bool {
        *self == Self::Use
    }
}

/// The members of `put`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Put {
    /// Which file.
    pub path: VirtualPath,
    /// Its whole size.
    pub size: u64,
    /// Its modification time, in seconds since 1970.
    #[serde(default)]
    pub mtime: i64,
    /// The bytes follow at once; only up to one chunk.
    #[serde(default)]
    pub eager: bool,
    /// Drop what an earlier attempt left.
    #[serde(default)]
    pub restart: bool,
    /// `put_end` will bring an MD5 to compare.
    #[serde(default)]
    pub md5: bool,
}

/// The members of `put_end`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutEnd {
    /// The root of the whole file.
    pub root: Root,
    /// Its MD5, if the put said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<Md5Sum>,
}

/// The name of an unfinished upload: 32 hexadecimal digits.
pub type PartId = Etag;

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// What is wrong and, as far as it could be read, the id to answer to (else 0). [`Bad::Unsupported`] leaves the connection usable.
    pub fn parse(json: &[u8]) -> Result<Self, Bad> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(default)]
            id: u64,
            #[serde(borrow, default)]
            op: std::borrow::Cow<'a, str>,
        }
        let request = match serde_json::from_slice(json) {
            Ok(request::Transfer(request)) => Ok(request),
            Err(_) => serde_json::from_slice(json),
        };
        match request {
            Ok(Self { id, .. }) if id == 0 || id > INTEGER => Err(Bad::Malformed(WireFault::Message)),
            Ok(request) => Ok(request),
            Err(_) => {
                // An array would be read as the members in their order, and what is left out is not looked at.
                let malformed = || Bad::Malformed(WireFault::Message);
                let text = str::from_utf8(json).map_err(|_| malformed())?;
                if text.trim_start().as_bytes().first() != Some(&b'{') {
                    return Err(malformed());
                }
                let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|_| malformed())?;
                if envelope.id == 0 || envelope.id > INTEGER {
                    Err(Bad::Malformed(WireFault::Message))
                } else if OPS.contains(&&*envelope.op) {
                    Err(Bad::Members { id: envelope.id })
                } else {
                    Err(Bad::Unsupported { id: envelope.id })
                }
            }
        }
    }
}

/// Why a request could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bad {
    /// Not a request at all; fatal.
    Malformed(WireFault),
    /// A known `op` with members missing, of the wrong type, or paths that break the rules; answered `bad_request` or `name_refused`.
    Members {
        /// The request's id.
        id: u64,
    },
    /// An `op` that is not known; answered `unsupported`.
    Unsupported {
        /// The request's id.
        id: u64,
    },
}

/// Every `op` there is.
pub const OPS: &[&str] = &[
    "login", "logout", "ping", "abort", "info", "stat", "list", "mkdir", "rmdir", "rm", "rename", "sum",
    "parts", "parts_rm", "get", "put", "put_end",
];

/// One answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reply {
    /// The id of the request; 0 for the connection itself.
    pub re: u64,
    /// What is answered.
    #[serde(flatten)]
    pub body: Body,
}

/// The kinds of answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Done.
    Ok(Raw),
    /// Refused or failed.
    Error(Refusal),
    /// A transfer starts.
    Begin(Raw),
    /// A part of a listing.
    Page(Page),
}

/// An answer to be written: as a [`Reply`], with the body as it is.
#[derive(Debug, Serialize)]
pub struct Answer<'a, T> {
    re: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ok: Option<&'a T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    begin: Option<&'a T>,
}

impl Reply {
    /// An answer that the request is done.
    #[must_use]
    pub fn ok<T: Serialize>(re: u64, body: &T) -> Answer<'_, T> {
        Answer { re, ok: Some(body), begin: None }
    }

    /// An answer that a transfer starts.
    #[must_use]
    pub fn begin<T: Serialize>(re: u64, body: &T) -> Answer<'_, T> {
        Answer { re, ok: None, begin: Some(body) }
    }

    /// An answer that the request was refused.
    #[must_use]
    pub fn error(re: u64, refusal: Refusal) -> Self {
        Self { re, body: Body::Error(refusal) }
    }
}

/// The members of an `ok` or `begin` as they came: only who asked knows what they should be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Raw(Box<RawValue>);

impl Raw {
    /// Reads them as what was asked for.
    ///
    /// # Errors
    /// The daemon does not keep to the protocol.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, WireFault> {
        serde_json::from_str(self.0.get()).map_err(|_| WireFault::Message)
    }
}

impl PartialEq for Raw {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The stable word.
    pub code: Code,
    /// A sentence for a person. It names nothing the user could not know.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// When it may be asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_seconds: Option<u64>,
    /// How many bytes the quota leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<u64>,
}

impl Refusal {
    /// A refusal without extras.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, retry_seconds: None, left: None }
    }

    /// With a word on what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Name;

    fn parse(text: &str) -> Result<Request, Bad> {
        Request::parse(text.as_bytes())
    }

    #[test]
    fn requests_read_as_the_document_writes_them() {
        let get = parse(r#"{"id":5,"op":"get","path":"/a/../b","new":[1],"offset":262144}"#).expect("a get");
        let want = Get {
            path: VirtualPath::new("/b").expect("good"),
            offset: 262_144,
            etag: None,
            md5: false,
            kept: Kept::Use,
        };
        assert_eq!(get, Request { id: 5, op: Op::Get(want) });
        assert_eq!(parse(r#"{"op":"ping","id":9}"#), Ok(Request { id: 9, op: Op::Ping }));
        for op in OPS {
            let bad = parse(&format!(r#"{{"id":3,"op":"{op}","path":7,"part":7,"target":"x"}}"#));
            assert!(!matches!(bad, Err(Bad::Unsupported { .. })), "{op} is in the list and known: {bad:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        assert_eq!(parse(r#"{"id":3,"op":"fly"}"#), Err(Bad::Unsupported { id: 3 }));
        assert_eq!(parse(r#"{"id":3,"op":"stat"}"#), Err(Bad::Members { id: 3 }));
        assert_eq!(parse(r#"{"id":3,"op":"stat","path":"../x"}"#), Err(Bad::Members { id: 3 }));
        for text in [
            "",
            "[]",
            "7",
            "{",
            "[7]",
            r#" [7,"ping"]"#,
            r#"[7,"get","/a",0]"#,
            r#"{"op":"ping"}"#,
            r#"{"id":0,"op":"ping"}"#,
            r#"{"id":-1,"op":"ping"}"#,
        ] {
            assert_eq!(parse(text), Err(Bad::Malformed(WireFault::Message)), "{text}");
        }
        let not_text = b"{\"id\":3,\"op\":\"stat\",\"x\":\"\xff\"}";
        assert_eq!(Request::parse(not_text), Err(Bad::Malformed(WireFault::Message)));
        let not_text = b"{\"id\":3,\"op\":\"get\",\"path\":\"/a\",\"x\":\"\xff\"}";
        assert_eq!(Request::parse(not_text), Err(Bad::Malformed(WireFault::Message)), "what is left out");
    }

    #[test]
    fn replies_have_the_shape_of_the_document() {
        let done = serde_json::to_string(&Reply::ok(4, &Done {})).expect("json");
        assert_eq!(done, r#"{"re":4,"ok":{}}"#);
        let refusal = Refusal { left: Some(5), ..Refusal::new(Code::QuotaExceeded, "full") };
        let text = serde_json::to_string(&Reply::error(6, refusal.clone())).expect("json");
        assert_eq!(text, r#"{"re":6,"error":{"code":"quota_exceeded","message":"full","left":5}}"#);
        assert_eq!(serde_json::from_str::<Reply>(&text).expect("json"), Reply::error(6, refusal));
        let page = Page {
            entries: vec![Entry {
                name: Name::new("x").ok(),
                kind: Kind::Dir,
                size: 0,
                mtime: -1,
                etag: None,
            }],
        };
        let text = serde_json::to_string(&Reply { re: 1, body: Body::Page(page) }).expect("json");
        assert_eq!(text, r#"{"re":1,"page":{"entries":[{"name":"x","kind":"dir","size":0,"mtime":-1}]}}"#);
    }

    #[test]
    fn a_secret_is_not_shown() {
        let login = Login { user: "a".into(), password: Some(Secret::new("hunter2".into())), token: None };
        assert!(!format!("{login:?}").contains("hunter2"));
    }
}
