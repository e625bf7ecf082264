//! What a disk said, sorted: the client's to mend, or the operator's.

use super::storage::Facts;
use crate::fault::Fault;
use ftp_proto::message::Kind;
use ftp_proto::{Code, Name, Printable, VirtualPath};
use rustix::io::Errno;
use std::io;

/// A call on a client's path failed.
pub(super) fn denied(error: Errno, path: &VirtualPath, what: &'static str) -> Fault {
    let path_text = path.to_string();
    let shown = Printable(&path_text);
    let (code, message) = match error {
        Errno::NOENT => return not_found(path),
        Errno::NOTDIR => (Code::NotADirectory, format!("{shown}: a file is not a directory")),
        Errno::ISDIR => (Code::IsADirectory, format!("{shown} is a directory")),
        Errno::EXIST => return exists(path),
        Errno::NOTEMPTY => (Code::NotEmpty, format!("{shown} is not empty")),
        Errno::NAMETOOLONG => {
            (Code::NameRefused, format!("{shown}: the name is too long for the server's disk"))
        }
        // A socket, or a device without a driver, cannot even be opened to look at.
        Errno::LOOP | Errno::XDEV | Errno::NXIO | Errno::NODEV => (
            Code::NameRefused,
            format!("{shown} leads over something that is neither a file nor a directory"),
        ),
        Errno::INVAL => (Code::NameRefused, format!("{shown} cannot be moved into itself")),
        _ => return failed_at(error, &path_text, what),
    };
    Fault::refused(code, message)
}

/// The operator has to mend it, and is told where in the home it is.
pub(super) fn failed_at(error: Errno, path: &str, what: &'static str) -> Fault {
    let error = io::Error::from(error);
    let source = io::Error::new(error.kind(), format!("{}: {error}", Printable(path)));
    Fault::Local { what, source }
}

pub(super) fn not_found(path: &VirtualPath) -> Fault {
    let shown = path.to_string();
    Fault::refused(Code::NotFound, format!("{}: no such file or directory", Printable(&shown)))
}

/// Something has the name already.
pub(crate) fn exists(path: &VirtualPath) -> Fault {
    let shown = path.to_string();
    Fault::refused(Code::Exists, format!("{} exists", Printable(&shown)))
}

/// The directory in which `path` should be is missing; its names are `above`.
pub(super) fn nothing_above(path: &VirtualPath, above: &[Name]) -> Fault {
    let (path, above) = (path.to_string(), above.iter().map(Name::as_str).collect::<Vec<_>>().join("/"));
    let message = format!("{}: there is no directory /{}", Printable(&path), Printable(&above));
    Fault::refused(Code::NotFound, message)
}

/// Refuses all but a regular file with one name: what has another name may be someone else's.
pub(super) fn expect_file(facts: &Facts, path: &VirtualPath) -> Result<(), Fault> {
    if facts.kind == Kind::File && facts.links <= 1 {
        return Ok(());
    }
    let shown = path.to_string();
    let shown = Printable(&shown);
    match facts.kind {
        Kind::File => {
            Err(Fault::refused(Code::NameRefused, format!("{shown} has more than one name on the server")))
        }
        Kind::Dir => Err(Fault::refused(Code::IsADirectory, format!("{shown} is a directory"))),
        Kind::Other => {
            Err(Fault::refused(Code::NameRefused, format!("{shown} is neither a file nor a directory")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_is_told_where_and_the_client_is_not() {
        let path = VirtualPath::new("/a/b").expect("good");
        let fault = denied(Errno::ACCESS, &path, "open a directory");
        assert_eq!(fault.to_string(), "open a directory: /a/b: Permission denied (os error 13)");
        assert_eq!(fault.refusal().code, Code::Unavailable);
        assert!(!fault.refusal().message.contains("/a/b"));
        assert_eq!(denied(Errno::NOSPC, &path, "make a directory").refusal().code, Code::NoSpace);
    }
}
