//! The directory that a job worked in last, held open: the next file in it needs no walk.

use super::{Folder, Home};
use crate::fault::Fault;
use ftp_proto::{Name, VirtualPath};
use std::sync::Arc;

/// Holds it. For one job only, and only while that job moves and removes no directory: another one may be under the name later.
#[derive(Debug, Default)]
pub(crate) struct Near {
    names: Vec<Name>,
    folder: Option<Arc<dyn Folder>>,
}

impl Near {
    /// Opens the directory above a path, if it is not the one that is held, for a call on its last name.
    pub(crate) fn parent<'a>(
        &mut self,
        home: &Home,
        path: &'a VirtualPath,
    ) -> Result<(Arc<dyn Folder>, &'a str), Fault> {
        if let (Some(folder), Ok((names, leaf))) = (&self.folder, path.split_last())
            && names == self.names
        {
            return Ok((Arc::clone(folder), leaf.as_str()));
        }
        let (folder, leaf) = home.parent(path)?;
        let folder: Arc<dyn Folder> = folder.into();
        let above = path.names().len().saturating_sub(1);
        self.names = path.names()[..above].to_vec();
        self.folder = Some(Arc::clone(&folder));
        Ok((folder, leaf))
    }
}
