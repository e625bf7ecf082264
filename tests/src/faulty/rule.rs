//! What may go wrong where: the words between the harness and the daemon.

use serde::{Deserialize, Serialize};

/// What is asked of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Op {
    /// Opening a directory or a file that is there.
    Open,
    /// Looking at a name or at what is open.
    Look,
    /// Reading the next name of a directory.
    List,
    /// Reading from a file.
    Read,
    /// Making a file.
    Create,
    /// Making a directory.
    Mkdir,
    /// Removing a directory.
    Rmdir,
    /// Removing a file.
    Unlink,
    /// Giving another name.
    Rename,
    /// Giving the first name.
    Link,
    /// Writing to a file.
    Write,
    /// Cutting a file.
    SetLen,
    /// Setting a file's time.
    SetMtime,
    /// Making a file durable.
    SyncFile,
    /// Making a directory durable.
    SyncFolder,
    /// Making all of the disk durable.
    SyncDisk,
}

impl Op {
    /// All that change the disk, or make a change last. Between two of them the disk stays as it is.
    pub const CHANGES: [Self; 12] = [
        Self::Create,
        Self::Mkdir,
        Self::Rmdir,
        Self::Unlink,
        Self::Rename,
        Self::Link,
        Self::Write,
        Self::SetLen,
        Self::SetMtime,
        Self::SyncFile,
        Self::SyncFolder,
        Self::SyncDisk,
    ];

    /// Whether it is one of [`Op::CHANGES`].
    #[must_use]
    pub fn is_change(self) -> bool {
        Self::CHANGES.contains(&self)
    }
}

/// Which operations a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Which {
    /// All.
    Any,
    /// Those that change the disk.
    Change,
    /// One kind.
    Only(Op),
}

impl Which {
    /// Whether it is about `op`.
    #[must_use]
    pub fn covers(self, op: Op) -> bool {
        match self {
            Self::Any => true,
            Self::Change => op.is_change(),
            Self::Only(only) => only == op,
        }
    }
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// SIGKILL instead of the operation.
    KillBefore,
    /// SIGKILL once it is done.
    KillAfter,
    /// SIGKILL once half of a write is done.
    Tear,
    /// The operation is not done; this is its error number.
    Fail(i32),
    /// A write takes half of its bytes.
    Short,
    /// A panic instead of the operation.
    Panic,
    /// The operation begins so many milliseconds later.
    Delay(u64),
    /// The operation waits until the harness says to go on. While there is such a rule, changes are made one at a time.
    Stop,
    /// The operation is not done and nobody is told.
    LeaveOut,
}

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Where.
    pub which: Which,
    /// At which of them, from 1; at all if it is none.
    pub nth: Option<u64>,
    /// What.
    pub effect: Effect,
}

impl Rule {
    /// Something at every such operation.
    #[must_use]
    pub fn every(which: Which, effect: Effect) -> Self {
        Self { which, nth: None, effect }
    }

    /// Something at the `nth` such operation, from 1.
    #[must_use]
    pub fn at(which: Which, nth: u64, effect: Effect) -> Self {
        Self { which, nth: Some(nth), effect }
    }
}

/// What the harness says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// These rules and no others, counted from now on.
    Arm(Vec<Rule>),
    /// How many operations has each rule met?
    Count,
    /// What is stopped may go on.
    Go,
}

/// What the daemon says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// The rules are in force.
    Armed,
    /// So many, in the order of the rules.
    Counted(Vec<u64>),
    /// An operation is stopped.
    Stopped {
        /// What.
        op: Op,
        /// On which name.
        name: String,
        /// The how manyth of its rule.
        nth: u64,
    },
}
