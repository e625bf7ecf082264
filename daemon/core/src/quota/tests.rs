use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

fn id(n: u8) -> Etag {
    Etag([n; 16])
}

fn empty(quota: u64) -> Ledger {
    Ledger::new(&Survey::default(), Some(quota), 1000)
}

fn used(ledger: &Ledger) -> (u64, u64) {
    let account = ledger.account();
    (account.used, account.entries)
}

#[test]
fn a_byte_over_the_quota_is_refused_with_what_is_left() {
    let mut ledger = empty(100);
    let first = ledger.reserve(id(1), 60).expect("it fits");
    let refusal = ledger.reserve(id(2), 41).expect_err("it does not");
    assert_eq!((refusal.code, refusal.left), (Code::QuotaExceeded, Some(40)));
    assert_eq!(refusal.message, "41 bytes do not fit: 40 bytes of your quota are left");
    assert_eq!(refusal.hint.as_deref(), Some("make room with rm, or ask the administrator"));
    let second = ledger.reserve(id(2), 40).expect("to the byte");
    assert_eq!(used(&ledger), (100, 2));
    let empty = ledger.reserve(id(3), 0).expect("nothing always fits");
    ledger.published(first, None);
    ledger.published(second, None);
    ledger.published(empty, None);
    assert_eq!(used(&ledger), (100, 3));
}

#[test]
fn an_overwrite_needs_room_for_both_until_it_is_done() {
    let mut ledger = empty(100);
    let old = ledger.reserve(id(1), 60).expect("it fits");
    ledger.published(old, None);
    assert_eq!(ledger.reserve(id(1), 60).expect_err("both do not fit").left, Some(40));
    let new = ledger.reserve(id(1), 40).expect("both fit");
    assert_eq!(used(&ledger), (100, 2));
    ledger.published(new, Some(60));
    assert_eq!(used(&ledger), (40, 1));
}

#[test]
fn a_leftover_is_taken_over_and_not_counted_twice() {
    let survey = Survey { bytes: 10, entries: 1, files: 1, parts: vec![(id(1), 50)] };
    let mut ledger = Ledger::new(&survey, Some(100), 2);
    assert_eq!(used(&ledger), (60, 2));
    assert_eq!(ledger.reserve(id(1), 91).expect_err("over").left, Some(90));
    assert_eq!(ledger.parts().collect::<Vec<_>>(), [id(1)], "a refusal changes nothing");
    let resumed = ledger.reserve(id(1), 90).expect("it fits, and its entry is there already");
    assert_eq!((used(&ledger), ledger.parts().count()), ((100, 2), 0));
    ledger.ended(resumed, 70);
    assert_eq!(used(&ledger), (80, 2));
    let smaller = ledger.reserve(id(1), 20).expect("it fits");
    assert_eq!(used(&ledger), (80, 2), "the leftover is still on the disk");
    ledger.published(smaller, None);
    assert_eq!(used(&ledger), (30, 2));
}

#[test]
fn without_a_quota_everything_fits() {
    let mut ledger = Ledger::new(&Survey::default(), None, 10);
    let huge = ledger.reserve(id(1), u64::MAX).expect("no limit");
    let more = ledger.reserve(id(2), u64::MAX).expect("no limit");
    assert_eq!(ledger.account().used, u64::MAX);
    ledger.ended(huge, 0);
    ledger.ended(more, 0);
    assert_eq!(used(&ledger), (0, 0));
}

#[test]
fn a_lowered_quota_takes_nothing_away_and_lets_nothing_in() {
    let mut ledger = empty(100);
    let file = ledger.reserve(id(1), 80).expect("it fits");
    ledger.published(file, None);
    ledger.set_limits(Some(50), 1000);
    assert_eq!(ledger.reserve(id(2), 1).expect_err("over").left, Some(0));
    assert_eq!(ledger.account().quota, Some(50));
    ledger.removed(80);
    ledger.reserve(id(2), 50).map(|room| ledger.ended(room, 0)).expect("there is room again");
}

#[test]
fn entries_are_counted_and_bounded() {
    let mut ledger = Ledger::new(&Survey::default(), None, 2);
    ledger.add_entry().expect("a directory");
    let file = ledger.reserve(id(1), 1).expect("a file");
    for refusal in
        [ledger.add_entry().expect_err("full"), ledger.reserve(id(2), 0).map(drop).expect_err("full")]
    {
        assert_eq!(refusal.code, Code::TooManyFiles);
    }
    ledger.ended(file, 0);
    ledger.add_entry().expect("the part is gone");
    ledger.removed(0);
    ledger.removed(0);
    assert_eq!(used(&ledger), (0, 0));
}

#[test]
fn a_removal_may_be_told_before_the_upload_it_undoes() {
    let mut ledger = empty(100);
    let file = ledger.reserve(id(1), 60).expect("it fits");
    ledger.removed(60);
    assert_eq!(used(&ledger), (0, 0), "the disk has nothing");
    ledger.published(file, None);
    assert_eq!(used(&ledger), (0, 0));
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "was dropped and not settled")]
fn a_reservation_that_is_dropped_is_a_bug() {
    drop(empty(100).reserve(id(1), 60));
}

/// What can happen, in any order, in the sessions of one user.
#[derive(Debug, Clone)]
enum Step {
    Reserve(u8, u64),
    Publish(usize, u8),
    End(usize, u64),
    Remove(u8),
    RemovePart(u8),
    Quota(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u8..12, 0_u64..400).prop_map(|(part, size)| Step::Reserve(part, size)),
        3 => (any::<usize>(), 0_u8..12).prop_map(|(open, name)| Step::Publish(open, name)),
        2 => (any::<usize>(), 0_u64..400).prop_map(|(open, left)| Step::End(open, left)),
        1 => (0_u8..12).prop_map(Step::Remove),
        1 => (0_u8..12).prop_map(Step::RemovePart),
        1 => (200_u64..1200).prop_map(Step::Quota),
    ]
}

/// A disk and the uploads that are open, kept in the plainest way.
#[derive(Default)]
struct Model {
    files: HashMap<u8, u64>,
    parts: HashMap<u8, u64>,
    open: Vec<(u8, u64, u64)>,
}

impl Model {
    fn used(&self) -> u64 {
        self.files.values().sum::<u64>()
            + self.parts.values().sum::<u64>()
            + self.open.iter().map(|open| open.2).sum::<u64>()
    }

    fn entries(&self) -> u64 {
        (self.files.len() + self.parts.len() + self.open.len()) as u64
    }
}

proptest! {
    // With `assert`, not `prop_assert`: what is held may then be dropped, as in any panic.
    #[test]
    fn the_sums_are_exact_and_never_grow_over_the_quota(steps in proptest::collection::vec(step(), 1..300)) {
        let (mut quota, limit) = (1000, 15);
        let mut ledger = Ledger::new(&Survey::default(), Some(quota), limit);
        let (mut model, mut held) = (Model::default(), Vec::new());
        for step in steps {
            let before = model.used();
            match step {
                Step::Reserve(part, _) if model.open.iter().any(|open| open.0 == part) => {}
                Step::Reserve(part, size) => {
                    let leftover = model.parts.get(&part).copied();
                    let fits = size <= quota.saturating_sub(before - leftover.unwrap_or(0));
                    let counts = leftover.is_some() || model.entries() < limit;
                    match ledger.reserve(id(part), size) {
                        Ok(room) => {
                            assert!(fits && counts);
                            held.push(room);
                            model.parts.remove(&part);
                            model.open.push((part, size, size.max(leftover.unwrap_or(0))));
                        }
                        Err(refusal) if refusal.code == Code::QuotaExceeded => {
                            assert!(!fits);
                            assert_eq!(refusal.left, Some((quota + leftover.unwrap_or(0)).saturating_sub(before)));
                        }
                        Err(_) => assert!(fits && !counts),
                    }
                }
                Step::Publish(..) | Step::End(..) if held.is_empty() => {}
                Step::Publish(n, name) => {
                    let n = n % held.len();
                    let (_, size, _) = model.open.swap_remove(n);
                    ledger.published(held.swap_remove(n), model.files.insert(name, size));
                }
                Step::End(n, left) => {
                    let n = n % held.len();
                    let (part, _, counted) = model.open.swap_remove(n);
                    let left = left.min(counted);
                    if left > 0 {
                        model.parts.insert(part, left);
                    }
                    ledger.ended(held.swap_remove(n), left);
                }
                Step::Remove(name) => {
                    if let Some(bytes) = model.files.remove(&name) {
                        ledger.removed(bytes);
                    }
                }
                Step::RemovePart(part) => {
                    model.parts.remove(&part);
                    ledger.part_removed(id(part));
                }
                Step::Quota(other) => {
                    quota = other;
                    ledger.set_limits(Some(quota), limit);
                }
            }
            assert_eq!(used(&ledger), (model.used(), model.entries()));
            assert!(model.used() <= quota.max(before), "it grew over the quota");
        }
        for (room, (part, ..)) in held.into_iter().zip(std::mem::take(&mut model.open)) {
            ledger.ended(room, 1);
            model.parts.insert(part, 1);
        }
        for part in ledger.parts().collect::<Vec<_>>() {
            ledger.part_removed(part);
        }
        assert_eq!(used(&ledger), (model.files.values().sum(), model.files.len() as u64));
    }
}

#[test]
fn what_nobody_counted_is_not_given_back() {
    let survey = Survey { bytes: 10, entries: 1, ..Survey::default() };
    let mut ledger = Ledger::new(&survey, Some(100), 10);
    // Somebody put a file of 90 bytes there by hand.
    ledger.removed(90);
    assert!(ledger.is_doubtful());
    assert_eq!((ledger.account().used, ledger.account().entries), (0, 0));
    assert!(ledger.reserve(id(1), 101).is_err());
}
